"""Budgets in Redis, as the admin port and `extproc budget` use them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final, TypeVar

from extproc.policy.redis_state import RedisAccess
from extproc.server.state.redis.client import RedisClient
from extproc.server.state.redis.connection import DisconnectedError
from extproc.server.state.redis.replies import looked, names_of, period_of, standing_now
from extproc.server.state.redis.scripts import LIMIT, LOOK, RESET
from extproc.usage.budgets.ledger import Ask, AskOf, LedgerError, StandingRow
from extproc.usage.budgets.process import row_of

SCANNED: Final = 500
"""Keys that one step of a list looks at: Redis takes 0.2 ms for them."""

WITHIN: Final = 5.0
"""Seconds for one question; a person waits."""

T = TypeVar("T")


class RedisDesk:
    """A `LedgerDesk` in Redis. To be used in one loop."""

    def __init__(self, access: RedisAccess) -> None:
        self._client = RedisClient(access)

    async def rows(self, asks: AskOf, now: float, budget: str | None) -> list[StandingRow]:  # noqa: ARG002
        """See `LedgerDesk.rows`."""
        found: list[StandingRow] = []
        async for key in self._keys():
            reply = await _answered(self._client.call(LOOK, [key], ()))
            _, _, name, subject = looked(reply, streams=False)
            ask = asks(name, subject) if budget in {None, name} else None
            if ask is not None and self._client.key(ask.account.key) == key:
                found.append(_row(ask, reply))
        return found

    async def row(self, ask: Ask, now: float) -> StandingRow:  # noqa: ARG002  - Redis has a clock
        """See `LedgerDesk.row`."""
        return _row(ask, await _answered(self._client.call(LOOK, [self._client.key(ask.account.key)], ())))

    async def set_limit(self, ask: Ask, limit: int | None, now: float) -> None:  # noqa: ARG002
        """See `LedgerDesk.set_limit`."""
        start, end, _ = period_of(ask)
        words = (b"" if limit is None else limit, *names_of(ask), start, end)
        await _answered(self._client.call(LIMIT, [self._client.key(ask.account.key)], words))

    async def reset(self, ask: Ask, now: float) -> None:  # noqa: ARG002  - Redis has a clock
        """See `LedgerDesk.reset`."""
        if ask.unit != "streams":
            await _answered(self._client.call(RESET, [self._client.key(ask.account.key)], period_of(ask)))

    async def close(self) -> None:
        """Let go of Redis."""
        self._client.close()

    async def _keys(self) -> AsyncIterator[str]:
        """Yield the keys of all accounts, each once."""
        seen: set[str] = set()
        cursor = b"0"
        while True:
            command = self._client.command(b"SCAN", cursor, b"MATCH", self._client.pattern, b"COUNT", SCANNED)
            cursor, keys = await _answered(command)
            for each in keys:
                key = each.decode()
                if key not in seen:
                    seen.add(key)
                    yield key
            if cursor == b"0":
                return


def _row(ask: Ask, reply: Any) -> StandingRow:
    account, now, _, _ = looked(reply, streams=ask.unit == "streams")
    return row_of(ask, standing_now(ask, account, now), account.override)


async def _answered(question: Awaitable[T]) -> T:
    """Return the reply. Raises LedgerError."""
    try:
        async with asyncio.timeout(WITHIN):
            return await question
    except TimeoutError:
        raise LedgerError("timeout") from None
    except (DisconnectedError, OSError):
        raise LedgerError("unavailable") from None
