"""RFC 9113, 5.2 and 6.9: windows in both directions, and what waits for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.h2 import frames
from extproc.server.h2.connection import Connection
from extproc.server.h2.events import Data, Reset, Writable
from extproc.server.h2.frames import MAX_WINDOW, ErrorCode
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.status import Status, only_trailers
from tests.server.h2 import client
from tests.server.h2.client import data, ended_by, frame, headers, message, opened, parse, reset_by, taken

FLOW = ErrorCode.FLOW_CONTROL_ERROR
OK = only_trailers(Status.OK)
SMALL = ConnectionLimits(stream_window=100, connection_window=70_000)


def body(connection: Connection, stream_id: int = 1) -> bytes:
    """What is now sent of a stream's body."""
    sent = parse(connection.data_to_send())
    return b"".join(each.payload for each in sent if (each.kind, each.stream_id) == (frames.DATA, stream_id))


def updates(connection: Connection) -> list[tuple[int, int]]:
    sent = parse(connection.data_to_send())
    return [
        (each.stream_id, frames.UINT32.unpack(each.payload)[0]) for each in sent if each.kind == frames.WINDOW_UPDATE
    ]


# What the peer may send.


def test_5_2_a_stream_may_send_its_window_and_no_byte_more() -> None:
    connection = opened(1, 3, limits=SMALL)
    taken(connection, data(1, bytes(100)))
    assert reset_by(connection, data(1, b"x")) == (1, FLOW)
    taken(connection, data(3, bytes(100)))


def test_5_2_all_streams_together_may_send_the_connections_window_and_no_byte_more() -> None:
    limits = ConnectionLimits(stream_window=100_000, connection_window=70_000)
    connection = opened(1, 3, limits=limits)
    for stream_id, size in ((1, 16_384), (1, 16_384), (3, 16_384), (3, 16_384), (1, 4_464)):
        taken(connection, data(stream_id, bytes(size)))
    assert ended_by(connection, data(3, b"x")) == FLOW


def test_5_2_data_of_streams_that_are_over_counts_on_the_connection() -> None:
    limits = ConnectionLimits(stream_window=100_000, connection_window=70_000)
    connection = opened(1, 3, limits=limits)
    connection.receive(b"".join(data(1, bytes(16_384)) for _ in range(4)), 0.0)
    connection.reset(3, ErrorCode.CANCEL)
    connection.data_to_send()
    assert ended_by(connection, data(3, bytes(4_465))) == FLOW


def test_6_9_1_padding_counts() -> None:
    connection = opened(1, limits=SMALL)
    padded = frame(frames.DATA, frames.PADDED, 1, b"\x09" + bytes(90) + bytes(9))
    taken(connection, padded)
    assert reset_by(connection, data(1, b"x")) == (1, FLOW)


def test_the_window_is_given_back_when_the_consumer_says_so_and_not_before() -> None:
    connection = opened(1, limits=SMALL)
    connection.receive(data(1, bytes(100)), 0.0)
    assert updates(connection) == []
    connection.consumed(1, 49)
    assert updates(connection) == []
    connection.consumed(1, 1)
    assert updates(connection) == [(1, 50)]
    taken(connection, data(1, bytes(50)))
    assert reset_by(connection, data(1, b"x")) == (1, FLOW)


def test_the_connections_window_is_given_back_with_the_streams() -> None:
    connection = opened(1, 3, limits=ConnectionLimits(stream_window=50_000, connection_window=70_000))
    for stream_id in (1, 3):
        for _ in range(2):
            connection.receive(data(stream_id, bytes(10_000)), 0.0)
            connection.consumed(stream_id, 10_000)
    assert updates(connection) == [(0, 40_000)]


def test_padding_is_given_back_without_being_asked_for() -> None:
    connection = opened(1, limits=SMALL)
    connection.receive(frame(frames.DATA, frames.PADDED, 1, b"\x31" + bytes(10) + bytes(49)), 0.0)
    assert updates(connection) == [(1, 50)]


def test_no_window_is_given_to_a_stream_that_has_ended() -> None:
    connection = opened(1, limits=SMALL)
    connection.receive(data(1, bytes(100), end=True), 0.0)
    connection.consumed(1, 100)
    assert updates(connection) == []


