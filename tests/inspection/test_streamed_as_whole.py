"""The law: a streamed response is judged as the same response is when it comes whole."""

import base64
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors import pii, secrets
from extproc.inspection.stage import Stage
from extproc.inspection.vault import Vault
from tests.apis.events.client import documents
from tests.apis.events.samples import event
from tests.gathered import gathered
from tests.inspection.answering import answer, every_rule, processor, run, stage
from tests.inspection.judging import judged
from tests.inspection.twins import TWINS, Twin
from tests.payload.shapes import PNG

CARD, EMAIL, KEY = "4012 8888 8888 1881", "bob@example.com", "AKIAZYMLOPIFQYF7M2NX"
VALUES = (CARD, EMAIL, KEY)
OWN = 'own "name"\\@value.org\n'


@cache
def masking() -> Stage:
    return stage((processor(0, "pii"), pii.rules()), (processor(1, "secrets"), secrets.RULES))


@cache
def blocking() -> Stage:
    return stage((processor(0, "pii"), pii.rules()), (processor(1, "secrets", "block"), secrets.RULES))


def vault() -> Vault:
    made = Vault()
    made.placeholder("name", OWN)
    return made


def outcome(twin: Twin, of: Stage, pieces: Sequence[str], *, streamed: bool, blocks: bool = True) -> Any:
    """The text, the findings, the names of what was not inspected, and why it was blocked."""
    if streamed:
        one = answer(of, twin.dialect, vault(), blocks_unread=blocks)
        out = run(one, twin.stream(pieces))
        text = None if one.blocked else twin.of_stream(out)
        return text, dict(one.counts), set(one.unread), one.blocked
    more: dict[str, Any] = {"restores": True, "blocks_unread": blocks, "name": "pipeline"}
    verdict = judged(of, twin.body("".join(pieces)), vault(), **more)
    text = None if verdict.blocked else twin.of_body(verdict.body)
    return text, dict(verdict.counts), set(verdict.unread), verdict.blocked


def alike(twin: Twin, of: Stage, pieces: Sequence[str], *, blocks: bool = True) -> Any:
    """The outcome, which is the same in both forms."""
    whole = outcome(twin, of, pieces, streamed=False, blocks=blocks)
    text, counts, unread, blocked = outcome(twin, of, pieces, streamed=True, blocks=blocks)
    if blocked is None:
        assert (text, counts, unread) == whole[:3]
    assert blocked == whole[3]
    return whole


def nested(text: str, depth: int) -> str:
    for level in range(depth):
        text = json.dumps({"note": text, "n": level} if level % 2 else [text, level])
    return text


def every(text: str, step: int) -> list[str]:
    return [text[start : start + step] for start in range(0, len(text), step)]


TEXTS = {
    "plain": f"mail {EMAIL}, pay {CARD} by {KEY} for [NAME_1]!",
    "escaped": f'Card:\n{CARD}\n"{EMAIL}" \\{KEY}\t[NAME_1]',
    "values alone": EMAIL,
    "nothing": "nothing at all, [1] see [below]",
}


