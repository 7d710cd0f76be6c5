"""The event loop of a worker: uvloop where there is one, else asyncio's own, which behaves the same and costs more."""

import asyncio
from collections.abc import Coroutine
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], *, uvloop: bool = True) -> T:
    """Runs `main` in a new loop."""
    factory = import_module("uvloop").new_event_loop if uvloop and find_spec("uvloop") is not None else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
