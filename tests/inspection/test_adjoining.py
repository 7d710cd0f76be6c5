"""Values that are cut over text parts of one message: a model reads the parts as one text."""

import json
from functools import cache
from itertools import product
from typing import Any

import pytest

from extproc.inspection.adjoining import BESIDE, BLANK
from extproc.inspection.stage import Stage
from extproc.inspection.verdict import Blocked
from extproc.matching.scanner import Scanner
from tests.gathered import gathered
from tests.inspection.judging import judged, stage

CARD = "4012 8888 8888 1881"


@cache
def masking() -> Stage:
    return stage("use: pii, kinds: [credit_card, email], action: mask")


def parts(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


def asked(content: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content}]}


def texts_of(body: bytes) -> list[str]:
    return [part["text"] for part in json.loads(body)["messages"][0]["content"]]


SHAPES: dict[str, Any] = {
    "chat": asked,
    "system": lambda content: {"model": "m", "system": content, "messages": []},
    "gemini": lambda content: {"contents": [{"role": "user", "parts": content}]},
    "tool result": lambda content: asked([{"type": "tool_result", "tool_use_id": "t", "content": content}]),
    "response": lambda content: {"id": "r", "output": [{"type": "message", "content": content}]},
    "messages": lambda content: {"type": "message", "role": "assistant", "content": content},
    "transcription": lambda content: {"task": "transcribe", "segments": content},
    "in a string": lambda content: {"arguments": json.dumps({"content": content})},
    "unknown members": lambda content: {**asked(content), "nobody_knows": "x"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_value_over_two_parts_is_masked_in_the_first_and_removed_from_the_second(shape: str) -> None:
    for at in range(1, len(CARD)):
        body = json.dumps(SHAPES[shape](parts(f"my card {CARD[:at]}", f"{CARD[at:]} please"))).encode()
        verdict = judged(masking(), body)
        want = SHAPES[shape](parts("my card [CREDIT_CARD_1]", " please"))
        assert verdict.body.replace(b" ", b"") == json.dumps(want).encode().replace(b" ", b"")
        assert sum(verdict.counts.values()) == 1
        assert len(verdict.findings) == 1


@gathered(
    ("said", "masked"),
    [
        (['{"card": "4012 8888 ', '8888 1881", "x": 1}'], ['{"card": "[CREDIT_CARD_1]', '", "x": 1}']),
        (['{"a": ["4012 ', "8888 ", '8888 1881"]}'], ['{"a": ["[CREDIT_CARD_1]', BLANK, '"]}']),
        (['{"a": "{\\"b\\": \\"4012 8888 ', '8888 1881\\"}"}'], ['{"a": "{\\"b\\": \\"[CREDIT_CARD_1]', '\\"}"}']),
        (['{"a": "x"} and 4012 ', "8888 8888 1881"], ['{"a": "x"} and [CREDIT_CARD_1]', BLANK]),
        (['{"a": "4012 "}', "8888 8888 1881"], ['{"a": "4012 "}', "8888 8888 1881"]),
    ],
)
@gathered("typed", [{"type": "text"}, {}])
@gathered("turned", [False, True])
def test_json_that_is_cut_over_parts_is_one_text(
    turned: bool, typed: dict[str, str], said: list[str], masked: list[str]
) -> None:
    """What a tool returned, in parts: the text that the first of them ends with goes on in the next."""
    content = [{**typed, "text": each} for each in said]
    if turned:
        content[0] = {"text": said[0], **typed}
    verdict = judged(masking(), json.dumps(asked(content)).encode())
    assert texts_of(verdict.body) == masked
    assert sum(verdict.counts.values()) == (said != masked)


@pytest.mark.parametrize(
    "content",
    [
        [CARD[:9], CARD[9:]],
        [CARD[:9], *parts(CARD[9:])],
        [{"type": "text", "Text": CARD[:9]}, {"type": "text", "TEXT": CARD[9:]}],
        [*parts(CARD[:9]), None, *parts(CARD[9:])],
        [*parts(CARD[:9]), {"type": "text"}, {"type": "input_text"}, *parts(CARD[9:])],
        [*parts(CARD[:9]), *parts(""), *parts(CARD[9:])],
        [
            {"text": CARD[:9], "cache_control": {"type": "ephemeral"}},
            {"cache_control": {"ttl": "1h"}, "text": CARD[9:]},
        ],
    ],
)
@pytest.mark.parametrize("name", ["content", "Content"])
def test_other_ways_to_write_parts_hide_nothing(content: Any, name: str) -> None:
    body = json.dumps({"messages": [{"role": "user", name: content}]}).encode()
    verdict = judged(masking(), body)
    assert sum(verdict.counts.values()) == 1
    assert CARD[9:].encode() not in verdict.body


def test_a_value_over_many_parts_leaves_none_of_them_empty() -> None:
    verdict = judged(masking(), json.dumps(asked(parts(*CARD, " then", " more"))).encode())
    assert texts_of(verdict.body) == ["[CREDIT_CARD_1]", *BLANK * (len(CARD) - 1), " then", " more"]


def test_a_body_that_blocks_is_blocked_for_a_value_over_two_parts() -> None:
    of = stage("use: pii, kinds: [credit_card], action: block")
    assert judged(of, json.dumps(asked(parts(CARD[:9], CARD[9:]))).encode()).blocked == Blocked("pii", "finding")


def test_findings_on_both_sides_of_a_boundary_are_masked_once() -> None:
    body = json.dumps(asked(parts(f"a@b.de and {CARD[:9]}", f"{CARD[9:]} and c@d.de", " a@b.de"))).encode()
    verdict = judged(masking(), body)
    assert texts_of(verdict.body) == ["[EMAIL_1] and [CREDIT_CARD_1]", " and [EMAIL_2]", " [EMAIL_1]"]
    assert sum(verdict.counts.values()) == 4


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "messages": [{"role": "user", "content": CARD[:9]}, {"role": "user", "content": CARD[9:]}]},
        {"model": "m", "messages": [{"role": "user", "content": parts(half)} for half in (CARD[:9], CARD[9:])]},
        asked([*parts(CARD[:9]), {"type": "image_url", "image_url": {"url": "https://a.example"}}, *parts(CARD[9:])]),
        {"model": "m", "input": [CARD[:9], CARD[9:]]},
        {"documents": parts(CARD[:9], CARD[9:])},
    ],
    ids=["messages", "messages of parts", "image between", "inputs", "documents"],
)
def test_what_is_not_one_text_is_not_joined(body: Any) -> None:
    written = json.dumps(body).encode()
    assert judged(masking(), written).body == written


