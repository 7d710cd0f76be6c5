"""Messages between a supervisor and its workers: length-prefixed msgpack over a socket pair."""

import asyncio
import socket
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from extproc.routing.health import Ailing, HealthChange
from extproc.server.listen import Listen
from extproc.server.log import LogFormat
from extproc.server.policies import Sealed
from extproc.server.tls import TlsContent
from extproc.server.transport import Binding
from extproc.telemetry import Snapshot

FRAME_MAX: Final = 64 * 1024 * 1024
"""Bytes of a message. A policy of the largest size that is read is far below; more would be garbage."""

LENGTH_BYTES: Final = 4


class Start(Struct, frozen=True, tag=True):
    """Sent once, first. `start` in [0, 1) sets the worker's draws apart; `log` is a sink's destination.

    `place`: the folder of state that the workers share.
    `log_format`: the form of its lines.
    """

    index: int
    start: float
    sealed: Sealed
    binding: Binding
    transport: str
    log: str
    place: str = ""
    log_format: LogFormat = "json"


class Prepare(Struct, frozen=True, tag=True):
    """Make this policy ready, and answer `PolicyPrepared`; nothing changes yet."""

    sealed: Sealed
    tls: TlsContent | None


class Commit(Struct, frozen=True, tag=True):
    """Put what was prepared in force, and open the log anew."""


class ReportStatus(Struct, frozen=True, tag=True):
    """Answer `WorkerStatus` with the same ticket."""

    ticket: int


class ShareHealth(Struct, frozen=True, tag=True):
    """Take over what other workers learned about backends."""

    changes: tuple[HealthChange, ...]


class TellRelief(Struct, frozen=True, tag=True):
    """Another worker has room for exchanges that this one turns away, or none has."""

    room: bool


class Drain(Struct, frozen=True, tag=True):
    """Finish what is open, then end."""


class Stop(Struct, frozen=True, tag=True):
    """End now."""


class Ready(Struct, frozen=True, tag=True):
    """The worker listens."""

    endpoint: Listen


class StartFailed(Struct, frozen=True, tag=True):
    """The worker cannot serve, and ends."""

    problem: str


class PolicyPrepared(Struct, frozen=True, tag=True):
    """The policy is ready; `problem` says why not."""

    problem: str | None = None


class Draining(Struct, frozen=True, tag=True):
    """The worker takes nothing new, by whoever's order."""


class HealthNews(Struct, frozen=True, tag=True):
    """The changes that the worker learned about backends, for the others."""

    changes: tuple[HealthChange, ...]


class LoadNews(Struct, frozen=True, tag=True):
    """The worker turns new exchanges away, for want of `overloaded`; None: it takes them again."""

    overloaded: str | None


class WorkerStatus(Struct, frozen=True, tag=True):
    """The state of the worker. The last one, before it ends in order, has the ticket 0."""

    ticket: int
    open: int
    metrics: Snapshot
    backends: tuple[Ailing, ...] = ()
    """Backends, and models there, that the worker takes for out."""
    envoys: dict[str, float] = {}
    """Fingerprint of an Envoy's configuration (empty: it sends none) -> seconds since an exchange last had it."""
    steering: dict[str, str] = {}
    """The same -> `verified`, or why the steering of its requests cannot be verified."""
    audit_problem: str | None = None
    """Why the audit record cannot be written, if it cannot."""
    unaudited: bool = False
    """True if requests are refused for that."""


Order = Start | Prepare | Commit | ReportStatus | ShareHealth | TellRelief | Drain | Stop
Report = Ready | StartFailed | PolicyPrepared | Draining | HealthNews | LoadNews | WorkerStatus

Incoming = TypeVar("Incoming")
Outgoing = TypeVar("Outgoing")


def framed(content: bytes) -> bytes:
    """Return a message as it travels: behind its length."""
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


class ControlChannel(Generic[Incoming, Outgoing]):
    """One end of the socket pair."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, decoder: "msgspec.msgpack.Decoder[Incoming]"
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = decoder

    def send(self, message: Outgoing) -> None:
        """Sends a message; it is lost if the other end has gone, which `receive` tells."""
        content = self._encoder.encode(message)
        if not self._writer.is_closing():
            self._writer.write(framed(content))

    async def flush(self) -> None:
        """Waits until what was sent has left."""
        try:
            await self._writer.drain()
        except ConnectionError:
            return  # the other end has gone, as above

    async def receive(self) -> Incoming | None:
        """The next message; None when the other end has gone."""
        try:
            size = int.from_bytes(await self._reader.readexactly(LENGTH_BYTES), "big")
            if size > FRAME_MAX:
                return None
            return self._decoder.decode(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError):
            return None  # garbage, too, means that nobody is there to talk to

    def close(self) -> None:
        """Hangs up."""
        self._writer.close()


async def orders(end: socket.socket) -> ControlChannel[Order, Report]:
    """The worker's end."""
    reader, writer = await asyncio.open_connection(sock=end)
    return ControlChannel(reader, writer, msgspec.msgpack.Decoder(Order))


async def reports(end: socket.socket) -> ControlChannel[Report, Order]:
    """The supervisor's end."""
    reader, writer = await asyncio.open_connection(sock=end)
    return ControlChannel(reader, writer, msgspec.msgpack.Decoder(Report))
