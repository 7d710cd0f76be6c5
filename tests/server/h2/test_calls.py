"""gRPC calls on a connection, without I/O."""

import math
from collections.abc import Iterator

import pytest
from hpack import Decoder

from extproc.server.h2 import fields, frames
from extproc.server.h2.call import NOBODY, Call, CallAborted, CallEvent, HalfClosed, Received, Started
from extproc.server.h2.calls import Calls
from extproc.server.h2.frames import ErrorCode
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.status import Status
from extproc.server.h2.stream import Stream
from tests.server.h2 import client
from tests.server.h2.client import REQUEST, SIZE_ZERO, called, data, headers, message, parse, rst

ANSWER = b"answer"


def received(calls: Calls, sent: bytes, now: float = 0.0) -> list[CallEvent]:
    return list(calls.receive(sent, now))


def begun(calls: Calls, *stream_ids: int) -> list[Call]:
    """Calls that were started, nothing sent on them yet."""
    events = received(calls, b"".join(headers(each) for each in stream_ids))
    assert [type(event) for event in events] == [Started] * len(stream_ids)
    return [event.call for event in events]


def ending(sent: bytes, stream_id: int = 1) -> tuple[Status, str]:
    """Status and message that a call ends with, by its last HEADERS."""
    blocks = [each for each in parse(sent) if each.kind == frames.HEADERS and each.stream_id == stream_id]
    assert blocks[-1].flags & frames.END_STREAM
    decoded = dict(Decoder().decode(blocks[-1].payload, raw=True))
    return Status(int(decoded[b"grpc-status"])), decoded.get(b"grpc-message", b"").decode()


def body(sent: bytes, stream_id: int = 1) -> bytes:
    found = parse(sent)
    return b"".join(each.payload for each in found if (each.kind, each.stream_id) == (frames.DATA, stream_id))


def payloads(events: list[CallEvent]) -> list[bytes]:
    return [event.payload for event in events if isinstance(event, Received)]


def test_a_call_is_a_dialogue() -> None:
    calls = called()
    (call,) = begun(calls, 1)
    for payload in (b"one", b"", b"three"):
        assert received(calls, data(1, message(payload))) == [Received(call, payload)]
        assert calls.send(call, [ANSWER], 0.0)
    assert received(calls, data(1, end=True)) == [HalfClosed(call)]
    calls.finish(call)
    sent = calls.data_to_send()
    assert [each.kind for each in parse(sent)] == [1, 0, 0, 0, 1]
    assert body(sent) == message(ANSWER) * 3
    assert ending(sent) == (Status.OK, "")
    assert len(calls) == 0


def test_headers_messages_and_the_end_may_come_in_one_read() -> None:
    calls = called()
    events = received(calls, headers(1) + data(1, message(b"a") + message(b"b"), end=True))
    assert [type(event) for event in events] == [Started, Received, Received, HalfClosed]


def test_the_end_may_come_with_the_only_message() -> None:
    calls = called()
    (call,) = begun(calls, 1)
    assert received(calls, data(1, message(b"a"), end=True)) == [Received(call, b"a"), HalfClosed(call)]


def test_the_end_may_come_with_the_headers() -> None:
    events = received(called(), headers(1, end=True))
    assert [type(event) for event in events] == [Started, HalfClosed]


def test_the_end_may_come_as_trailers() -> None:
    calls = called()
    (call,) = begun(calls, 1)
    assert received(calls, headers(1, client.TRAILERS, end=True)) == [HalfClosed(call)]


def test_messages_may_be_cut_and_joined_in_any_way() -> None:
    calls = called()
    (call,) = begun(calls, 1)
    wire = message(b"a" * 300) + message(b"") + message(b"b" * 7)
    events = [event for byte in wire for event in received(calls, data(1, bytes((byte,))))]
    assert events == [Received(call, b"a" * 300), Received(call, b""), Received(call, b"b" * 7)]


def test_a_call_that_ends_within_a_message_is_an_error() -> None:
    calls = called()
    (call,) = begun(calls, 1)
    assert received(calls, data(1, message(b"abc")[:-1], end=True)) == [CallAborted(call)]
    assert ending(calls.data_to_send())[0] == Status.INTERNAL


