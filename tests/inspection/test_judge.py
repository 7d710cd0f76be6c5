"""Whole bodies judged: whose finds count, what is written for them, and what comes back."""

import json
from collections.abc import Sequence
from itertools import permutations
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.inspection.judge import Job
from extproc.inspection.stage import Active
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Blocked, Failure, Verdict
from extproc.payload import glimpse
from extproc.policy.secrets import key_of
from extproc.protocol.messages import Side
from tests.inspection.judging import decided, heard, job, judged, pipeline, said, stage

EMAIL: Final = "use: pii, kinds: [email], action: mask"
IBAN: Final = "GB82WEST12345698765432"


def word(name: str, expression: str, more: str = "action: mask") -> str:
    return f"use: pattern, name: {name}, regex: '{expression}', {more}"


# -- one reading for most bodies


TEXTS = st.sampled_from(
    [
        "hello",
        "Titan",
        "a@b.de",
        'say "a@b.de"\nTitan\\',
        "é Titan Titan",
        "see [EMAIL_1]",
        "- [NAME_1] a@b.de",
        "a [X_1]",
        "",
    ]
)
TURNS = st.fixed_dictionaries(
    {"content": TEXTS | st.lists(st.fixed_dictionaries({"text": TEXTS}), max_size=2)},
    optional={"role": TEXTS, "name": TEXTS, "token": TEXTS | st.just("ghp-x7Yq2Lm9Zk4Rt1Wv8Bn3Cd6Fh0Jp5Sg")},
)


@given(st.lists(TURNS, max_size=3), st.booleans(), st.booleans())
def test_a_body_that_is_glimpsed_has_the_verdict_of_one_that_is_read(
    turns: list[dict[str, object]], detailed: bool, restores: bool
) -> None:
    body = json.dumps({"model": "chat", "messages": turns}, ensure_ascii=False).encode()
    assert glimpse(body) is not None
    of = stage(EMAIL, word("name", "Titan"), "use: secrets, action: mask")
    verdicts = []
    for content_type in ("application/json", "application/json; charset=utf-8"):  # the first alone is glimpsed
        vault = Vault()
        vault.placeholder("x", "own value")
        more = {"listed": 1024 * detailed, "restores": restores, "content_type": content_type}
        verdicts.append(judged(of, body, vault, **more))
    assert verdicts[0] == verdicts[1]


# -- several processors


def test_a_body_in_which_nothing_is_found_is_the_very_same() -> None:
    body = said("hello")
    verdict = judged(stage(EMAIL, word("a", "Titan", "action: block")), body)
    assert verdict.body is body
    assert (verdict.blocked, verdict.masked, verdict.counts) == (None, False, {})


def test_masks_of_several_processors_are_all_made() -> None:
    verdict = judged(stage(EMAIL, word("name", "Titan")), said("Titan of a@b.de", "a@b.de, Titan"))
    assert heard(verdict) == ["[NAME_1] of [EMAIL_1]", "[EMAIL_1], [NAME_1]"]
    assert verdict.masked


@pytest.mark.parametrize(
    "order", list(permutations((word("aa", "one two"), word("bb", "two three"), word("cc", "two"))))
)
def test_masks_that_overlap_unite_from_the_left_whatever_the_order_of_the_list(order: tuple[str, ...]) -> None:
    verdict = judged(stage(*order), said("zero one two three four"))
    # `two three` adds what `one two` has left of it; `two` adds nothing.
    assert heard(verdict) == ["zero [AA_1][BB_1] four"]
    assert {kind: number for (_, kind, *_), number in verdict.counts.items()} == {"aa": 1, "bb": 1, "cc": 1}


@pytest.mark.parametrize("order", list(permutations((word("short", "one"), word("long", "one two three")))))
def test_of_masks_that_begin_together_the_longest_is_made(order: tuple[str, ...]) -> None:
    assert heard(judged(stage(*order), said("one two three"))) == ["[LONG_1]"]


