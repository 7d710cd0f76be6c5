"""Shipped to users: a playbook for transactions, a stand-in provider, a real Envoy for tests."""

import time
from collections.abc import Callable
from threading import Event
from typing import Final

LOOK_EVERY: Final = 0.01
"""Seconds between two looks: shorter than what a test notices, longer than what a look costs."""


def eventually(holds: Callable[[], bool], within: float = 5.0) -> bool:
    """True if the condition holds before `within` seconds have passed; it is looked at once in any case."""
    deadline = time.monotonic() + within
    never = Event()
    while not holds():
        if time.monotonic() > deadline:
            return False
        never.wait(LOOK_EVERY)
    return True