def test_a_request_that_is_no_call_is_answered_and_not_told() -> None:
    calls = called()
    block = SIZE_ZERO + fields.encode([(n, b"/other" if n == b":path" else v) for n, v in REQUEST])
    assert received(calls, headers(1, block) + data(1, message(b"abc"))) == []
    sent = calls.data_to_send()
    assert ending(sent) == (Status.UNIMPLEMENTED, "no such method")
    assert [each.kind for each in parse(sent)] == [frames.HEADERS, frames.RST_STREAM]
    assert len(calls) == 0


def test_a_compressed_message_ends_its_call_and_no_other() -> None:
    calls = called()
    one, other = begun(calls, 1, 3)
    assert received(calls, data(1, message(b"abc", flag=1))) == [CallAborted(one)]
    assert ending(calls.data_to_send())[0] == Status.INTERNAL
    assert received(calls, data(3, message(b"abc"))) == [Received(other, b"abc")]


def test_a_message_above_the_limit_ends_its_call_when_its_prefix_comes() -> None:
    calls = called(ConnectionLimits(message=10))
    (call,) = begun(calls, 1)
    assert received(calls, data(1, message(bytes(10)))) == [Received(call, bytes(10))]
    assert received(calls, data(1, message(bytes(11))[:5])) == [CallAborted(call)]
    assert ending(calls.data_to_send()) == (Status.RESOURCE_EXHAUSTED, "message too large")


def test_incomplete_messages_of_all_calls_are_bounded_together() -> None:
    calls = called(ConnectionLimits(assembling=100))
    begun(calls, 1, 3)
    assert received(calls, data(1, message(bytes(1000))[:60]) + data(3, message(bytes(1000))[:40])) == []
    (event,) = received(calls, data(3, b"x"))
    assert isinstance(event, CallAborted)
    assert ending(calls.data_to_send(), 3)[0] == Status.RESOURCE_EXHAUSTED
    assert received(calls, data(1, bytes(40))) == []


def test_messages_that_came_whole_do_not_count_as_incomplete() -> None:
    calls = called(ConnectionLimits(assembling=100))
    (call,) = begun(calls, 1)
    for _ in range(10):
        assert received(calls, data(1, message(bytes(45)) + message(bytes(45)))) == [Received(call, bytes(45))] * 2
    assert calls._kept == 0


def test_a_call_that_was_reset_in_the_read_that_began_it_is_sent_nothing_not_even_headers() -> None:
    calls = called()
    events = calls.receive(headers(1) + rst(1, ErrorCode.CANCEL), 0.0)
    started = next(events)
    assert isinstance(started, Started)
    assert not calls.send(started.call, [ANSWER], 0.0)
    assert list(events) == []
    assert not [each for each in parse(calls.data_to_send()) if each.stream_id == 1]


def test_a_client_that_resets_is_gone() -> None:
    calls = called()
    (call,) = begun(calls, 1)
    assert received(calls, rst(1)) == [CallAborted(call)]
    assert not calls.send(call, [ANSWER], 0.0)
    calls.finish(call)
    calls.abort(call, Status.INTERNAL, "late")
    assert calls.data_to_send() == b""


def test_a_connection_error_ends_every_call() -> None:
    calls = called()
    one, other = begun(calls, 1, 3)
    assert received(calls, client.frame(frames.PING, 0, 5, bytes(8))) == [CallAborted(one), CallAborted(other)]
    assert calls.over
    assert calls.terminated is not None
    assert calls.terminated.code == ErrorCode.PROTOCOL_ERROR


def test_a_lost_transport_ends_every_call_once() -> None:
    calls = called()
    one, other = begun(calls, 1, 3)
    assert list(calls.lost()) == [CallAborted(one), CallAborted(other)]
    assert list(calls.lost()) == []


def test_nothing_is_told_of_a_call_that_was_ended_in_the_same_read() -> None:
    calls = called()
    (call,) = begun(calls, 1)
    events = calls.receive(data(1, message(b"a") + message(b"b")) + data(1, message(b"c"), end=True) + rst(1), 0.0)
    assert next(events) == Received(call, b"a")
    calls.abort(call, Status.INTERNAL, "no")
    assert list(events) == []