def test_of_masks_that_are_alike_the_first_of_the_list_is_made() -> None:
    both = (word("aa", "Titan"), word("bb", "Titan", "action: mask, format: partial"))
    assert heard(judged(stage(*both), said("Titan"))) == ["[AA_1]"]
    assert heard(judged(stage(*reversed(both)), said("Titan"))) == ["****n"]


def test_one_kind_of_processor_may_stand_in_a_list_twice() -> None:
    both = stage(EMAIL, "use: pii, name: again, kinds: [email, iban], action: report")
    verdict = judged(both, said(f"a@b.de {IBAN}"))
    assert heard(verdict) == [f"[EMAIL_1] {IBAN}"]
    assert verdict.counts == {
        ("pii", "email", "mask", Side.REQUEST, False): 1,
        ("again", "email", "report", Side.REQUEST, False): 1,
        ("again", "iban", "report", Side.REQUEST, False): 1,
    }


def test_two_of_a_kind_may_mask_in_two_ways() -> None:
    verdict = judged(stage(EMAIL, "use: pii, name: other, kinds: [iban], action: mask, format: partial"), said(IBAN))
    assert heard(verdict) == ["****5432"]


# -- blocks


@pytest.mark.parametrize("text", ["Titan Orion", "Orion Titan"])
def test_the_first_block_of_the_list_wins_wherever_its_find_stands(text: str) -> None:
    first, second = word("aa", "Titan", "action: block"), word("bb", "Orion", "action: block")
    assert judged(stage(first, second), said(text)).blocked == Blocked("aa", "finding")
    assert judged(stage(second, first), said(text)).blocked == Blocked("bb", "finding")


def test_a_body_that_is_blocked_is_not_changed_and_all_finds_are_told() -> None:
    body, vault = said("a@b.de Titan"), Vault()
    verdict = judged(stage(EMAIL, word("aa", "Titan", "action: block")), body, vault)
    assert verdict.body is body
    assert len(vault) == 0
    assert [each.processor for each in verdict.findings] == ["pii", "aa"]


@pytest.mark.parametrize("action", ["mask", "block"])
def test_in_the_shadow_all_is_told_and_nothing_done(action: str) -> None:
    body = said("a@b.de")
    verdict = judged(stage(f"use: pii, action: {action}, mode: shadow"), body)
    assert verdict.body is body
    assert (verdict.blocked, verdict.masked) == (None, False)
    assert verdict.counts == {("pii", "email", action, Side.REQUEST, True): 1}
    (finding,) = verdict.findings
    assert finding.shadow


def test_a_shadow_takes_nothing_from_what_others_mask() -> None:
    shadow = word("wide", "mail a@b.de", "action: mask, mode: shadow")
    assert heard(judged(stage(shadow, EMAIL), said("mail a@b.de"))) == ["mail [EMAIL_1]"]


def test_a_find_is_told_by_its_place_in_the_body() -> None:
    (finding,) = judged(stage(EMAIL), b'{"messages": [{"content": "to a@b.de"}]}').findings
    assert (finding.where, finding.start, finding.end) == ("/messages/0/content", 3, 9)
    assert "content" not in repr(finding)


# -- conditions


def test_a_condition_sees_what_the_processors_before_it_found() -> None:
    condition = 'findings.exists(f, f.processor == "pii" && f.kind == "email" && f.count > 1 && f.where == "/0")'
    after = word("aa", "Titan", f"action: block, when: '{condition}'")
    both = stage(EMAIL, after)
    assert judged(both, said("a@b.de Titan")).blocked is None
    assert judged(both, said("a@b.de c@d.de Titan")).blocked == Blocked("aa", "finding")
    assert judged(stage(after, EMAIL), said("a@b.de c@d.de Titan")).blocked is None


