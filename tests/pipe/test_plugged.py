"""Stages of plug-ins: what they give goes on in order, within limits, and their failures end a response or do not."""

from collections.abc import Iterable, Iterator
from functools import partial

import pytest

from extproc.apis.events import Delta
from extproc.inspection.answers.ruling import Stopped
from extproc.inspection.verdict import Blocked, Failure
from extproc.payload import sse
from extproc.pipe import AnswerStage, StreamEvent, made_like, rewrite
from extproc.pipe.pipe import HELD_BYTES, LARGE_BYTES, SURE_BYTES
from extproc.pipe.plugged import MAX_GIVEN, MAX_GIVEN_BYTES, MAX_HELD, staged
from extproc.protocol.meter import Meter, SpentError
from tests.pipe.stages import FACTS, Functions, Holding, pipe, run, said, staging

EVENTS = [said("a"), b": alive\n\n", said("b"), b'event: odd\r\ndata:  {"x" : 1}\r\n\r\n', b"data: [DONE]\n\n"]
STREAM = b"".join(EVENTS)
ENDED = b'"code":"stage"'
"""A part of the event by which a stream ends that a stage failed in."""


def passing() -> AnswerStage:
    return AnswerStage()


def adding(before: str) -> AnswerStage:
    def event(event: StreamEvent) -> Iterator[StreamEvent]:
        if event.deltas:
            yield StreamEvent(said(before))
        yield event

    return Functions(event)


def keeping(size: int) -> AnswerStage:
    return Functions(lambda event: [event], keeps=size)


def appending(text: str) -> AnswerStage:
    return Functions(
        lambda event: [StreamEvent(rewrite(event, {each.channel: each.text + text for each in event.deltas}))]
    )


@pytest.mark.parametrize("size", [1, 5, 40, 1000])
def test_what_a_stage_passes_keeps_its_very_bytes(size: int) -> None:
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    for count in (1, 2, 3, 100):
        assert run(pipe(passing, partial(Holding, count)), pieces) == STREAM


def test_what_a_stage_gives_passes_those_behind_it_with_the_texts_that_its_bytes_have() -> None:
    # The event that is added has no deltas of its own: they are read from its bytes.
    assert run(pipe(lambda: adding("x"), lambda: appending("!")), [said("a")]) == said("x!") + said("a!")


def test_what_a_stage_gives_at_the_end_passes_those_behind_it() -> None:
    last = Functions(lambda event: [event], lambda: [StreamEvent(said("end"))])
    assert run(pipe(lambda: last, lambda: appending("!")), [said("a")]) == said("a!") + said("end!")
    assert run(pipe(lambda: last), []) == said("end")


def test_a_stream_that_breaks_off_may_be_kept_to_its_end() -> None:
    broken = said("a") + said("b")[:-1]
    assert run(pipe(lambda: Holding(100)), [broken]) == broken


def test_a_stage_may_give_several_events_as_one_and_an_empty_one_as_none() -> None:
    given = Functions(lambda _: [StreamEvent(b""), StreamEvent(said("x") + said("y"))])
    assert run(pipe(lambda: given, lambda: appending("!")), [said("a")]) == said("x!") + said("y!")


# -- failures


def raising() -> AnswerStage:
    """Fails with the second event that has text."""
    seen: list[Delta] = []

    def event(event: StreamEvent) -> Iterator[StreamEvent]:
        seen.extend(event.deltas)
        yield StreamEvent(said("not-to-be-seen")) if len(seen) > 1 else event
        if len(seen) > 1:
            raise RuntimeError("PLANTED")

    return Functions(event)


def unopened() -> AnswerStage:
    raise RuntimeError("PLANTED")


def wrong(given: object) -> AnswerStage:
    return Functions(lambda _: given)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("size", [1, 1000])
