"""Work that is handed out: threads for what takes too long between two messages, and what is awaited from elsewhere.

Rules have two lanes. Work begins in the quick one, where nothing may take longer than `QUICK_STEPS`; what does, or is
known to be large, goes to the slow one and begins again there. So a client whose bodies take long keeps only such
bodies waiting. Scored detectors have a lane of their own, so that however slow they are, no rule waits for them;
remote ones are tasks of the loop. What nobody waits for any more is stopped, wherever it is.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias

from msgspec import Struct

from extproc.inspection.offloaded import GuardWork
from extproc.protocol.effects import Inspect
from extproc.protocol.messages import Failed, Inspected
from extproc.protocol.meter import ENDLESS, Meter, SpentError
from extproc.protocol.work import NetworkWork, RemoteAsk, Work, WorkResult
from extproc.server.guards.asking import Guards, Tell
from extproc.server.guards.failures import GuardFailedError
from extproc.server.tasks import spawn

QUICK_THREADS: Final = 1
"""Threads of the quick lane of a worker."""

SLOW_THREADS: Final = 2
"""Threads of the slow lane. The matchers let go of the interpreter's lock, so that one reads a body while the other
scans; more would only share the same core."""

SCORED_THREADS: Final = 2
"""Threads for scored detectors. A model that computes has a core for itself while it lets go of the interpreter's lock;
two of them keep one that waits for memory from stopping the other."""

SCORED_NICENESS: Final = 10
"""The niceness of these threads, on Linux. A model computes for milliseconds without a pause, on as many cores as there
are threads: at the same priority, the loop and Envoy waited for their turn behind it, and the p99 of exchanges
that use no scorer was 30 ms longer beside 64 that do (decision 0098). It is not the lowest priority, because such a
thread holds the interpreter's lock now and then, and on a busy machine it must get a turn to let go of it."""

QUICK_STEPS: Final = 3_000
"""Steps, about 3 ms, after which work leaves the quick lane: what 250 KiB of prose take, or 1 KiB of card numbers."""

WAITING_MAX: Final = 256
"""Bodies that wait for a thread of a lane or are in one; more have failed as `overloaded`. Each has its exchange's
memory, and at 40 ms a megabyte the last of so many waits longer than anybody would."""

REMOTE_MAX: Final = 1024
"""Remote detectors that are asked at once by a worker; more have failed as `overloaded`. Each has its exchange's texts
in memory, and a connection somewhere."""

SWITCH: Final = 0.0005
"""Seconds after which a thread that reads a body gives the interpreter to the loop that waits for it; Python's default
of 5 ms would be felt by every other exchange."""

PACE_STEPS: Final = 1_000
"""Steps, about a millisecond, after which work in the slow lane steps aside. A megabyte of prose takes 2,000."""

PACE: Final = 0.0005
"""Seconds for which it does. A thread that holds the interpreter while the machine runs another one stops the loop."""

STUCK_AFTER: Final = 10.0
"""Seconds that a thread may go on with work that nobody waits for any more. Work looks at its meter every millisecond,
and ends there; a model may compute for seconds without a look. A lane whose threads all take longer does nothing more
for anybody."""

TIMEOUT: Final = "timeout"
OVERLOADED: Final = "overloaded"
ERROR: Final = "error"

Answer: TypeAlias = Callable[[Inspected | Failed], None]
Cancel: TypeAlias = Callable[[], None]
Submit: TypeAlias = Callable[[Inspect, Answer], Cancel]
"""Takes an order and calls back once, later, in the loop; what it returns takes the order back."""


GuardTold: TypeAlias = Callable[[str, str, float], None]
"""Is told the processor whose guard was asked, how that ended in a fixed word, and the seconds that it took."""


def _untold(processor: str, outcome: str, seconds: float) -> None:
    """Nobody counts what guards are asked."""


class _Paced(Meter, eq=False):
    """The meter of the slow lane: its thread steps aside now and then, so that the loop gets its turn for sure."""

    _next: int = ENDLESS - PACE_STEPS

    def spend(self, steps: int) -> None:
        """See `Meter.spend`."""
        super().spend(steps)
        if self.left < self._next:
            self._next = self.left - PACE_STEPS
            time.sleep(PACE)