@pytest.mark.parametrize("how", ["reset", "peer", "finish"])
def test_what_a_stream_still_holds_at_its_end_is_given_back_to_the_connection(how: str) -> None:
    connection = opened(1, limits=ConnectionLimits(stream_window=100_000, connection_window=70_000))
    connection.receive(data(1, bytes(16_000)) * 3, 0.0)
    assert updates(connection) == []
    if how == "reset":
        connection.reset(1, ErrorCode.CANCEL)
    elif how == "peer":
        connection.receive(client.rst(1), 0.0)
    else:
        connection.finish(1, OK)
    assert updates(connection) == [(0, 48_000)]
    connection.consumed(1, 48_000)
    assert updates(connection) == []


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 200), st.booleans()), max_size=60))
def test_whatever_is_consumed_when_the_windows_add_up(steps: list[tuple[int, int, bool]]) -> None:
    """What the peer may still send, what is held and what is owed make up the window, always."""
    limits = ConnectionLimits(stream_window=10_000, connection_window=70_000)
    connection = opened(1, limits=limits)
    core = connection.core
    stream = core.streams.open[1]
    held = 0
    for size, padding, consume in steps:
        payload = bytes((padding,)) + bytes(size) + bytes(padding)
        if len(payload) > stream.window:
            break
        taken(connection, frame(frames.DATA, frames.PADDED, 1, payload))
        held += size
        if consume:
            connection.consumed(1, held)
            held = 0
            connection.data_to_send()
        assert stream.held == core.receiving.held == held
        assert 5_000 < stream.window + held <= limits.stream_window
        assert 35_000 < core.receiving.window + held <= limits.connection_window


# What we may send.


def test_6_9_2_a_window_of_0_holds_everything_but_headers() -> None:
    connection = opened(1, window=0)
    client.respond(connection, 1, OK)
    assert connection.send(1, b"abc", 0.0) == 8
    assert [each.kind for each in parse(connection.data_to_send())] == [frames.HEADERS]


def test_6_9_2_a_window_of_1_lets_a_message_out_byte_by_byte() -> None:
    connection = opened(1, window=1)
    connection.send(1, b"abc", 0.0)
    sent = [body(connection)]
    for _ in range(7):
        connection.receive(frames.window_update(1, 1), 0.0)
        sent.append(body(connection))
    assert [len(each) for each in sent] == [1] * 8
    assert b"".join(sent) == message(b"abc")
    connection.receive(frames.window_update(1, 1), 0.0)
    assert connection.data_to_send() == b""


def test_6_9_1_the_default_windows_are_65535() -> None:
    connection = Connection(ConnectionLimits(), 0.0)
    connection.receive(frames.PREFACE + client.settings() + frames.SETTINGS_ACK + headers(1) + headers(3), 0.0)
    connection.data_to_send()
    connection.send(1, bytes(70_000), 0.0)
    assert len(body(connection)) == 65_535
    connection.receive(frames.window_update(0, 10), 0.0)
    assert body(connection) == b""  # the stream's own window is used up as well
    connection.send(3, bytes(100), 0.0)
    assert len(body(connection, 3)) == 10


def test_6_9_1_the_connections_window_is_shared_in_turns() -> None:
    connection = Connection(ConnectionLimits(), 0.0)
    greeting = frames.PREFACE + client.settings((0x4, 1 << 20)) + frames.SETTINGS_ACK
    connection.receive(greeting + headers(1) + headers(3) + headers(5), 0.0)
    connection.send(1, bytes(65_530), 0.0)
    for stream_id in (1, 3, 5):
        connection.send(stream_id, bytes(40_000), 0.0)
    connection.data_to_send()
    connection.receive(frames.window_update(0, 16_384 * 6), 0.0)
    sent = [each.stream_id for each in parse(connection.data_to_send()) if each.kind == frames.DATA]
    assert sent == [1, 3, 5, 1, 3, 5]


def test_6_9_2_a_larger_initial_window_lets_waiting_answers_out() -> None:
    connection = opened(1, window=0)
    connection.send(1, b"abc", 0.0)
    connection.data_to_send()
    connection.receive(client.settings((0x4, 5)), 0.0)
    assert body(connection) == message(b"abc")[:5]


