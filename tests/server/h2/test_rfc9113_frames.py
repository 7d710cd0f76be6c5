"""RFC 9113, section 6: each frame, well-formed and not."""

import pytest

from extproc.server.h2 import frames
from extproc.server.h2.connection import Connection
from extproc.server.h2.events import Data, RequestStarted, Reset
from extproc.server.h2.frames import ErrorCode
from extproc.server.h2.limits import ConnectionLimits
from tests.server.h2 import client
from tests.server.h2.client import BLOCK, connected, data, ended_by, frame, headers, opened, parse, reset_by, taken

SIZE = ErrorCode.FRAME_SIZE_ERROR
PROTOCOL = ErrorCode.PROTOCOL_ERROR
FLOW = ErrorCode.FLOW_CONTROL_ERROR


def padded(kind: int, flags: int, payload: bytes, padding: int, claimed: int | None = None) -> bytes:
    size = bytes((padding if claimed is None else claimed,))
    return frame(kind, flags | frames.PADDED, 1, size + payload + bytes(padding))


def test_6_1_data_on_stream_0_is_a_protocol_error() -> None:
    assert ended_by(connected(), data(0, b"x")) == PROTOCOL


@pytest.mark.parametrize("padding", [0, 1, 255])
def test_6_1_padding_of_data_is_taken_off(padding: int) -> None:
    assert taken(opened(1), padded(frames.DATA, 0, b"abc", padding)) == [Data(1, b"abc", ended=False)]


def test_6_1_data_may_be_all_padding() -> None:
    assert taken(opened(1), padded(frames.DATA, 0, b"", 9)) == [Data(1, b"", ended=False)]


@pytest.mark.parametrize("claimed", [4, 5, 255])
def test_6_1_padding_as_long_as_the_payload_is_a_protocol_error(claimed: int) -> None:
    assert ended_by(opened(1), padded(frames.DATA, 0, b"abc", 0, claimed)) == PROTOCOL


def test_6_1_padded_data_without_a_length_of_padding_is_a_frame_size_error() -> None:
    assert ended_by(opened(1), frame(frames.DATA, frames.PADDED, 1)) == SIZE


def test_6_2_padding_of_headers_is_taken_off() -> None:
    sent = padded(frames.HEADERS, frames.END_HEADERS, BLOCK, 17)
    assert [type(event) for event in taken(connected(), sent)] == [RequestStarted]


def test_6_2_priority_in_headers_is_taken_off() -> None:
    sent = frame(frames.HEADERS, frames.END_HEADERS | frames.PRIORITY_FLAG, 1, bytes(5) + BLOCK)
    assert [type(event) for event in taken(connected(), sent)] == [RequestStarted]


def test_6_2_padding_and_priority_come_together() -> None:
    sent = padded(frames.HEADERS, frames.END_HEADERS | frames.PRIORITY_FLAG, bytes(5) + BLOCK, 3)
    assert [type(event) for event in taken(connected(), sent)] == [RequestStarted]


def test_6_2_padding_may_not_reach_into_the_priority() -> None:
    sent = padded(frames.HEADERS, frames.END_HEADERS | frames.PRIORITY_FLAG, bytes(5), 0, claimed=1)
    assert ended_by(connected(), sent) == PROTOCOL


def test_6_2_headers_too_short_for_their_priority_are_a_frame_size_error() -> None:
    sent = frame(frames.HEADERS, frames.END_HEADERS | frames.PRIORITY_FLAG, 1, bytes(4))
    assert ended_by(connected(), sent) == SIZE


def test_6_2_headers_on_stream_0_are_a_protocol_error() -> None:
    assert ended_by(connected(), headers(0)) == PROTOCOL


def test_6_3_priority_is_ignored_in_every_state() -> None:
    connection = opened(1)
    for stream_id in (1, 3, 2):
        assert taken(connection, frame(frames.PRIORITY, 0, stream_id, bytes(5))) == []


def test_6_3_a_stream_may_depend_on_itself_for_all_we_care() -> None:
    assert taken(opened(1), frame(frames.PRIORITY, 0, 1, b"\0\0\0\1\x10")) == []


def test_6_3_priority_on_stream_0_is_a_protocol_error() -> None:
    assert ended_by(connected(), frame(frames.PRIORITY, 0, 0, bytes(5))) == PROTOCOL


def test_6_3_priority_of_a_wrong_size_is_an_error_of_its_stream() -> None:
    assert reset_by(opened(1), frame(frames.PRIORITY, 0, 1, bytes(4))) == (1, SIZE)


def test_6_3_or_of_the_connection_where_there_is_no_stream_to_reset() -> None:
    assert ended_by(connected(), frame(frames.PRIORITY, 0, 1, bytes(6))) == SIZE


