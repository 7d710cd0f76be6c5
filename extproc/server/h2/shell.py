"""One connection on an asyncio loop: what is read goes into `Calls`, what comes out is written once a read.

Exchanges are called within `data_received`, without a task or a queue: an answer leaves in the same turn of the loop.
"""

import asyncio
import math
from collections.abc import Iterator
from typing import Final, Protocol, cast

from extproc.protocol.effects import AbortCode
from extproc.server.h2.call import NOBODY, Call, CallAborted, CallEvent, HalfClosed, Received, Started
from extproc.server.h2.calls import Calls
from extproc.server.h2.limits import MIB, ConnectionLimits
from extproc.server.h2.services import OPENERS
from extproc.server.h2.status import Status
from extproc.server.runtime import Runtime

WRITE_BUFFER: Final = 1 * MIB
"""Bytes that the transport takes beyond what the socket does, before answers wait in their streams' own queues."""

SHORTEST_WAIT: Final = 0.001
"""Seconds. Loops round their timers; without it, one that fires a little early would be set again and again."""

LINGER: Final = 5.0
"""Seconds that a connection which is over may take to get its last words out."""

PROTOCOL: Final = "h2"
"""The name of HTTP/2 over TLS (RFC 9113, 3.1)."""


class Home(Protocol):
    """The shared state of connections: the listener that they came by."""

    runtime: Runtime
    limits: ConnectionLimits
    closed: bool
    """Connections that come late are not to stay."""

    def joined(self, shell: "Shell") -> None:
        """A connection was made."""

    def left(self, shell: "Shell") -> None:
        """It is gone."""


class Shell(asyncio.Protocol):
    """The protocol object of one connection."""

    def __init__(self, home: Home, loop: asyncio.AbstractEventLoop, peer: str = "") -> None:
        self.peer = peer
        """The client's address; empty where clients are not told apart."""
        self._home = home
        self._loop = loop
        self._calls = Calls(home.limits, OPENERS.keys(), loop.time())
        self._transport: asyncio.Transport | None = None
        self._running = False
        """Events are being worked through; what there is to write is written after them."""
        self._flush_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed = math.inf
        self._stall: asyncio.TimerHandle | None = None

    @property
    def mark(self) -> int:
        """See `peers.Connected`."""
        return self._calls.mark

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets the client."""
        self._transport = cast("asyncio.Transport", transport)
        self._home.joined(self)
        encrypted = transport.get_extra_info("ssl_object")
        other = encrypted is not None and encrypted.selected_alpn_protocol() != PROTOCOL
        if other or self._home.closed:
            self._transport.abort()  # the other one is HTTP/1.1 (RFC 9113, 3.2, makes the negotiation a must)
            return
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Answers."""
        now = self._loop.time()
        self._run(self._calls.receive(data, now), now)

    def eof_received(self) -> bool:
        """A client that writes no more is gone: nobody half-closes an HTTP/2 connection."""
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        """Tells the exchanges."""
        for handle in (self._timer, self._stall):
            if handle is not None:
                handle.cancel()
        for event in self._calls.lost():
            event.call.leave()
        self._transport = None
        self._home.left(self)

    def pause_writing(self) -> None:
        """The client does not read: nothing is read from it either, and answers wait where they are bounded."""
        self._calls.block()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            self._stall = self._loop.call_later(self._home.limits.stall, self._transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._stall is not None:
            self._stall.cancel()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            now = self._loop.time()
            self._run(self._calls.unblock(now), now)

    def drain(self) -> None:
        """No new calls; closes when those that there are have ended."""
        self._calls.drain(self._loop.time())
        self._flush()

    def close(self, reason: str) -> None:
        """Ends all calls as errors, and closes once that is written."""
        now = self._loop.time()
        self._run(self._calls.close(reason), now)

    def abort(self) -> None:
        """Closes without waiting for the client."""
        if self._transport is not None:
            self._transport.abort()

    def send(self, call: Call, payload: bytes) -> None:
        """Sends a message outside of an answer."""
        if not call.over and not self._calls.send(call, (payload,), self._loop.time()):
            call.leave()
        self._flush_soon()

    def end(self, call: Call, code: Status, reason: str) -> None:
        """Ends a call."""
        if code is Status.OK:
            self._calls.finish(call)
        else:
            self._calls.abort(call, code, reason)
        call.handler = NOBODY  # see `Call.leave`
        self._flush_soon()

    def pause(self, call: Call) -> None:
        """Keeps what comes on a call, and its window: the client will stop sending."""
        self._calls.pause(call)

    def resume(self, call: Call) -> None:
        """Gives what was kept, in a turn of the loop of its own."""
        self._loop.call_soon(self._resume, call)

    def _resume(self, call: Call) -> None:
        if self._transport is not None and not call.over:
            self._run(self._calls.resume(call), self._loop.time())

    def _run(self, events: Iterator[CallEvent], now: float) -> None:
        self._running = True
        for event in events:
            call = event.call
            if type(event) is Received:
                answers = call.handler.receive(event.payload)
                if answers and not call.over and not self._calls.send(call, answers, now):
                    call.leave()
            else:
                self._run_rare(event)
        self._running = False
        self._flush()

    def _run_rare(self, event: Started | HalfClosed | CallAborted) -> None:
        call = event.call
        # By class, the usual first: an `isinstance` that is false costs ten times as much.
        if type(event) is CallAborted:
            call.leave()
        elif type(event) is Started:
            call.handler = OPENERS[call.path](self._home.runtime, CallResponder(self, call), call.configuration)
        else:
            call.handler.half_closed()

    def _flush_soon(self) -> None:
        """Writes after this turn of the loop: what several exchanges say in it leaves together."""
        if not self._running and not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        transport = self._transport
        if transport is None or transport.is_closing():  # uvloop raises where one writes before it has told of a loss
            return
        data = self._calls.data_to_send()
        if data:
            transport.write(data)
        if self._calls.over:
            transport.close()
            self._stall = self._loop.call_later(LINGER, transport.abort)
        elif self._calls.wakes_before(self._armed):
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = self._calls.wake_at
        self._timer = self._loop.call_later(max(SHORTEST_WAIT, self._armed - self._loop.time()), self._tick)

    def _tick(self) -> None:
        self._armed = math.inf
        now = self._loop.time()
        self._run(self._calls.tick(now), now)


class CallResponder:
    """A handler's access to its call (`services.Answering`)."""

    __slots__ = ("_call", "_shell")

    def __init__(self, shell: Shell, call: Call) -> None:
        self._shell = shell
        self._call = call

    def send(self, payload: bytes, /) -> None:
        """Sends a message."""
        self._shell.send(self._call, payload)

    def abort(self, code: AbortCode, reason: str, /) -> None:
        """Ends the call as an error."""
        self._shell.end(self._call, Status(code), reason)

    def fail(self, code: Status, reason: str, /) -> None:
        """The same, with any status."""
        self._shell.end(self._call, code, reason)

    def finish(self) -> None:
        """Ends the call well."""
        self._shell.end(self._call, Status.OK, "")

    def pause(self) -> None:
        """The handler is not ready for more: messages wait, and the client once its window is used up."""
        self._shell.pause(self._call)

    def resume(self) -> None:
        """It is again."""
        self._shell.resume(self._call)
