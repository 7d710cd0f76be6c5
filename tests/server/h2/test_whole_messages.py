"""The short way of a DATA frame that is one message: when it is taken, and that it leads where the long way does."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.h2 import fields, frames
from extproc.server.h2.call import Call, CallAborted, CallEvent, HalfClosed, Received, Started
from extproc.server.h2.calls import Calls
from extproc.server.h2.events import Data, GrpcMessage, Reset
from extproc.server.h2.frames import ErrorCode
from extproc.server.h2.limits import ConnectionLimits
from tests.server.h2.client import (
    BLOCK,
    REQUEST,
    called,
    connected,
    data,
    ended_by,
    frame,
    headers,
    message,
    opened,
    parse,
    reset_by,
    rst,
)

WHOLE = message(b"abc")


def test_a_frame_that_is_one_message_is_told_as_one() -> None:
    for payload in (b"abc", b""):
        assert opened(1).receive(data(1, message(payload)), 0.0) == [GrpcMessage(1, payload)]


@pytest.mark.parametrize(
    "piece",
    [WHOLE[:-1], WHOLE + b"\0", WHOLE * 2, message(b"abc", flag=1), bytes(4), b"\0\xff\xff\xff\xff"],
    ids=["short", "more", "two", "compressed", "half-a-prefix", "4-gib"],
)
def test_a_frame_that_is_anything_else_is_told_as_data(piece: bytes) -> None:
    assert opened(1).receive(data(1, piece), 0.0) == [Data(1, piece, ended=False)]


def test_a_frame_with_any_flag_is_told_as_data() -> None:
    for bit in range(8):
        flags = 1 << bit
        payload = b"\0" + WHOLE if flags == frames.PADDED else WHOLE
        expected = Data(1, WHOLE, ended=flags == frames.END_STREAM)
        assert opened(1).receive(frame(frames.DATA, flags, 1, payload), 0.0) == [expected]


def test_a_message_of_the_limits_size_is_told_as_one_and_one_byte_more_is_not() -> None:
    connection = opened(1, limits=ConnectionLimits(message=3))
    assert connection.receive(data(1, WHOLE), 0.0) == [GrpcMessage(1, b"abc")]
    assert connection.receive(data(1, message(b"abcd")), 0.0) == [Data(1, message(b"abcd"), ended=False)]


def test_a_frame_of_the_largest_size_is_taken_and_one_byte_more_is_not() -> None:
    connection = opened(1)
    largest = bytes(16_384 - 5)
    assert connection.receive(data(1, message(largest)), 0.0) == [GrpcMessage(1, largest)]
    assert ended_by(connection, data(1, message(largest + b"x"))) == ErrorCode.FRAME_SIZE_ERROR


def test_a_body_with_a_promised_length_is_counted_down() -> None:
    connection = connected()
    block = BLOCK + fields.encode([(b"content-length", b"8")])
    connection.receive(headers(1, block), 0.0)
    assert connection.receive(data(1, WHOLE), 0.0) == [Data(1, WHOLE, ended=False)]
    assert reset_by(connection, data(1, message(b""))) == (1, ErrorCode.PROTOCOL_ERROR)


def test_a_message_may_use_a_window_up_and_not_exceed_it() -> None:
    limits = ConnectionLimits(stream_window=16, connection_window=70_000)
    connection = opened(1, 3, limits=limits)
    assert connection.receive(data(1, WHOLE) * 2, 0.0) == [GrpcMessage(1, b"abc")] * 2
    assert reset_by(connection, data(1, message(b""))) == (1, ErrorCode.FLOW_CONTROL_ERROR)


def test_a_message_may_use_the_connections_window_up_and_not_exceed_it() -> None:
    connection = opened(1, 3, limits=ConnectionLimits(stream_window=100_000, connection_window=65_544))
    connection.receive(data(1, message(bytes(16_379))) * 4 + data(3, WHOLE), 0.0)
    assert not connection.over
    assert ended_by(connection, data(3, message(b""))) == ErrorCode.FLOW_CONTROL_ERROR


def test_a_message_in_the_middle_of_a_header_block_is_an_error_of_the_connection() -> None:
    connection = opened(1)
    connection.receive(frame(frames.HEADERS, 0, 3, BLOCK), 0.0)
    assert ended_by(connection, data(1, WHOLE)) == ErrorCode.PROTOCOL_ERROR


def test_the_reserved_bit_of_a_stream_number_is_ignored() -> None:
    sent = data(1, WHOLE)
    assert opened(1).receive(sent[:5] + b"\x80" + sent[6:], 0.0) in (
        [GrpcMessage(1, b"abc")],
        [Data(1, WHOLE, ended=False)],
    )


def test_a_message_before_its_streams_reset_is_told_before_it() -> None:
    events = opened(1).receive(data(1, WHOLE) + rst(1), 0.0)
    assert events == [GrpcMessage(1, b"abc"), Reset(1, ErrorCode.CANCEL, by_peer=True)]


def test_windows_that_messages_used_up_are_given_back_when_they_were_taken() -> None:
    calls = called(ConnectionLimits(stream_window=40, connection_window=70_000))
    list(calls.receive(headers(1), 0.0))
    list(calls.receive(data(1, WHOLE) * 2, 0.0))
    assert calls.data_to_send() == b""
    list(calls.receive(data(1, WHOLE), 0.0))
    assert calls.data_to_send() == frames.window_update(1, 24)


def test_the_connections_window_is_given_back_though_no_stream_used_up_half_of_its_own() -> None:
    calls = called(ConnectionLimits(stream_window=70_000, connection_window=70_000))
    list(calls.receive(b"".join(headers(each) for each in (1, 3, 5)), 0.0))
    list(calls.receive(b"".join(data(each, message(bytes(11_995))) for each in (1, 3, 5)), 0.0))
    assert calls.data_to_send() == frames.window_update(0, 36_000)


def test_a_message_at_which_its_call_is_paused_keeps_its_window() -> None:
    calls = called(ConnectionLimits(stream_window=40, connection_window=70_000))
    (started,) = calls.receive(headers(1), 0.0)
    for event in calls.receive(data(1, WHOLE) * 4, 0.0):
        assert isinstance(event, Received)
        calls.pause(event.call)
    assert calls.data_to_send() == b""
    assert [type(event) for event in calls.resume(started.call)] == [Received] * 3
    assert calls.data_to_send() == frames.window_update(1, 32)


# The same conversation twice: once as it is, once with its DATA frames padded, by nothing, so that none is whole.

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("message"), st.sampled_from([1, 3]), st.sampled_from([0, 3, 300, 2_000])),
        st.tuples(st.just("cut"), st.sampled_from([1, 3]), st.integers(0, 6)),
        st.tuples(st.sampled_from(["end", "reset", "open"]), st.sampled_from([1, 3]), st.just(0)),
    ),
    max_size=25,
)
LIMITS = ConnectionLimits(stream_window=6_000, connection_window=70_000, message=1_000)


def _data(stream_id: int, payload: bytes, *, padded: bool) -> bytes:
    return frame(frames.DATA, frames.PADDED, stream_id, b"\0" + payload) if padded else data(stream_id, payload)


def _wire(step: tuple[str, int, int], *, padded: bool) -> bytes:
    what, stream_id, size = step
    match what:
        case "message":
            return _data(stream_id, message(bytes(size)), padded=padded)
        case "cut":
            return _data(stream_id, WHOLE[:size], padded=padded) + _data(stream_id, WHOLE[size:], padded=padded)
        case "end":
            return data(stream_id, end=True)
        case "reset":
            return rst(stream_id)
    return headers(stream_id, fields.NO_TABLE + fields.encode(REQUEST))


def _told(calls: Calls, wire: bytes) -> list[object]:
    told = [_plain(calls, event) for event in calls.receive(wire, 0.0)]
    for call in [each for each in calls._calls.values() if each.paused]:
        told += [_plain(calls, event) for event in calls.resume(call)]
    return told


class Serving:
    """Does as a handler what `_plain` does with events."""

    def __init__(self, calls: Calls, call: Call, told: list[object]) -> None:
        self.calls = calls
        self.call = call
        self.told = told

    def receive(self, payload: bytes, /) -> Sequence[bytes]:
        self.told.append((self.call.id, payload))
        if len(payload) == 3:
            self.calls.pause(self.call)
        return [payload]

    def half_closed(self) -> None:
        raise AssertionError("told by an event")

    def gone(self) -> None:
        assert self.call.over  # no event tells of an answer that found its stream reset


def _served(calls: Calls, wire: bytes) -> list[object]:
    """The same as `_told`, of calls that have handlers."""
    told: list[object] = []
    for call in calls._calls.values():
        assert isinstance(call.handler, Serving)
        call.handler.told = told
    for event in calls.receive(wire, 0.0):
        told.append(_plain(calls, event))
        if isinstance(event, Started):
            event.call.handler = Serving(calls, event.call, told)
    for call in [each for each in calls._calls.values() if each.paused]:
        told.extend(_plain(calls, event) for event in calls.resume(call))
    return told


def _plain(calls: Calls, event: CallEvent) -> object:
    """An event without its call, after it was answered."""
    if isinstance(event, Received):
        if len(event.payload) == 3:
            calls.pause(event.call)
        calls.send(event.call, [event.payload], 0.0)
        return event.call.id, event.payload
    if isinstance(event, HalfClosed):
        calls.finish(event.call)
    assert not isinstance(event, CallAborted) or event.call.over
    return event.call.id, type(event)


@given(STEPS, st.booleans(), st.sampled_from([1 << 20, 4_000, 100]))
def test_the_short_ways_lead_where_the_long_way_does(
    steps: list[tuple[str, int, int]], at_once: bool, window: int
) -> None:
    steps = [("open", 1, 0), ("open", 3, 0), *steps]
    seen = []
    for padded, tell in ((False, _told), (True, _told), (False, _served)):
        calls = called(LIMITS, window=window)
        wires = [_wire(step, padded=padded) for step in steps]
        told = [tell(calls, wire) for wire in ([b"".join(wires)] if at_once else wires)]
        answers = [each for each in parse(calls.data_to_send()) if each.kind != frames.WINDOW_UPDATE]
        seen.append((told, answers, calls.over, calls._kept))
    assert seen[0] == seen[1] == seen[2]