def test_6_4_rst_stream_ends_a_stream() -> None:
    assert taken(opened(1), client.rst(1, 0xB)) == [Reset(1, 0xB, by_peer=True)]


def test_6_4_rst_stream_with_an_unknown_code_is_taken_as_it_is() -> None:
    assert taken(opened(1), client.rst(1, 0xFFFF)) == [Reset(1, 0xFFFF, by_peer=True)]


def test_6_4_rst_stream_on_stream_0_is_a_protocol_error() -> None:
    assert ended_by(connected(), client.rst(0)) == PROTOCOL


def test_6_4_rst_stream_on_an_idle_stream_is_a_protocol_error() -> None:
    assert ended_by(connected(), client.rst(1)) == PROTOCOL


@pytest.mark.parametrize("size", [0, 3, 5])
def test_6_4_rst_stream_of_a_wrong_size_is_a_frame_size_error(size: int) -> None:
    assert ended_by(opened(1), frame(frames.RST_STREAM, 0, 1, bytes(size))) == SIZE


def test_6_5_settings_on_a_stream_are_a_protocol_error() -> None:
    assert ended_by(opened(1), frame(frames.SETTINGS, 0, 1)) == PROTOCOL


@pytest.mark.parametrize("size", [1, 5, 7])
def test_6_5_settings_of_a_wrong_size_are_a_frame_size_error(size: int) -> None:
    assert ended_by(connected(), frame(frames.SETTINGS, 0, 0, bytes(size))) == SIZE


def test_6_5_an_acknowledgement_with_a_payload_is_a_frame_size_error() -> None:
    connection = Connection(ConnectionLimits(), 0.0)
    connection.receive(frames.PREFACE + client.settings(), 0.0)
    assert ended_by(connection, frame(frames.SETTINGS, frames.ACK, 0, bytes(6))) == SIZE


@pytest.mark.parametrize("value", [2, 0xFFFFFFFF])
def test_6_5_2_enable_push_is_0_or_1(value: int) -> None:
    assert taken(connected(), client.settings((0x2, 0), (0x2, 1))) == []
    assert ended_by(connected(), client.settings((0x2, value))) == PROTOCOL


def test_6_5_2_initial_window_size_above_maximum_is_a_flow_control_error() -> None:
    assert taken(connected(), client.settings((0x4, 0x7FFFFFFF))) == []
    assert ended_by(connected(), client.settings((0x4, 0x80000000))) == FLOW


@pytest.mark.parametrize("value", [0, 16_383, 1 << 24])
def test_6_5_2_max_frame_size_out_of_its_range_is_a_protocol_error(value: int) -> None:
    assert ended_by(connected(), client.settings((0x5, value))) == PROTOCOL


@pytest.mark.parametrize("value", [16_384, (1 << 24) - 1])
def test_6_5_2_max_frame_size_may_be_anything_in_its_range(value: int) -> None:
    assert taken(connected(), client.settings((0x5, value))) == []


@pytest.mark.parametrize("size", [16_384, 20_000])
def test_6_5_2_max_frame_size_bounds_what_we_send(size: int) -> None:
    connection = opened(1)
    connection.receive(client.settings((0x5, size)), 0.0)
    connection.data_to_send()
    connection.send(1, bytes(50_000), 0.0)
    sent = parse(connection.data_to_send())
    assert max(len(each.payload) for each in sent) == size
    assert b"".join(each.payload for each in sent) == client.message(bytes(50_000))


def test_6_5_2_other_settings_may_have_any_value() -> None:
    assert taken(connected(), client.settings((0x1, 0xFFFFFFFF), (0x3, 0), (0x6, 0))) == []


def test_6_5_3_settings_are_acknowledged_one_by_one() -> None:
    connection = connected()
    connection.receive(client.settings((0x3, 1)) + client.settings((0x3, 2)), 0.0)
    assert connection.data_to_send() == frames.SETTINGS_ACK * 2


def test_6_5_3_the_last_value_of_a_setting_wins() -> None:
    connection = opened(1)
    connection.receive(client.settings((0x5, 20_000), (0x5, 17_000)), 0.0)
    assert connection.core.sending.peer.frame_size == 17_000


def test_6_5_3_settings_that_are_not_acknowledged_in_time_are_a_settings_timeout() -> None:
    connection = Connection(ConnectionLimits(settings_ack=5.0), 100.0)
    connection.receive(frames.PREFACE + client.settings(), 101.0)
    assert connection.tick(104.9) == []
    connection.data_to_send()
    assert connection.wake_at <= 105.0
    (ended,) = connection.tick(105.0)
    assert ended.code == ErrorCode.SETTINGS_TIMEOUT  # type: ignore[union-attr]  # Terminated


