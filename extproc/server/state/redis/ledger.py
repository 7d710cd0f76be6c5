"""Budgets in Redis, as the exchanges of a worker use them: a round trip to reserve, and none to wait for at the end."""

import asyncio
from collections.abc import Callable
from functools import partial
from secrets import token_hex
from typing import Any, Final

from extproc.policy.redis_state import RedisAccess
from extproc.server.state.redis.client import CONNECT_WITHIN, BegunQuestion, RedisClient
from extproc.server.state.redis.connection import DisconnectedError
from extproc.server.state.redis.replies import KnownAccount, ReserveReply, heard, standing_now, stream_id, words_of
from extproc.server.state.redis.scripts import LEASE, RENEW, RESERVE
from extproc.server.state.redis.settling import SettlementQueue
from extproc.server.tasks import cancel, spawn
from extproc.usage.budgets.ledger import Ask, LedgerError, Reserved, Settled, Standing

RENEW_EVERY: Final = LEASE / 3
"""Seconds between two times that a worker says which streams are still open: two may fail."""

RENEW_BATCH: Final = 256
"""Streams of one such question."""

HEARD_MAX: Final = 20_000
"""Accounts whose last known state is remembered, for signals: 4 MB."""

FLUSH_WITHIN: Final = 2.0
"""Seconds that a worker's end waits for the last settlements."""


class RedisLedger:
    """A `Ledger` in Redis. To be used in one loop. `clock` measures time."""

    def __init__(self, access: RedisAccess, clock: Callable[[], float]) -> None:
        self._client = RedisClient(access)
        self._clock = clock
        self._instance = token_hex(8)
        self._streams = 0
        self._open: dict[int, bytes] = {}
        self._heard: dict[bytes, KnownAccount] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        self.settlements = SettlementQueue(self._client, self._instance)
        self.timeout = self._client.timeout

    def reserve(self, asks: tuple[Ask, ...], now: float) -> "ReserveQuestion":  # noqa: ARG002  - Redis has a clock
        """See `Ledger.reserve`."""
        client = self._client
        if client.breaker.state != "closed":
            if client.breaker.admits(self._clock()):
                self._probing = spawn(self._probe())
            raise LedgerError("unavailable")
        if client.crowded:
            raise LedgerError("overloaded")
        first = self._streams
        self._streams += len(asks)
        return ReserveQuestion(self, asks, tuple(range(first + 1, self._streams + 1)))

    def settle(self, settled: tuple[Settled, ...]) -> None:
        """See `Ledger.settle`."""
        for each in settled:
            part, by = each.taken, each.amount - each.taken.amount
            if part.unit == "streams":
                self._open.pop(part.start, None)
            if by:
                self.settlements.add(part, by)

    def standing(self, ask: Ask, now: float) -> Standing | None:
        """See `Ledger.standing`."""
        account = self._heard.get(ask.account.key)
        return None if account is None else standing_now(ask, account, now)

    async def close(self) -> None:
        """Send what is settled, and let go of Redis."""
        await self.settlements.flush(FLUSH_WITHIN)
        await self.settlements.close()
        await cancel(*(each for each in (self._renewing, self._probing) if each is not None))
        self._client.close()

    def refresh(self, access: RedisAccess) -> None:
        """Show another password or certificate from the next connection on."""
        self._client.refresh(access)

    # -- a question

    def begin(self, asks: tuple[Ask, ...], numbers: tuple[int, ...]) -> BegunQuestion | None:
        """Send the question before anybody waits for it, if there is a connection: handing work out takes as long."""
        client = self._client
        keys = [client.key(ask.account.key) for ask in asks]
        words = words_of(asks, numbers, self._instance)
        return client.begin(RESERVE, keys, words, partial(self.give_back, asks, numbers))

    async def asked(self, asks: tuple[Ask, ...], numbers: tuple[int, ...], begun: BegunQuestion | None) -> Reserved:
        """Ask Redis. Raises LedgerError; when cancelled, what it may have reserved is given back."""
        client, started = self._client, self._clock()
        keys = [client.key(ask.account.key) for ask in asks]
        late = partial(self.give_back, asks, numbers)
        try:
            reply = await client.call(RESERVE, keys, words_of(asks, numbers, self._instance), late, begun)
            found = heard(asks, numbers, reply)
        except asyncio.CancelledError:
            if self._clock() - started >= self.timeout * _NEARLY:
                client.breaker.failed(self._clock(), probe=False)
            raise
        except LedgerError as error:
            if error.fault not in {"full", "broken"}:  # whoever says that is there, and others' accounts are well
                client.breaker.failed(self._clock(), probe=False)
            raise
        except (DisconnectedError, OSError, TimeoutError):
            client.breaker.failed(self._clock(), probe=False)
            raise LedgerError("unavailable") from None
        if client.breaker.state == "closed":  # one from before it was left alone decides nothing
            client.breaker.succeeded()
        self._remember(asks, numbers, found)
        return found.reserved

    async def _probe(self) -> None:
        """Try a server that was left alone. No request waits for that."""
        client = self._client
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await client.ready()
            async with asyncio.timeout(self.timeout):
                await client.call(RENEW, (), ())
        except asyncio.CancelledError:
            client.breaker.dropped()
            raise
        except (LedgerError, DisconnectedError, OSError, TimeoutError):
            client.drop_stalled()
            client.breaker.failed(self._clock())
        else:
            client.breaker.succeeded()

    def _remember(self, asks: tuple[Ask, ...], numbers: tuple[int, ...], found: ReserveReply) -> None:
        if len(self._heard) + len(asks) > HEARD_MAX:
            self._heard.clear()
        for ask, number, account in zip(asks, numbers, found.accounts, strict=True):
            self._heard[ask.account.key] = account
            if ask.unit == "streams" and found.reserved.taken:
                self._open[number] = ask.account.key
                if self._renewing is None:
                    self._renewing = spawn(self._renew())

    def give_back(self, asks: tuple[Ask, ...], numbers: tuple[int, ...], reply: Any) -> None:
        """Take back what was reserved for a request that did not wait for it."""
        try:
            taken = heard(asks, numbers, reply).reserved.taken
        except LedgerError:
            return
        self.settle(tuple(Settled(part, 0) for part in taken))

    # -- streams

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            streams = list(self._open.items())
            for at in range(0, len(streams), RENEW_BATCH):
                some = [each for each in streams[at : at + RENEW_BATCH] if each[0] in self._open]
                await self._say_open(some)

    async def _say_open(self, streams: list[tuple[int, bytes]]) -> None:
        keys = [self._client.key(key) for _, key in streams]
        words = [stream_id(self._instance, number) for number, _ in streams]
        try:
            async with asyncio.timeout(RENEW_EVERY):
                await self._client.call(RENEW, keys, words)
        except (LedgerError, DisconnectedError, OSError, TimeoutError):
            return  # the next time comes before the lease is over

    def __repr__(self) -> str:
        return f"RedisLedger({self._client!r})"


