"""gRPC on an HTTP/2 connection, without I/O: calls, messages and statuses instead of streams, bytes and frames.

Events come from generators, so that an answer to one is taken into account before the next is looked at: a call that
was ended, or whose answers wait, gets no further message out of the same read.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from extproc.server.h2 import admission, status
from extproc.server.h2.call import NOBODY, Call, CallAborted, CallEvent, HalfClosed, Received, Started
from extproc.server.h2.connection import Connection
from extproc.server.h2.events import ConnectionEvent, Data, GrpcMessage, RequestStarted, Reset, Terminated, Writable
from extproc.server.h2.frames import ErrorCode
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.messages import PREFIX_SIZE, MessageFault, Messages, prefixed
from extproc.server.h2.requests import RequestHead
from extproc.server.h2.status import Status
from extproc.server.h2.stream import NO_WINDOW, Stream
from extproc.server.h2.timers import Timers
from extproc.transaction.steering import fingerprint

_CONFIG_HEADER: Final = fingerprint.CONFIG_HEADER.encode()


def _over(stream_id: int) -> Stream:
    """Stands for a stream that was reset in the same read in which it was opened."""
    return Stream(stream_id, 0, NO_WINDOW)


class Calls:
    """The calls of one client's connection. Iterate over what the methods give to its end, then write.

    Whoever gives a call a handler may be spared the messages: those that come whole go to it, and its answers out.

    `terminated` says why the connection is over, once it is.
    """

    __slots__ = (
        "_admitted",
        "_calls",
        "_compresses",
        "_configuration",
        "_connection",
        "_core",
        "_deadlines",
        "_direct",
        "_kept",
        "_limits",
        "_paths",
        "_streams",
        "_timeout",
        "data_to_send",
        "terminated",
    )

    def __init__(self, limits: ConnectionLimits, paths: Collection[bytes], now: float) -> None:
        self._limits = limits
        self._paths = paths
        self._connection = Connection(limits, now)
        self._core = self._connection.core
        self._streams = self._core.streams.open
        self._direct = self._core.sending.direct
        self.data_to_send = self._connection.data_to_send
        """Returns what is to be written since the last call."""
        self._calls: dict[int, Call] = {}
        self._deadlines = Timers()
        self._kept = 0
        # The last request that was admitted, and what it says of its calls.
        self._admitted: RequestHead | None = None
        self._timeout: float | None = None
        self._compresses = False
        self._configuration = b""
        self.terminated: Terminated | None = None

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def mark(self) -> int:
        """-1 while there are calls; else a number that is another one after each call."""
        return -1 if self._streams else self._core.streams.last

    @property
    def over(self) -> bool:
        """The connection is to be closed once everything is written."""
        return self._core.over

    def wakes_before(self, then: float) -> bool:
        """True if `wake_at` is earlier."""
        return self._core.timers.first < then or self._deadlines.first < then

    @property
    def wake_at(self) -> float:
        """When `tick` is to be called; infinity if nothing is waited for. Never too late, sometimes too early."""
        return min(self._deadlines.first, self._core.timers.first)

    def receive(self, data: bytes, now: float) -> Iterator[CallEvent]:
        """Takes what was read."""
        return self._interpret(self._connection.receive(data, now), now)

    def tick(self, now: float) -> Iterator[CallEvent]:
        """Does what is due: calls past their deadline end with DEADLINE_EXCEEDED."""
        yield from self._interpret(self._connection.tick(now), now)
        for stream_id in self._deadlines.due(now):
            call = self._calls[stream_id]
            self._end(call, Status.DEADLINE_EXCEEDED, "the deadline given by grpc-timeout has passed")
            yield CallAborted(call)

    def unblock(self, now: float) -> Iterator[CallEvent]:
        """The socket takes more again."""
        return self._interpret(self._connection.unblock(now), now)

    def block(self) -> None:
        """The socket takes no more for now."""
        self._connection.block()

    def send(self, call: Call, payloads: Iterable[bytes], now: float) -> bool:
        """Sends messages. False: the call is over, by this at the latest: too much waited for the peer."""
        if call.over:
            return False
        stream, direct = call.stream, self._direct
        if not stream.answered and call.id in self._streams:
            stream.answered = True
            self._core.sending.headers(stream, status.RESPONSE, end=False)
        for payload in payloads:
            if direct(stream, payload):
                continue
            if not self._queue(call, payload, now):
                return False
        return True

    def _queue(self, call: Call, payload: bytes, now: float) -> bool:
        waiting = self._connection.send(call.id, payload, now)
        if waiting < 0:
            self._forget(call)
            return False
        if waiting > self._limits.write_high:
            call.hold(clogged=True)
        return True

    def finish(self, call: Call) -> None:
        """Ends a call well, after all that was sent on it."""
        if not call.over:
            self._forget(call)
            self._connection.finish(call.id, self._block(call, Status.OK, ""))

    def abort(self, call: Call, code: Status, reason: str) -> None:
        """Ends a call with an error, ahead of what waits on it. `reason` is fixed text of ours."""
        if not call.over:
            self._end(call, code, reason)

    def pause(self, call: Call) -> None:
        """Gives no further message of the call, nor its window back: the peer will stop sending."""
        call.hold(paused=True)

    def resume(self, call: Call) -> Iterator[CallEvent]:
        """Gives what was kept, and what comes."""
        call.hold(paused=False)
        return self._pump(call)

    def drain(self, now: float) -> None:
        """No new calls; `over` once those that there are have ended."""
        self._connection.drain(now)

    def close(self, reason: str) -> Iterator[CallAborted]:
        """Ends every call with UNAVAILABLE, and the connection: Envoy takes anything cleaner for "go on without me"."""
        for call in list(self._calls.values()):
            self._end(call, Status.UNAVAILABLE, reason)
            yield CallAborted(call)
        self._connection.close(ErrorCode.NO_ERROR, reason)

    def lost(self) -> Iterator[CallAborted]:
        """The transport is gone."""
        for call in list(self._calls.values()):
            self._forget(call)
            yield CallAborted(call)

    def _interpret(self, events: list[ConnectionEvent], now: float) -> Iterator[CallEvent]:
        calls = self._calls
        for event in events:
            # By class, the usual first: an `isinstance` that is false costs ten times as much.
            if type(event) is GrpcMessage:
                call = calls.get(event.stream_id)
                if call is None:
                    continue  # it is over
                if call.held or call.messages:
                    yield from self._keep(call, event.payload)
                    continue
                handler = call.handler
                if handler is NOBODY:
                    yield Received(call, event.payload)
                else:
                    # What an owner would do with the event, without the event: nearly every message passes here.
                    answers = handler.receive(event.payload)
                    if answers and not call.over and not self.send(call, answers, now):
                        call.leave()
                if call.held:
                    self._owe(call, PREFIX_SIZE + len(event.payload))
            elif type(event) is Reset:
                if (call := calls.get(event.stream_id)) is not None:
                    self._forget(call)
                    yield CallAborted(call)
            elif type(event) is RequestStarted:
                call = self._admit(event, now)
                if call is None:
                    continue
                yield Started(call)
                if event.ended and not call.over:
                    call.ended = True
                    yield from self._pump(call)
            else:
                yield from self._interpret_rare(event)

    def _interpret_rare(self, event: ConnectionEvent) -> Iterator[CallEvent]:
        if isinstance(event, Terminated):
            self.terminated = event
            yield from self.lost()
        elif (call := self._calls.get(event.stream_id)) is None:
            pass  # it is over; the connection gave back what it held
        elif isinstance(event, Writable):
            call.hold(clogged=False)
            yield from self._pump(call)
        elif isinstance(event, Data):
            yield from self._take(call, event.data, ended=event.ended)

    def _owe(self, call: Call, size: int) -> None:
        """A message that counts as consumed is kept after all, or its window is."""
        if not call.over:
            call.owed += size
            self._connection.keep(call.id, size)

    def _keep(self, call: Call, message: bytes) -> Iterator[CallEvent]:
        self._connection.keep(call.id, PREFIX_SIZE + len(message))
        return self._take(call, prefixed(message), ended=False)

    def _admit(self, event: RequestStarted, now: float) -> Call | None:
        request = event.request
        # Envoy's requests are one object, remembered by their bytes: what was found of it holds for the next as well.
        if request is not self._admitted:
            refusal = admission.refusal(request, self._paths)
            if refusal is not None:
                self._connection.finish(event.stream_id, refusal)
                return None
            self._admitted = request
            self._timeout = admission.timeout(request)
            self._compresses = admission.compresses(request)
            self._configuration = fingerprint.read(request.fields.get(_CONFIG_HEADER))
        timeout = self._timeout
        stream = self._streams.get(event.stream_id) or _over(event.stream_id)
        call = self._calls[stream.id] = Call(
            stream,
            request.path,
            compresses=self._compresses,
            timed=timeout is not None,
            configuration=self._configuration,
        )
        if timeout is not None:
            self._deadlines.set(call.id, now + timeout)
        return call

    def _take(self, call: Call, data: bytes, *, ended: bool) -> Iterator[CallEvent]:
        """Keeps a piece, and gives the messages that it completes."""
        call.ended = ended
        if data:  # the end of most calls brings none
            if call.messages is None:
                call.messages = Messages(self._limits.message, compresses=call.compresses)
            call.messages.feed(data)
            call.owed += len(data)
            self._kept += len(data)
        yield from self._pump(call)

    def _pump(self, call: Call) -> Iterator[CallEvent]:
        """Gives what is complete of what is kept, until the call is held."""
        try:
            yield from self._deliver(call)
        except MessageFault as fault:
            self._end(call, fault.status, fault.reason)
            yield CallAborted(call)

    def _deliver(self, call: Call) -> Iterator[CallEvent]:
        while call.messages and not call.held and (message := call.messages.next()) is not None:
            self._kept -= PREFIX_SIZE + len(message)
            yield Received(call, message)
            if call.over:
                return
        if self._kept > self._limits.assembling:
            raise MessageFault(Status.RESOURCE_EXHAUSTED, "too many bytes of incomplete messages")
        if not call.held:
            # Parts of a message, too: the rest could never come otherwise. What they add up to is bounded above.
            self._connection.consumed(call.id, call.owed)
            call.owed = 0
        if call.ended and not call.held and not call.half_closed:
            if call.messages:
                raise MessageFault(Status.INTERNAL, "the call ends within a message")
            call.half_closed = True
            yield HalfClosed(call)

    def _end(self, call: Call, code: Status, reason: str) -> None:
        self._forget(call)
        self._connection.finish(call.id, self._block(call, code, reason), at_once=True)

    def _forget(self, call: Call) -> None:
        call.over = True
        del self._calls[call.id]
        if call.timed:
            self._deadlines.drop(call.id)
        if call.messages is not None:
            self._kept -= len(call.messages)
            call.messages = None

    @staticmethod
    def _block(call: Call, code: Status, reason: str) -> bytes:
        return status.trailers(code, reason) if call.stream.answered else status.only_trailers(code, reason)