def test_an_abort_before_any_answer_is_trailers_alone() -> None:
    calls = called()
    (call,) = begun(calls, 1)
    calls.abort(call, Status.UNAVAILABLE, "extproc_overloaded")
    sent = calls.data_to_send()
    assert [each.kind for each in parse(sent)] == [frames.HEADERS, frames.RST_STREAM]
    assert ending(sent) == (Status.UNAVAILABLE, "extproc_overloaded")


def test_an_abort_after_an_answer_is_trailers() -> None:
    calls = called()
    (call,) = begun(calls, 1)
    calls.send(call, [ANSWER], 0.0)
    calls.abort(call, Status.INTERNAL, "no")
    sent = calls.data_to_send()
    assert [each.kind for each in parse(sent)] == [frames.HEADERS, frames.DATA, frames.HEADERS, frames.RST_STREAM]
    assert ending(sent) == (Status.INTERNAL, "no")


def test_an_abort_does_not_wait_for_the_clients_window() -> None:
    calls = called(window=0)
    (call,) = begun(calls, 1)
    calls.send(call, [ANSWER], 0.0)
    calls.abort(call, Status.INTERNAL, "no")
    sent = calls.data_to_send()
    assert body(sent) == b""
    assert ending(sent) == (Status.INTERNAL, "no")


def test_a_good_end_waits_for_the_clients_window() -> None:
    calls = called(window=0)
    (call,) = begun(calls, 1)
    received(calls, data(1, end=True))
    calls.send(call, [ANSWER], 0.0)
    calls.finish(call)
    calls.data_to_send()
    received(calls, frames.window_update(1, 1000))
    sent = calls.data_to_send()
    assert body(sent) == message(ANSWER)
    assert ending(sent) == (Status.OK, "")


def test_closing_ends_every_call_as_unavailable_and_never_as_ok() -> None:
    calls = called()
    one, other = begun(calls, 1, 3)
    calls.send(other, [ANSWER], 0.0)
    received(calls, data(3, end=True))
    assert list(calls.close("bye")) == [CallAborted(one), CallAborted(other)]
    sent = calls.data_to_send()
    assert ending(sent, 1) == ending(sent, 3) == (Status.UNAVAILABLE, "bye")
    assert parse(sent)[-1].kind == frames.GOAWAY
    assert calls.over


# Deadlines.


def with_timeout(value: bytes) -> bytes:
    return SIZE_ZERO + fields.encode([*REQUEST, (b"grpc-timeout", value)])


def test_a_deadline_that_passes_ends_the_call() -> None:
    calls = called()
    (started,) = received(calls, headers(1, with_timeout(b"500m")), 100.0)
    assert calls.wake_at <= 100.5
    assert list(calls.tick(100.4)) == []
    assert calls.wake_at == 100.5
    assert list(calls.tick(100.5)) == [CallAborted(started.call)]
    assert ending(calls.data_to_send())[0] == Status.DEADLINE_EXCEEDED


def test_a_call_that_ends_in_time_wakes_nobody() -> None:
    calls = called()
    (started, half_closed) = received(calls, headers(1, with_timeout(b"500m"), end=True))
    assert isinstance(half_closed, HalfClosed)
    calls.finish(started.call)
    assert list(calls.tick(1000.0)) == []
    assert calls.wake_at == math.inf


def test_many_calls_with_long_deadlines_leave_nothing_behind() -> None:
    calls = called()
    for index in range(2_000):
        (started,) = received(calls, headers(2 * index + 1, with_timeout(b"1H")), float(index))
        calls.abort(started.call, Status.INTERNAL, "no")
        calls.data_to_send()
    assert len(calls._deadlines) < 200
    assert len(calls) == 0


def test_a_stream_of_an_hour_stays_open_and_answers() -> None:
    """In compressed time: an event every ten seconds, a PING every fifteen."""
    calls = called()
    (call,) = begun(calls, 1)
    for second in range(0, 3600, 5):
        now = float(second)
        assert list(calls.tick(now)) == []
        if second % 15 == 0:
            assert received(calls, frames.ping(bytes(8), ack=False), now) == []
        if second % 10 == 0:
            assert received(calls, data(1, message(b"event")), now) == [Received(call, b"event")]
            assert calls.send(call, [ANSWER], now)
        calls.data_to_send()
    assert received(calls, data(1, end=True), 3600.0) == [HalfClosed(call)]