def test_a_finding_is_not_made_longer_by_the_text_that_follows() -> None:
    verdict = judged(masking(), json.dumps(asked(parts("write to a@b.de", "Thanks"))).encode())
    assert texts_of(verdict.body) == ["write to [EMAIL_1]", "Thanks"]


@pytest.mark.parametrize("fill", [BESIDE - len(CARD), 2 * BESIDE, 2 * BESIDE + 1, 5 * BESIDE])
def test_long_parts_are_joined_near_their_ends(fill: int) -> None:
    long = "word " * (fill // 5)
    body = json.dumps(asked(parts(f"x {CARD[:7]}", f"{CARD[7:]} {long}{CARD[:5]}", f"{CARD[5:]} end"))).encode()
    assert texts_of(judged(masking(), body).body) == ["x [CREDIT_CARD_1]", f" {long}[CREDIT_CARD_1]", " end"]


@pytest.mark.parametrize(("head", "found"), [(BESIDE, True), (BESIDE + 1, False)])
def test_a_value_is_joined_if_it_has_no_more_than_the_limit_on_a_side(head: int, found: bool) -> None:
    of = stage("use: pattern, name: long, regex: 'aq{900,1100}z', action: mask")
    body = json.dumps(asked(parts("p" * 3 * BESIDE + " a" + "q" * (head - 1), "z"))).encode()
    assert (judged(of, body).body != body) is found


def test_any_cut_into_three_gives_what_the_whole_gives() -> None:
    said = f"my {CARD} is it"
    for first, second in product(range(len(said)), repeat=2):
        if first <= second:
            cut = (said[:first], said[first:second], said[second:])
            verdict = judged(masking(), json.dumps(asked(parts(*cut))).encode())
            told = "".join(texts_of(verdict.body)).replace(BLANK, "")
            assert told == "my [CREDIT_CARD_1] is it"


@pytest.mark.parametrize(
    ("content", "scans"), [("one text", 0), (parts("one part"), 0), (parts("two", "parts"), 1)], ids=str
)
def test_only_adjoining_parts_cost_another_look(content: Any, scans: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    scan = Scanner.scan

    def counted(self: Scanner, text: str, *more: Any, **named: Any) -> Any:
        seen.append(text)
        return scan(self, text, *more, **named)

    of = masking()
    monkeypatch.setattr(Scanner, "scan", counted)
    judged(of, json.dumps(asked(content)).encode())
    assert seen == ["twoparts"][:scans]