def test_a_stage_that_fails_ends_the_stream_and_nothing_of_its_event_goes_out(size: int) -> None:
    of = pipe(raising)
    out = run(of, [STREAM[at : at + size] for at in range(0, len(STREAM), size)])
    assert out.startswith(said("a") + b": alive\n\n")
    assert ENDED in out
    assert b"not-to-be-seen" not in out
    assert b"PLANTED" not in out
    assert of.blocked == Blocked("s0", "stage")
    assert of.failures == (Failure("s0", "error", allowed=False),)


@pytest.mark.parametrize("size", [1, 1000])
def test_a_stage_that_may_fail_is_left_out_from_then_on(size: int) -> None:
    of = pipe(raising, lambda: appending("!"), allows=True)
    out = run(of, [STREAM[at : at + size] for at in range(0, len(STREAM), size)])
    assert out == STREAM.replace(b'"a"', b'"a!"').replace(b'"b"', b'"b!"')
    assert (of.blocked, of.failures) == (None, (Failure("s0", "error", allowed=True),))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (unopened, "error"),
        (lambda: wrong(None), "error"),
        (lambda: wrong([b"bytes"]), "error"),
        (lambda: wrong([StreamEvent(b"data: unended\n")]), "shape"),
        (lambda: wrong([StreamEvent(b"data: " + b"x" * sse.MAX_EVENT + b"\n\n")]), "limit"),
        (lambda: wrong(5), "error"),
        (lambda: Functions(lambda event: [event], keeps=-1), "limit"),
    ],
)
def test_what_is_no_event_is_a_failure(made: object, reason: str) -> None:
    of = pipe(made, allows=True)  # type: ignore[arg-type]
    assert run(of, [STREAM]) == STREAM
    assert of.failures == (Failure("s0", reason, allowed=True),)


def test_a_failure_at_the_end_is_one_as_well() -> None:
    def finish() -> Iterable[StreamEvent]:
        raise RuntimeError("PLANTED")

    of = pipe(lambda: Functions(lambda event: [event], finish))
    out = run(of, [said("a")])
    assert out.startswith(said("a"))
    assert ENDED in out
    assert of.blocked == Blocked("s0", "stage")


@pytest.mark.parametrize("allows", [True, False])
def test_what_cannot_be_read_ends_the_stream_or_passes_behind_what_stages_keep(allows: bool) -> None:
    large = b"data: " + b"x" * (sse.MAX_EVENT + 1)
    of = pipe(lambda: Holding(100), allows=allows)
    out = run(of, [said("a"), large, said("b")])
    assert of.failures == (Failure("s0", "size", allowed=allows),)
    if allows:
        assert out == said("a") + large + said("b")
    else:
        assert ENDED in out
        assert b"xx" not in out


# -- limits


@pytest.mark.parametrize(("count", "fails"), [(MAX_GIVEN, False), (MAX_GIVEN + 1, True)])
def test_a_stage_gives_so_many_events_at_a_time(count: int, fails: bool) -> None:
    of = pipe(lambda: Functions(lambda event: (event for _ in range(count))))
    assert of.feed(said("a")).count(said("a")) == (0 if fails else count)
    assert of.failures == ((Failure("s0", "limit", allowed=False),) if fails else ())