def test_6_5_3_settings_acknowledged_in_time_wake_nobody() -> None:
    connection = connected(ConnectionLimits(settings_ack=5.0))
    assert connection.tick(1000.0) == []
    assert not connection.over


def test_6_5_3_an_acknowledgement_of_nothing_is_a_protocol_error() -> None:
    assert ended_by(connected(), frames.SETTINGS_ACK) == PROTOCOL


def test_6_6_a_client_may_not_push() -> None:
    assert ended_by(opened(1), frame(frames.PUSH_PROMISE, frames.END_HEADERS, 1, bytes(4) + BLOCK)) == PROTOCOL


def test_6_7_a_ping_comes_back_with_its_eight_bytes() -> None:
    connection = connected()
    connection.receive(frame(frames.PING, 0, 0, b"12345678"), 0.0)
    assert parse(connection.data_to_send()) == [(frames.PING, frames.ACK, 0, b"12345678")]


def test_6_7_an_acknowledged_ping_does_not() -> None:
    connection = connected()
    assert taken(connection, frame(frames.PING, frames.ACK, 0, b"12345678")) == []
    assert connection.data_to_send() == b""


def test_6_7_a_ping_on_a_stream_is_a_protocol_error() -> None:
    assert ended_by(opened(1), frame(frames.PING, 0, 1, bytes(8))) == PROTOCOL


@pytest.mark.parametrize("size", [0, 7, 9])
def test_6_7_a_ping_of_a_wrong_size_is_a_frame_size_error(size: int) -> None:
    assert ended_by(connected(), frame(frames.PING, 0, 0, bytes(size))) == SIZE


def test_6_8_a_clients_goaway_leaves_its_streams_alone() -> None:
    connection = opened(1)
    assert taken(connection, frames.goaway(0, ErrorCode.NO_ERROR, b"bye")) == []
    assert taken(connection, data(1, b"x", end=True)) == [Data(1, b"x", ended=True)]


def test_6_8_goaway_on_a_stream_is_a_protocol_error() -> None:
    assert ended_by(opened(1), frame(frames.GOAWAY, 0, 1, bytes(8))) == PROTOCOL


def test_6_8_goaway_too_short_is_a_frame_size_error() -> None:
    assert ended_by(connected(), frame(frames.GOAWAY, 0, 0, bytes(7))) == SIZE


@pytest.mark.parametrize("size", [0, 3, 5])
def test_6_9_window_update_of_a_wrong_size_is_a_frame_size_error(size: int) -> None:
    assert ended_by(opened(1), frame(frames.WINDOW_UPDATE, 0, 1, bytes(size))) == SIZE


def test_6_9_a_window_update_by_0_is_an_error_of_its_stream() -> None:
    assert reset_by(opened(1), frames.window_update(1, 0)) == (1, PROTOCOL)


def test_6_9_a_window_update_by_0_is_an_error_of_the_connection_on_stream_0() -> None:
    assert ended_by(connected(), frames.window_update(0, 0)) == PROTOCOL


def test_6_9_the_reserved_bit_of_a_window_update_is_ignored() -> None:
    assert taken(opened(1), frame(frames.WINDOW_UPDATE, 0, 1, b"\x80\0\0\1")) == []


def test_6_10_a_block_may_be_cut_into_continuations_anywhere() -> None:
    for cut in range(len(BLOCK)):
        sent = frame(frames.HEADERS, frames.END_STREAM, 1, BLOCK[:cut])
        sent += frame(frames.CONTINUATION, 0, 1, b"") + frame(frames.CONTINUATION, frames.END_HEADERS, 1, BLOCK[cut:])
        (event,) = taken(connected(), sent)
        assert isinstance(event, RequestStarted)
        assert event.ended
        assert event.request.path == client.PROCESS


def test_6_10_a_continuation_needs_a_block_to_continue() -> None:
    assert ended_by(connected(), frame(frames.CONTINUATION, frames.END_HEADERS, 1, BLOCK)) == PROTOCOL
    assert ended_by(opened(1), frame(frames.CONTINUATION, frames.END_HEADERS, 1, BLOCK)) == PROTOCOL


def test_6_10_a_continuation_on_stream_0_is_a_protocol_error() -> None:
    sent = frame(frames.HEADERS, 0, 1, BLOCK[:5]) + frame(frames.CONTINUATION, 0, 0, b"")
    assert ended_by(connected(), sent) == PROTOCOL


def test_6_10_trailers_may_be_continued_too() -> None:
    sent = frame(frames.HEADERS, frames.END_STREAM, 1, client.TRAILERS[:3])
    sent += frame(frames.CONTINUATION, frames.END_HEADERS, 1, client.TRAILERS[3:])
    assert taken(opened(1), sent) == [Data(1, b"", ended=True)]
