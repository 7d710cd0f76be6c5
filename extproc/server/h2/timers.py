"""Points in time that something waits for. Setting one anew replaces it; no clock in here."""

import math
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

_SLACK = 64
"""Outdated entries tolerated beside live ones before the heap is built anew."""


class Timers:
    """A heap with lazy deletion: `drop` is a dict operation, and the heap never exceeds twice what is alive."""

    __slots__ = ("_heap", "_live")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._live: dict[int, float] = {}

    def set(self, key: int, when: float) -> None:
        """Waits for `when` under `key`."""
        self._live[key] = when
        heappush(self._heap, (when, key))
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

    def next(self) -> float:
        """When the first one is due, or infinity."""
        heap = self._heap
        while heap and self._live.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else math.inf

    def due(self, now: float) -> Iterator[int]:
        """Takes out the keys whose time has come, in order."""
        while self.next() <= now:
            key = heappop(self._heap)[1]
            del self._live[key]
            yield key

    def __len__(self) -> int:
        return len(self._heap)
