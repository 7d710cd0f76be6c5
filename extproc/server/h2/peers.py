"""The connections of a listener, by the peer that made them: how many there may be, and how long one may do nothing."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Final, Protocol

CONNECTIONS: Final = 1_024
"""Open connections of a worker. An Envoy makes one for each of its threads."""

PEER_CONNECTIONS: Final = 256
"""The same from one address: one for each thread of a large machine. Clients on a Unix socket are not told apart."""

IDLE: Final = 300.0
"""Seconds without a call after which a connection is asked to end. Envoy makes a new one when it needs it again, and
loses no call by it; its health checks keep theirs in use."""

LOOKS: Final = 4
"""Looks at all connections within that time: it is kept to within a quarter."""

SPARED: Final = 1.0
"""Seconds without a call from which on a connection may be ended to make room for another."""


class Connected(Protocol):
    """A connection, as far as it is told apart here."""

    peer: str

    @property
    def mark(self) -> int:
        """-1 while there are calls; else a number that is another one after each call."""

    def drain(self) -> None:
        """Ends it gently."""

    def abort(self) -> None:
        """Ends it at once."""


class Peers:
    """Counts connections, those that are being made among them, and ends idle ones. To be used in the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, idle: float = IDLE) -> None:
        self._loop = loop
        self._idle = idle
        self._counts: Counter[str] = Counter()
        self._seen: dict[Connected, tuple[int, float]] = {}
        self._timer = loop.call_later(idle / LOOKS, self._look)

    def admit(self, peer: str) -> bool:
        """Counts a connection that is about to be made, unless there are too many; one that is idle may end for it.

        `peer` is empty where peers cannot be told apart.
        """
        crowded = bool(peer) and self._counts[peer] >= PEER_CONNECTIONS
        if (crowded or self._counts.total() >= CONNECTIONS) and not self._made_room(peer if crowded else None):
            return False
        self._counts[peer] += 1
        return True

    def failed(self, peer: str) -> None:
        """A connection that was admitted was not made."""
        self._forget(peer)

    def joined(self, connection: Connected) -> None:
        """A connection was made."""
        self._seen[connection] = (connection.mark, self._loop.time())

    def left(self, connection: Connected) -> None:
        """A connection is gone."""
        if self._seen.pop(connection, None) is not None:
            self._forget(connection.peer)

    def close(self) -> None:
        """Looks no more."""
        self._timer.cancel()

    def _forget(self, peer: str) -> None:
        self._counts[peer] -= 1
        if self._counts[peer] <= 0:
            del self._counts[peer]

    def _look(self) -> None:
        self._timer = self._loop.call_later(self._idle / LOOKS, self._look)
        now = self._loop.time()
        for connection, since in self._idle_ones(self._seen, now):
            if now - since >= 2 * self._idle:
                connection.abort()  # it was asked to end, and has not
            elif now - since >= self._idle:
                connection.drain()

    def _idle_ones(self, among: Iterable[Connected], now: float) -> list[tuple[Connected, float]]:
        """The connections without calls, and since when at the latest."""
        found = []
        for connection in among:
            mark, since = self._seen[connection]
            if connection.mark < 0 or connection.mark != mark:
                self._seen[connection] = (connection.mark, now)
            else:
                found.append((connection, since))
        return found

    def _made_room(self, peer: str | None) -> bool:
        """Ends the connection (of `peer`) that has been idle longest, if there is one."""
        now = self._loop.time()
        among = [each for each in self._seen if peer is None or each.peer == peer]
        idle = [(since, each) for each, since in self._idle_ones(among, now) if now - since >= SPARED]
        if not idle:
            return False
        min(idle, key=lambda found: found[0])[1].abort()
        return True
