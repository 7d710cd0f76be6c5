"""Streamed responses that scored detectors judge in windows."""

import json
from collections.abc import Iterator
from typing import Final

import pytest
from msgspec import Raw

from extproc.apis.events import Channel, Delta, StreamEvent
from extproc.detectors import Conversation, DetectorKind, JudgingDetector, Statement, WindowedOptions, WindowScore
from extproc.detectors.registry import registered
from extproc.explain.explanation import explain
from extproc.explain.lines import SampleRequest, SampleResponse
from extproc.inspection import windowed_texts
from extproc.inspection.scored import ScoredWork
from extproc.inspection.vault import Vault
from extproc.inspection.windowed_texts import KEPT_MAX, TEXTS_MAX, WindowedTexts
from extproc.inspection.windowing import Windows
from extproc.policy import PolicyError, UnusableError
from extproc.protocol.effects import Chunk
from extproc.protocol.messages import Side
from extproc.transaction import Shared
from tests.seams.playing import SSE, Played, plan, played, said, streamed

BAD: Final = "forbidden words"
HELD: Final = "{use: words, every: 200 characters}"
AT_ONCE: Final = "{use: words, every: 200 characters, release: at_once}"
GUARD: Final = "use: webhook, url: 'http://127.0.0.1:9'"
PIECE: Final = "x" * 99 + " "


def _judge(statement: Statement, _: Conversation) -> Iterator[WindowScore]:
    at = statement.text.find(BAD)
    if at >= 0:
        yield WindowScore("word", 0.95, 0.9, at, at + len(BAD), "finder")
    yield WindowScore("word", 0.1, 0.9, 0, len(statement.text), "finder")


@pytest.fixture(autouse=True)
def words() -> Iterator[None]:
    """A detector that looks for words."""
    with registered(DetectorKind("words", WindowedOptions, lambda _: JudgingDetector(("word",), _judge))):
        yield


def events(*texts: str) -> list[bytes]:
    """The events of a stream, each with its blank line."""
    return [each + b"\n\n" for each in streamed(*texts).split(b"\n\n")[:-1]]


class Stream:
    """A response that comes in pieces."""

    def __init__(self, exchange: Played) -> None:
        self.exchange = exchange.asks(said("hello"))
        exchange.replies(b"", SSE, end=False)

    def comes(self, data: bytes, *, end: bool = False) -> bytes:
        """A piece comes; what goes on at once."""
        return out(self.exchange.goes_on(data, end=end))

    def judged(self) -> bytes:
        """The window is judged; what goes on then."""
        return out(self.exchange.does("words"))

    def shown(self) -> str:
        """The text that the detector is shown."""
        work = self.exchange.orders["words"].work
        assert isinstance(work, ScoredWork)
        return "".join(each.text for each in work.conversation.statements)


def out(exchange: Played) -> bytes:
    """The bytes that went to the client since the last time."""
    found = b"".join(each.data for each in exchange.effects if isinstance(each, Chunk) and each.side is Side.RESPONSE)
    exchange.effects.clear()
    return found


def test_held_text_goes_on_window_by_window_once_it_is_judged() -> None:
    first, second, third, *last = events(PIECE, PIECE, PIECE)
    with played(plan(response=HELD), duplex=True) as exchange:
        stream = Stream(exchange)
        assert stream.comes(first) == b""
        assert not exchange.orders
        assert stream.comes(second) == b""
        assert exchange.orders["words"].kind == "scored"
        assert stream.shown() == PIECE * 2
        assert stream.comes(third) == b""  # it waits for the verdict
        assert stream.judged() == first + second
        assert stream.comes(b"".join(last), end=True) == b""
        assert stream.shown() == PIECE * 3  # with what came before
        assert stream.judged() == third + b"".join(last)
        (score,) = exchange.record()["scores"]
    assert score["score"] == 0.1