def _step_back(niceness: int) -> None:
    """Lower the priority of this thread. Only Linux has one for each thread."""
    if niceness and sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # a sandbox that forbids it: the thread works all the same
            os.setpriority(os.PRIO_PROCESS, thread, max(niceness, os.getpriority(os.PRIO_PROCESS, thread)))


class _Threads:
    """The threads of one lane. `steps`: how many the work of one order may take in it. `niceness`: of its threads."""

    def __init__(self, name: str, threads: int, steps: int, niceness: int = 0) -> None:
        self.steps = steps
        self.waiting = 0
        self.given_up: dict[_Task, float] = {}
        """What threads are still at work on although nobody waits for it, and since when."""
        self.size = threads
        self.threads = ThreadPoolExecutor(threads, f"extproc-{name}", _step_back, (niceness,))

    @property
    def full(self) -> bool:
        return self.waiting >= WAITING_MAX

    def stuck(self, now: float) -> bool:
        return sum(now - since > STUCK_AFTER for since in self.given_up.values()) >= self.size


class Pool:
    """The threads of one worker, and the deadlines of what they do. To be used in the loop's thread alone."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float], asked: GuardTold = _untold) -> None:
        self._loop = loop
        self._clock = clock
        self.quick = _Threads("quick", QUICK_THREADS, QUICK_STEPS)
        self.slow = _Threads("slow", SLOW_THREADS, ENDLESS)
        self.scored = _Threads("scored", SCORED_THREADS, ENDLESS, SCORED_NICENESS)
        self._told = asked
        self.guards = Guards(clock)
        self._asked: set[_Remote] = set()
        sys.setswitchinterval(SWITCH)

    @property
    def waiting(self) -> int:
        """Orders that wait for a thread or are in one, or for somebody else's answer."""
        return self.quick.waiting + self.slow.waiting + self.scored.waiting + len(self._asked)

    @property
    def load(self) -> float:
        """Return how much of what may wait does, in the lane that has most."""
        longest = max(self.quick.waiting, self.slow.waiting, self.scored.waiting)
        return max(longest / WAITING_MAX, len(self._asked) / REMOTE_MAX)

    def submit(self, order: Inspect, answer: Answer) -> Cancel:
        """See `Submit`."""
        work = order.work
        if isinstance(work, NetworkWork):
            assert isinstance(work, GuardWork), "there is no other work of that kind"
            work = _GuardAsk(self.guards, work, partial(self._told, order.processor))
        if isinstance(work, RemoteAsk):
            if len(self._asked) >= REMOTE_MAX:
                return self._overloaded(order, answer)
            remote = _Remote(order.ticket, work, answer, self._asked)
            return remote.started(self._loop.call_later(self._left(order), remote.expire))
        lane = self.scored if order.kind == "scored" else self.slow if work.large else self.quick
        if lane.full:
            return self._overloaded(order, answer)
        timer = self._loop.call_later
        return _Task(self, lane, order.ticket, work, answer, lambda task: timer(self._left(order), task.expire)).cancel

    @property
    def stuck(self) -> bool:
        """True if all threads of a lane are at work on what was given up long ago: this process cannot end them."""
        now = self._clock()
        return any(lane.given_up and lane.stuck(now) for lane in (self.quick, self.slow, self.scored))

    def given_up(self, lane: _Threads, task: "_Task") -> None:
        """Notes that a thread goes on with a task that nobody waits for."""
        lane.given_up[task] = self._clock()

    def close(self) -> None:
        """Takes nothing more; what is in a thread ends there."""
        for lane in (self.quick, self.slow, self.scored):
            lane.threads.shutdown(wait=False, cancel_futures=True)
        for remote in tuple(self._asked):
            remote.cancel()
        spawn(self.guards.close())

    def start(self, task: "_Task", lane: _Threads, work: Work, meter: Meter) -> "Future[WorkResult]":
        """Queues work."""
        lane.waiting += 1
        future = lane.threads.submit(work.run, meter)
        # The thread that is done wakes the loop, which may be gone by then.
        future.add_done_callback(lambda _: self._wake(task))
        return future

    def _overloaded(self, order: Inspect, answer: Answer) -> Cancel:
        return self._loop.call_soon(answer, Failed(order.ticket, OVERLOADED)).cancel

    def _left(self, order: Inspect) -> float:
        return max(0.0, order.deadline - self._clock())

    def _wake(self, task: "_Task") -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(task.finish)


