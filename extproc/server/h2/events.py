"""Events: a connection's reports of what it received."""

from typing import TypeAlias

from msgspec import Struct

from extproc.server.h2.requests import RequestHead


class RequestStarted(Struct, frozen=True, gc=False):
    """A request began. `ended`: it has no body."""

    stream_id: int
    request: RequestHead
    ended: bool


class Data(Struct, frozen=True, gc=False):
    """A piece of a request's body, without padding; b"" with `ended` where trailers or an empty frame ended it.

    Whoever takes it says `Connection.consumed`, or the stream's window is not given back.
    """

    stream_id: int
    data: bytes
    ended: bool

    def __repr__(self) -> str:
        return f"Data({self.stream_id}, {len(self.data)} bytes, ended={self.ended})"


class GrpcMessage(Struct, frozen=True, gc=False):
    """A DATA frame without padding or flags that is exactly one uncompressed gRPC message: the usual case.

    `payload` is the message without its prefix. It counts as consumed, unless its owner says `Connection.keep`.
    """

    stream_id: int
    payload: bytes

    def __repr__(self) -> str:
        return f"GrpcMessage({self.stream_id}, {len(self.payload)} bytes)"


class Reset(Struct, frozen=True, gc=False):
    """A stream is over before its time: the peer's RST_STREAM, or ours for a fault of the peer or a stall."""

    stream_id: int
    code: int
    by_peer: bool


class Writable(Struct, frozen=True, gc=False):
    """So much of what waited on a stream has gone out that there is room again."""

    stream_id: int


class Terminated(Struct, frozen=True, gc=False):
    """The connection is over, its streams with it: write what there is to send, then close.

    `reason` is fixed text, for the log.
    """

    code: int
    reason: str


ConnectionEvent: TypeAlias = RequestStarted | Data | GrpcMessage | Reset | Writable | Terminated