def test_text_that_need_not_be_held_goes_on_and_the_stream_ends_at_a_bad_window() -> None:
    first, second, third, *_ = events(PIECE, PIECE + BAD, PIECE)
    with played(plan(response=AT_ONCE), duplex=True, detailed=True) as exchange:
        stream = Stream(exchange)
        assert stream.comes(first) == first
        assert stream.comes(second) == second
        assert stream.comes(third) == b""
        end = stream.judged()
        assert b'"finish_reason":"content_filter"' in end
        assert end.endswith(b"data: [DONE]\n\n")
        assert b"xxx" not in end
        record = exchange.record()
    assert record["blocked_by"] == "words"
    (score,) = record["scores"]
    assert (score["score"], score["threshold"], score["tier"], score["start"]) == (0.95, 0.9, "finder", 200)


@pytest.mark.parametrize("release", [HELD, AT_ONCE], ids=["held", "at_once"])
def test_the_end_of_a_stream_waits_for_the_last_window(release: str) -> None:
    whole = events("all is well, but " + BAD)
    with played(plan(response=release), duplex=True) as exchange:
        stream = Stream(exchange)
        went = stream.comes(b"".join(whole[:-1]))
        went += stream.comes(whole[-1])  # [DONE], before the end of the body
        assert b"[DONE]" not in went
        assert stream.shown() == "all is well, but " + BAD  # as if it had come whole
        went += stream.judged()
        assert went.endswith(b"data: [DONE]\n\n")
        assert b"content_filter" in went
        assert (BAD.encode() in went) == (release == AT_ONCE)
        assert exchange.record()["blocked_by"] == "words"


def test_what_lies_over_the_edge_of_two_windows_is_found() -> None:
    first, second, *_ = events("x" * 195 + " " + BAD[:6], BAD[6:] + " " + "x" * 200)
    with played(plan(response=HELD), duplex=True) as exchange:
        stream = Stream(exchange)
        stream.comes(first)
        assert stream.judged() == first
        stream.comes(second)
        end = stream.judged()
        assert b"content_filter" in end
        assert b"xxx" not in end


@pytest.mark.parametrize("release", [HELD, AT_ONCE], ids=["held", "at_once"])
def test_a_stream_in_one_piece_is_judged_window_by_window(release: str) -> None:
    texts = [PIECE] * 3000 + [BAD] + ["behind " * 20] * 100
    with played(plan(response=release), duplex=True) as exchange:
        stream = Stream(exchange)
        went, windows = stream.comes(b"".join(events(*texts)), end=True), 0
        while exchange.orders:
            assert len(stream.shown()) < 3_000
            windows += 1
            went += stream.judged()
        assert windows > 100
        assert went.count(PIECE.encode()) >= 2_900
        assert b"content_filter" in went
        assert went.count(b"behind") <= (0 if release == HELD else 20 * 20)


def test_a_finding_in_two_windows_is_counted_once_with_its_place_in_the_text() -> None:
    response = "{use: words, every: 200 characters, action: report}, {use: pii, kinds: [email], action: block}"
    texts = (PIECE, PIECE, BAD + " " + PIECE, PIECE, PIECE)
    with played(plan(response=response), duplex=True, detailed=True) as exchange:
        stream = Stream(exchange)
        sent = events(*texts)
        went = b""
        for number, each in enumerate(sent):
            went += stream.comes(each, end=number == len(sent) - 1)
            while exchange.orders:
                went += stream.judged()
        assert went == b"".join(sent)
        (found,) = exchange.record()["findings"]
    assert (found["kind"], found["count"]) == ("word", 1)


def test_explain_names_the_place_score_threshold_and_tier_of_a_finding_in_a_later_window() -> None:
    sent = json.dumps(streamed(PIECE, PIECE, BAD, PIECE).decode()).encode()
    response = SampleResponse(headers={"content-type": "text/event-stream"}, body=Raw(sent))
    line = SampleRequest("/v1/chat/completions", body=Raw(said("hello")), response=response)
    told = explain(plan(response=HELD), Shared(detailed=True), line)
    (found,) = told.findings
    assert (found.where, found.start, found.end) == ("/choices/0/message/content", 200, 200 + len(BAD))
    assert (found.score, found.threshold, found.tier) == (0.95, 0.9, "finder")


