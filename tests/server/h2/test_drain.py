"""RFC 9113, 6.8: a connection that is drained loses no stream."""

import pytest

from extproc.server.h2 import frames
from extproc.server.h2.connection import Connection
from extproc.server.h2.core import DRAIN_PING
from extproc.server.h2.events import RequestStarted, Terminated
from extproc.server.h2.frames import MAX_STREAM_ID, ErrorCode
from extproc.server.h2.handlers import LAST_NUMBERS
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.status import Status, only_trailers
from tests.server.h2.client import connected, data, frame, headers, opened, parse, reset_by, rst, taken

OK = only_trailers(Status.OK)
PONG = frame(frames.PING, frames.ACK, 0, DRAIN_PING)


def goaways(connection: Connection) -> list[tuple[int, int]]:
    sent = parse(connection.data_to_send())
    found = [each.payload for each in sent if each.kind == frames.GOAWAY]
    return [(int.from_bytes(each[:4]), int.from_bytes(each[4:8])) for each in found]


def test_a_drain_starts_with_a_goaway_that_refuses_nothing_and_a_ping() -> None:
    connection = opened(1)
    connection.drain(0.0)
    goaway, ping = parse(connection.data_to_send())
    assert goaway == (frames.GOAWAY, 0, 0, MAX_STREAM_ID.to_bytes(4) + bytes(4))
    assert ping == (frames.PING, 0, 0, DRAIN_PING)


def test_streams_on_their_way_are_still_taken() -> None:
    connection = opened(1)
    connection.drain(0.0)
    assert [type(event) for event in connection.receive(headers(3), 0.0)] == [RequestStarted]


def test_the_second_goaway_follows_the_pings_answer_and_names_the_last_stream() -> None:
    connection = opened(1)
    connection.drain(0.0)
    connection.receive(headers(3), 0.0)
    connection.data_to_send()
    assert connection.receive(PONG, 0.0) == []
    assert goaways(connection) == [(3, ErrorCode.NO_ERROR)]


def test_the_second_goaway_comes_without_an_answer_after_its_time() -> None:
    connection = opened(1, limits=ConnectionLimits(drain_ping=1.0))
    connection.drain(10.0)
    connection.data_to_send()
    assert connection.wake_at <= 11.0
    connection.tick(10.9)
    assert goaways(connection) == []
    connection.tick(11.0)
    assert goaways(connection) == [(1, ErrorCode.NO_ERROR)]


def test_another_pings_answer_is_not_mistaken_for_it() -> None:
    connection = opened(1)
    connection.drain(0.0)
    connection.data_to_send()
    connection.receive(frame(frames.PING, frames.ACK, 0, bytes(8)), 0.0)
    assert goaways(connection) == []


def test_streams_after_the_second_goaway_are_refused() -> None:
    connection = opened(1)
    connection.drain(0.0)
    connection.receive(PONG, 0.0)
    connection.data_to_send()
    assert reset_by(connection, headers(3)) == (3, ErrorCode.REFUSED_STREAM)
    assert taken(connection, data(3, b"late")) == []


def test_streams_that_are_open_go_on_and_the_last_one_closes_the_connection() -> None:
    connection = opened(1, 3)
    connection.drain(0.0)
    connection.receive(PONG, 0.0)
    connection.data_to_send()
    taken(connection, data(1, b"x"))
    connection.finish(1, OK)
    assert not connection.over
    connection.receive(data(3, end=True), 0.0)
    connection.finish(3, OK)
    assert connection.over


@pytest.mark.parametrize("how", ["peer", "us"])
def test_a_reset_stream_counts_as_ended(how: str) -> None:
    connection = opened(1)
    connection.drain(0.0)
    connection.receive(PONG, 0.0)
    if how == "peer":
        connection.receive(rst(1), 0.0)
    else:
        connection.reset(1, ErrorCode.CANCEL)
    assert connection.over


def test_a_connection_without_streams_is_over_with_the_second_goaway() -> None:
    connection = connected()
    connection.drain(0.0)
    assert not connection.over
    assert connection.receive(PONG, 0.0) == [Terminated(ErrorCode.NO_ERROR, "drained")]
    assert connection.over


def test_a_stream_that_ends_between_the_goaways_does_not_close_the_connection() -> None:
    connection = opened(1)
    connection.drain(0.0)
    connection.receive(rst(1), 0.0)
    assert not connection.over
    assert [type(event) for event in connection.receive(headers(3), 0.0)] == [RequestStarted]


def test_draining_twice_says_it_once() -> None:
    connection = opened(1)
    connection.drain(0.0)
    connection.drain(0.0)
    connection.receive(PONG, 0.0)
    connection.drain(0.0)
    connection.receive(PONG, 0.0)
    assert len(goaways(connection)) == 2


def test_draining_what_is_over_says_nothing() -> None:
    connection = connected()
    connection.close(ErrorCode.NO_ERROR, "bye")
    connection.data_to_send()
    connection.drain(0.0)
    connection.close(ErrorCode.NO_ERROR, "bye")
    assert connection.data_to_send() == b""


def test_a_connection_may_drain_before_the_client_has_said_a_word() -> None:
    connection = Connection(ConnectionLimits(), 0.0)
    connection.drain(0.0)
    connection.tick(ConnectionLimits().drain_ping)
    assert connection.over


def test_5_1_1_a_connection_whose_stream_numbers_run_out_is_drained() -> None:
    connection = opened(LAST_NUMBERS - 2)
    assert [type(event) for event in connection.receive(headers(LAST_NUMBERS), 0.0)] == [RequestStarted]
    assert goaways(connection) == []
    assert [type(event) for event in connection.receive(headers(LAST_NUMBERS + 2), 0.0)] == [RequestStarted]
    assert goaways(connection) == [(MAX_STREAM_ID, ErrorCode.NO_ERROR)]
    connection.receive(headers(LAST_NUMBERS + 4), 0.0)
    assert goaways(connection) == []