@pytest.mark.parametrize(
    ("more", "seen"), [("action: report", True), ("action: mask", True), ("action: report, mode: shadow", False)]
)
def test_a_condition_sees_what_is_only_reported_and_nothing_of_what_runs_in_the_shadow(more: str, seen: bool) -> None:
    condition = 'findings.exists(f, f.processor == "first")'
    after = word("aa", "Titan", f"action: block, when: '{condition}'")
    verdict = judged(stage(f"use: pii, name: first, kinds: [email], {more}", after), said("a@b.de Titan"))
    assert (verdict.blocked is not None) is seen


def test_a_condition_sees_what_was_found_before_this_body() -> None:
    after = word("aa", "Titan", "action: block, when: 'findings.size() == 2'")
    both = stage("use: pii, kinds: [email], action: report", after)
    earlier = [{"processor": "earlier", "kind": "x", "count": 1, "where": ""}]
    assert judged(both, said("a@b.de Titan"), signals={"findings": earlier}).blocked == Blocked("aa", "finding")
    assert judged(both, said("a@b.de Titan"), signals={"findings": []}).blocked is None


def test_who_is_known_not_to_be_at_work_finds_nothing() -> None:
    body = said("a@b.de Titan")
    both = stage(EMAIL, word("aa", "Titan", "action: block"))
    assert heard(judged(both, body, active=Active((True, False)))) == ["[EMAIL_1] Titan"]
    assert judged(both, body, active=Active((False, False))).body is body


def test_a_condition_that_cannot_be_evaluated_is_a_failure_of_its_processor_alone() -> None:
    number = 'headers["x-number"]'
    condition = f"when: '{number} == \"\" || int({number}) > 1'"
    both = stage(EMAIL, word("aa", "Titan", f"action: block, on_failure: allow, {condition}"))
    verdict = judged(both, said("a@b.de Titan"), signals={"headers": {"x-number": "marker"}})
    assert heard(verdict) == ["[EMAIL_1] Titan"]
    assert verdict.failures == (Failure("aa", "condition", allowed=True),)
    assert "marker" not in repr(verdict.failures)


# -- what is written


def test_the_formats_of_a_mask() -> None:
    key = {key_of("p", "request", "pii"): b"k" * 16}
    formats = {
        "placeholder": "[EMAIL_1] and [EMAIL_2], [EMAIL_1]",
        "partial": "****e.de and ****g.uk, ****e.de",
    }
    text = "someone@example.de and another@mail.org.uk, someone@example.de"
    for name, expected in formats.items():
        assert heard(judged(stage(f"{EMAIL}, format: {name}"), said(text))) == [expected]
    hashing = stage(f"{EMAIL}, format: hash, key: {{env: KEY}}", read=key)
    (hashed,) = heard(judged(hashing, said(text)))
    first, _, second, third = hashed.replace(",", "").split()
    assert first == third != second
    assert first.startswith("[EMAIL:")
    assert len(first) == len("[EMAIL:]") + 16
    assert heard(judged(hashing, said("someone@example.de"))) == [first]
    other = stage(f"{EMAIL}, format: hash, key: {{env: KEY}}", read={key_of("p", "request", "pii"): b"other" * 4})
    assert heard(judged(other, said("someone@example.de"))) != [first]


def test_a_placeholder_that_the_client_wrote_itself_is_never_one_of_ours() -> None:
    vault = Vault()
    verdict = judged(stage(f"{EMAIL}, restore: true"), said("a@b.de", "what is [EMAIL_1]?", "c@d.de"), vault)
    assert heard(verdict) == ["[EMAIL_2]", "what is [EMAIL_1]?", "[EMAIL_3]"]
    answer = judged(None, said("[EMAIL_1] [EMAIL_2] [EMAIL_3]"), vault, restores=True)
    assert heard(answer) == ["[EMAIL_1] a@b.de c@d.de"]