@gathered("depth", range(9), parts=4)
@gathered("name", TWINS)
def test_values_at_every_depth_of_json_are_judged_alike(name: str, depth: int) -> None:
    twin = TWINS[name]
    for title, step in (("plain", 29), ("escaped", 13)):
        out, counts, unread, blocked = alike(twin, masking(), every(nested(TEXTS[title], depth), step << depth // 2))
        assert EMAIL not in out
        assert (len(counts), unread, blocked) == (3, set(), None)


@pytest.mark.parametrize("name", ["content", "tool_calls", "function_arguments", "input"])
def test_values_cut_anywhere_are_judged_alike(name: str) -> None:
    for depth in (0, 1, 3):
        said = nested(TEXTS["escaped"], depth)
        for of in (masking(), blocking()):
            alike(TWINS[name], of, list(said))
    whole = outcome(TWINS[name], masking(), [nested(TEXTS["plain"], 2)], streamed=False)
    said = nested(TEXTS["plain"], 2)
    for at in range(0, len(said), 5):
        assert outcome(TWINS[name], masking(), [said[:at], said[at:]], streamed=True) == whole


@pytest.mark.parametrize("unseen", ["\u00ad", "\u200b", "\ufeff", "\U000e0041", "\ufe0f"])
@pytest.mark.parametrize("name", ["content", "tool_calls", "function_arguments", "input"])
def test_values_with_unseen_code_points_inside_are_judged_alike(name: str, unseen: str) -> None:
    odd = f"mail {unseen.join(EMAIL)}, pay {unseen.join(CARD)} by {unseen.join(KEY)} for ever"
    for depth in (0, 1, 2):
        out, counts, unread, blocked = alike(TWINS[name], masking(), list(nested(odd, depth)))
        assert "mail [EMAIL_1], pay [CREDIT_CARD_1] by [AWS_ACCESS_KEY_ID_1] for ever" in out
        assert (len(counts), unread, blocked) == (3, set(), None)
        alike(TWINS[name], blocking(), every(nested(odd, depth), 7))


@pytest.mark.parametrize(
    "said",
    [
        "ALTER ROLE app WITH PASSWORD 'Tr0ub4dor';.\u2011",
        "x HTTPBasicAuth('ann', 'op\\ten-sesame7').",
        "my tax fi\u200ble number is 876 543 210.",
        "\u200b".join("HTTPBasicAuth('ann', 'open-sesame7')"),
    ],
)
@pytest.mark.parametrize("name", ["refusal", "completions", "annotations", "function_call"])
def test_a_finding_that_is_held_when_its_text_pauses_is_masked(name: str, said: str) -> None:
    """What tells of it, the beginning of its match or a word in front, has left already."""
    out, counts, unread, blocked = alike(TWINS[name], every_rule(), list(said))
    assert (len(counts), unread, blocked) == (1, set(), None)
    assert not any(value in out for value in ("Tr0ub4dor", "sesame7", "876 543 210"))


@pytest.mark.parametrize("name", TWINS)
def test_nothing_is_changed_where_nothing_is_found(name: str) -> None:
    for depth in (0, 2):
        said = nested(TEXTS["nothing"], depth)
        assert alike(TWINS[name], masking(), every(said, 9)) == (said, {}, set(), None)
    assert alike(TWINS[name], masking(), every(EMAIL, 4))[0] == "[EMAIL_1]"


PARTS = (
    *(
        "bob@exam",
        "ple.com ",
        CARD,
        "[NAME",
        "_1]",
        "{",
        "[",
        "}",
        "]",
        '"',
        ":",
        ",",
        " ",
        "\n",
        "\\",
        "1",
        "12345678",
    ),
    *('"content"', '"url"', "\\u0040", "\\n", "data:", "true", "é😀", "-", "x", "12345678"),
)


@given(
    st.sampled_from(["content", "tool_calls", "output_text", "thinking", "input"]),
    st.lists(st.sampled_from(PARTS), max_size=14).map("".join),
    st.integers(0, 3),
    st.integers(1, 12),
)
def test_any_text_is_judged_alike(name: str, text: str, depth: int, step: int) -> None:
    alike(TWINS[name], masking(), every(nested(text, depth), step))


ODD = {
    "json and a word behind it": '{"mail": "bob@example.com"} is what',
    "json that is cut short": '{"a": {"mail": "bob@example.com", "card": "4012 8888 8888 18',
    "json that is cut in an escape": '{"a": "bob\\u0040example.com", "b": "x\\u00',
    "json that is cut in a value": '{"mail": "bob\\u0040example.com',
    "escapes and a word behind": '{"mail": "bob\\u0040example.com"} then bob@example.org',
    "lines of json": '{"mail": "bob\\u0040example.com"}\n{"card": "4012\\u00208888 8888 1881"}\n',
    "lines of json and of text": '{"mail": "bob\\u0040example.com"}\nbob@example.org\n{"a": "bob\\u0040example.net"}',
    "two documents in a line": '{"mail": "bob\\u0040example.com"}{"a": "bob\\u0040example.net"}',
    "a comma too many": '{"mail": "bob\\u0040example.com",}',
    "a comma too few": '{"mail": "bob\\u0040example.com" "a": "bob\\u0040example.net"}',
    "other quotes": "{'mail': 'bob@example.com'}",
    "bare names": '{mail: "bob@example.com"}',
    "a number in groups": '{"card": 4012 8888 8888 1881}',
    "a number": '{"card": 4012888888881881, "created": 4012888888881881, "seed": [4012888888881881]}',
    "a long number that is cut": "[4012888888881881",
    "numbers": "[4012888888881881, 1, 4012888888881881.5]",
    "a zero in front": '{"ssn": 078051120}',
    "a placeholder as a value": '{"name": [NAME_1], "other": "[NAME_1]"}',
    "a placeholder first": "[NAME_1] is [NAME_1]",
    "a placeholder in brackets": "[[NAME_1]]",
    "brackets": "[[[[{}]]], bob@example.com",
    "names": '{"bob@example.com": 1, "' + "x" * 70 + ' bob@example.com": 2, "bob\\u0040example.net": {"content": 1}}',
    "blanks in front": ' \n{"mail": "bob\\u0040example.com"}',
    "many blanks in front": " " * 70 + '{"mail": "bob\\u0040example.com"}',
    "blanks and a word": "  bob@example.com [NAME_1]",
    "a line end in a string": '{"mail": "x\nbob@example.com"}',
    "a tab in a string": '{"mail": "bob\\u0040example.com\t"}',
    "an escape that is none": '{"mail": "\\xbob@example.com\\q"}',
    "a lone surrogate": '{"mail": "\\ud83d bob@example.com \\ude00"}',
    "a pair": '{"mail": "\\ud83d\\ude00bob@example.com\\ud83d\\ude00"}',
    "literals": '[true, false, null, nul, "bob@example.com"]',
    "a secret over a name and its value": '{"password": "hunter2xyz9"}',
    "the same and a word": '{"password": "hunter2xyz9"} yes',
    "the same that is no json": '{"password": "hunter2xyz9",}',
    "a text in base64": "data:text/plain;base64," + base64.b64encode(b"mail bob@example.com and [NAME_1] now").decode(),
    "json in base64": '{"file_data": "data:;base64,'
    + base64.b64encode(b'{"a": "bob\\u0040example.com"}').decode()
    + '"}',
    "text under a carrier": '{"url": "https://a.com/?q=bob@example.com", "data": "bob@example.com", "result": "a"}',
    "no data url": "data: bob@example.com",
    "nearly a data url": "dat bob@example.com",
    "the beginning of one": "dat",
    "one bracket": "[",
    "one quote": '{"',
    "empty": "",
    "a string alone": '"bob\\u0040example.com"',
    "a byte order mark": '\ufeff{"mail": "bob\\u0040example.com"}',
    "deep brackets": "[" * 128 + '"bob@example.com"' + "]" * 128,
    "markdown": "[bob](mailto:bob@example.com) and [1]: x",
    "a log line": "[2026-01-01T00:00:00] user bob@example.com logged in from [10.1.2.3]",
}


@gathered("name", ["content", "tool_calls", "output_text", "text"], parts=2)
@gathered("title", ODD)
def test_texts_that_are_nearly_json_are_judged_alike(title: str, name: str) -> None:
    for step in (1, 6) if name == "content" else (7,):
        alike(TWINS[name], masking(), every(ODD[title], step))


OWN_WORDS = {
    "before": ("[EMAIL_1] is bob@example.com", "[EMAIL_1] is [EMAIL_2]"),
    "between": ("ann@example.com [EMAIL_2] bob@example.com", "[EMAIL_1] [EMAIL_2] [EMAIL_3]"),
    "of another kind": ("[PHONE_1] bob@example.com", "[PHONE_1] [EMAIL_1]"),
    "that look like one": ("[EMAIL_1 ] [EMAIL_01] bob@example.com", "[EMAIL_1 ] [EMAIL_01] [EMAIL_1]"),
}


@pytest.mark.parametrize("name", ["content", "tool_calls", "output_text", "text", "input"])
@pytest.mark.parametrize("title", OWN_WORDS)
def test_placeholders_keep_clear_of_what_the_model_wrote_before_them(title: str, name: str) -> None:
    said, wanted = OWN_WORDS[title]
    for depth in (0, 2):
        for step in (1, 3, 100):
            out, *_ = alike(TWINS[name], masking(), every(nested(said, depth), step))
            assert out == nested(wanted, depth)


def test_a_whole_response_keeps_clear_of_what_the_model_wrote_behind_and_a_stream_cannot() -> None:
    said = "bob@example.com is [EMAIL_1]"
    twin = TWINS["content"]
    assert outcome(twin, masking(), [said], streamed=False)[0] == "[EMAIL_2] is [EMAIL_1]"
    assert outcome(twin, masking(), every(said, 3), streamed=True)[0] == "[EMAIL_1] is [EMAIL_1]"
    # Nothing is ever put back for a value of the response itself.
    assert outcome(twin, masking(), ["[EMAIL_1] [NAME_1]"], streamed=True)[0] == f"[EMAIL_1] {OWN}"


NOISE = base64.b64encode(bytes(range(256))).decode()
CARRYING = {
    "an image": (f"data:image/png;base64,{PNG}", "image"),
    "a sound in json": (json.dumps({"note": f"data:audio/wav;base64,{NOISE}"}), "audio"),
    "a file under its name": (json.dumps({"file_data": NOISE}), "file"),
    "a part that says to be sealed": (json.dumps([{"signature": NOISE}]), "binary"),
    "an image elsewhere": (json.dumps({"image_url": {"url": "https://example.com/a.png"}}), "image"),
    "a file elsewhere": (json.dumps({"type": "file", "file_url": "https://example.com/a.pdf"}), "file"),
    "documents nine deep": (nested("x", 9), "complexity"),
}


@pytest.mark.parametrize("name", ["content", "tool_calls", "output_text", "text"])
@pytest.mark.parametrize("title", CARRYING)
def test_parts_that_cannot_be_read_are_named_alike_and_block_alike(title: str, name: str) -> None:
    text, reason = CARRYING[title]
    for step in (40, 5000):
        *_, unread, blocked = alike(TWINS[name], masking(), every(text, step))
        assert unread == {reason}
        assert blocked is not None
        said, *_, blocked = alike(TWINS[name], masking(), every(text, step), blocks=False)
        assert (said, blocked) == (text, None)


# -- identifiers, words and names

WORDS = [
    ("openai.chat", {"id": "bob@example.com", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}),
    ("openai.chat", {"id": "c", "model": "bob@example.com", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}),
    ("openai.chat", {"choices": [{"index": 0, "delta": {"tool_calls": [{"id": "bob@example.com"}]}}]}),
    ("openai.chat", {"choices": [{"index": 0, "delta": {"bob@example.com": 1}}]}),
    ("openai.chat", {"choices": [{"index": 0, "delta": {KEY: 1}}]}),
    ("openai.responses", {"type": "response.output_item.added", "item": {"call_id": "bob@example.com"}}),
    ("openai.responses", {"type": "response.created", "response": {"id": "bob@example.com"}}),
    ("anthropic.messages", {"type": "message_start", "message": {"id": "bob@example.com"}}),
    ("mcp", {"jsonrpc": "2.0", "id": "bob@example.com", "result": {}}),
]


@pytest.mark.parametrize(("dialect", "document"), WORDS)
def test_identifiers_words_and_names_are_judged_alike(dialect: str, document: dict[str, Any]) -> None:
    one = answer(masking(), dialect, vault())
    raw = event(document)
    out = documents(one.feed(raw) + one.feed(raw))
    verdict = judged(masking(), json.dumps(document).encode(), vault(), restores=True)
    assert out == [json.loads(verdict.body)] * 2
    assert "bob@" not in str(out)
    assert one.counts.keys() == verdict.counts.keys()


def test_a_placeholder_in_an_identifier_comes_back_in_both() -> None:
    document = {"id": "[NAME_1]", "choices": [{"index": 0, "delta": {"content": "a"}}]}
    one = answer(masking(), "openai.chat", vault())
    assert documents(run(one, [event(document)]))[0]["id"] == OWN
    verdict = judged(masking(), json.dumps(document).encode(), vault(), restores=True)
    assert json.loads(verdict.body)["id"] == OWN


# -- texts that come again


def _message(text: str, finish: str | None, **delta: str) -> bytes:
    choice = {"index": 0, "delta": delta, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return event({"id": "c", "choices": [choice]})


def test_a_message_that_grows_beside_its_deltas_shows_no_more_than_they_do() -> None:
    said = f"mail {EMAIL} or {CARD}."
    one, shown = answer(masking(), "openai.chat"), list[str]()
    for at in range(0, len(said), 3):
        finish = "stop" if at + 3 >= len(said) else None
        out = one.feed(_message(said[: at + 3], finish, content=said[at : at + 3]))
        shown += [each["choices"][0]["message"]["content"] for each in documents(out)]
    one.close()
    assert shown[-1] == "mail [EMAIL_1] or [CREDIT_CARD_1]."
    assert all(shown[-1].startswith(each) for each in shown)
    assert {key[1]: count for key, count in one.counts.items()} == {"email": 1, "credit_card": 1}


def test_a_message_that_grows_has_its_role_in_every_event() -> None:
    raws = [_message("Hello", None), _message("Hello there.", None), _message("Hello there. Bye", "stop")]
    out = documents(run(answer(masking(), "openai.chat"), raws))
    assert [each["choices"][0]["message"]["role"] for each in out] == ["assistant"] * 3


@pytest.mark.parametrize("ended", [True, False])
def test_a_message_that_comes_in_pieces_is_joined(ended: bool) -> None:
    def piece(text: str, **more: str) -> bytes:
        return event({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, **more}]})

    for at in range(1, len(CARD)):
        first = piece(f"pay {CARD[:at]}")
        last = piece(f"{CARD[at:]} now", **({"finish_reason": "stop"} if ended else {}))
        one = answer(masking(), "openai.chat")
        out = documents(run(one, [first, last]))
        assert "".join(each["choices"][0]["message"]["content"] for each in out) == "pay [CREDIT_CARD_1] now"
        assert sum(one.counts.values()) == 1


def test_a_message_that_comes_whole_is_judged_whole() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": f"mail {EMAIL}"}}
    one = answer(masking(), "openai.chat")
    (out, *_) = documents(run(one, [event({"choices": [choice]}), event("[DONE]")]))
    assert out["choices"][0]["message"]["content"] == "mail [EMAIL_1]"
    assert sum(one.counts.values()) == 1


BEGUN = [
    ("content_part.added", {"content_index": 0, "part": {"type": "output_text", "text": "bob@exam"}}, "output_text"),
    ("output_item.added", {"item": {"type": "function_call", "arguments": "bob@exam"}}, "function_call_arguments"),
    (
        "output_item.added",
        {"item": {"type": "message", "content": [{"type": "output_text", "text": "bob@exam"}]}},
        "output_text",
    ),
    (
        "reasoning_summary_part.added",
        {"summary_index": 0, "part": {"type": "summary_text", "text": "bob@exam"}},
        "reasoning_summary_text",
    ),
]


@pytest.mark.parametrize(("kind", "more", "stem"), BEGUN)
def test_a_value_that_an_added_part_begins_and_a_delta_ends_is_found(kind: str, more: Any, stem: str) -> None:
    where = {"output_index": 0, "content_index": 0, "summary_index": 0}
    added = {"type": f"response.{kind}", "sequence_number": 0, "output_index": 0, **more}
    delta = {"type": f"response.{stem}.delta", "sequence_number": 1, **where, "delta": "ple.com "}
    one = answer(masking(), "openai.responses")
    out = run(one, [event(added), event(delta)])
    assert b"bob@" not in out
    assert b"[EMAIL_1]" in out
    assert sum(one.counts.values()) == 1
