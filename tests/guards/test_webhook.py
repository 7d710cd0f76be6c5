"""The guardrail webhook's contract: what is asked, and what each response means."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.contract import Detection, DetectorError, Statement
from extproc.detectors.guards.texts import COMPARED_MAX, PIECES_MAX, Compared, changes, sendable
from extproc.detectors.guards.webhook import WebhookDialect
from extproc.detectors.service import Excerpt, GuardQuery
from extproc.protocol.messages import Side
from tests.guards.asking import guard, work

DIALECT = WebhookDialect()
TEXTS = ("be nice", "my card is 4111 and my mail is a@b.de")


def query(side: Side = Side.REQUEST) -> GuardQuery:
    (found,) = DIALECT.ask(side, [Statement(TEXTS[0], "system"), Statement(TEXTS[1], "user")])
    return found


def read(action: Any, side: Side = Side.REQUEST) -> list[Detection]:
    return list(DIALECT.read(TEXTS, query(side), json.dumps({"action": action}).encode()))


def test_a_request_is_its_messages_and_a_response_its_choices() -> None:
    asked = query()
    assert (asked.path, asked.about) == ("/request", (Excerpt(0), Excerpt(1)))
    assert json.loads(asked.body) == {
        "body": {"messages": [{"role": "system", "content": TEXTS[0]}, {"role": "user", "content": TEXTS[1]}]}
    }
    asked = query(Side.RESPONSE)
    assert asked.path == "/response"
    assert [each["message"]["content"] for each in json.loads(asked.body)["body"]["choices"]] == list(TEXTS)


@pytest.mark.parametrize(
    ("role", "told"),
    [
        ("tool_result", "tool"),
        ("tool_definition", "tool"),
        ("file", "user"),
        ("other", "user"),
        ("assistant", "assistant"),
    ],
)
def test_roles_are_those_of_the_contract(role: Any, told: str) -> None:
    (asked,) = DIALECT.ask(Side.REQUEST, [Statement("x", role)])
    assert json.loads(asked.body)["body"]["messages"][0]["role"] == told


@pytest.mark.parametrize("action", [{}, {"reason": "fine"}, {"reason": None}, {"reason": "x", "more": [1]}])
def test_a_guard_that_passes_has_found_nothing(action: Any) -> None:
    assert read(action) == []


def test_a_rejection_is_of_the_whole_body_and_cannot_be_masked() -> None:
    assert read({"body": "no", "status_code": 403, "reason": "bad"}) == [Detection("rejected", 0, 0, 0, rejects=True)]


def masked(*contents: str, side: Side = Side.REQUEST) -> Any:
    said = [{"role": "user", "content": each} for each in contents]
    return {"body": {"messages": said} if side is Side.REQUEST else {"choices": [{"message": each} for each in said]}}


@pytest.mark.parametrize("side", list(Side))
def test_each_change_of_a_mask_is_a_finding_with_what_the_guard_wrote(side: Side) -> None:
    found = read(masked(TEXTS[0], "my card is **** and my mail is [MAIL]", side=side), side)
    assert found == [
        Detection("masked", 1, 11, 15, instead="****"),
        Detection("masked", 1, 31, 37, instead="[MAIL]"),
    ]


@pytest.mark.parametrize(
    "action",
    [
        "pass",
        None,
        [],
        {"body": "no"},
        {"status_code": 403},
        {"body": {"messages": []}},
        {"body": {"messages": [{"role": "user", "content": "x"}]}},
        {"body": {"choices": [{"message": {"role": "a", "content": "x"}}] * 2}},
        {"body": {"messages": [{"role": "user"}] * 2}},
        {"body": {"messages": [{"role": "user", "content": 7}] * 2}},
        {"body": 7, "status_code": 403},
        {"body": "no", "status_code": "403"},
        {"body": {}, "status_code": 403},
    ],
)
def test_what_the_contract_does_not_allow_is_a_failure(action: Any) -> None:
    with pytest.raises(DetectorError):
        read(action)


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"{}", b'{"action":' * 5000, b"\xff", b'{"action":{}}}'])
def test_what_is_no_verdict_is_a_failure(body: bytes) -> None:
    with pytest.raises(DetectorError):
        list(DIALECT.read(TEXTS, query(), body))


def test_a_guard_is_asked_about_the_roles_that_the_policy_names_and_never_about_words_of_the_api() -> None:
    url = "http://127.0.0.1:1"
    said = (Statement("gpt-4o", "other", keyword=True), Statement("hi", "user"), Statement("be nice", "system"))
    for roles, told in (("", ["hi", "be nice"]), (", roles: [system]", ["be nice"]), (", roles: [file]", [])):
        found = work(guard(f"{{use: webhook, url: '{url}'{roles}}}"))
        asked = type(found)(found.detector, type(found.conversation)(Side.REQUEST, said)).queries()
        contents = [m["content"] for each in asked for m in json.loads(each.body)["body"]["messages"]]
        assert contents == told


# -- changes of a text


def applied(text: str, changed: str) -> str:
    for start, end, instead in reversed(list(changes(text, changed))):
        text = text[:start] + instead + text[end:]
    return text


WORDS = st.lists(st.sampled_from(["a", "b", " ", "a@b.de", "\n", "é", "[X]"]), max_size=30).map("".join)


@given(WORDS, WORDS)
def test_changes_make_one_text_of_the_other_and_lie_apart(text: str, changed: str) -> None:
    assert applied(text, changed) == changed
    found = list(changes(text, changed))
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(found))
    assert all(start < end for start, end, _ in found) or not text


def test_a_text_without_a_change_has_none() -> None:
    assert list(changes("abc", "abc")) == []


@pytest.mark.parametrize(("pieces", "count"), [(PIECES_MAX, 2), (PIECES_MAX + 1, 1)])
def test_changes_far_apart_are_one_where_too_much_lies_between_them(pieces: int, count: int) -> None:
    middle = "".join(" x"[number % 2] for number in range(pieces - 2))
    assert len(list(changes(f"1{middle.replace('x', 'y')}-", f"2{middle.replace('x', 'y')}+"))) == count


def test_what_is_compared_for_all_texts_of_a_response_is_bounded() -> None:
    compared = Compared()
    words = " ".join("x" * (PIECES_MAX // 2))
    found = [len(list(changes(f"1{words}-", f"2{words.replace('x', 'y')}+", compared))) for _ in range(8)]
    assert compared.pairs <= COMPARED_MAX
    assert found[0] > 1
    assert found[-1] == 1


def test_half_a_surrogate_pair_is_sent_as_a_character_that_can_be_and_keeps_its_place() -> None:
    assert sendable("a\ud83dbé") == "a\ufffdbé"
    assert list(changes(sendable("a\ud83d4111"), "a\ufffd****")) == [(2, 6, "****")]