@pytest.mark.parametrize("text", ["{", '"', "é", "\U0001f600", "\\u0040", "[", "\n"])
def test_what_stands_around_a_mask_stays_as_it_was_written(text: str) -> None:
    for ascii_only in (True, False):
        inner = json.dumps(f"{text} a@b.de {text}", ensure_ascii=ascii_only)
        body = b'{ "x" :%s , "y":1.50}' % inner.encode()
        assert judged(stage(EMAIL), body).body == body.replace(b"a@b.de", b"[EMAIL_1]")


def test_a_value_that_is_written_in_escapes_is_found_and_masked() -> None:
    body = rb'["a\u0040b.de and \u0061@b.de"]'
    assert judged(stage(EMAIL), body).body == b'["[EMAIL_1] and [EMAIL_1]"]'


# -- what comes back


def masked(*values: str, restore: str = "restore: true") -> Vault:
    """What is known after a request with these values."""
    vault = Vault()
    judged(stage(f"use: pattern, name: word, regex: '(?s)<.+?>', action: mask, {restore}"), said(*values), vault)
    return vault


HARD: Final = '<a "quoted" \\ and\nbroken é \U0001f600>'
"""A value that cannot stand in JSON as it is."""


def test_a_value_comes_back_into_a_text_with_its_escapes() -> None:
    body = said("it is [WORD_1].")
    assert heard(judged(None, body, masked(HARD), restores=True)) == [f"it is {HARD}."]


def test_a_value_comes_back_into_the_json_of_a_tool_call_with_the_escapes_of_both() -> None:
    arguments = json.dumps({"to": "[WORD_1]", "n": 1})
    body = json.dumps({"choices": [{"message": {"tool_calls": [{"function": {"arguments": arguments}}]}}]}).encode()
    verdict = judged(None, body, masked(HARD), restores=True)
    called = json.loads(verdict.body)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(called) == {"to": HARD, "n": 1}


def test_a_value_comes_back_from_json_in_json_in_json() -> None:
    body = json.dumps({"a": json.dumps({"b": json.dumps({"c": "[WORD_1]"})})}).encode()
    verdict = judged(None, body, masked(HARD), restores=True)
    assert json.loads(json.loads(json.loads(verdict.body)["a"])["b"])["c"] == HARD


def test_a_value_comes_back_as_often_as_it_is_named_and_into_names() -> None:
    body = json.dumps({"[WORD_1]": "[WORD_1][WORD_1]"}).encode()
    assert json.loads(judged(None, body, masked("<x>"), restores=True).body) == {"<x>": "<x><x>"}


@pytest.mark.parametrize("text", ["[WORD_2]", "[WORD_01]", "[word_1]", "[WORD_1", "WORD_1]", "[WORD 1]", "[WORD_1.0]"])
def test_what_is_no_placeholder_of_this_exchange_stays(text: str) -> None:
    body = said(text)
    assert judged(None, body, masked("<x>"), restores=True).body is body


def test_nothing_comes_back_that_is_not_to_be_restored_nor_from_another_exchange() -> None:
    body = said("[WORD_1]")
    assert judged(None, body, masked("<x>", restore="restore: false"), restores=True).body is body
    assert judged(None, body, Vault(), restores=True).body is body
    assert judged(None, body, masked("<x>"), restores=False).body is body


def test_a_value_never_comes_back_into_what_the_answer_is_masked_for() -> None:
    answering = pipeline("  - {name: p, response: [{use: pattern, name: all, regex: 'see \\S+', action: mask}]}\n")
    assert answering.response is not None
    verdict = judged(answering.response, said("see [WORD_1] or [WORD_1]"), masked("<x>"), restores=True)
    assert heard(verdict) == ["[ALL_1] or <x>"]


