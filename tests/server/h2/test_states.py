"""The tables of stream states, cell by cell: what they say, and that the connection does it."""

from collections.abc import Callable

import pytest

from extproc.server.h2 import fields, frames
from extproc.server.h2.connection import Connection
from extproc.server.h2.events import Data, Reset, Terminated
from extproc.server.h2.frames import ErrorCode
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.states import STEPS, STREAM_FRAMES, VERDICTS, FrameVerdict, StreamState, StreamTransition
from extproc.server.h2.status import Status, only_trailers
from tests.gathered import gathered
from tests.server.h2 import client
from tests.server.h2.client import TRAILERS, data, frame, headers, opened, parse, rst

STREAM = 5
PLAIN = fields.encode(client.REQUEST)
CELLS = [(state, kind) for state in StreamState for kind in STREAM_FRAMES]


def connection_in(state: StreamState) -> Connection:
    """A connection whose stream 5 is in `state`; stream 1 is open beside it."""
    connection = opened(1)
    if state is StreamState.IDLE:
        return connection
    connection.receive(headers(STREAM), 0.0)
    if state is StreamState.HALF_CLOSED:
        connection.receive(data(STREAM, b"abc", end=True), 0.0)
    elif state is StreamState.RESET:
        connection.reset(STREAM, ErrorCode.CANCEL)
    elif state is StreamState.CLOSED:
        connection.receive(rst(STREAM), 0.0)
    connection.data_to_send()
    return connection


def sample(kind: int) -> bytes:
    """A frame that is well-formed by itself."""
    return {
        frames.DATA: data(STREAM, b"abc"),
        frames.HEADERS: headers(STREAM, TRAILERS, end=True),
        frames.PRIORITY: frame(frames.PRIORITY, 0, STREAM, bytes(5)),
        frames.RST_STREAM: rst(STREAM),
        frames.PUSH_PROMISE: frame(frames.PUSH_PROMISE, frames.END_HEADERS, STREAM, bytes(4)),
        frames.WINDOW_UPDATE: frames.window_update(STREAM, 1),
    }[kind]


def test_every_state_has_a_verdict_on_every_frame_of_a_stream() -> None:
    assert set(VERDICTS) == set(StreamState)
    for row in VERDICTS.values():
        assert tuple(row) == STREAM_FRAMES


@gathered(("state", "kind"), CELLS)
def test_a_frame_in_a_state_has_the_outcome_that_its_cell_says(state: StreamState, kind: int) -> None:
    connection = connection_in(state)
    sent = headers(STREAM) if (state, kind) == (StreamState.IDLE, frames.HEADERS) else sample(kind)
    match VERDICTS[state][kind]:
        case FrameVerdict.ACCEPT:
            assert connection.receive(sent, 0.0) != [] or kind == frames.WINDOW_UPDATE
            assert not connection.over
            assert parse(connection.data_to_send()) == []
        case FrameVerdict.IGNORE:
            assert connection.receive(sent, 0.0) == []
            assert parse(connection.data_to_send()) == []
        case FrameVerdict.STREAM_CLOSED:
            assert client.reset_by(connection, sent) == (STREAM, ErrorCode.STREAM_CLOSED)
        case FrameVerdict.CONNECTION_STREAM_CLOSED:
            assert client.ended_by(connection, sent) == ErrorCode.STREAM_CLOSED
        case FrameVerdict.PROTOCOL_ERROR:
            assert client.ended_by(connection, sent) == ErrorCode.PROTOCOL_ERROR


@gathered(("state", "kind"), [cell for cell in CELLS if VERDICTS[cell[0]][cell[1]] < 3])
def test_what_a_stream_does_leaves_the_others_alone(state: StreamState, kind: int) -> None:
    connection = connection_in(state)
    connection.receive(headers(STREAM) if state is StreamState.IDLE and kind == frames.HEADERS else sample(kind), 0.0)
    assert connection.receive(data(1, b"x", end=True), 0.0) == [Data(1, b"x", ended=True)]


def finish(connection: Connection) -> None:
    connection.finish(STREAM, only_trailers(Status.OK))


LEGAL: dict[StreamTransition, Callable[[Connection], object]] = {
    StreamTransition.PEER_ENDED: lambda connection: connection.receive(data(STREAM, end=True), 0.0),
    StreamTransition.PEER_RESET: lambda connection: connection.receive(rst(STREAM), 0.0),
    StreamTransition.WE_ENDED: finish,
    StreamTransition.WE_RESET: lambda connection: connection.reset(STREAM, ErrorCode.CANCEL),
}


