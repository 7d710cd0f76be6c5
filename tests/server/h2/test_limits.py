"""What a hostile client can send without end: each thing has a limit, tested at it and one past it."""

from collections.abc import Callable

import pytest

from extproc.server.h2 import fields, frames
from extproc.server.h2.connection import Connection
from extproc.server.h2.events import RequestStarted, Terminated
from extproc.server.h2.frames import ConnectionFault, ErrorCode
from extproc.server.h2.limits import ConnectionLimits, Rate, RateMeter
from extproc.server.h2.status import Status, only_trailers
from tests.gathered import gathered
from tests.server.h2 import client
from tests.server.h2.client import BLOCK, connected, data, ended_by, frame, headers, opened, parse, rst, taken

CALM = ErrorCode.ENHANCE_YOUR_CALM
FEW = Rate(5, 1.0)
"""Five at once, one a second after that."""
AND_THE_GREETING = Rate(6, 1.0)
"""The same beside the one WINDOW_UPDATE of the greeting."""


# The meter itself.


def count(meter: RateMeter, times: int, now: float) -> None:
    for _ in range(times):
        meter.count(now)


def test_a_meter_takes_its_burst_and_nothing_more_at_once() -> None:
    meter = RateMeter(FEW, "too many", 0.0)
    count(meter, 5, 0.0)
    with pytest.raises(ConnectionFault) as caught:
        meter.count(0.0)
    assert (caught.value.code, caught.value.reason) == (CALM, "too many")


def test_a_meter_takes_its_rate_for_ever() -> None:
    meter = RateMeter(FEW, "too many", 0.0)
    count(meter, 5, 0.0)
    for second in range(1, 3601):
        meter.count(float(second))


def test_a_meter_earns_no_more_than_a_burst_however_long_it_rests() -> None:
    meter = RateMeter(FEW, "too many", 0.0)
    count(meter, 5, 0.0)
    count(meter, 5, 10_000.0)
    with pytest.raises(ConnectionFault):
        meter.count(10_000.0)


# Floods: what may come five times, at once.


def reset_before_an_answer(index: int) -> bytes:
    return headers(2 * index + 1) + rst(2 * index + 1)


def malformed_request(index: int) -> bytes:
    """The server itself resets the stream, which costs as much ("MadeYouReset", CVE-2025-8671)."""
    return headers(2 * index + 1, client.TRAILERS)


def window_update_by_0(index: int) -> bytes:
    return headers(2 * index + 1) + frames.window_update(2 * index + 1, 0)


FLOODS: dict[str, tuple[ConnectionLimits, Callable[[int], bytes]]] = {
    "ping": (ConnectionLimits(pings=FEW), lambda _: frames.ping(bytes(8), ack=False)),
    "ping-ack": (ConnectionLimits(pings=FEW), lambda _: frames.ping(bytes(8), ack=True)),
    "window-update": (ConnectionLimits(updates=AND_THE_GREETING), lambda _: frames.window_update(0, 1)),
    "window-update-of-a-stream": (ConnectionLimits(updates=AND_THE_GREETING), lambda _: frames.window_update(99, 1)),
    "rst-of-a-stream-that-is-over": (ConnectionLimits(updates=AND_THE_GREETING), lambda _: rst(99)),
    "data-of-a-stream-that-we-reset": (ConnectionLimits(updates=AND_THE_GREETING), lambda _: data(97, b"x")),
    "headers-of-a-stream-that-we-reset": (
        ConnectionLimits(updates=AND_THE_GREETING),
        lambda _: headers(97, client.TRAILERS),
    ),
    "rapid-reset": (ConnectionLimits(resets=FEW), lambda index: reset_before_an_answer(index + 100)),
    "made-you-reset": (ConnectionLimits(resets=FEW), lambda index: malformed_request(index + 100)),
    "made-you-reset-by-window": (ConnectionLimits(resets=FEW), lambda index: window_update_by_0(index + 100)),
    "refused-streams": (ConnectionLimits(resets=FEW, streams=1), lambda index: headers(2 * index + 201)),
    "priority": (ConnectionLimits(idle_frames=FEW), lambda _: frame(frames.PRIORITY, 0, 99, bytes(5))),
    "unknown": (ConnectionLimits(idle_frames=FEW), lambda _: frame(0x99)),
    "goaway": (ConnectionLimits(idle_frames=FEW), lambda _: frames.goaway(0, 0)),
    "empty-data": (ConnectionLimits(idle_frames=FEW), lambda _: data(1)),
    "data-of-padding-alone": (
        ConnectionLimits(idle_frames=FEW),
        lambda _: frame(frames.DATA, 8, 1, b"\x03" + bytes(3)),
    ),
}


