"""JSON that is cut over text parts of one message: read as one text, whole and streamed alike."""

import base64
import json
from collections.abc import Sequence
from functools import cache

import pytest

from extproc.detectors import pii, secrets
from extproc.inspection.adjoining import NEAR
from extproc.inspection.stage import Stage
from extproc.inspection.verdict import Blocked
from tests.conftest import PROFILE
from tests.gathered import gathered
from tests.inspection.answering import answer, processor, run, stage
from tests.inspection.judging import judged
from tests.inspection.test_adjoining_streams import SHAPES

CARD = "4012 8888 8888 1881"
VALUES = {
    "card": CARD,
    "address": "bob@example.com",
    "number": "my ssn is 078-05-1120",
    "assigned": 'api_key = "wJalrXUtnFEMIK7MDENG4x9Q2"',
}


@cache
def of(action: str) -> Stage:
    return stage((processor(0, action=action), (*pii.rules(), *secrets.RULES)))  # type: ignore[arg-type]


def nested(text: str, depth: int) -> str:
    for _ in range(depth):
        text = json.dumps({"k": text, "n": 1})
    return text


def coded(text: str) -> str:
    """The same with every character as an escape, as a string of JSON has it."""
    return "".join(f"\\u{ord(each):04x}" for each in text)


def whole(texts: Sequence[str]) -> bytes:
    return json.dumps({"content": [{"type": "text", "text": each} for each in texts]}).encode()


def found(texts: Sequence[str], step: int, dialect: str) -> tuple[int, int]:
    """The findings in the whole and in the streamed response."""
    once = judged(of("report"), whole(texts))
    stream = answer(of("report"), dialect)
    run(stream, SHAPES[dialect]([[text[at : at + step] for at in range(0, len(text), step)] for text in texts]))
    return sum(once.counts.values()), sum(stream.counts.values())


@gathered("dialect", SHAPES, parts=2)
@gathered("depth", range(4))
@gathered("name", VALUES)
def test_a_value_in_json_that_is_cut_anywhere_is_found_in_both_forms(name: str, depth: int, dialect: str) -> None:
    said = nested(VALUES[name] + " x", depth)
    for at in range(1, len(said), 7):
        assert found([said[:at], said[at:]], 1 + at % 5, dialect) == (1, 1), at


@gathered("dialect", SHAPES, parts=2)
@gathered("depth", range(3))
@gathered("name", ["card", "address", "number"])
def test_a_value_that_is_spelt_with_escapes_is_found_in_both_forms(name: str, depth: int, dialect: str) -> None:
    said = nested('{"k": "' + coded(VALUES[name]) + ' x", "n": 1}', depth)
    for at in range(1, len(said), 23 if PROFILE == "fast" else 11):
        counted = found([said[:at], said[at:]], 4, dialect)
        assert set(counted) <= {1, 2}, at  # half an escape may make another value of one of the parts


@pytest.mark.parametrize("dialect", SHAPES)
def test_a_long_number_that_is_cut_over_parts_is_found_in_both_forms(dialect: str) -> None:
    number = "4012888888881881"
    said = f'{{"a": {number}, "b": 1}}'
    for at in range(1, len(said)):
        once, streamed = found([said[:at], said[at:]], 3, dialect)
        assert once == 1
        assert streamed in {1, 2}  # the first digits may be a number of another kind
    assert found([said[:9], said[9:14], said[14:]], 2, dialect) == (1, 1)
    assert found([f'{{"a": [{number[:5]}', number[5:] + "]}"], 2, dialect) == (1, 1)
    assert found(['{"a": 4.012888', '888881881e15, "b": 1}'], 2, dialect) == (1, 1)


@pytest.mark.parametrize(
    ("texts", "masked"),
    [
        (['{"a": 4012888888', '881881, "b": 1}'], ['{"a": 0', ', "b": 1}']),
        (['{"a": 4012', '888888881881, "b": 1}'], ['{"a": 0', ', "b": 1}']),
        (
            [r'{"a": "\u0034012 8888 \u00', r'38888 \u0031881", "b": 1}'],
            ['{"a": "[CREDIT_CARD_1]', '", "b": 1}'],
        ),
        (
            [r'{"a": "{\"b\": \"4012 8888', r' \\u0038888 1881\"}"}'],
            [r'{"a": "{\"b\": \"[CREDIT_CARD_1]', r'\"}"}'],
        ),
        (
            ['{"a": "x', r'", "b": "\u0034012 ', r'8888 888\u0038 1881", "c": 1}'],
            ['{"a": "x', '", "b": "[CREDIT_CARD_1]', '", "c": 1}'],
        ),
        (["[", r'"\u0034012 8888 8888 1881"]'], ["[", '"[CREDIT_CARD_1]"]']),
    ],
)
def test_a_whole_response_is_masked_where_it_is_written(texts: list[str], masked: list[str]) -> None:
    verdict = judged(of("mask"), whole(texts))
    assert [each["text"] for each in json.loads(verdict.body)["content"]] == masked
    assert sum(verdict.counts.values()) == 1


def test_a_streamed_response_is_blocked_or_uninspected() -> None:
    parts = [[r'{"a": "\u0034012 88'], [r'88 \u0038888 1881"}']]
    for action, blocked in (("block", Blocked("p0", "finding")), ("mask", Blocked("pipeline", "uninspected"))):
        stream = answer(of(action), "anthropic.messages")
        out = run(stream, SHAPES["anthropic.messages"](parts))
        assert stream.blocked == blocked
        assert b"1881" not in out


@pytest.mark.parametrize("dialect", SHAPES)
def test_base64_that_is_cut_over_parts_is_read_in_both_forms(dialect: str) -> None:
    """At some places the first part is no text by itself: then a whole body names it as well."""
    carried = base64.b64encode(f"my card is {CARD} and many more words behind it, so that it is long".encode()).decode()
    said = json.dumps({"data": carried})
    for at in range(12, 40, 3):
        assert found([said[:at], said[at:]], 3, dialect) == (1, 1), at
        assert CARD[10:].encode() not in judged(of("mask"), whole([said[:at], said[at:]])).body


@pytest.mark.parametrize("dialect", SHAPES)
def test_a_word_in_front_of_a_boundary_tells_what_stands_behind_it(dialect: str) -> None:
    assert found(["the social security number is ", "078051120 and"], 4, dialect) == (1, 1)
    assert found(["my api_key = ", '"wJalrXUtnFEMIK7MDENG4x9Q2"'], 4, dialect) == (1, 1)
    assert found(["my api_key = ", " " * NEAR + '"wJalrXUtnFEMIK7MDENG4x9Q2"'], 64, dialect) == (0, 0)


@pytest.mark.parametrize("dialect", SHAPES)
@pytest.mark.parametrize(
    "texts",
    [
        ['{"a": "x"}', CARD],
        ['{"a": "write to a@b.de', 'Thanks", "b": "to c@d.de"}'],
        ['{"a": "x', '", "b": "a@b.de"}', " and c@d.de"],
    ],
)
def test_what_the_parts_say_by_themselves_counts_once(texts: list[str], dialect: str) -> None:
    once, streamed = found(texts, 5, dialect)
    assert once == streamed == sum(text.count("@") for text in texts) + (CARD in texts)
