"""Messages between a supervisor and the template of its workers, framed as those of `control`.

A second pair of sockets carries the descriptors of workers' sockets: asyncio's streams cannot.
"""

import asyncio
import socket
from typing import Final

import msgspec
from msgspec import Struct

from extproc.policy import Problem
from extproc.server.control import FRAME_MAX, LENGTH_BYTES, ControlChannel, framed
from extproc.server.policies import Sealed
from extproc.server.reloads.seen import SeenFile

_BESIDE: Final = b"\0"
"""The byte that a descriptor travels with: it cannot go alone."""


class Compile(Struct, frozen=True, tag=True):
    """Compile the policy that the file at `path` holds as `raw`. Answer `Compiled` or `Wrong`; nothing changes yet."""

    ticket: int
    raw: bytes
    path: str


class Settle(Struct, frozen=True, tag=True):
    """Workers to come have the policy that was compiled last if it was `taken`; else it is forgotten."""

    taken: bool


class Restore(Struct, frozen=True, tag=True):
    """Compile a policy that is in force already: the template that had it has ended."""

    sealed: Sealed


class Fork(Struct, frozen=True, tag=True):
    """Start a worker with the descriptor that comes beside this, and answer `Forked`."""

    ticket: int


class Compiled(Struct, frozen=True, tag=True):
    """The policy is compiled. `loaded` is a pickled `ActivePolicy`."""

    ticket: int
    loaded: bytes

    def __repr__(self) -> str:
        return f"Compiled({self.ticket}, {len(self.loaded)} bytes)"  # credentials are in them


class Wrong(Struct, frozen=True, tag=True):
    """The policy has these problems. `files`: what was read of it and of the files that it names."""

    ticket: int
    problems: tuple[Problem, ...]
    files: tuple[SeenFile, ...] = ()


class Forked(Struct, frozen=True, tag=True):
    """A worker was started."""

    ticket: int
    pid: int


class Ended(Struct, frozen=True, tag=True):
    """A worker has ended. `code` is its exit code, or the negative number of a signal."""

    pid: int
    code: int


TemplateOrder = Compile | Settle | Restore | Fork
TemplateReport = Compiled | Wrong | Forked | Ended


def send(end: socket.socket, message: TemplateOrder | TemplateReport) -> None:
    """Sends a message, however long that takes. Raises OSError."""
    end.sendall(framed(msgspec.msgpack.encode(message)))


def next_order(end: socket.socket) -> TemplateOrder | None:
    """Wait for an order; None when the supervisor has gone."""
    frame = _frame(end)
    return None if frame is None else msgspec.msgpack.decode(frame, type=TemplateOrder)


def next_report(end: socket.socket) -> TemplateReport | None:
    """Wait for a report; None when the template has gone. Raises TimeoutError if the socket has a timeout."""
    frame = _frame(end)
    return None if frame is None else msgspec.msgpack.decode(frame, type=TemplateReport)


async def template_reports(end: socket.socket) -> ControlChannel[TemplateReport, TemplateOrder]:
    """The supervisor's end, as `control.reports` is for a worker."""
    reader, writer = await asyncio.open_connection(sock=end)
    return ControlChannel(reader, writer, msgspec.msgpack.Decoder(TemplateReport))


def send_descriptor(end: socket.socket, descriptor: int) -> None:
    """Sends a descriptor. Raises OSError."""
    socket.send_fds(end, [_BESIDE], [descriptor])


def next_descriptor(end: socket.socket) -> int | None:
    """Wait for a descriptor; None when the supervisor has gone."""
    _, descriptors, _, _ = socket.recv_fds(end, len(_BESIDE), 1)
    return descriptors[0] if descriptors else None


def _frame(end: socket.socket) -> bytes | None:
    head = _exactly(end, LENGTH_BYTES)
    if head is None or (size := int.from_bytes(head, "big")) > FRAME_MAX:
        return None
    return _exactly(end, size)


def _exactly(end: socket.socket, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        try:
            piece = end.recv(size - len(received))
        except ConnectionError:
            return None
        if not piece:
            return None
        received += piece
    return bytes(received)