def test_a_value_that_comes_back_is_not_masked_again_and_what_is_masked_in_an_answer_does_not_come_back() -> None:
    vault = Vault()
    request = stage(f"{EMAIL}, restore: true")
    judged(request, said("a@b.de"), vault)
    answering = pipeline(f"  - {{name: p, response: [{{{EMAIL}}}]}}\n")
    verdict = judged(answering.response, said("[EMAIL_1] knows c@d.de"), vault, restores=True)
    assert heard(verdict) == ["a@b.de knows [EMAIL_2]"]
    assert heard(judged(None, said("[EMAIL_1] [EMAIL_2]"), vault, restores=True)) == ["a@b.de [EMAIL_2]"]


# -- size


@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize("action", ["report", "block"])
def test_bytes_at_the_limit_and_past_it(action: str, over: int) -> None:
    body = said("x" * (1024 + over - len(said(""))))
    verdict = judged(stage(f"use: size, max_bytes: 1KiB, action: {action}"), body)
    assert (verdict.blocked is not None) is (bool(over) and action == "block")
    assert dict(verdict.counts) == ({("size", "bytes", action, Side.REQUEST, False): 1} if over else {})


def _chat(messages: int, images: int) -> bytes:
    image = {"type": "image_url", "image_url": {"url": "https://x.org/a.png"}}
    first: dict[str, Any] = {"role": "user", "content": [image] * images}
    return json.dumps(
        {"model": "m", "messages": [first] + [{"role": "user", "content": "x"}] * (messages - 1)}
    ).encode()


@pytest.mark.parametrize(
    ("limit", "at", "past"),
    [("max_messages: 3", (3, 9), (4, 0)), ("max_images: 2", (9, 2), (1, 3)), ("max_images: 0", (1, 0), (1, 1))],
)
def test_messages_and_images_at_the_limit_and_past_it(limit: str, at: tuple[int, int], past: tuple[int, int]) -> None:
    of = stage(f"use: size, {limit}")
    assert judged(of, _chat(*at)).blocked is None
    assert judged(of, _chat(*past)).blocked == Blocked("size", "finding")


# -- what cannot be read

PNG: Final = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize("blocks", [True, False])
def test_a_part_that_cannot_be_read_blocks_or_is_told_and_the_rest_is_judged(blocks: bool) -> None:
    body = json.dumps({"image_url": {"url": PNG}, "content": "a@b.de"}).encode()
    verdict = judged(stage(EMAIL), body, blocks_unread=blocks)
    assert verdict.unread == {"image": 1}
    assert verdict.blocked == (Blocked("p", "uninspected") if blocks else None)
    assert verdict.body == (body if blocks else body.replace(b"a@b.de", b"[EMAIL_1]"))


def test_a_block_for_a_find_comes_before_one_for_what_cannot_be_read() -> None:
    body = json.dumps({"image_url": {"url": PNG}, "content": "a@b.de"}).encode()
    verdict = judged(stage("use: pii, action: block"), body, blocks_unread=True)
    assert verdict.blocked == Blocked("pii", "finding")
    assert verdict.unread == {"image": 1}


@pytest.mark.parametrize("blocks", [True, False])
def test_a_body_that_is_not_what_it_is_said_to_be_blocks_or_is_read_as_text(blocks: bool) -> None:
    body = b'{"a@b.de'
    verdict = judged(stage(EMAIL), body, blocks_unread=blocks)
    assert verdict.body == (body if blocks else b'{"[EMAIL_1]')
    assert (verdict.unread, verdict.failures) == ({"malformed": 1}, ())
    assert verdict.blocked == (Blocked("p", "uninspected") if blocks else None)


# -- bodies of other types


