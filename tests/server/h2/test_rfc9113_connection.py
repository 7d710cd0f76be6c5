"""RFC 9113, sections 3 to 5: how a connection starts, and what frames and header blocks have to look like."""

import pytest

from extproc.server.h2 import fields, frames, settings
from extproc.server.h2.connection import Connection
from extproc.server.h2.events import Data, RequestStarted, Reset, Terminated
from extproc.server.h2.frames import ErrorCode
from extproc.server.h2.limits import ConnectionLimits
from tests.gathered import gathered
from tests.server.h2 import client
from tests.server.h2.client import BLOCK, connected, data, ended_by, frame, headers, opened, parse, reset_by, taken

SETTINGS = client.settings()


def fresh() -> Connection:
    connection = Connection(ConnectionLimits(), 0.0)
    connection.data_to_send()
    return connection


def test_3_4_the_server_starts_with_settings() -> None:
    first, second = parse(Connection(ConnectionLimits(), 0.0).data_to_send())
    assert (first.kind, first.flags, first.stream_id) == (frames.SETTINGS, 0, 0)
    values = dict(frames.SETTING.iter_unpack(first.payload))
    assert values == {
        settings.HEADER_TABLE_SIZE: 0,
        settings.MAX_CONCURRENT_STREAMS: ConnectionLimits().streams,
        settings.INITIAL_WINDOW_SIZE: ConnectionLimits().stream_window,
        settings.MAX_HEADER_LIST_SIZE: ConnectionLimits().header_list,
    }
    assert second == (frames.WINDOW_UPDATE, 0, 0, frames.UINT32.pack(ConnectionLimits().connection_window - 65_535))


def test_3_4_a_client_may_send_requests_with_its_preface() -> None:
    plain = fields.encode(client.REQUEST)
    events = fresh().receive(frames.PREFACE + SETTINGS + headers(1, plain) + data(1, b"x"), 0.0)
    assert [type(event) for event in events] == [RequestStarted, Data]


@gathered("cut", range(len(frames.PREFACE)))
def test_3_4_a_preface_with_a_wrong_byte_ends_the_connection_at_that_byte(cut: int) -> None:
    wrong = frames.PREFACE[:cut] + b"?"
    assert ended_by(fresh(), wrong) == ErrorCode.PROTOCOL_ERROR


def test_3_4_an_http_1_client_is_told_in_the_first_byte_that_differs() -> None:
    assert ended_by(fresh(), b"GET / HTTP/1.1\r\n\r\n") == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "first",
    [
        frame(frames.PING, 0, 0, bytes(8)),
        headers(1),
        frames.SETTINGS_ACK,
        frames.window_update(0, 1),
        frame(0x77, 0, 0, b""),
    ],
    ids=["ping", "headers", "settings-ack", "window-update", "unknown"],
)
def test_3_4_the_clients_first_frame_must_be_settings(first: bytes) -> None:
    assert ended_by(fresh(), frames.PREFACE + first) == ErrorCode.PROTOCOL_ERROR


def test_3_4_settings_in_the_preface_may_be_empty() -> None:
    connection = fresh()
    assert connection.receive(frames.PREFACE + SETTINGS, 0.0) == []
    assert connection.data_to_send() == frames.SETTINGS_ACK


def test_4_1_the_reserved_bit_is_ignored() -> None:
    reserved = frame(frames.DATA, frames.END_STREAM, 1 | 0x80000000, b"x")
    assert taken(opened(1), reserved) == [Data(1, b"x", ended=True)]


def test_4_1_unknown_flags_are_ignored() -> None:
    assert taken(opened(1), frame(frames.DATA, 0xFF & ~frames.PADDED, 1, b"x")) == [Data(1, b"x", ended=True)]
    assert taken(connected(), frame(frames.PING, 0xFE, 0, bytes(8))) == []


@pytest.mark.parametrize("stream_id", [0, 1, 2, 99])
def test_4_1_frames_of_unknown_types_are_ignored_on_any_stream(stream_id: int) -> None:
    assert taken(opened(1), frame(0x16, 0xFF, stream_id, b"whatever")) == []


def test_4_2_a_frame_of_16384_bytes_is_taken() -> None:
    assert taken(opened(1), data(1, bytes(16_384))) == [Data(1, bytes(16_384), ended=False)]


@pytest.mark.parametrize("kind", [frames.DATA, frames.HEADERS, frames.SETTINGS, 0x77])
def test_4_2_a_frame_above_the_largest_size_is_a_frame_size_error_before_it_is_there(kind: int) -> None:
    start = frames.header(kind, 0, 1, 16_385)
    assert ended_by(opened(1), start) == ErrorCode.FRAME_SIZE_ERROR


def test_4_3_a_block_that_cannot_be_decoded_is_a_compression_error() -> None:
    beyond_the_table = client.SIZE_ZERO + b"\xff\x00"
    assert ended_by(connected(), headers(1, beyond_the_table)) == ErrorCode.COMPRESSION_ERROR


