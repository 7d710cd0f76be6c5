"""A Redis that is gone, slow, full, a replica or a stranger: nothing is spent uncounted, and nobody waits for long."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from extproc.policy.redis_state import RedisAccess
from extproc.server.state.redis import settling
from extproc.server.state.redis.client import COOLDOWN, FAILURES, RedisClient
from extproc.server.state.redis.desk import RedisDesk
from extproc.server.state.redis.ledger import RedisLedger
from extproc.usage.budgets.ledger import LedgerError, Reserved, ReservedPart, Settled
from extproc.usage.budgets.rules import BudgetRule
from tests.gathered import gathered
from tests.server.state.redis.servers import access, free_port, redis_server
from tests.server.support import until
from tests.usage.budgets.ledgers import asks, rule

pytestmark = pytest.mark.services

BUDGET = rule("{name: team, per: tenant, tokens: 1000, window: 366d}")
OPEN = rule("{name: open, per: tenant, streams: 100}")


@asynccontextmanager
async def ledger_at(to: RedisAccess | str) -> AsyncIterator[RedisLedger]:
    found = RedisLedger(access(to) if isinstance(to, str) else to, time.monotonic)
    try:
        async with asyncio.timeout(60):
            yield found
    finally:
        await found.close()


async def reserved(ledger: RedisLedger, amount: int, budget: BudgetRule = BUDGET) -> Reserved:
    now = time.time()
    return await ledger.reserve(asks(budget, amount, now=now), now).ask()


async def used(ledger: RedisLedger, budget: BudgetRule = BUDGET) -> int:
    return (await reserved(ledger, 0, budget)).standings[0].used


async def fault(question: Awaitable[Any]) -> str:
    with pytest.raises(LedgerError) as caught:
        await question
    return caught.value.fault


async def settled(ledger: RedisLedger, part: ReservedPart, amount: int) -> None:
    ledger.settle((Settled(part, amount),))
    await ledger.settlements.flush(10)


def test_two_workers_that_race_admit_no_more_than_there_is(tmp_path: Path) -> None:
    async def main(url: str) -> None:
        async with ledger_at(url) as one, ledger_at(url) as other:
            found = await asyncio.gather(*(reserved(each, 30) for _ in range(100) for each in (one, other)))
            assert sum(len(each.taken) for each in found) == 1000 // 30
            assert await used(one) == await used(other) == 990

    with redis_server(tmp_path) as server:
        asyncio.run(main(server.url))


def test_a_restart_loses_nothing_of_what_was_counted_or_set(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:

        async def main() -> None:
            desk = RedisDesk(access(server.url))
            async with ledger_at(server.url) as ledger:
                part = (await reserved(ledger, 700)).taken[0]
                await desk.set_limit(asks(BUDGET, 0)[0], 2000, 0.0)
                server.stop(signal.SIGKILL)
                await until(lambda: ledger._client._connection is None)
                ledger.settle((Settled(part, 100),))  # nobody is there: it waits
                server.start()
                await ledger.settlements.flush(10)
                found = await reserved(ledger, 0)
                assert (found.standings[0].used, found.standings[0].limit) == (100, 2000)
                assert ledger.settlements.given_up == 0
            await desk.close()

        asyncio.run(main())


def test_an_empty_cache_of_scripts_is_filled_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_at(server.url) as ledger:
            part = (await reserved(ledger, 700)).taken[0]
            server.cli("SCRIPT", "FLUSH")
            assert await used(ledger) == 700
            server.cli("SCRIPT", "FLUSH")
            await settled(ledger, part, 50)
            assert await used(ledger) == 50

    with redis_server(tmp_path) as server:
        asyncio.run(main())


def test_a_server_that_is_gone_costs_nothing_after_a_few_failures_and_is_tried_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_at(server.url) as ledger:
            await reserved(ledger, 1)
            server.stop(signal.SIGKILL)
            assert {await fault(reserved(ledger, 1)) for _ in range(FAILURES)} == {"unavailable"}
            before = time.perf_counter()
            for _ in range(1000):
                with pytest.raises(LedgerError, match="unavailable"):
                    ledger.reserve(asks(BUDGET, 1), 0.0)
            assert time.perf_counter() - before < 0.2
            server.start()

            async def back() -> bool:
                try:
                    return bool((await reserved(ledger, 1)).taken)
                except LedgerError:
                    return False

            began = time.monotonic()
            while not await back():  # noqa: ASYNC110  - it is a question each time
                await asyncio.sleep(0.05)
            assert time.monotonic() - began < COOLDOWN + 3

    with redis_server(tmp_path) as server:
        asyncio.run(main())


def test_what_a_slow_server_reserved_for_nobody_is_given_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_at(server.url) as ledger:
            await reserved(ledger, 10)
            server.cli("CLIENT", "PAUSE", "400", "ALL")
            before = time.perf_counter()
            for budget in (BUDGET, OPEN):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reserved(ledger, 1 if budget is OPEN else 500, budget), 0.05)
            assert time.perf_counter() - before < 0.3
            await asyncio.sleep(0.5)
            await ledger.settlements.flush(5)
            assert await used(ledger) == 10
            assert (await reserved(ledger, 1, OPEN)).standings[0].used == 1

    with redis_server(tmp_path) as server:
        asyncio.run(main())


def test_questions_that_come_too_late_open_the_circuit_and_a_server_that_is_quick_again_closes_it(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with ledger_at(access(server.url, timeout="50ms")) as ledger:
            await reserved(ledger, 0)
            server.cli("CLIENT", "PAUSE", "1500", "ALL")
            for _ in range(FAILURES):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reserved(ledger, 100), ledger.timeout)
            with pytest.raises(LedgerError, match="unavailable"):
                ledger.reserve(asks(BUDGET, 1), 0.0)
            state = ledger._client.breaker

            def closed() -> bool:
                try:
                    ledger.reserve(asks(BUDGET, 0), 0.0)
                except LedgerError:
                    return False
                return state.state == "closed"

            await until(closed)
            await ledger.settlements.flush(5)
            assert await used(ledger) == 0

    with redis_server(tmp_path) as server:
        asyncio.run(main())


def test_a_client_that_leaves_says_nothing_of_the_server(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_at(server.url) as ledger:
            await reserved(ledger, 0)
            for _ in range(3 * FAILURES):
                asking = asyncio.ensure_future(reserved(ledger, 1))
                await asyncio.sleep(0)
                asking.cancel()
            assert await used(ledger) <= 3 * FAILURES
            await ledger.settlements.flush(5)
            assert (await used(ledger), ledger._client.breaker.state) == (0, "closed")

    with redis_server(tmp_path) as server:
        asyncio.run(main())


def test_a_question_that_nobody_waits_for_is_given_back_and_not_answered(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_at(server.url) as ledger:
            await reserved(ledger, 0)
            now = time.time()
            question = ledger.reserve(asks(BUDGET, 300, now=now), now)
            never = asyncio.ensure_future(ledger.reserve(asks(BUDGET, 300, now=now), now).ask())
            never.cancel()  # before it has begun
            await asyncio.sleep(0.2)
            assert await fault(question.ask()) == "unavailable"
            await ledger.settlements.flush(5)
            assert await used(ledger) == 0

    with redis_server(tmp_path) as server:
        asyncio.run(main())


def test_a_full_server_refuses_what_it_cannot_count_and_corrects_it_once_there_is_room(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_at(server.url) as ledger:
            part = (await reserved(ledger, 500)).taken[0]
            server.cli("CONFIG", "SET", "maxmemory", "1")
            for _ in range(2 * FAILURES):
                assert await fault(reserved(ledger, 10)) == "full"
            ledger.settle((Settled(part, 100),))
            await ledger.settlements.flush(0.3)
            assert len(ledger.settlements) == 1
            server.cli("CONFIG", "SET", "maxmemory", "0")
            await ledger.settlements.flush(5)
            assert await used(ledger) == 100

    with redis_server(tmp_path, "--maxmemory-policy", "noeviction") as server:
        asyncio.run(main())


def test_a_key_that_is_no_account_concerns_its_own_subject_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_at(server.url) as ledger:
            now = time.time()
            (own,), (strange,) = (asks(BUDGET, 10, name, now) for name in ("own", "strange"))
            key = ledger._client.key(strange.account.key)
            parts = [(await ledger.reserve((each,), now).ask()).taken[0] for each in (strange, own)]
            server.cli("SET", key, "planted")
            for _ in range(2 * FAILURES):
                assert await fault(ledger.reserve((own, strange), now).ask()) == "broken"
            ledger.settle(tuple(Settled(each, 4) for each in parts))
            await ledger.settlements.flush(5)
            assert (await ledger.reserve((own,), now).ask()).standings[0].used == 14

    with redis_server(tmp_path) as server:
        asyncio.run(main())


def test_a_replica_counts_nothing_until_it_is_the_master(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_at(server.url) as ledger:
            await reserved(ledger, 10)
            server.cli("REPLICAOF", "127.0.0.1", str(free_port()))
            assert await fault(reserved(ledger, 10)) == "unavailable"
            server.cli("REPLICAOF", "NO", "ONE")
            assert await used(ledger) == 10

    with redis_server(tmp_path) as server:
        asyncio.run(main())


def test_a_password_and_a_user_who_may_do_only_what_is_needed(tmp_path: Path) -> None:
    allowed = (
        "user extproc on >planted ~{extproc:}* resetchannels -@all +evalsha +eval +script|load +select +time +hmget"
        " +hget +hset +hdel +hincrby +zadd +zrem +zcard +zcount +zremrangebyscore +expire +expireat +persist +scan"
    )
    acl = tmp_path / "users.acl"
    acl.write_text(f"user default off\n{allowed}\n")

    async def main() -> None:
        async with ledger_at(access(server.url, b"planted", username="extproc")) as ledger:
            part = (await reserved(ledger, 5)).taken[0]
            stream = (await reserved(ledger, 1, OPEN)).taken[0]
            await ledger._say_open(list(ledger._open.items()))
            await settled(ledger, part, 1)
            await settled(ledger, stream, 0)
            assert await used(ledger) == 1
            desk = RedisDesk(access(server.url, b"planted", username="extproc"))
            await desk.set_limit(asks(BUDGET, 0, now=time.time())[0], 7, 0.0)
            await desk.set_limit(asks(BUDGET, 0, now=time.time())[0], None, 0.0)
            await desk.reset(asks(BUDGET, 0, now=time.time())[0], 0.0)
            rows = await desk.rows(lambda _, subject: BUDGET.ask(subject, 0, time.time()), 0.0, "team")
            assert [(each.subject, each.used, each.limit) for each in rows] == [("acme", 0, 1000)]
            await desk.close()
        for wrong in (
            access(server.url, b"wrong", username="extproc"),
            access(server.url, b"planted"),
            access(server.url),
        ):
            async with ledger_at(wrong) as ledger:
                assert await fault(reserved(ledger, 5)) == "error"
                assert "planted" not in repr(ledger)

    with redis_server(tmp_path, "--aclfile", str(acl)) as server:
        asyncio.run(main())


def test_a_new_password_is_shown_from_the_next_connection_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_at(access(server.url, b"old")) as ledger:
            await reserved(ledger, 5)
            ledger.refresh(access(server.url, b"new"))
            assert await used(ledger) == 5
            server.cli("-a", "old", "CONFIG", "SET", "requirepass", "new")
            server.cli("-a", "new", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await until(lambda: ledger._client._connection is None)
            assert await used(ledger) == 5

    with redis_server(tmp_path, "--requirepass", "old") as server:
        asyncio.run(main())


def test_over_tls_the_certificate_is_checked(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    made = authority.issue_cert("redis.test")
    names = {"ca": tmp_path / "ca.pem", "cert": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}
    authority.cert_pem.write_to_path(names["ca"])
    made.cert_chain_pems[0].write_to_path(names["cert"])
    made.private_key_pem.write_to_path(names["key"])
    port = free_port()
    files = ("--tls-cert-file", names["cert"], "--tls-key-file", names["key"], "--tls-ca-cert-file", names["ca"])
    tls = ("--tls-port", str(port), *map(str, files), "--tls-auth-clients", "no")

    def to(ca: trustme.CA, sni: str = "redis.test") -> RedisAccess:
        plain = access(f"rediss://127.0.0.1:{port}", tls={"sni": sni})
        return RedisAccess(plain.state, ca=ca.cert_pem.bytes())

    async def main() -> None:
        async with ledger_at(to(authority)) as ledger:
            assert (await reserved(ledger, 5)).taken
        for wrong in (to(stranger), to(authority, "other.test")):
            async with ledger_at(wrong) as ledger:
                assert await fault(reserved(ledger, 5)) == "unavailable"

    with redis_server(tmp_path, *tls):
        asyncio.run(main())


@asynccontextmanager
async def stranger(replies: Callable[[bytes], bytes | None]) -> AsyncIterator[str]:
    """Somebody who is no Redis: says what `replies` gives to what it reads, or hangs up."""
    tasks: set[asyncio.StreamWriter] = set()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(writer)
        while data := await reader.read(65536):
            said = replies(data)
            if said is None:
                break
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for each in tasks:
            each.close()


def answering(reply: bytes) -> Callable[[bytes], bytes | None]:
    """Says that each script is there, and then the same to each question."""

    def said(data: bytes) -> bytes:
        return b"$1\r\nx\r\n" * data.count(b"\r\nLOAD\r\n") + reply * data.count(b"EVALSHA")

    return said


@gathered(
    ("said", "found"),
    [
        (answering(b"-LOADING Redis is loading\r\n"), "unavailable"),
        (answering(b"-BUSY planted\r\n"), "unavailable"),
        (answering(b"-MOVED 1 127.0.0.1:1\r\n"), "error"),
        (answering(b"-ERR planted\r\n"), "error"),
        (answering(b":1\r\n"), "broken"),
        (answering(b"*3\r\n:1\r\n$1\r\nx\r\n$1\r\n1\r\n"), "broken"),
        (answering(b"*0\r\n"), "broken"),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "unavailable"),
        (lambda _: None, "unavailable"),
    ],
)
def test_what_is_no_reply_is_a_fault_and_not_quoted(said: Callable[[bytes], bytes | None], found: str) -> None:
    async def main() -> None:
        async with stranger(said) as url, ledger_at(url) as ledger:
            assert await fault(reserved(ledger, 5)) == found

    asyncio.run(main())


def test_a_correction_whose_fate_nobody_knows_is_sent_again_only_if_it_charges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "AGAIN", 0.01)

    async def main() -> None:
        sent: list[bytes] = []

        def said(data: bytes) -> bytes | None:
            if b"EVALSHA" not in data:
                return b"$1\r\nx\r\n" * data.count(b"\r\nLOAD\r\n")
            sent.append(data)
            return None if len(sent) < 3 else b":1\r\n"

        async with stranger(said) as url, ledger_at(url) as ledger:
            account = BUDGET.account("acme")
            part, stream = ReservedPart(account, "tokens", 100, 1, 2), ReservedPart(account, "streams", 1, 7, 1 << 62)
            ledger.settle((Settled(part, 40), Settled(part, 150), Settled(stream, 0), Settled(part, 100)))
            await ledger.settlements.flush(10)
            assert ledger.settlements.given_up == 1
            assert [b"$3\r\n-60\r\n" in each for each in sent] == [True, False, False]
            assert [b"$2\r\n50\r\n" in each for each in sent] == [True, True, True]

    asyncio.run(main())


def test_a_correction_without_a_reply_is_not_given_back_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "AGAIN", 0.01)
    monkeypatch.setattr(settling, "REPLY_WITHIN", 0.05)

    async def main() -> None:
        sent: list[bytes] = []

        def said(data: bytes) -> bytes:
            sent.extend([data] if b"EVALSHA" in data else [])
            return b"$1\r\nx\r\n" * data.count(b"\r\nLOAD\r\n")

        async with stranger(said) as url, ledger_at(url) as ledger:
            part = ReservedPart(BUDGET.account("acme"), "tokens", 100, 1, 2)
            ledger.settle((Settled(part, 40),))
            await ledger.settlements.flush(5)
            assert (len(sent), ledger.settlements.given_up, len(ledger.settlements)) == (1, 1, 0)

    asyncio.run(main())


def test_the_queue_of_settlements_has_a_limit_and_gives_up_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "QUEUE_MAX", 3)

    async def main() -> None:
        async with ledger_at(f"redis://127.0.0.1:{free_port()}") as ledger:
            parts = [ReservedPart(BUDGET.account("acme"), "tokens", 100, at, at + 1) for at in range(5)]
            ledger.settle(tuple(Settled(each, 0) for each in parts))
            queue = ledger.settlements
            assert (len(queue), queue.given_up) == (3, 2)
            assert [part.start for part, _ in queue._queue] == [2, 3, 4]
            await queue.close()

    asyncio.run(main())


def test_more_questions_than_may_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with stranger(lambda data: b"$1\r\nx\r\n" * data.count(b"\r\nLOAD\r\n")) as url, ledger_at(url) as ledger:
            await ledger._client.ready()
            monkeypatch.setattr("extproc.server.state.redis.client.WAITING_MAX", 3)
            asking = [asyncio.ensure_future(reserved(ledger, 1)) for _ in range(3)]
            await until(lambda: ledger._client.crowded)
            with pytest.raises(LedgerError, match="overloaded"):
                ledger.reserve(asks(BUDGET, 1), 0.0)
            for each in asking:
                each.cancel()

    asyncio.run(main())


def test_a_reply_that_comes_in_the_moment_in_which_its_question_is_given_up_is_not_lost() -> None:
    async def main() -> None:
        late: list[Any] = []
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asking = asyncio.ensure_future(RedisClient._reply(future, late.append))
        await asyncio.sleep(0)
        future.set_result("reply")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert late == ["reply"]

    asyncio.run(main())


def test_where_nothing_is_kept_anew_streams_are_free_after_their_worker_died(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger_at(server.url) as ledger:
            await reserved(ledger, 1, OPEN)
            assert 0 < int(server.cli("ZCARD", server.cli("KEYS", "*:open"))) == 1
            assert 3500 < int(server.cli("TTL", server.cli("KEYS", "*:open"))) <= 3660
            await reserved(ledger, 1)
            key = next(each for each in server.cli("KEYS", "*").split() if server.cli("HGET", each, "n") == "acme")
            assert int(server.cli("TTL", key)) > 0

    with redis_server(tmp_path) as server:
        asyncio.run(main())