def flooded(limits: ConnectionLimits) -> Connection:
    """A connection on which 1 is open, 97 was reset by us, and 99 is over."""
    connection = opened(1, 97, 99, limits=limits) if limits.streams > 1 else opened(1, limits=limits)
    if limits.streams > 1:
        connection.reset(97, ErrorCode.CANCEL)
        connection.receive(data(99, end=True), 0.0)
        connection.finish(99, only_trailers(Status.OK))
        connection.data_to_send()
    return connection


@gathered("name", FLOODS)
def test_a_flood_is_taken_up_to_its_limit(name: str) -> None:
    limits, one = FLOODS[name]
    connection = flooded(limits)
    connection.receive(b"".join(one(index) for index in range(5)), 0.0)
    assert not connection.over


@gathered("name", FLOODS)
def test_a_flood_past_its_limit_ends_the_connection(name: str) -> None:
    limits, one = FLOODS[name]
    connection = flooded(limits)
    assert ended_by(connection, b"".join(one(index) for index in range(6))) == CALM


@gathered("name", FLOODS)
def test_the_same_frames_at_the_limits_rate_are_no_flood(name: str) -> None:
    limits, one = FLOODS[name]
    connection = flooded(limits)
    for index in range(60):
        connection.receive(one(index), float(index))
        connection.data_to_send()
    assert not connection.over


def test_settings_past_their_limit_end_the_connection() -> None:
    """The greeting counts as well."""
    connection = connected(ConnectionLimits(settings=FEW))
    taken(connection, client.settings((0x4, 1)) * 4)
    assert ended_by(connection, client.settings((0x4, 2))) == CALM


def test_resets_of_answered_streams_are_not_rapid_resets() -> None:
    """Envoy resets nearly every stream at its end."""
    connection = connected(ConnectionLimits(resets=FEW))
    for index in range(100):
        stream_id = 2 * index + 1
        connection.receive(headers(stream_id), 0.0)
        client.respond(connection, stream_id, fields.status(200))
        connection.receive(rst(stream_id), 0.0)
    assert not connection.over


def test_the_last_empty_frame_of_a_stream_is_not_counted() -> None:
    connection = connected(ConnectionLimits(idle_frames=FEW))
    for index in range(100):
        connection.receive(headers(2 * index + 1) + data(2 * index + 1, end=True), 0.0)
        connection.finish(2 * index + 1, only_trailers(Status.OK))
    assert not connection.over


# What Envoy and grpc-core do in earnest stays far below the defaults.


def test_the_defaults_let_envoy_cancel_every_stream_of_a_full_connection_at_once() -> None:
    connection = connected()
    streams = range(1, 2 * ConnectionLimits().streams, 2)
    connection.receive(b"".join(headers(each) for each in streams), 0.0)
    connection.receive(b"".join(rst(each) for each in streams), 0.0)
    assert not connection.over


def test_the_defaults_let_a_busy_envoy_do_5000_exchanges_a_second() -> None:
    connection = connected()
    for index in range(10_000):
        stream_id = 2 * index + 1
        now = index / 5000
        connection.receive(headers(stream_id) + data(stream_id, b"x"), now)
        client.respond(connection, stream_id, fields.status(200))
        connection.receive(frames.window_update(0, 10) + data(stream_id, end=True) + rst(stream_id), now)
        connection.data_to_send()
    assert not connection.over


# Header blocks.


def in_pieces(pieces: int) -> bytes:
    """A request whose block is continued so many times."""
    middle = b"".join(frame(frames.CONTINUATION, 0, 1, BLOCK[each : each + 1]) for each in range(pieces - 1))
    last = frame(frames.CONTINUATION, frames.END_HEADERS, 1, BLOCK[pieces - 1 :])
    return frame(frames.HEADERS, 0, 1, b"") + middle + last


def test_so_many_continuations_are_taken() -> None:
    assert [type(event) for event in taken(connected(ConnectionLimits(continuations=4)), in_pieces(4))] == [
        RequestStarted
    ]


def test_one_continuation_more_ends_the_connection() -> None:
    assert ended_by(connected(ConnectionLimits(continuations=4)), in_pieces(5)) == CALM


def test_an_endless_block_of_empty_continuations_ends_at_the_limit() -> None:
    connection = connected()
    connection.receive(frame(frames.HEADERS, 0, 1, b""), 0.0)
    for _ in range(ConnectionLimits().continuations):
        taken(connection, frame(frames.CONTINUATION, 0, 1, b""))
    assert ended_by(connection, frame(frames.CONTINUATION, 0, 1, b"")) == CALM