@gathered("size", range(1, len(BLOCK)))
def test_4_3_a_block_cut_short_never_passes_for_a_whole_one(size: int) -> None:
    connection = connected()
    events = connection.receive(headers(1, BLOCK[:size]), 0.0)
    # Cut between two fields it is a request without some of them: decodable, malformed or not.
    assert not any(isinstance(event, RequestStarted) and event.request.fields.keys() >= {b"te"} for event in events)


@pytest.mark.parametrize(
    "between",
    [
        data(1, b"x"),
        headers(3),
        frame(frames.PING, 0, 0, bytes(8)),
        frame(0x77, 0, 0, b""),
        frame(frames.CONTINUATION, frames.END_HEADERS, 5, BLOCK),
    ],
    ids=["data", "headers", "ping", "unknown", "continuation-of-another-stream"],
)
def test_4_3_nothing_may_come_within_a_header_block(between: bytes) -> None:
    connection = opened(1)
    connection.receive(frame(frames.HEADERS, 0, 3, BLOCK[:5]), 0.0)
    assert ended_by(connection, between) == ErrorCode.PROTOCOL_ERROR


def test_4_3_1_a_table_larger_than_ours_is_a_compression_error_once_acknowledged() -> None:
    assert ended_by(connected(), headers(1, b"\x3f\x00" + BLOCK)) == ErrorCode.COMPRESSION_ERROR


def test_4_3_1_an_encoder_that_does_not_shrink_its_table_is_a_compression_error() -> None:
    without_update = fields.encode(client.REQUEST)
    assert ended_by(connected(), headers(1, without_update)) == ErrorCode.COMPRESSION_ERROR


def test_5_1_1_a_client_may_not_open_streams_with_even_numbers() -> None:
    assert ended_by(connected(), headers(2)) == ErrorCode.PROTOCOL_ERROR


def test_5_1_1_stream_numbers_only_rise() -> None:
    assert ended_by(opened(7), headers(5)) == ErrorCode.STREAM_CLOSED


def test_5_1_1_stream_0_cannot_be_opened() -> None:
    assert ended_by(connected(), headers(0)) == ErrorCode.PROTOCOL_ERROR


def test_5_1_2_streams_beyond_the_limit_are_refused_and_may_be_tried_again() -> None:
    connection = opened(1, 3, limits=ConnectionLimits(streams=2))
    assert reset_by(connection, headers(5)) == (5, ErrorCode.REFUSED_STREAM)
    connection.receive(client.rst(1), 0.0)
    assert [type(event) for event in taken(connection, headers(7))] == [RequestStarted]


def test_5_1_2_half_closed_streams_count_as_well() -> None:
    connection = connected(ConnectionLimits(streams=1))
    connection.receive(headers(1, end=True), 0.0)
    assert reset_by(connection, headers(3)) == (3, ErrorCode.REFUSED_STREAM)


def test_5_4_1_an_error_ends_with_goaway_that_names_the_last_stream() -> None:
    connection = opened(1, 9)
    ended_by_events = connection.receive(frame(frames.PING, 0, 3, bytes(8)), 0.0)
    assert isinstance(ended_by_events[-1], Terminated)
    goaway = parse(connection.data_to_send())[-1]
    assert frames.UINT32.unpack(goaway.payload[:4])[0] == 9


def test_5_4_1_what_came_before_the_error_in_the_same_read_is_still_told() -> None:
    events = opened(1).receive(data(1, b"x") + frame(frames.PING, 0, 3, bytes(8)), 0.0)
    assert [type(event) for event in events] == [Data, Terminated]


def test_5_4_2_a_stream_error_leaves_the_connection_open() -> None:
    connection = opened(1, 3)
    assert reset_by(connection, frames.window_update(1, 0)) == (1, ErrorCode.PROTOCOL_ERROR)
    assert taken(connection, data(3, b"x")) == [Data(3, b"x", ended=False)]


def test_5_4_2_the_owner_of_a_stream_hears_of_its_error() -> None:
    events = opened(1).receive(frames.window_update(1, 0), 0.0)
    assert events == [Reset(1, ErrorCode.PROTOCOL_ERROR, by_peer=False)]


def test_5_4_2_a_malformed_request_was_never_opened_and_is_not_told_of() -> None:
    connection = connected()
    assert connection.receive(headers(1, client.TRAILERS), 0.0) == []
    assert [each.kind for each in parse(connection.data_to_send())] == [frames.RST_STREAM]


def test_5_5_unknown_frames_within_a_header_block_are_an_error_all_the_same() -> None:
    sent = frame(frames.HEADERS, 0, 1, BLOCK[:5]) + frame(0xFE, 0, 1, b"")
    assert ended_by(connected(), sent) == ErrorCode.PROTOCOL_ERROR


def test_5_5_unknown_settings_are_ignored() -> None:
    assert taken(connected(), client.settings((0x99, 0xFFFFFFFF), (0x8, 1))) == []