def test_tokens_are_estimated_as_by_length_and_texts_that_are_repeated_are_judged_once() -> None:
    texts = WindowedTexts(Windows(50, tokens=True, holds=True))
    channel = Channel(("output", 0, "text"))
    for said_ in ("a" * 100, "\u4e00" * 37):
        texts.event(StreamEvent(b"", "delta", (Delta(channel, said_, 0, 1),)))
    assert not texts.full
    texts.event(StreamEvent(b"", "delta", (Delta(channel, "a", 0, 1),)))
    assert not texts.full
    texts.event(StreamEvent(b"", "delta", (Delta(channel, "\u4e00", 0, 1),)))
    assert texts.full
    texts.judged()
    whole = "a" * 100 + "\u4e00" * 37 + "a\u4e00"
    texts.event(StreamEvent(b"", deltas=(Delta(channel, whole, 0, 1, repeats=True),)))
    texts.event(StreamEvent(b"", deltas=(Delta(channel, whole, 0, 1, grows=True),)))
    assert texts.unjudged == 0
    texts.event(StreamEvent(b"", deltas=(Delta(channel, "another text", 0, 1, repeats=True),)))
    assert [each.window() for each in texts.windows()] == ["another text"]


@pytest.mark.parametrize(("others", "many"), [(TEXTS_MAX - 1, False), (TEXTS_MAX, True)])
def test_a_stream_of_more_texts_than_can_be_remembered_is_judged_no_further(others: int, many: bool) -> None:
    texts = WindowedTexts(Windows(200, tokens=False, holds=True))
    for choice in range(others + 1):
        channel = Channel(("choices", choice, "message", "content"))
        texts.event(StreamEvent(b"", "delta", (Delta(channel, "said", 0, 1),)))
    assert texts.full_of_ends is many