def test_a_form_with_a_file_is_masked_in_fields_and_in_the_file_and_keeps_its_shape() -> None:
    parts = (
        b'--XX\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nask a@b.de\r\n'
        b'--XX\r\nContent-Disposition: form-data; name="file"; filename="c@d.de.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n"
        b"write to a@b.de\r\nor c@d.de\r\n"
        b'--XX\r\nContent-Disposition: form-data; name="picture"; filename="p.png"\r\nContent-Type: image/png\r\n\r\n'
        b"\x89PNG\r\n\x1a\n\x00\xff\r\n--XX--\r\n"
    )
    verdict = judged(stage(EMAIL), parts, content_type="multipart/form-data; boundary=XX")
    assert b"a@b.de" not in verdict.body
    assert b"c@d.de" not in verdict.body
    assert verdict.body.count(b"[EMAIL_1]") == 2
    assert verdict.unread == {"image": 1}
    assert b"\x89PNG\r\n\x1a\n\x00\xff\r\n--XX--\r\n" in verdict.body
    assert verdict.body.count(b"\r\n") == parts.count(b"\r\n")


def test_a_form_in_the_encoding_of_urls_is_masked_and_stays_one() -> None:
    verdict = judged(
        stage(EMAIL, word("name", "Big Titan")),
        b"prompt=to+a%40b.de%21&n=1&x=Big+Titan",
        content_type="application/x-www-form-urlencoded",
    )
    assert verdict.body in {
        b"prompt=to+%5BEMAIL_1%5D%21&n=1&x=%5BNAME_1%5D",
        b"prompt=to+[EMAIL_1]%21&n=1&x=[NAME_1]",
    }


@pytest.mark.parametrize(
    ("kind", "coding"),
    [("text/plain", "utf-8"), ("text/plain; charset=iso-8859-1", "latin-1"), ("text/csv; charset=utf-8", "utf-8")],
)
def test_plain_text_is_masked_in_its_own_charset(kind: str, coding: str) -> None:
    verdict = judged(stage(EMAIL), "naïve: a@b.de, é".encode(coding), content_type=kind)
    assert verdict.body == "naïve: [EMAIL_1], é".encode(coding)


def test_values_come_back_into_plain_text() -> None:
    verdict = judged(None, b"it is [WORD_1]", masked(HARD), content_type="text/plain", restores=True)
    assert verdict.body == f"it is {HARD}".encode()


# -- giving up


def test_a_job_that_was_given_up_fails_each_processor_as_it_says() -> None:
    of = stage(
        word("aa", "x", "action: mask, on_failure: allow"),
        word("bb", "x", "action: report"),
        word("cc", "x", "action: block, mode: shadow"),
        word("dd", "x", "action: mask"),
        word("ee", "x", "action: block"),
    )
    body = said("x")
    result = job(of, body).given_up("timeout")
    assert not isinstance(result, Job)
    assert result.body is body
    assert result.blocked == Blocked("dd", "failure")
    assert [(each.processor, each.allowed) for each in result.failures] == [
        ("aa", True),
        ("bb", True),
        ("cc", True),
        ("dd", False),
        ("ee", False),
    ]


def test_a_job_that_was_given_up_is_done_again_by_the_stand_ins_alone() -> None:
    of = stage(
        word("aa", "Titan", "action: block, on_failure: bb"),
        word("bb", "Titan"),
        word("cc", "Orion", "action: block, on_failure: dd"),
        word("dd", "Orion"),
    )
    again = job(of, said("Titan Orion")).given_up("timeout")
    assert isinstance(again, Job)
    verdict = decided(again.run())
    assert heard(verdict) == ["[BB_1] [DD_1]"]
    assert verdict.failures == (Failure("aa", "timeout", allowed=True), Failure("cc", "timeout", allowed=True))


def test_where_one_blocks_for_its_failure_no_stand_in_is_asked() -> None:
    of = stage(word("aa", "x", "action: block, on_failure: bb"), word("bb", "x"), word("cc", "x", "action: block"))
    result = job(of, said("x")).given_up("overloaded")
    assert not isinstance(result, Job)
    assert result.blocked == Blocked("cc", "failure")


