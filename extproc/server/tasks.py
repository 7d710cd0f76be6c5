"""The event loop of a worker, and tasks that are held.

asyncio keeps only a weak reference to a task: an orphan may vanish, and its error with it.
"""

import asyncio
from collections.abc import Coroutine
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, TypeVar

T = TypeVar("T")

_HELD: Final[set[asyncio.Task[Any]]] = set()


def spawn(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task for `work`, held until it is done."""
    task = asyncio.get_running_loop().create_task(work)
    _HELD.add(task)
    task.add_done_callback(_HELD.discard)
    return task


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancels `tasks` and waits until they have ended; what they raise on the way out is theirs."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def first(*events: asyncio.Event) -> None:
    """Waits until one of these events is set."""
    waiting = [spawn(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel(*waiting)


def run(main: Coroutine[Any, Any, T], *, uvloop: bool = True) -> T:
    """Run `main` in a new loop: uvloop's where it is installed, else asyncio's own, which costs more."""
    factory = import_module("uvloop").new_event_loop if uvloop and find_spec("uvloop") is not None else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