_NEARLY: Final = 0.9
"""The part of the timeout after which a question that is given up is taken for one that Redis did not answer."""


class ReserveQuestion:
    """A question on its way: see `RemoteAsk`. If nobody waits for it when its reply comes, nobody will."""

    __slots__ = ("_asks", "_begun", "_ledger", "_numbers", "_over", "_waited")

    def __init__(self, ledger: RedisLedger, asks: tuple[Ask, ...], numbers: tuple[int, ...]) -> None:
        self._ledger = ledger
        self._asks = asks
        self._numbers = numbers
        self._waited = self._over = False
        self._begun = ledger.begin(asks, numbers)
        if self._begun is not None:
            self._begun[1].add_done_callback(self._came)

    async def ask(self) -> Reserved:
        """Return what was reserved. Raises LedgerError."""
        if self._over:
            raise LedgerError("unavailable")
        self._waited = True
        return await self._ledger.asked(self._asks, self._numbers, self._begun)

    def _came(self, future: "asyncio.Future[Any]") -> None:
        """Give back what was reserved for a request that went away before it began to wait."""
        if self._waited:
            return
        self._over = True
        if not future.cancelled() and future.exception() is None:
            self._ledger.give_back(self._asks, self._numbers, future.result())

    def __repr__(self) -> str:
        return f"ReserveQuestion({len(self._asks)})"