def test_6_9_2_a_window_can_become_negative_and_must_be_made_up_for() -> None:
    connection = opened(1, window=100)
    connection.send(1, bytes(75), 0.0)  # 80 bytes
    assert len(body(connection)) == 80
    connection.receive(client.settings((0x4, 30)), 0.0)
    assert connection.core.streams.open[1].send_window == -50
    connection.send(1, b"abc", 0.0)
    connection.receive(frames.window_update(1, 50), 0.0)
    assert body(connection) == b""
    connection.receive(frames.window_update(1, 1), 0.0)
    assert len(body(connection)) == 1
    connection.receive(client.settings((0x4, 100)), 0.0)
    assert len(body(connection)) == 7


def test_6_9_2_new_streams_start_with_the_new_window() -> None:
    connection = opened(1, window=10)
    connection.receive(client.settings((0x4, 20)) + headers(3), 0.0)
    assert connection.core.streams.open[3].send_window == 20


def test_6_9_2_the_connections_window_does_not_change_with_settings() -> None:
    connection = opened(1)
    before = connection.core.sending.window
    connection.receive(client.settings((0x4, 1)), 0.0)
    assert connection.core.sending.window == before


def test_6_9_1_a_stream_window_above_the_maximum_is_an_error_of_the_stream() -> None:
    connection = opened(1, window=MAX_WINDOW - 10)
    taken(connection, frames.window_update(1, 10))
    assert reset_by(connection, frames.window_update(1, 1)) == (1, FLOW)


def test_6_9_1_a_connection_window_above_the_maximum_is_an_error_of_the_connection() -> None:
    connection = opened(1)
    room = MAX_WINDOW - connection.core.sending.window
    taken(connection, frames.window_update(0, room))
    assert ended_by(connection, frames.window_update(0, 1)) == FLOW


def test_6_9_2_a_window_above_the_maximum_by_settings_is_an_error_of_the_connection() -> None:
    connection = opened(1, window=100)
    taken(connection, frames.window_update(1, 10))
    taken(connection, client.settings((0x4, MAX_WINDOW - 10)))
    assert ended_by(connection, client.settings((0x4, MAX_WINDOW - 9))) == FLOW


def test_answers_stay_in_order_when_a_later_one_would_fit() -> None:
    connection = opened(1, window=10)
    connection.send(1, b"first-long", 0.0)
    connection.send(1, b"", 0.0)
    connection.receive(frames.window_update(1, 1000), 0.0)
    assert body(connection) == message(b"first-long") + message(b"")


def test_trailers_wait_for_the_answers_before_them() -> None:
    connection = opened(1, window=3)
    connection.receive(data(1, end=True), 0.0)
    connection.send(1, b"abc", 0.0)
    connection.finish(1, OK)
    assert [each.kind for each in parse(connection.data_to_send())] == [frames.DATA]
    connection.receive(frames.window_update(1, 5), 0.0)
    assert [each.kind for each in parse(connection.data_to_send())] == [frames.DATA, frames.HEADERS]
    assert 1 not in connection.core.streams.open


def test_trailers_of_an_abort_do_not_wait() -> None:
    connection = opened(1, window=3)
    connection.send(1, b"abc", 0.0)
    connection.finish(1, OK, at_once=True)
    kinds = [each.kind for each in parse(connection.data_to_send())]
    assert kinds == [frames.DATA, frames.HEADERS, frames.RST_STREAM]
    assert connection.core.sending.queued == 0


def test_a_stream_that_is_reset_while_it_waits_leaves_nothing_behind() -> None:
    connection = opened(1, 3, window=0)
    connection.send(1, b"abc", 0.0)
    connection.send(3, b"abc", 0.0)
    connection.receive(client.rst(1), 0.0)
    assert connection.core.sending.queued == 8
    connection.receive(client.settings((0x4, 100)), 0.0)
    assert body(connection, 3) == message(b"abc")


