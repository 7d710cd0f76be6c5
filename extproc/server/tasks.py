"""Tasks that somebody holds: asyncio keeps only a weak reference, so an orphan may vanish, and its error with it."""

import asyncio
from collections.abc import Coroutine
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