@pytest.mark.parametrize(("state", "step"), [cell for cell in STEPS if cell[1] is not StreamTransition.OPENED])
def test_a_step_leads_where_its_cell_says(state: StreamState, step: StreamTransition) -> None:
    connection = connection_in(state)
    LEGAL[step](connection)
    connection.data_to_send()
    where = STEPS[state, step]
    assert connection.core.streams.state(STREAM) is where


def test_a_stream_that_we_end_first_is_reset_without_error_in_the_same_write() -> None:
    connection = connection_in(StreamState.OPEN)
    finish(connection)
    ending, reset = parse(connection.data_to_send())
    assert (ending.kind, ending.flags & frames.END_STREAM) == (frames.HEADERS, frames.END_STREAM)
    assert reset == (frames.RST_STREAM, 0, STREAM, frames.UINT32.pack(ErrorCode.NO_ERROR))
    assert connection.core.streams.state(STREAM) is StreamState.RESET


def test_a_stream_that_the_client_ended_first_ends_with_trailers_alone() -> None:
    connection = connection_in(StreamState.HALF_CLOSED)
    finish(connection)
    assert [each.kind for each in parse(connection.data_to_send())] == [frames.HEADERS]


def test_late_frames_of_a_reset_stream_still_count_on_the_connection() -> None:
    connection = connection_in(StreamState.RESET)
    before = connection.core.receiving.window
    connection.receive(data(STREAM, b"abc"), 0.0)
    assert connection.core.receiving.window == before - 3


def test_late_headers_of_a_reset_stream_still_move_the_state_of_hpack() -> None:
    connection = Connection(ConnectionLimits(), 0.0)
    connection.receive(frames.PREFACE + client.settings() + headers(1, PLAIN), 0.0)
    connection.reset(1, ErrorCode.CANCEL)
    added = b"\x40\x03x-a\x011"  # an entry for the dynamic table
    connection.receive(headers(1, added, end=True), 0.0)
    opened = connection.receive(headers(3, PLAIN + b"\xbe"), 0.0)  # which this index names
    assert opened[0].request.fields[b"x-a"] == b"1"  # type: ignore[union-attr]  # it is an Opened


def test_the_end_of_a_reset_stream_closes_it_for_good() -> None:
    connection = connection_in(StreamState.RESET)
    connection.receive(data(STREAM, end=True), 0.0)
    assert client.ended_by(connection, data(STREAM, b"more")) == ErrorCode.STREAM_CLOSED


def test_only_so_many_reset_streams_are_remembered() -> None:
    limits = ConnectionLimits(remembered_resets=2)
    connection = opened(1, 3, 5, limits=limits)
    for stream_id in (1, 3, 5):
        connection.reset(stream_id, ErrorCode.CANCEL)
    assert [connection.core.streams.state(each) for each in (1, 3, 5)] == [
        StreamState.CLOSED,
        StreamState.RESET,
        StreamState.RESET,
    ]


def test_numbers_that_were_passed_over_are_closed() -> None:
    connection = opened(5)
    assert client.ended_by(connection, headers(3)) == ErrorCode.STREAM_CLOSED


@pytest.mark.parametrize("kind", [frames.DATA, frames.RST_STREAM, frames.WINDOW_UPDATE])
def test_streams_with_even_numbers_are_idle_for_ever(kind: int) -> None:
    connection = opened(5)
    payload = {frames.DATA: b"x", frames.RST_STREAM: bytes(4), frames.WINDOW_UPDATE: b"\0\0\0\1"}[kind]
    assert client.ended_by(connection, frame(kind, 0, 2, payload)) == ErrorCode.PROTOCOL_ERROR


def test_events_of_a_reset_tell_who_did_it() -> None:
    connection = opened(1, 3)
    events = connection.receive(rst(1, 8) + data(3, end=True) + data(3, b"x"), 0.0)
    assert events == [
        Reset(1, 8, by_peer=True),
        Data(3, b"", ended=True),
        Reset(3, ErrorCode.STREAM_CLOSED, by_peer=False),
    ]


def test_nothing_is_told_after_the_connection_is_over() -> None:
    connection = opened(1)
    assert isinstance(connection.receive(frame(frames.PING, 0, 0, b"short"), 0.0)[-1], Terminated)
    connection.data_to_send()
    assert connection.receive(data(1, b"x"), 0.0) == []
    assert connection.send(1, b"late", 0.0) == -1
    client.respond(connection, 1, fields.status(200))
    connection.finish(1, fields.status(200))
    connection.reset(1, ErrorCode.CANCEL)
    connection.consumed(1, 1)
    assert connection.data_to_send() == b""