def test_a_stream_that_is_reset_while_it_stands_in_line_leaves_the_line() -> None:
    connection = Connection(ConnectionLimits(), 0.0)
    greeting = frames.PREFACE + client.settings((0x4, 1 << 20)) + frames.SETTINGS_ACK
    connection.receive(greeting + headers(1) + headers(3) + headers(5), 0.0)
    connection.send(1, bytes(65_530), 0.0)  # all of the connection's window
    connection.send(3, b"abc", 0.0)
    connection.send(5, b"def", 0.0)
    connection.receive(client.rst(3), 0.0)
    connection.data_to_send()
    assert list(connection.core.sending._line) == [5]
    connection.receive(frames.window_update(0, 100), 0.0)
    assert [each.stream_id for each in parse(connection.data_to_send())] == [5]


def test_a_socket_that_takes_no_more_keeps_answers_here() -> None:
    connection = opened(1, 3)
    connection.block()
    assert connection.send(1, b"abc", 0.0) == 8
    connection.receive(frames.window_update(1, 1) + frames.window_update(0, 1), 0.0)
    assert connection.data_to_send() == b""
    assert connection.unblock(0.0) == []
    assert body(connection) == message(b"abc")
    assert connection.send(1, b"abc", 0.0) == 0


def test_a_clogged_stream_tells_once_when_there_is_room_again() -> None:
    limits = ConnectionLimits(write_high=100, write_low=20)
    connection = opened(1, window=0, limits=limits)
    assert connection.send(1, bytes(50), 0.0) <= limits.write_high
    assert connection.send(1, bytes(50), 0.0) > limits.write_high
    assert connection.receive(frames.window_update(1, 89), 0.0) == []
    assert connection.receive(frames.window_update(1, 1), 0.0) == [Writable(1)]
    assert connection.receive(frames.window_update(1, 20), 0.0) == []


@given(
    st.lists(st.integers(0, 3_000), min_size=1, max_size=8),
    st.lists(st.one_of(st.integers(1, 4_000), st.integers(-3_000, -1)), max_size=30),
    st.integers(0, 2_000),
)
def test_however_the_windows_move_every_byte_goes_out_once_and_in_order(
    sizes: list[int], moves: list[int], window: int
) -> None:
    connection = opened(1, window=window)
    payloads = [bytes((index,)) * size for index, size in enumerate(sizes)]
    sent = b""
    allowed = initial = window
    for payload in payloads:
        connection.send(1, payload, 0.0)
    sent += body(connection)
    for move in moves:
        if move > 0:
            connection.receive(frames.window_update(1, move), 0.0)
            allowed += move
        else:
            allowed += -move - initial
            initial = -move
            connection.receive(client.settings((0x4, initial)), 0.0)
        new = body(connection)
        sent += new
        assert connection.core.streams.open[1].send_window == allowed - len(sent)
        assert not new or allowed >= len(sent)
    connection.receive(frames.window_update(1, 100_000), 0.0)
    sent += body(connection)
    assert sent == b"".join(message(payload) for payload in payloads)


def test_a_reset_by_stall_is_told() -> None:
    connection = opened(1, window=0, limits=ConnectionLimits(stall=10.0))
    connection.send(1, b"abc", 5.0)
    connection.data_to_send()
    assert connection.wake_at <= 15.0
    assert connection.tick(14.9) == []
    assert connection.tick(15.0) == [Reset(1, ErrorCode.ENHANCE_YOUR_CALM, by_peer=False)]
    assert [each.kind for each in parse(connection.data_to_send())] == [frames.RST_STREAM]


def test_any_progress_starts_the_time_of_a_stall_anew() -> None:
    connection = opened(1, window=0, limits=ConnectionLimits(stall=10.0))
    connection.send(1, b"abc", 0.0)
    connection.receive(frames.window_update(1, 1), 9.0)
    assert connection.tick(18.9) == []
    connection.receive(frames.window_update(1, 7), 18.9)
    assert connection.tick(1000.0) == []


def test_the_events_of_one_read_come_in_its_order() -> None:
    connection = opened(1, window=0, limits=ConnectionLimits(write_high=10, write_low=0))
    connection.send(1, bytes(50), 0.0)
    sent = data(1, b"a") + frames.window_update(1, 55) + data(1, b"b")
    assert connection.receive(sent, 0.0) == [Data(1, b"a", ended=False), Writable(1), Data(1, b"b", ended=False)]