def test_who_is_known_not_to_be_at_work_does_not_fail_and_one_whose_condition_failed_does() -> None:
    of = stage(word("aa", "x", "action: mask, on_failure: allow"), word("bb", "x", "action: block, when: stream"))
    quiet = job(of, said("x"), active=Active((True, False))).given_up("timeout")
    assert not isinstance(quiet, Job)
    assert (quiet.blocked, quiet.failures) == (None, (Failure("aa", "timeout", allowed=True),))
    failed = job(of, said("x"), active=Active((True, False), (of.processors[1],))).given_up("timeout")
    assert not isinstance(failed, Job)
    assert failed.blocked == Blocked("bb", "failure")


def timed(name: str, timeout: str, on_failure: str, more: str = "") -> str:
    return word(name, name, f"action: mask, timeout: {timeout}, on_failure: {on_failure}{more}")


@pytest.mark.parametrize(
    ("processors", "seconds"),
    [
        ([("10ms", "block"), ("1s", "block")], 0.01),
        ([("10ms", "allow"), ("1s", "block")], 1.0),
        ([("10ms", "block"), ("1s", "allow")], 0.01),
        ([("10ms", "allow"), ("2s", "allow")], 2.0),
        ([("10ms", "block, mode: shadow"), ("1s", "block")], 1.0),
    ],
)
def test_rules_are_given_up_when_the_first_failure_blocks_or_else_with_the_last(
    processors: Sequence[tuple[str, str]], seconds: float
) -> None:
    of = stage(*(timed(name, *each) for name, each in zip(("aa", "bb"), processors, strict=True)))
    assert job(of, said("x")).timeout == seconds


def test_a_processor_that_is_not_at_work_hurries_nobody() -> None:
    of = stage(timed("aa", "10ms", "block", ", when: stream"), timed("bb", "1s", "block"))
    assert job(of, said("x"), signals={"stream": False}).timeout == 1.0
    assert job(of, said("x"), signals={"stream": True}).timeout == 0.01


def test_only_those_whose_time_is_over_have_failed_and_the_others_judge_on_in_the_time_that_they_have_left() -> None:
    of = stage(timed("aa", "10ms", "allow"), timed("bb", "1s", "block"))
    again = job(of, said("aa bb")).given_up("timeout", 0.25)
    assert isinstance(again, Job)
    assert again.timeout == 0.75
    verdict = decided(again.run())
    assert heard(verdict) == ["aa [BB_1]"]
    assert verdict.failures == (Failure("aa", "timeout", allowed=True),)
    last = again.given_up("timeout")
    assert isinstance(last, Verdict)
    assert last.blocked == Blocked("bb", "failure")
    assert last.failures == (Failure("aa", "timeout", allowed=True), Failure("bb", "timeout", allowed=False))


def test_one_that_failed_for_its_time_has_a_stand_in_beside_those_who_judge_on() -> None:
    of = stage(timed("aa", "10ms", "cc"), timed("bb", "1s", "allow"), word("cc", "aa", "action: mask"))
    again = job(of, said("aa bb")).given_up("timeout", 0.25)
    assert isinstance(again, Job)
    assert heard(decided(again.run())) == ["[CC_1] [BB_1]"]


@pytest.mark.parametrize("blocks", [True, False])
def test_values_that_could_not_be_put_back_in_time_are_told_as_unread(blocks: bool) -> None:
    body = said("[WORD_1]")
    given_up = job(None, body, masked("<x>"), restores=True, blocks_unread=blocks).given_up("timeout")
    assert not isinstance(given_up, Job)
    assert given_up.body is body
    assert given_up.unread == {"timeout": 1}
    assert given_up.blocked == (Blocked("p", "uninspected") if blocks else None)


def test_nothing_here_has_a_rendering_that_shows_what_was_said() -> None:
    body, vault = said("marker@example.com"), Vault()
    made = job(stage(EMAIL), body, vault)
    verdict = decided(made.run())
    assert "marker" not in repr((made, verdict, vault, verdict.findings, verdict.counts))
    assert "marker" not in str(job(stage(EMAIL), b'{"marker').run())
