"""Threads that judge what is too large to be judged between two messages."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol, TypeAlias, cast

from extproc.protocol.effects import Inspect
from extproc.protocol.messages import Failed, Inspected

THREADS: Final = 2
"""Threads of a worker. The matchers let go of the interpreter's lock, so that one reads a body while the other scans;
more would only share the same core."""

WAITING_MAX: Final = 256
"""Bodies that wait for a thread or are in one; more have failed as `overloaded`. Each has its exchange's memory, and at
40 ms a megabyte the last of so many waits longer than anybody would."""

SWITCH: Final = 0.0005
"""Seconds after which a thread that reads a body gives the interpreter to the loop that waits for it; Python's default
of 5 ms would be felt by every other exchange."""

TIMEOUT: Final = "timeout"
OVERLOADED: Final = "overloaded"
ERROR: Final = "error"

Answer: TypeAlias = Callable[[Inspected | Failed], None]
Cancel: TypeAlias = Callable[[], None]
Submit: TypeAlias = Callable[[Inspect, Answer], Cancel]
"""Takes an order and calls back once, later, in the loop; what it returns takes the order back."""


class Work(Protocol):
    """What an order's subject can do."""

    def run(self) -> object:
        """The verdict. Called in a thread."""


class Pool:
    """The threads of one worker, and the deadlines of what they do. To be used in the loop's thread alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._loop = loop
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="extproc-inspection")
        self._waiting = 0
        sys.setswitchinterval(SWITCH)

    def submit(self, order: Inspect, answer: Answer) -> Cancel:
        """See `Submit`."""
        if self._waiting >= WAITING_MAX:
            return self._loop.call_soon(answer, Failed(order.ticket, OVERLOADED)).cancel
        return _Task(self, order, answer).cancel

    def close(self) -> None:
        """Takes nothing more; what is in a thread ends there."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def start(self, task: "_Task", order: Inspect) -> "tuple[Future[object], asyncio.TimerHandle]":
        """Queues the order, and sets its deadline."""
        self._waiting += 1
        future = self._threads.submit(cast("Work", order.subject).run)
        # The thread that is done wakes the loop, which may be gone by then.
        future.add_done_callback(lambda _: self._wake(task))
        return future, self._loop.call_later(max(0.0, order.deadline - self._clock()), task.expire)

    def done(self) -> None:
        """A task has left its thread, or never came to one."""
        self._waiting -= 1

    def _wake(self, task: "_Task") -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(task.finish)


class _Task:
    """One order. It is answered once: by its verdict, by a failure, or, taken back, not at all."""

    def __init__(self, pool: Pool, order: Inspect, answer: Answer) -> None:
        self._pool = pool
        self._ticket = order.ticket
        self._answer: Answer | None = answer
        self._future, self._timer = pool.start(self, order)

    def cancel(self) -> None:
        """Takes the order back; what is in a thread already goes on there, for nobody."""
        self._answer = None
        self._timer.cancel()
        self._future.cancel()

    def expire(self) -> None:
        """The deadline has passed."""
        self._tell(Failed(self._ticket, TIMEOUT))
        self._future.cancel()

    def finish(self) -> None:
        """The thread has done with it."""
        self._pool.done()
        if self._future.cancelled():
            return
        failed = self._future.exception() is not None
        self._tell(Failed(self._ticket, ERROR) if failed else Inspected(self._ticket, self._future.result()))

    def _tell(self, message: Inspected | Failed) -> None:
        answer, self._answer = self._answer, None
        self._timer.cancel()
        if answer is not None:
            answer(message)


def nobody(order: Inspect, _: Answer) -> Cancel:
    """Where no worker runs there is nobody to hand work to; a mistake of ours."""
    raise AssertionError(f"nobody takes {order!r}")
