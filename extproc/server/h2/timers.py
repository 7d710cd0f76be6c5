"""Points in time that something waits for. Setting one anew replaces it; no clock in here."""

import math
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

_SLACK = 64
"""Outdated entries tolerated beside live ones before the heap is built anew."""


class Timers:
    """A heap with lazy deletion: `drop` is a dict operation, and the heap never exceeds twice what is alive."""

    __slots__ = ("_heap", "_live", "first")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._live: dict[int, float] = {}
        self.first = math.inf
        """When to ask for what is due. Sometimes too early, as `drop` leaves it alone; never too late."""

    def set(self, key: int, when: float) -> None:
        """Waits for `when` under `key`."""
        self._live[key] = when
        heappush(self._heap, (when, key))
        self.first = min(self.first, when)
        if len(self._heap) > 2 * len(self._live) + _SLACK:
            self._heap = [(at, name) for name, at in self._live.items()]
            heapify(self._heap)

    def drop(self, key: int) -> None:
        """Waits no longer; unknown keys are fine."""
        self._live.pop(key, None)

    def clear(self) -> None:
        """Waits for nothing any more."""
        self._live.clear()
        self._heap.clear()
        self.first = math.inf

    def due(self, now: float) -> Iterator[int]:
        """Takes out the keys whose time has come, in order."""
        while self._heap and self._heap[0][0] <= now:
            when, key = heappop(self._heap)
            if self._live.get(key) == when:
                del self._live[key]
                yield key
        while self._heap and self._live.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        self.first = self._heap[0][0] if self._heap else math.inf

    def __len__(self) -> int:
        return len(self._heap)
