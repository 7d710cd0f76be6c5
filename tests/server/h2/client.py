"""A client made of raw frames, so that it can say what no library would."""

from typing import NamedTuple

from extproc.server.h2 import fields, frames
from extproc.server.h2.calls import Calls
from extproc.server.h2.connection import Connection
from extproc.server.h2.events import ConnectionEvent, Terminated
from extproc.server.h2.frames import ErrorCode
from extproc.server.h2.limits import ConnectionLimits

PROCESS = b"/envoy.service.ext_proc.v3.ExternalProcessor/Process"
WIDE = 1 << 30
"""A window that nothing in these tests uses up."""

REQUEST: tuple[tuple[bytes, bytes], ...] = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", PROCESS),
    (b":authority", b"ext_proc"),
    (b"content-type", b"application/grpc"),
    (b"te", b"trailers"),
)
SIZE_ZERO = fields.NO_TABLE
"""A dynamic table size update to 0: what an encoder says first once it knows of our SETTINGS_HEADER_TABLE_SIZE.

It may stand before every block, and does here, so that any of them can be the first.
"""
BLOCK = SIZE_ZERO + fields.encode(REQUEST)
TRAILERS = SIZE_ZERO + fields.encode([(b"x-checksum", b"1")])


class Frame(NamedTuple):
    kind: int
    flags: int
    stream_id: int
    payload: bytes


def parse(data: bytes) -> list[Frame]:
    """The frames that `data` consists of, to its last byte."""
    found = []
    while data:
        word, flags, stream_id = frames.HEADER.unpack_from(data)
        length = word >> 8
        assert len(data) >= 9 + length
        found.append(Frame(word & 0xFF, flags, stream_id, data[9 : 9 + length]))
        data = data[9 + length :]
    return found


def frame(kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> bytes:
    return frames.header(kind, flags, stream_id, len(payload)) + payload


def respond(connection: Connection, stream_id: int, block: bytes) -> None:
    """Sends response headers, as `Calls` does: not on a stream that is over."""
    stream = connection.core.streams.open.get(stream_id)
    if stream is not None:
        stream.answered = True
        connection.core.sending.headers(stream, block, end=False)


def headers(stream_id: int, block: bytes = BLOCK, *, end: bool = False) -> bytes:
    return frames.headers(stream_id, block, end=end)


def data(stream_id: int, payload: bytes = b"", *, end: bool = False) -> bytes:
    return frame(frames.DATA, frames.END_STREAM if end else 0, stream_id, payload)


def message(payload: bytes, flag: int = 0) -> bytes:
    return bytes((flag,)) + frames.UINT32.pack(len(payload)) + payload


def rst(stream_id: int, code: int = ErrorCode.CANCEL) -> bytes:
    return frames.rst_stream(stream_id, code)


def settings(*values: tuple[int, int]) -> bytes:
    return frames.settings(values)


def greeting(window: int = WIDE) -> bytes:
    """What a client with wide windows sends first, its acknowledgement of our SETTINGS included."""
    return frames.PREFACE + settings((4, window)) + frames.window_update(0, WIDE) + frames.SETTINGS_ACK


def connected(limits: ConnectionLimits | None = None, now: float = 0.0, window: int = WIDE) -> Connection:
    """A connection past its greetings, with nothing left to send."""
    connection = Connection(limits or ConnectionLimits(), now)
    assert connection.receive(greeting(window), now) == []
    connection.data_to_send()
    return connection


def called(limits: ConnectionLimits | None = None, now: float = 0.0, window: int = WIDE) -> Calls:
    """The same with gRPC on top."""
    calls = Calls(limits or ConnectionLimits(), {PROCESS}, now)
    assert list(calls.receive(greeting(window), now)) == []
    calls.data_to_send()
    return calls


def opened(*stream_ids: int, limits: ConnectionLimits | None = None, window: int = WIDE) -> Connection:
    """A connection on which these streams are open."""
    connection = connected(limits, window=window)
    for stream_id in stream_ids:
        connection.receive(headers(stream_id), 0.0)
    connection.data_to_send()
    return connection


def ended_by(connection: Connection, sent: bytes, now: float = 0.0) -> ErrorCode:
    """The type of the connection error that `sent` causes."""
    events = connection.receive(sent, now)
    assert isinstance(events[-1], Terminated), events
    assert connection.over
    goaway = parse(connection.data_to_send())[-1]
    assert goaway.kind == frames.GOAWAY
    code = ErrorCode(frames.UINT32.unpack(goaway.payload[4:8])[0])
    assert code == events[-1].code
    assert goaway.payload[8:].decode("ascii") == events[-1].reason
    return code


def reset_by(connection: Connection, sent: bytes, now: float = 0.0) -> tuple[int, ErrorCode]:
    """Stream and type of the stream error that `sent` causes."""
    connection.receive(sent, now)
    assert not connection.over
    resets = [each for each in parse(connection.data_to_send()) if each.kind == frames.RST_STREAM]
    assert len(resets) == 1, resets
    return resets[0].stream_id, ErrorCode(frames.UINT32.unpack(resets[0].payload)[0])


def taken(connection: Connection, sent: bytes, now: float = 0.0) -> list[ConnectionEvent]:
    """The events of what is no fault at all."""
    events = connection.receive(sent, now)
    assert not connection.over, events
    assert not [each for each in parse(connection.data_to_send()) if each.kind in (frames.RST_STREAM, frames.GOAWAY)]
    return events
