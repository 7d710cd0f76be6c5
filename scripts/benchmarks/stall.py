"""The time that an event of another stream waits while a large body is judged in the worker's threads.

The events come from another process over a socket, each with the time at which it was sent, so that what the threads
do to the interpreter cannot delay the sender. The wait includes what the machine adds; that shows in the subjects
`idle` and `busy-thread`, a thread that needs the processor as long but not the interpreter.
"""

import asyncio
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from extproc.inspection.judge import Job
from extproc.protocol.effects import Inspect
from extproc.protocol.meter import Meter
from extproc.protocol.work import Work, WorkResult
from extproc.server import tasks
from extproc.server.inspections import Pool
from scripts.benchmarks.texts import chance

EVERY: Final = 0.0005
"""Seconds between two events: short against the waits that are looked for."""
LEAD: Final = 0.05
"""Seconds of events before and after the work, for the sender to start in."""
DEADLINE: Final = 60.0

_STAMP: Final = struct.Struct("d")
_SENDER: Final = f"""
import socket, struct, sys, time
to = socket.socket(fileno=int(sys.argv[1]))
while True:
    time.sleep({EVERY})
    to.send(struct.pack("d", time.monotonic()))
"""


class Busy:
    """As much work as a megabyte of prose, done without the interpreter's lock."""

    large = True

    def __init__(self) -> None:
        self._data = chance(1).randbytes(256 * 1024)

    def run(self, meter: Meter | None = None) -> WorkResult:  # noqa: ARG002  - as `Work` has it
        """Takes about 15 ms."""
        zlib.compress(self._data * 2, 1)
        return WorkResult()


class Judging:
    """A body that is judged."""

    large = True

    def __init__(self, job: Job) -> None:
        self._job = job

    def run(self, meter: Meter | None = None) -> WorkResult:
        """Takes as long as the body is."""
        self._job.run(meter)
        return WorkResult()


def stalls(job: Callable[[bytes], Job], bodies: Mapping[str, Sequence[bytes]]) -> dict[str, float]:
    """The longest wait in milliseconds with nothing to do, beside a busy thread, and while `bodies` are judged."""
    works: dict[str, list[Work]] = {"idle": [], "busy-thread": [Busy()]}
    works |= {name: [Judging(job(body)) for body in each] for name, each in bodies.items()}
    return {name: _longest(each) * 1e3 for name, each in works.items()}


def _longest(works: Sequence[Work]) -> float:
    interval = sys.getswitchinterval()
    try:
        with _sender() as events:
            return tasks.run(_waits(works, events))
    finally:
        sys.setswitchinterval(interval)  # which the pool shortens


@contextmanager
def _sender() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        command = [sys.executable, "-IS", "-c", _SENDER, str(theirs.fileno())]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()]) as process:
            try:
                yield ours
            finally:
                process.kill()


async def _waits(works: Sequence[Work], events: socket.socket) -> float:
    loop = asyncio.get_running_loop()
    pool = Pool(loop, loop.time)
    first, done = asyncio.Event(), asyncio.Semaphore(0)
    longest = 0.0

    def came() -> None:
        nonlocal longest
        data = events.recv(1 << 16)
        # The first of those that came together has waited longest.
        longest = max(longest, time.monotonic() - _STAMP.unpack_from(data)[0])
        first.set()

    loop.add_reader(events, came)
    try:
        await first.wait()
        await asyncio.sleep(LEAD)
        longest = 0.0
        for ticket, work in enumerate(works):
            pool.submit(Inspect(ticket, "bench", work, loop.time() + DEADLINE), lambda _: done.release())
        for _ in works:
            await done.acquire()
        await asyncio.sleep(LEAD)
    finally:
        loop.remove_reader(events)
        pool.close()
    return longest