@pytest.mark.parametrize(("more", "fails"), [(0, False), (1, True)])
def test_a_stage_gives_so_many_bytes_at_a_time(more: int, fails: bool) -> None:
    one = b": " + b"x" * (MAX_GIVEN_BYTES // 8 - 4) + b"\n\n"
    made = [StreamEvent(one)] * 7 + [StreamEvent(one[:2] + b"x" * more + one[2:])]
    of = pipe(lambda: Functions(lambda _: made))
    out = of.feed(said("a"))
    assert (len(out) == MAX_GIVEN_BYTES) is not fails
    assert of.failures == ((Failure("s0", "limit", allowed=False),) if fails else ())


@pytest.mark.parametrize(("keeps", "fails"), [(MAX_HELD, False), (MAX_HELD + 1, True)])
def test_a_stage_keeps_so_many_bytes(keeps: int, fails: bool) -> None:
    of = pipe(partial(keeping, keeps))
    of.feed(said("a"))
    assert of.ended is fails
    assert of.waiting == (0 if fails else MAX_HELD)


@pytest.mark.parametrize(("keeps", "crowded"), [(LARGE_BYTES, False), (LARGE_BYTES + 1, True)])
def test_what_stages_keep_is_counted_once_it_is_much(keeps: int, crowded: bool) -> None:
    of = pipe(partial(keeping, keeps))
    of.feed(said("a"))
    assert of.crowded is crowded


def test_small_pieces_pass_at_once_and_others_go_to_a_thread() -> None:
    of = pipe(passing)
    assert of.affords(b"x" * SURE_BYTES, 1000)
    assert not of.affords(b"x" * (SURE_BYTES + 1), 1_000_000)
    of.feed(b": " + b"x" * 100)
    assert not of.affords(b"x" * (SURE_BYTES - 101), 1_000_000)
    for keeps, sure in ((HELD_BYTES, True), (HELD_BYTES + 1, False)):
        holding = pipe(partial(keeping, keeps))
        holding.feed(said("a"))
        assert holding.affords(said("b"), 1000) is sure


def test_a_stage_that_nobody_waits_for_stops() -> None:
    of = pipe(passing)
    of.stop()
    with pytest.raises(SpentError):
        of.feed(said("a"))


# -- documents


def test_a_document_passes_as_one_event_and_stays_the_very_object_if_nobody_changes_it() -> None:
    body = b' {"choices": [{"message": {"content": "a"}}]}\n'
    assert staged(body, "openai.chat", staging(passing, lambda: Holding(100)), _none, Meter()) is body
    changed = staged(body, "openai.chat", staging(lambda: appending("!"), lambda: appending("?")), _none, None)
    assert changed == body.replace(b'"a"', b'"a!?"')


@pytest.mark.parametrize("given", [[], [StreamEvent(b"{}"), StreamEvent(b"{}")]])
def test_in_the_place_of_a_document_exactly_one_goes_on(given: list[StreamEvent]) -> None:
    failures: list[Failure] = []
    stages = staging(lambda: wrong(given), lambda: appending("!"), allows=True)
    assert staged(b'{"text":"a"}', "openai.chat", stages, failures.extend, None) == b'{"text":"a!"}'
    assert failures == [Failure("s0", "shape", allowed=True)]
    with pytest.raises(Stopped) as stopped:
        staged(b'{"text":"a"}', "openai.chat", staging(lambda: wrong(given)), _none, None)
    assert stopped.value.blocked == Blocked("s0", "stage")


def test_a_document_that_nobody_can_read_passes_only_if_stages_allow_it() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert staged(deep, "openai.chat", staging(passing, allows=True), _none, None) is deep
    with pytest.raises(Stopped):
        staged(deep, "openai.chat", staging(passing), _none, None)


def _none(_: tuple[Failure, ...]) -> None:
    pass


# -- events made like others


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (b"data: {}\n\n", b"data: 1\n\n"),
        (b"data:{}\r\n\r\n", b"data:1\r\n\r\n"),
        (b"event: ping\rdata: {}\r\r", b"event: ping\rdata: 1\r\r"),
        (b"\xef\xbb\xbfdata: {}\n\n", b"data: 1\n\n"),
        (b": comment\n\n", b"data: 1\n\n"),
        (b' {"a": 1}', b"1"),
        (b"[1]", b"1"),
    ],
)
def test_an_event_is_framed_as_another_is(event: bytes, expected: bytes) -> None:
    assert made_like(StreamEvent(event), b"1").raw == expected


def test_an_event_may_be_named_otherwise_and_its_data_is_one_line() -> None:
    ping = StreamEvent(b"event: ping\ndata: {}\n\n")
    assert made_like(ping, b"1", "pong").raw == b"event: pong\ndata: 1\n\n"
    with pytest.raises(ValueError, match="one line"):
        made_like(ping, b"1\n2")


def test_facts_say_nothing_of_the_response() -> None:
    assert repr(staging(passing)) == f"Staging(stages=(PlannedStage(s0),), facts={FACTS!r}, every=False)"
