"""What reservations came to, on its way to Redis: sent together, kept while it is away, never counted too low."""

import asyncio
from collections import deque
from typing import Final, TypeAlias

from extproc.server.state.redis.client import RedisClient
from extproc.server.state.redis.connection import DisconnectedError, UnsentError
from extproc.server.state.redis.replies import settling
from extproc.server.state.redis.scripts import SETTLE
from extproc.server.tasks import cancel, spawn
from extproc.usage.budgets.ledger import LedgerError, ReservedPart

QUEUE_MAX: Final = 50_000
"""Parts that wait, 10 MB: those of a minute at 800 requests per second. The oldest are given up then: they stay
charged as they were reserved."""

BATCH: Final = 128
"""Parts that are sent in one question: Redis takes 0.3 ms for them, and serves nobody else meanwhile."""

AGAIN: Final = 0.5
"""Seconds before what failed is sent again."""

REPLY_WITHIN: Final = 5.0
"""Seconds for a reply, for which nobody waits. A connection that takes longer is given up."""

Correction: TypeAlias = tuple[ReservedPart, int]
"""A part, and the difference of what was spent to what was reserved."""


class SettlementQueue:
    """Corrections in their order. To be used in one loop.

    Where it is not known if Redis has counted a correction, it is sent again only if counting it twice harms nobody's
    budget: if it charges more, or closes a stream. One that would give back stays charged as reserved.
    """

    def __init__(self, client: RedisClient, instance: str) -> None:
        self._client = client
        self._instance = instance
        self._queue: deque[Correction] = deque()
        self._task: asyncio.Task[None] | None = None
        self.given_up = 0

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, part: ReservedPart, by: int) -> None:
        """Have a part corrected."""
        if len(self._queue) >= QUEUE_MAX:
            self._queue.popleft()
            self.given_up += 1
        self._queue.append((part, by))
        if self._task is None:
            self._task = spawn(self._run())

    async def flush(self, within: float) -> None:
        """Wait until all is sent, for so many seconds at most."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=within)

    async def close(self) -> None:
        """Stop; what waits stays charged as it was reserved."""
        if self._task is not None:
            await cancel(self._task)

    async def _run(self) -> None:
        try:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                if not await self._sent(batch):
                    await asyncio.sleep(AGAIN)
        finally:
            self._task = None

    async def _sent(self, batch: list[Correction]) -> bool:
        """Send some; what failed is in the queue again, at its front."""
        keys = [self._client.key(part.account.key) for part, _ in batch]
        try:
            await self._client.ready()
        except (LedgerError, DisconnectedError, OSError):  # a timeout is among the last
            return self._failed(batch, batch)
        try:
            async with asyncio.timeout(REPLY_WITHIN):
                await self._client.call(SETTLE, keys, settling(batch, self._instance))
        except (LedgerError, UnsentError):
            return self._failed(batch, batch)  # Redis said that it was not counted, or never heard of it
        except (DisconnectedError, TimeoutError):
            self._client.drop()
            return self._failed(batch, [each for each in batch if each[0].unit == "streams" or each[1] > 0])
        return True

    def _failed(self, batch: list[Correction], again: list[Correction]) -> bool:
        self.given_up += len(batch) - len(again)
        self._queue.extendleft(reversed(again))
        return False