# Back-pressure.


def window_given(sent: bytes, stream_id: int = 1) -> int:
    found = [each for each in parse(sent) if (each.kind, each.stream_id) == (frames.WINDOW_UPDATE, stream_id)]
    return sum(frames.UINT32.unpack(each.payload)[0] for each in found)


SMALL = ConnectionLimits(stream_window=1000, connection_window=70_000, write_high=100, write_low=10)


def test_a_message_that_was_handled_gives_its_window_back() -> None:
    calls = called(SMALL)
    (call,) = begun(calls, 1)
    for _ in calls.receive(data(1, message(bytes(495))), 0.0):
        calls.pause(call)
    assert window_given(calls.data_to_send()) == 0
    assert list(calls.resume(call)) == []
    assert window_given(calls.data_to_send()) == 500
    assert payloads(received(calls, data(1, message(bytes(495))))) == [bytes(495)]
    assert window_given(calls.data_to_send()) == 500


def test_a_part_of_a_message_gives_its_window_back_at_once() -> None:
    """Or a message larger than the window could never come."""
    calls = called(SMALL)
    (call,) = begun(calls, 1)
    wire = message(bytes(10_000))
    while wire:
        sent, wire = wire[:500], wire[500:]
        events = received(calls, data(1, sent))
        if wire:
            assert window_given(calls.data_to_send()) == 500
    assert events == [Received(call, bytes(10_000))]


def test_a_paused_call_gets_no_message_and_gives_no_window_back() -> None:
    calls = called(SMALL)
    (call,) = begun(calls, 1)
    calls.pause(call)
    assert received(calls, data(1, message(bytes(295))) + data(1, message(bytes(695)))) == []
    assert window_given(calls.data_to_send()) == 0
    assert list(calls.resume(call)) == [Received(call, bytes(295)), Received(call, bytes(695))]
    assert window_given(calls.data_to_send()) == 1000


def test_a_call_paused_by_its_first_message_keeps_the_next_of_the_same_read() -> None:
    calls = called(SMALL)
    (call,) = begun(calls, 1)
    events = calls.receive(data(1, message(bytes(495)) + message(b"second")), 0.0)
    assert next(events) == Received(call, bytes(495))
    calls.pause(call)
    assert list(events) == []
    assert list(calls.resume(call)) == [Received(call, b"second")]
    assert window_given(calls.data_to_send()) == 511


def test_a_call_paused_within_a_whole_message_owes_its_window_until_it_resumes() -> None:
    calls = called(SMALL)
    (call,) = begun(calls, 1)
    events = calls.receive(data(1, message(bytes(695))), 0.0)
    next(events)
    calls.pause(call)
    assert list(events) == []
    assert window_given(calls.data_to_send()) == 0
    assert list(calls.resume(call)) == []
    assert window_given(calls.data_to_send()) == 700


def test_the_end_of_a_paused_call_is_told_after_its_messages() -> None:
    calls = called(SMALL)
    (call,) = begun(calls, 1)
    calls.pause(call)
    assert received(calls, data(1, message(b"last"), end=True)) == []
    assert list(calls.resume(call)) == [Received(call, b"last"), HalfClosed(call)]


def test_the_end_of_a_call_is_told_once_however_often_it_is_paused() -> None:
    calls = called(SMALL)
    (call,) = begun(calls, 1)
    assert received(calls, data(1, end=True)) == [HalfClosed(call)]
    calls.pause(call)
    assert list(calls.resume(call)) == []


def test_a_client_that_takes_no_answers_gets_no_more_until_it_does() -> None:
    calls = called(SMALL, window=0)
    (call,) = begun(calls, 1)
    events = calls.receive(data(1, message(b"first") + message(b"second")), 0.0)
    assert next(events) == Received(call, b"first")
    calls.send(call, [bytes(200)], 0.0)
    assert list(events) == []
    assert received(calls, data(1, message(b"third"))) == []
    assert received(calls, frames.window_update(1, 190)) == []
    assert received(calls, frames.window_update(1, 5)) == [Received(call, b"second"), Received(call, b"third")]


