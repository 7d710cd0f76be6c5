"""Pieces of a reply that wait: each follower notices with every event what it would notice if it were given each."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

import msgspec
import pytest

from extproc.apis.asked import Asked, AskedTool, OutputFormat
from extproc.apis.reply import ReplyPart
from extproc.detectors.grounded import GroundedReply
from extproc.detectors.length import MeasuredReply
from extproc.detectors.refusal import RefusedReply
from extproc.detectors.replies import Follower, Noticed, PatientFollower
from extproc.detectors.schema.json_replies import JsonReply
from extproc.detectors.schema.tool_calls import ToolCalls
from extproc.detectors.url.links import Linked, LinkJudge
from extproc.policy.replies import Grounded, Length, Url
from tests.detectors.schema.cases import Maker
from tests.inspection.replying import FORMS, asking, judging, outcome, streamed, whole

WORDS: Final = (
    "I'm sorry. ", "I can't help ", "with that! ", "Why? ", "抱歉我不能提供。", "e.g. ", "and 1,234.5 “of a kind” ",
    "https://evil.example/a?b=c ", "www.evil.example", "//x.example ", "](evil.example/x) ", "javascript:x ", "http",
    ":", "/", "[a](", "w", ".", " ", "\n", "{", '"a": 1}', "x" * 40,
)  # fmt: skip


def _prose(maker: Maker) -> tuple[str, Any]:
    return "".join(maker.random.choices(WORDS, k=maker.random.randint(1, 30))), {}


def _document(maker: Maker) -> tuple[str, Any]:
    schema = maker.root()
    value = maker.value(schema, schema)
    text = maker.written(value if maker.random.random() < 0.5 else maker.spoiled(value))
    return text if maker.random.random() < 0.7 else maker.broken(text), schema


def _length(options: str) -> Callable[[Asked], PatientFollower]:
    name, _, most = options.partition("=")
    return lambda _: MeasuredReply(Length.model_validate({"use": "length", name: int(most)}))


FOLLOWERS: Final[dict[str, tuple[Callable[[Maker], tuple[str, Any]], Callable[[Asked], PatientFollower]]]] = {
    "json_schema": (_document, JsonReply),
    "json_schema in prose": (_prose, JsonReply),
    "tool_schema": (_document, ToolCalls),
    "refusal": (_prose, lambda _: RefusedReply(words=True)),
    "url": (_prose, lambda _: Linked(LinkJudge(Url(use="url", allow=("a.example",))))),
    "grounded": (_prose, lambda asked: GroundedReply(Grounded(use="grounded"), asked)),
    **{each: (_prose, _length(each)) for each in ("max_chars=50", "max_words=9", "max_tokens=30", "min_chars=900")},
}


def _each(follower: Follower, parts: Sequence[ReplyPart]) -> list[tuple[int, Noticed]]:
    return [(number, each) for number, part in enumerate(parts) for each in follower.take(part)]


def _patient(follower: PatientFollower, parts: Sequence[ReplyPart]) -> list[tuple[int, Noticed]]:
    """The same for one that is given pieces as streams give them."""
    noticed: list[tuple[int, Noticed]] = []
    wakes, waiting = None, ""
    for number, part in enumerate(parts):
        grows = part.kind in {"text", "arguments"}
        if not grows and waiting:
            noticed += [(-1, each) for each in follower.take(_piece(parts[number - 1], waiting))]
            waiting = ""
        text = waiting + part.text if grows else part.text
        if grows and wakes is not None and wakes(part.text) is None:
            waiting = text
            continue
        given = _piece(part, text)
        noticed += [(number, each) for each in follower.take(given)]
        wakes, waiting = (follower.wakes(given) if grows else None), ""
    return noticed


def _piece(part: ReplyPart, text: str) -> ReplyPart:
    return ReplyPart(part.kind, part.message, part.path, text, part.call)


@pytest.mark.parametrize("name", FOLLOWERS)
def test_a_piece_that_may_wait_says_nothing(name: str) -> None:
    random, made, found = Random(5), Maker(5), 0
    write, opened = FOLLOWERS[name]
    kind: Any = "arguments" if name == "tool_schema" else "text"
    for _ in range(150):
        text, schema = write(made)
        written = msgspec.json.encode(schema)
        asked = Asked(OutputFormat(written), (AskedTool("look", written),), documents=("of a kind",))
        parts = [ReplyPart("tool", 0, ("c",), "look", ("c",))] if kind == "arguments" else []
        at = 0
        while at < len(text):
            size = random.choice((1, 1, 2, 4, 16))
            parts.append(ReplyPart(kind, 0, ("c", "text"), text[at : at + size], ("c",)))
            at += size
        parts.append(ReplyPart("end", 0, (), "stop"))
        noticed = _each(opened(asked), parts)
        assert _patient(opened(asked), parts) == noticed, (text, schema)
        found += len(noticed)
    assert found, "some are wrong"


PROCESSORS: Final = "{use: refusal, action: report}, {use: url, allow: [a.example], action: report}"


@pytest.mark.parametrize("api", FORMS)
def test_halves_of_a_character_in_two_events_are_one_character(api: str) -> None:
    own = judging(f"{PROCESSORS}, {{use: length, max_chars: 60, action: report}}")
    pieces = [
        "\ud83d",
        "\ude00 I cannot help ",
        "with that \ud83d",
        "\ude00! See //evil",
        ".example \ude00 now and then.",
    ]
    found = outcome(own, api, asking(api), streamed(api, pieces))
    assert [(each.kind, each.start, each.end) for each in found.findings] == [
        ("worded", 0, 28),
        ("not_allowed", 33, 47),
        ("too_long", 60, 61),
    ]
    once = outcome(own, api, asking(api), whole(api, "".join(pieces)))
    assert {(each.kind, each.start, each.end) for each in once.findings} == {
        (each.kind, each.start, each.end) for each in found.findings
    }
