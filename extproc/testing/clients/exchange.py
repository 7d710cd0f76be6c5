"""Playing a request's script on a connection while reading what comes, whatever the version of HTTP."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

import msgspec

from extproc.testing import LOOK_EVERY
from extproc.testing.clients.answer import ClientResponse, Ending, Piece
from extproc.testing.clients.script import Disconnect, End, Pause, ScriptStep, Until, When
from extproc.testing.clients.wire import Wire

WITHIN: Final = 30.0
"""Seconds for a request and its answer, unless the caller says otherwise."""


SEND_SIZE: Final = 64 * 1024
"""Bytes handed to the kernel at once."""


class ClientExchange(ABC):
    """One request and its answer. A version of HTTP says how a piece is written and how bytes are read."""

    def __init__(self, wire: Wire, within: float) -> None:
        self.wire = wire
        self.out = bytearray()
        """Bytes that are to be sent."""
        self.answer = ClientResponse()
        self.over = False
        """The answer has ended, one way or another."""
        self.unwanted = False
        """The peer said that it takes no more of the request."""
        self._closed = False
        self._pieces: list[Piece] = []
        self._size = 0
        self._started = time.monotonic()
        self._deadline = self._started + within

    @abstractmethod
    def piece(self, data: bytes) -> None:
        """Write a piece of the body."""

    @abstractmethod
    def finish(self) -> None:
        """Write the request's end."""

    @abstractmethod
    def leave(self, how: Literal["reset", "close"]) -> None:
        """Go away in the middle."""

    @abstractmethod
    def receive(self, data: bytes) -> None:
        """Take what came; b"" when the peer closed."""

    def run(self, steps: Iterable[ScriptStep]) -> ClientResponse:
        """Play the script, then wait for the answer's end."""
        try:
            for step in steps:
                self._play(step)
                if isinstance(step, Disconnect):
                    break
            self._turns(lambda: self.over)
        except ConnectionResetError:
            self.end(Ending.RESET)
        except TimeoutError:
            self.end(Ending.TIMEOUT)
        return msgspec.structs.replace(self.answer, pieces=tuple(self._pieces))

    def note(self, **facts: Any) -> None:
        """Add to the answer; the names are its fields."""
        self.answer = msgspec.structs.replace(self.answer, **facts)

    def add(self, data: bytes) -> None:
        """Add bytes of the body to the answer."""
        self._pieces.append(Piece(data, self.elapsed))
        self._size += len(data)

    def end(self, ending: Ending) -> None:
        """The answer has ended; the first ending counts."""
        if not self.over:
            self.over = True
            self.note(ending=ending)

    def drain(self) -> None:
        """Send all that is to be sent, as far as the peer takes it."""
        self._turns(lambda: not self.out or self.wire.broken or self._closed)

    def turn(self, until: float | None = None, *, read: bool = True) -> None:
        """Send and receive once, waiting until there is something to do, or `until` (the deadline, if not said)."""
        now = time.monotonic()
        if now > self._deadline:
            raise TimeoutError
        turn = self.wire.turn(bytes(self.out[:SEND_SIZE]), (until or self._deadline) - now, read=read)
        del self.out[: turn.sent]
        if turn.came is not None:
            self._closed = not turn.came
            self.receive(turn.came)

    @property
    def elapsed(self) -> float:
        """Seconds since the request was begun."""
        return time.monotonic() - self._started

    def _play(self, step: ScriptStep) -> None:
        match step:
            case bytes():
                self.piece(step)
                self.drain()
            case Pause(seconds, read):
                self._pause(seconds, read)
            case Until(size):
                self.drain()
                self._turns(lambda: self.over or (self.answer.status >= 200 and self._size >= size))
            case When(holds):
                self.drain()
                while not (holds() or self.over):
                    self.turn(time.monotonic() + LOOK_EVERY, read=not self._closed)
            case End():
                self.finish()
                self.drain()
                self.note(sent=not (self.wire.broken or self.unwanted or self.out))
            case Disconnect(how):
                self.drain()
                self.leave(how)
                self.end(Ending.ABORTED)

    def _pause(self, seconds: float, read: bool) -> None:
        self.drain()
        end = min(time.monotonic() + seconds, self._deadline)
        while time.monotonic() < end:
            self.turn(end, read=read and not self._closed)

    def _turns(self, done: Callable[[], bool]) -> None:
        while not done():
            self.turn()