class _Task:
    """One order. It is answered once: by its result, by a failure, or, taken back, not at all."""

    def __init__(
        self,
        pool: Pool,
        lane: _Threads,
        ticket: int,
        work: Work,
        answer: Answer,
        timer: "Callable[[_Task], asyncio.TimerHandle]",
    ) -> None:
        self._pool = pool
        self._ticket = ticket
        self._work = work
        self._answer: Answer | None = answer
        self._begin(lane)
        self._timer = timer(self)

    def _begin(self, lane: _Threads) -> None:
        self._lane = lane
        self._meter = _Paced() if lane.steps == ENDLESS else Meter(lane.steps)
        self._future = self._pool.start(self, lane, self._work, self._meter)

    def cancel(self) -> None:
        """Takes the order back; what is in a thread already ends at its next step."""
        self._answer = None
        self._timer.cancel()
        self._stop()

    def expire(self) -> None:
        """The deadline has passed."""
        self._tell(Failed(self._ticket, TIMEOUT))
        self._stop()

    def finish(self) -> None:
        """The thread has done with it."""
        self._lane.given_up.pop(self, None)
        self._lane.waiting -= 1
        if self._future.cancelled():
            return
        error = self._future.exception()
        if isinstance(error, SpentError) and self._answer is not None:
            self._move()
        else:
            self._tell(Failed(self._ticket, ERROR) if error else Inspected(self._ticket, self._future.result()))

    def _move(self) -> None:
        """Begins again in the slow lane, where nothing was counted that cannot be afforded."""
        slow = self._pool.slow
        if self._lane is not self._pool.quick:
            self._tell(Failed(self._ticket, ERROR))
        elif slow.full:
            self._tell(Failed(self._ticket, OVERLOADED))
        else:
            self._begin(slow)

    def _stop(self) -> None:
        self._meter.stop()
        if not self._future.cancel() and not self._future.done():
            self._pool.given_up(self._lane, self)

    def _tell(self, message: Inspected | Failed) -> None:
        answer, self._answer = self._answer, None
        self._timer.cancel()
        if answer is not None:
            answer(message)


class _GuardAsk(Struct, frozen=True):
    """Work of a guard, as the loop awaits it."""

    guards: Guards
    work: GuardWork
    tell: Tell

    async def ask(self) -> WorkResult:
        return await self.guards.ask(self.work, self.tell)


class _Remote:
    """One order that somebody else answers. Told of once, as a `_Task` is; it is among `asked` until it has ended."""

    def __init__(self, ticket: int, work: RemoteAsk, answer: Answer, asked: "set[_Remote]") -> None:
        self._ticket = ticket
        self._work = work
        self._answer: Answer | None = answer
        self._asked = asked
        self._timer: asyncio.TimerHandle | None = None
        asked.add(self)
        self._task = spawn(self._ask())
        self._task.add_done_callback(lambda _: asked.discard(self))

    def started(self, timer: asyncio.TimerHandle) -> Cancel:
        """Takes the timer of its deadline; gives what takes the order back."""
        self._timer = timer
        return self.cancel

    def cancel(self) -> None:
        """Takes the order back."""
        self._answer = None
        self._tell(Failed(self._ticket, TIMEOUT))
        self._task.cancel()

    def expire(self) -> None:
        """The deadline has passed."""
        self._tell(Failed(self._ticket, TIMEOUT))
        self._task.cancel()

    async def _ask(self) -> None:
        try:
            result = await self._work.ask()
        except GuardFailedError as error:
            self._tell(Failed(self._ticket, error.fault))
        except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the body
            self._tell(Failed(self._ticket, ERROR))
        else:
            self._tell(Inspected(self._ticket, result))

    def _tell(self, message: Inspected | Failed) -> None:
        answer, self._answer = self._answer, None
        if self._timer is not None:
            self._timer.cancel()
        if answer is not None:
            answer(message)


def nobody(order: Inspect, _: Answer) -> Cancel:
    """No worker is running: a bug in this program."""
    raise AssertionError(f"nobody takes {order!r}")