@pytest.mark.parametrize(("more", "many"), [(0, False), (1, True)])
def test_the_ends_of_texts_take_no_more_than_their_room(more: int, many: bool) -> None:
    texts = WindowedTexts(Windows(200, tokens=False, holds=True))
    for choice in range(4):
        channel = Channel(("choices", choice, "message", "content"))
        texts.event(StreamEvent(b"", "delta", (Delta(channel, "x" * (KEPT_MAX // 4 + more), 0, 1),)))
    texts.judged()
    assert texts.full_of_ends is many


@pytest.mark.parametrize(("changed", "many"), [(3, False), (4, True)])
def test_places_that_rules_changed_are_remembered_up_to_a_limit_where_windows_mask(changed: int, many: bool) -> None:
    for masks in (True, False):
        texts = WindowedTexts(Windows(200, tokens=False, holds=True, masks=masks), Vault())
        channel = Channel(("choices", 0, "message", "content"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(windowed_texts, "EDITS_MAX", 3)
            for _ in range(changed):
                (piece,) = texts.event(StreamEvent(b"", "delta", (Delta(channel, "said", 0, 1),)))
                piece.text.edits.rule("said", "[NAME]", piece.start)
                piece.text.edits.close(Vault() if masks else None)
            texts.judged()
        assert texts.full_of_ends is (many and masks)


def test_a_stream_of_too_many_texts_ends() -> None:
    first, *_ = events(PIECE)
    with played(plan(response=HELD), duplex=True) as exchange, pytest.MonkeyPatch.context() as patch:
        patch.setattr(windowed_texts, "KEPT_MAX", 100)
        stream = Stream(exchange)
        stream.comes(first + first)
        assert b"overloaded" in stream.judged()
        assert exchange.record()["reason"] == "overloaded"


@pytest.mark.parametrize("choices", [1, 6, 16])
def test_a_phrase_shorter_than_a_window_is_found_however_many_choices_stand_beside_it(choices: int) -> None:
    phrase = "what is LOUD stays whole"
    said_ = "quiet words before it, " * 20 + phrase + " and more" * 40
    texts = WindowedTexts(Windows(200, tokens=False, holds=True))
    seen: list[str] = []
    for at in range(0, len(said_), 5):
        for choice in range(choices):
            channel = Channel(("choices", choice, "message", "content"))
            piece = "other" if choice else said_[at : at + 5]
            texts.event(StreamEvent(b"", "delta", (Delta(channel, piece, 0, 1),)))
            if texts.full:
                seen += [each.window() for each in texts.windows()]
                texts.judged()
    assert any(phrase in each for each in seen)


def test_a_client_that_leaves_while_a_window_is_judged_leaves_what_was_judged_in_the_record() -> None:
    first, second, third, *_ = events(PIECE, PIECE, PIECE)
    with played(plan(response=HELD), duplex=True) as exchange:
        stream = Stream(exchange)
        stream.comes(first + second)
        stream.judged()
        stream.comes(third + third)
        assert exchange.orders
        record = exchange.record()
    assert [each["processor"] for each in record["scores"]] == ["words"]


@pytest.mark.parametrize(
    ("on_failure", "passes"), [("block", False), ("allow", True), ("others", False)], ids=["block", "allow", "stand-in"]
)
@pytest.mark.parametrize("reason", ["timeout", "error"])
def test_a_failure_in_mid_stream_does_what_the_policy_says(on_failure: str, passes: bool, reason: str) -> None:
    response = (
        f"{{use: words, every: 200 characters, on_failure: {on_failure}}}"
        ", {use: pii, name: others, kinds: [email], action: block}"
    )
    first, second, third, *last = events(PIECE, PIECE, PIECE)
    with played(plan(response=response), duplex=True) as exchange:
        stream = Stream(exchange)
        stream.comes(first + second)
        went = out(exchange.fails("words", reason))
        if passes:
            assert went == first + second
            # It judges the stream no further; the rules beside it go on.
            assert stream.comes(third) + stream.comes(b"".join(last), end=True) == third + b"".join(last)
            assert not exchange.orders
        else:
            assert b"inspection_failed" in went
            assert b"xxx" not in went
        (failure,) = exchange.record()["failures"]
    assert failure == {"processor": "words", "reason": reason, "allowed": on_failure != "block"}


def test_a_response_that_comes_whole_is_judged_whole() -> None:
    body = json.dumps({"choices": [{"message": {"role": "assistant", "content": PIECE * 5}}]}).encode()
    with played(plan(response=HELD), duplex=True) as exchange:
        exchange.asks(said("hello")).replies(body)
        assert out(exchange.does("words")) == body


@pytest.mark.parametrize(
    ("requests", "response", "complaint"),
    [
        ("", "{use: words, every: 200}", "no length of a window"),
        ("", "{use: words, every: 199 characters}", "200 to 16000 characters"),
        ("", "{use: words, every: 4001 tokens}", "50 to 4000 tokens"),
        ("", "{use: words, release: at_once}", "without `every`"),
        ("{use: words, every: 200 tokens}", "", "a request is judged whole"),
        (f"{{{GUARD}, every: 200 tokens}}", "", "a request is judged whole"),
        ("", f"{HELD}, {{{GUARD}}}", "webhook judges a whole response, so that `every` of words would do nothing"),
        ("", f"{HELD}, {{use: language, allow: [en]}}", "`every` of words would do nothing"),
        ("", f"{HELD}, {{use: language, allow: [en], every: 100 tokens}}", "words has others"),
    ],
)
def test_windows_that_cannot_be_are_refused_with_the_mend(requests: str, response: str, complaint: str) -> None:
    try:
        plan(requests, response)
    except PolicyError as error:
        told = error.render()
    except UnusableError as error:
        told = "\n".join(map(str, error.parts))
    assert complaint in told
