"""Values that are cut over text parts of a streamed message: judged as in the same response that is whole."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest

from extproc.inspection.adjoining import BESIDE
from extproc.inspection.answers.parts import MOST_MESSAGES, MOST_PIECES
from extproc.inspection.stage import Stage
from extproc.inspection.verdict import Blocked
from tests.apis.events.samples import choice, chunk, event
from tests.inspection.answering import EMAIL, SSN, answer, processor, run, stage
from tests.inspection.judging import judged

SAID = "078-05-1120"
UNINSPECTED = Blocked("pipeline", "uninspected")


@cache
def stages() -> dict[str, Stage]:
    return {action: stage((processor(0, action=action), (*EMAIL, *SSN))) for action in ("block", "mask", "report")}


def messages(parts: Sequence[Sequence[str]]) -> list[bytes]:
    """Text blocks of an Anthropic message, each in pieces."""
    made: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": []}}
    ]
    for at, pieces in enumerate(parts):
        made.append({"type": "content_block_start", "index": at, "content_block": {"type": "text", "text": ""}})
        made += [
            {"type": "content_block_delta", "index": at, "delta": {"type": "text_delta", "text": each}}
            for each in pieces
        ]
        made.append({"type": "content_block_stop", "index": at})
    made += [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]
    return [event(each, str(each["type"])) for each in made]


def responses(parts: Sequence[Sequence[str]]) -> list[bytes]:
    """Parts of the content of an output item."""
    made: list[dict[str, Any]] = []
    for at, pieces in enumerate(parts):
        where = {"item_id": "i", "output_index": 0, "content_index": at}
        made += [{"type": "response.output_text.delta", **where, "delta": each} for each in pieces]
        made.append({"type": "response.output_text.done", **where, "text": "".join(pieces)})
    return [event(each, str(each["type"])) for each in made]


SHAPES = {"anthropic.messages": messages, "openai.responses": responses}


def whole(parts: Sequence[Sequence[str]]) -> bytes:
    return json.dumps({"content": [{"type": "text", "text": "".join(pieces)} for pieces in parts]}).encode()


@pytest.mark.parametrize("dialect", SHAPES)
@pytest.mark.parametrize("action", ["block", "mask", "report"])
def test_a_value_over_two_parts_is_judged_as_in_a_whole_response(dialect: str, action: str) -> None:
    of = stages()[action]
    for at in range(1, len(SAID)):
        for parts in (
            [["it is ", SAID[:at]], [SAID[at:], " indeed"]],
            [["it is ", *SAID[:at]], [*SAID[at:]]],
            [["it is "], [SAID[:at]], [SAID[at:]]],
        ):
            stream = answer(of, dialect)
            out = run(stream, SHAPES[dialect](parts))
            once = judged(of, whole(parts))
            assert sum(stream.counts.values()) == sum(once.counts.values()) == 1
            want = {"block": once.blocked, "mask": UNINSPECTED, "report": None}[action]
            assert stream.blocked == want
            assert (b"".join(SHAPES[dialect](parts)) == out) is (action == "report")


@pytest.mark.parametrize("dialect", SHAPES)
@pytest.mark.parametrize(
    "parts",
    [
        [["write to a@b.de"], ["Thanks"]],
        [["078-05-"], ["nothing"], ["1120"]],
        [["words"], ["more of them"], [""], ["end"]],
    ],
)
def test_what_is_no_value_over_parts_leaves_as_it_came(dialect: str, parts: Sequence[Sequence[str]]) -> None:
    stream = answer(stages()["report"], dialect)
    assert run(stream, SHAPES[dialect](parts)) == b"".join(SHAPES[dialect](parts))
    assert sum(stream.counts.values()) == sum(judged(stages()["report"], whole(parts)).counts.values())


@pytest.mark.parametrize("dialect", SHAPES)
@pytest.mark.parametrize("length", [BESIDE, 5 * MOST_PIECES, 5 * (MOST_PIECES + 1), 12 * BESIDE])
def test_long_parts_are_joined_near_their_ends(dialect: str, length: int) -> None:
    long = ["word "] * (length // 5)
    parts = [[*long, SAID[:5]], [SAID[5:], " ", *long, SAID[:6]], [SAID[6:], " ", *long]]
    stream = answer(stages()["report"], dialect)
    run(stream, SHAPES[dialect](parts))
    assert sum(stream.counts.values()) == 2


def test_parts_that_do_not_adjoin_are_not_joined() -> None:
    events = messages([[SAID[:5]], ["{}"], [SAID[5:]]])
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    events[4] = event({"type": "content_block_start", "index": 1, "content_block": tool}, "content_block_start")
    said = {"type": "input_json_delta", "partial_json": "{}"}
    events[5] = event({"type": "content_block_delta", "index": 1, "delta": said}, "content_block_delta")
    stream = answer(stages()["block"], "anthropic.messages")
    run(stream, events)
    assert (stream.blocked, dict(stream.counts)) == (None, {})


def said(*contents: Any) -> list[bytes]:
    return [chunk([choice({"content": each})]) for each in contents]


def once(kind: str, **more: Any) -> bytes:
    return event({"type": kind, **more}, kind)


FIRST, SECOND = SAID[:5], SAID[5:]
BOTH = [{"type": "text", "text": FIRST}, {"type": "text", "text": SECOND}]
AT_ONCE: dict[str, tuple[str, list[bytes]]] = {
    "a message in place of a delta": ("openai.chat", [chunk([{"index": 0, "message": {"content": BOTH}}])]),
    "the beginning of a message": (
        "anthropic.messages",
        [once("message_start", message={"id": "m", "type": "message", "role": "assistant", "content": BOTH})],
    ),
    "the end of a response": (
        "openai.responses",
        [once("response.completed", response={"id": "r", "output": [{"type": "message", "content": BOTH}]})],
    ),
    "parts that are told when they are done": (
        "openai.responses",
        [
            once("response.content_part.done", item_id="i", output_index=0, content_index=at, part=part)
            for at, part in enumerate(BOTH)
        ],
    ),
}


@pytest.mark.parametrize("name", AT_ONCE)
def test_parts_that_come_at_once_are_joined(name: str) -> None:
    dialect, events = AT_ONCE[name]
    for action, blocked in (("block", Blocked("p0", "finding")), ("mask", UNINSPECTED), ("report", None)):
        stream = answer(stages()[action], dialect)
        run(stream, events)
        assert stream.blocked == blocked
        assert sum(stream.counts.values()) == 1


PART, OTHER = ([{"type": "text", "text": each}] for each in (FIRST, SECOND))


@pytest.mark.parametrize(
    "contents",
    [
        (PART, SECOND),
        (FIRST, OTHER),
        (PART, SECOND[:2], OTHER[:0], [SECOND[2:]]),
        ([{"type": "text", "text": "no "}, *PART], OTHER),  # wherever in its event a part stands
        (BOTH,),
        ([FIRST, SECOND],),
        ({"type": "text", "text": FIRST}, SECOND),
    ],
)
def test_content_is_one_text_as_a_string_and_as_parts(contents: Sequence[Any]) -> None:
    events = said("my number: ", *contents, " indeed")
    for action, blocked in (("block", Blocked("p0", "finding")), ("mask", None), ("report", None)):
        stream = answer(stages()[action], "openai.chat")
        out = run(stream, events)
        assert stream.blocked == blocked
        assert sum(stream.counts.values()) == 1
        assert (b"[US_SSN_1]" in out and SECOND[2:].encode() not in out) is (action == "mask")


INDEXED = [{"index": 0, **PART[0]}]


@pytest.mark.parametrize("contents", [(INDEXED, SECOND), ("", INDEXED, SECOND), (FIRST, [{"index": 0, **OTHER[0]}])])
def test_parts_with_an_index_and_strings_are_joined_by_nobody_knows_what(contents: Sequence[Any]) -> None:
    stream = answer(stages()["mask"], "openai.chat")
    run(stream, said(*contents))
    assert (stream.blocked, dict(stream.unread)) == (UNINSPECTED, {"stream": 1})
    alone = answer(stages()["mask"], "openai.chat")
    run(alone, said("", INDEXED, INDEXED))
    assert alone.blocked is None


def test_messages_are_remembered_up_to_a_number() -> None:
    def part(message: int, at: int) -> bytes:
        where = {"item_id": f"i{message}", "output_index": message, "content_index": at}
        return once("response.content_part.done", **where, part=BOTH[at])

    for others in (MOST_MESSAGES - 1, MOST_MESSAGES):
        stream = answer(stages()["block"], "openai.responses")
        run(stream, [part(0, 0), *(part(number, 0) for number in range(1, others + 1)), part(0, 1)])
        assert (stream.blocked is not None) is (others < MOST_MESSAGES)


THOUGHTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "reasoning_content": lambda text: {"reasoning_content": text},
    "reasoning": lambda text: {"reasoning": text},
    "thinking": lambda text: {"thinking": text},
    "reasoning_details": lambda text: {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": text}]},
}
"""Members of a delta for reasoning, of which clients read whichever is there."""


@pytest.mark.parametrize("first", THOUGHTS)
def test_reasoning_that_goes_on_under_another_name_is_judged_together(first: str) -> None:
    for second in THOUGHTS.keys() - {first}:
        for at in range(1, len(SAID)):
            halves = [THOUGHTS[first](f"it is {SAID[:at]}"), THOUGHTS[second](f"{SAID[at:]}, so")]
            for action, expected in (("block", Blocked("p0", "finding")), ("mask", UNINSPECTED), ("report", None)):
                stream = answer(stages()[action], "openai.chat")
                run(stream, [chunk([choice(each)]) for each in halves])
                assert stream.blocked == expected, (second, at, action)
                assert sum(stream.counts.values()) == 1


def test_reasoning_under_two_names_in_each_event_is_two_texts() -> None:
    said = ["07", "8-05", f" or {SAID[:5]}", SAID[5:], " it is"]
    events = [chunk([choice({**THOUGHTS["reasoning"](each), **THOUGHTS["reasoning_details"](each)})]) for each in said]
    stream = answer(stages()["mask"], "openai.chat")
    out = run(stream, events)
    assert (stream.blocked, sum(stream.counts.values())) == (None, 2)
    assert SAID[5:].encode() not in out