def test_a_client_that_takes_nothing_at_all_loses_the_call() -> None:
    calls = called(ConnectionLimits(write_limit=300), window=0)
    (call,) = begun(calls, 1)
    assert calls.send(call, [bytes(200)], 0.0)
    assert not calls.send(call, [bytes(200)], 0.0)
    assert call.over
    assert [each.kind for each in parse(calls.data_to_send())] == [frames.HEADERS, frames.RST_STREAM]


def test_a_stalled_call_is_gone() -> None:
    calls = called(ConnectionLimits(stall=10.0), window=0)
    (call,) = begun(calls, 1)
    calls.send(call, [ANSWER], 0.0)
    assert list(calls.tick(10.0)) == [CallAborted(call)]


def test_a_blocked_socket_holds_calls_once_much_waits() -> None:
    calls = called(SMALL)
    (call,) = begun(calls, 1)
    calls.block()
    calls.send(call, [bytes(200)], 0.0)
    calls.data_to_send()
    assert received(calls, data(1, message(b"held"))) == []
    assert list(calls.unblock(0.0)) == [Received(call, b"held")]
    assert body(calls.data_to_send()) == message(bytes(200))


def echo(calls: Calls, events: Iterator[CallEvent], now: float = 0.0) -> None:
    for event in events:
        if isinstance(event, Received):
            calls.send(event.call, [event.payload], now)
        elif isinstance(event, HalfClosed):
            calls.finish(event.call)


def test_a_gigabyte_echoed_to_a_client_that_reads_slowly_is_never_kept() -> None:
    """Full-duplex: the client sends as fast as it may, and reads 16 KiB for each 64 KiB that it could send."""
    calls = called(window=0)
    begun(calls, 1)
    piece = data(1, message(bytes(16_379)))
    window = ConnectionLimits().stream_window
    received_back = 0
    most = 0
    for _ in range(4_000):
        while window >= 16_384:
            window -= 16_384
            echo(calls, calls.receive(piece, 0.0))
            most = max(most, calls._kept + calls._connection.core.sending.queued)
        echo(calls, calls.receive(frames.window_update(1, 16_384), 0.0))
        sent = calls.data_to_send()
        window += window_given(sent)
        received_back += len(body(sent))
        assert not calls.over
    assert received_back >= 60_000_000
    assert most <= ConnectionLimits().write_high + ConnectionLimits().stream_window + 2 * 16_384


# Scale.


def test_ten_thousand_calls_at_once_are_served_and_leave_nothing_behind() -> None:
    calls = called()
    streams = range(1, 20_001, 2)
    open_calls = begun(calls, *streams)
    assert len(calls) == 10_000
    wire = b"".join(data(each, message(b"x")) for each in streams)
    echo(calls, calls.receive(wire, 0.0))
    assert parse(calls.data_to_send())[-1].stream_id == 19_999
    echo(calls, calls.receive(b"".join(data(each, end=True) for each in streams), 0.0))
    assert all(call.over for call in open_calls)
    assert len(calls) == 0
    assert calls._connection.core.streams.open == {}


def test_a_call_that_nobody_serves_answers_nothing() -> None:
    assert NOBODY.receive(b"x") == ()
    NOBODY.half_closed()
    NOBODY.gone()


@pytest.mark.parametrize("event", [Received(Call(Stream(1, 0, 0), b"/", compresses=False, timed=False), b"secret")])
def test_events_do_not_show_payloads(event: Received) -> None:
    assert "secret" not in repr(event)


def test_calls_that_begin_with_the_same_bytes_have_each_their_own_deadline() -> None:
    """Their request is one object, judged once."""
    calls = called()
    block = with_timeout(b"1S")
    received(calls, headers(1, block))
    (one,) = received(calls, headers(3, block), 5.0)
    (other,) = received(calls, headers(5, block), 5.5)
    assert list(calls.tick(6.0))[-1:] == [CallAborted(one.call)]
    assert list(calls.tick(6.5)) == [CallAborted(other.call)]


def test_calls_are_judged_anew_where_their_bytes_differ() -> None:
    calls = called()
    other = SIZE_ZERO + fields.encode([(n, b"/other" if n == b":path" else v) for n, v in REQUEST])
    assert [type(each) for each in received(calls, headers(1) + headers(3, other) + headers(5))] == [Started] * 2
    assert ending(calls.data_to_send(), 3)[0] == Status.UNIMPLEMENTED
