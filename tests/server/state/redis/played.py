"""A ledger in a real Redis whose clock the test moves: the scripts read the time from a key of the test's own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from extproc.server.state.redis import client, desk, ledger, scripts, settling
from extproc.server.state.redis.desk import RedisDesk
from extproc.server.state.redis.ledger import RedisLedger
from extproc.server.state.redis.scripts import RedisScript
from extproc.usage.budgets.ledger import Ask, Reserved, Settled, StandingRow
from tests.server.state.redis.servers import RedisServer, access
from tests.usage.budgets.ledgers import NOW

CLOCK: Final = "{extproc:}clock"
USERS: Final[dict[str, tuple[Any, ...]]] = {
    "RESERVE": (ledger,),
    "RENEW": (ledger,),
    "SETTLE": (settling,),
    "LOOK": (desk,),
    "LIMIT": (desk,),
    "RESET": (desk,),
}


def timed(script: RedisScript) -> RedisScript:
    """A script that reads the test's clock, and lets nothing expire by Redis's own."""
    text = script.text.replace(b"redis.call('TIME')", f"redis.call('HMGET', '{CLOCK}', 's', 'u')".encode())
    text = text.replace(b"redis.call('EXPIREAT',", b"redis.call('EXISTS',").replace(
        b"redis.call('EXPIRE',", b"tostring("
    )
    return scripts._script(text.decode())


class PlayedLedger:
    """The ledger and the desk, called as if they answered at once, at the times that the test says."""

    def __init__(self, server: RedisServer, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.ledger = RedisLedger(access(server.url), lambda: 0.0)
        self.desk = RedisDesk(access(server.url))

    def at(self, now: float) -> None:
        seconds, micros = int(now), round((now - int(now)) * 1_000_000)
        self._run(self.ledger._client.command(b"HSET", CLOCK, b"s", seconds, b"u", micros))

    def reserve(self, asks: tuple[Ask, ...], now: float = NOW) -> Reserved:
        self.at(now)
        found: Reserved = self._run(self.ledger.reserve(asks, now).ask())
        return found

    def settle(self, settled: tuple[Settled, ...]) -> None:
        async def sent() -> None:
            self.ledger.settle(settled)
            await self.ledger.settlements.flush(10)

        self._run(sent())

    def row(self, ask: Ask, now: float = NOW) -> StandingRow:
        self.at(now)
        found: StandingRow = self._run(self.desk.row(ask, now))
        return found

    def set_limit(self, ask: Ask, limit: int | None, now: float = NOW) -> None:
        self.at(now)
        self._run(self.desk.set_limit(ask, limit, now))

    def reset(self, ask: Ask, now: float = NOW) -> None:
        self.at(now)
        self._run(self.desk.reset(ask, now))

    def forget(self) -> None:
        """Empty the server, and the ledger's memory of its streams."""
        self.lose()
        self.ledger._open.clear()

    def lose(self) -> None:
        """Empty the server."""
        self._run(self.ledger._client.command(b"FLUSHALL"))

    def close(self) -> None:
        async def closed() -> None:
            await self.ledger.close()
            await self.desk.close()

        self._run(closed())

    def _run(self, question: Any) -> Any:
        return self._runner.run(question)


@contextmanager
def played(server: RedisServer) -> Iterator[PlayedLedger]:
    """A ledger at the test's clock."""
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        for name, modules in USERS.items():
            for module in modules:
                patch.setattr(module, name, timed(getattr(scripts, name)))
        patch.setattr(client, "SCRIPTS", ())
        found = PlayedLedger(server, runner)
        try:
            yield found
        finally:
            found.close()