def test_an_encoded_block_may_grow_to_the_limit_of_the_list_and_no_further() -> None:
    connection = connected(ConnectionLimits(header_list=1000))
    connection.receive(frame(frames.HEADERS, 0, 1, bytes(600)), 0.0)
    taken(connection, frame(frames.CONTINUATION, 0, 1, bytes(400)))
    assert ended_by(connection, frame(frames.CONTINUATION, 0, 1, bytes(1))) == CALM


def test_the_first_piece_of_a_block_is_held_to_the_limit_as_well() -> None:
    connection = connected(ConnectionLimits(header_list=1000))
    assert ended_by(connection, frame(frames.HEADERS, 0, 1, bytes(1001))) == CALM


def test_a_block_that_never_ends_ends_the_connection_after_its_time() -> None:
    connection = connected(ConnectionLimits(header_block=3.0))
    connection.receive(frame(frames.HEADERS, 0, 1, BLOCK[:5]), 10.0)
    assert connection.wake_at <= 13.0
    assert connection.tick(12.9) == []
    (event,) = connection.tick(13.0)
    assert isinstance(event, Terminated)


def test_a_block_that_ends_in_time_is_forgotten_by_the_clock() -> None:
    connection = connected(ConnectionLimits(header_block=3.0))
    connection.receive(frame(frames.HEADERS, 0, 1, BLOCK[:5]), 10.0)
    connection.receive(frame(frames.CONTINUATION, frames.END_HEADERS, 1, BLOCK[5:]), 12.0)
    assert connection.tick(1000.0) == []


@pytest.mark.parametrize("sent", [b"", frames.PREFACE[:10], frames.PREFACE, frames.PREFACE + b"\0\0\x06\x04"])
def test_a_slow_preface_ends_the_connection_after_its_time(sent: bytes) -> None:
    connection = Connection(ConnectionLimits(preface=2.0, settings_ack=5.0), 0.0)
    connection.receive(sent, 1.0)
    assert connection.wake_at <= 2.0
    assert connection.tick(1.9) == []
    (event,) = connection.tick(2.0)
    assert isinstance(event, Terminated)


# Answers that the peer does not take.


def test_answers_wait_up_to_the_limit_of_a_stream() -> None:
    connection = opened(1, window=0, limits=ConnectionLimits(write_limit=100))
    assert connection.send(1, bytes(95), 0.0) == 100
    assert connection.send(1, b"", 0.0) == -1
    assert [each.kind for each in parse(connection.data_to_send())] == [frames.RST_STREAM]
    assert 1 not in connection.core.streams.open


def test_answers_wait_up_to_the_limit_of_the_connection() -> None:
    connection = opened(1, 3, 5, window=0, limits=ConnectionLimits(write_total=100))
    assert connection.send(1, bytes(45), 0.0) == 50
    assert connection.send(3, bytes(45), 0.0) == 50
    assert connection.send(5, b"", 0.0) == -1
    connection.receive(rst(1), 0.0)
    assert connection.send(3, bytes(45), 0.0) == 100


def test_one_answer_may_have_any_size() -> None:
    connection = opened(1, 3, window=0, limits=ConnectionLimits(write_limit=100, write_total=100))
    assert connection.send(1, bytes(995), 0.0) == 1000
    assert connection.send(3, b"", 0.0) == -1
    assert connection.send(1, b"", 0.0) == -1


def test_what_went_out_does_not_count() -> None:
    connection = opened(1, window=60, limits=ConnectionLimits(write_limit=50, write_total=50))
    assert connection.send(1, bytes(45), 0.0) == 0
    assert connection.send(1, bytes(45), 0.0) == 40
    connection.receive(frames.window_update(1, 40), 0.0)
    assert connection.send(1, bytes(45), 0.0) == 50


def test_clients_that_open_and_drop_clogged_streams_leave_nothing_behind() -> None:
    connection = connected(window=0)
    for index in range(2000):
        stream_id = 2 * index + 1
        connection.receive(headers(stream_id), float(index))
        client.respond(connection, stream_id, fields.status(200))
        connection.send(stream_id, b"abc", float(index))
        connection.receive(rst(stream_id), float(index))
        connection.data_to_send()
    core = connection.core
    assert core.sending.queued == 0
    assert len(core.sending._line) == 0
    assert len(core.streams.open) == 0
    assert len(core.timers) < 200
