"""Budgets in Redis count as those in memory do: the same steps at the same times give the same numbers."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.usage.budgets.ledger import Reserved, ReservedPart, Settled
from extproc.usage.budgets.process import ProcessLedger
from extproc.usage.budgets.rules import BudgetRule
from tests.server.state.redis.played import PlayedLedger, played
from tests.server.state.redis.servers import redis_server
from tests.usage.budgets.ledgers import NOW, asks, rule

pytestmark = pytest.mark.services

TOKENS = "{name: team, per: tenant, tokens: 1000, window: 1h}"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedLedger]:
    folder = tmp_path_factory.mktemp("r")
    with redis_server(Path(folder)) as server, played(server) as found:
        yield found


@pytest.fixture(autouse=True)
def _fresh(ledger: PlayedLedger) -> None:
    ledger.forget()


def reserved(ledger: PlayedLedger, budget: BudgetRule, amount: int, now: float = NOW) -> Reserved:
    return ledger.reserve(asks(budget, amount, now=now), now)


def test_a_reservation_counts_at_once_and_is_corrected_by_what_it_was(ledger: PlayedLedger) -> None:
    budget = rule(TOKENS)
    taken = reserved(ledger, budget, 800).taken
    assert reserved(ledger, budget, 300).taken == ()
    ledger.settle((Settled(taken[0], 100),))
    found = reserved(ledger, budget, 900)
    assert (found.standings[0].used, found.standings[0].remaining) == (1000, 0)
    ledger.settle((Settled(found.taken[0], 0),))
    assert reserved(ledger, budget, 0).standings[0].used == 100


def test_streams_are_open_until_they_are_settled_or_their_worker_is_gone(ledger: PlayedLedger) -> None:
    budget = rule("{name: open, per: tenant, streams: 2}")
    one, _ = reserved(ledger, budget, 1).taken[0], reserved(ledger, budget, 1)
    standing = reserved(ledger, budget, 1).standings[0]
    assert (standing.room, standing.wait, standing.used) == (False, None, 2)
    ledger.settle((Settled(one, 0),))
    assert reserved(ledger, budget, 1).taken
    assert not reserved(ledger, budget, 1, NOW + 59).taken
    assert reserved(ledger, budget, 1, NOW + 60.001).standings[0].used == 1  # nobody said that they are open still


def test_streams_that_are_said_to_be_open_still_are(ledger: PlayedLedger) -> None:
    budget = rule("{name: open, per: tenant, streams: 1}")
    reserved(ledger, budget, 1)
    for at in (NOW + 50, NOW + 100):
        ledger.at(at)
        ledger._run(ledger.ledger._say_open(list(ledger.ledger._open.items())))
    assert not reserved(ledger, budget, 1, NOW + 150).taken
    ledger.lose()  # a server that lost everything learns of them again
    ledger.at(NOW + 150)
    ledger._run(ledger.ledger._say_open(list(ledger.ledger._open.items())))
    assert not reserved(ledger, budget, 1, NOW + 151).taken


def test_a_clock_of_a_client_that_is_wrong_opens_no_window_early_and_keeps_none_open(ledger: PlayedLedger) -> None:
    budget = rule(TOKENS)
    reserved(ledger, budget, 1000)
    early = ledger.reserve(asks(budget, 1, now=NOW + 3600), NOW + 10)  # an hour fast
    assert early.taken == ()
    assert early.standings[0].wait == pytest.approx(3590)
    late = ledger.reserve(asks(budget, 600, now=NOW), NOW + 3700)  # an hour slow
    assert late.taken[0].start == int(NOW) + 3600
    assert ledger.reserve(asks(budget, 600, now=NOW + 3700), NOW + 3700).taken == ()
    far = ledger.reserve(asks(budget, 600, now=NOW - 5 * 3600), NOW + 7300)
    assert far.taken[0].start == int(NOW) + 7200
    assert ledger.reserve(asks(budget, 600, now=NOW + 90 * 3600), NOW + 7400).taken == ()


def test_money_of_the_largest_limits_is_exact(ledger: PlayedLedger) -> None:
    budget = rule("{name: usd, per: all, usd: 1000000000, window: 1d}")
    for amount in (2**62 // 10, 1, 1):
        taken = ledger.reserve(asks(budget, amount, ""), NOW).taken
    assert ledger.row(asks(budget, 0, "")[0]).used == 2**62 // 10 + 2
    ledger.settle((Settled(taken[0], 0),))
    assert ledger.row(asks(budget, 0, "")[0]).used == 2**62 // 10 + 1


def test_a_settlement_that_is_larger_than_all_leaves_nothing_below_zero(ledger: PlayedLedger) -> None:
    budget = rule(TOKENS)
    taken = reserved(ledger, budget, 500).taken
    for _ in range(2):
        ledger.settle((Settled(taken[0], 0),))
    assert ledger.row(asks(budget, 0)[0]).used == 0


LINES = (
    TOKENS,
    "{name: slide, per: tenant, tokens: 1000, window: 1h, windows: sliding}",
    "{name: shadow, per: tenant, tokens: 500, window: 1h, mode: shadow}",
    "{name: calls, per: tenant, requests: 5, window: 10m}",
    "{name: few, per: tenant, streams: 3}",
)
RULES = tuple(rule(line) for line in LINES)
STEP = st.one_of(
    st.tuples(st.just("reserve"), st.sets(st.integers(0, len(LINES) - 1), min_size=1), st.integers(0, 600)),
    st.tuples(st.just("settle"), st.integers(0, 8), st.integers(0, 900)),
    st.tuples(st.just("wait"), st.integers(0, 4000), st.integers(0, 999)),
    st.tuples(st.just("limit"), st.integers(0, len(LINES) - 1), st.one_of(st.none(), st.integers(0, 2000))),
    st.tuples(st.just("reset"), st.integers(0, len(LINES) - 1), st.just(0)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=25))
def test_the_same_steps_give_the_same_numbers_as_in_memory(
    ledger: PlayedLedger, steps: list[tuple[str, object, object]]
) -> None:
    ledger.forget()
    memory, now = ProcessLedger(), NOW
    here: list[ReservedPart] = []
    there: list[ReservedPart] = []
    for kind, first, second in steps:
        if kind == "wait":
            assert isinstance(first, int)
            assert isinstance(second, int)
            now += first + second / 1000
            ledger.at(now)
            ledger._run(ledger.ledger._say_open(list(ledger.ledger._open.items())))
        elif kind == "reserve":
            assert isinstance(first, set)
            wanted = tuple(
                RULES[at].ask("acme", 1 if "streams" in LINES[at] or "requests" in LINES[at] else int(str(second)), now)
                for at in sorted(first)
            )
            mine, theirs = memory.reserve(wanted, now), ledger.reserve(wanted, now)
            assert [(each.limit, each.used, each.room) for each in theirs.standings] == [
                (each.limit, each.used, each.room) for each in mine.standings
            ]
            assert [each.wait for each in theirs.standings] == pytest.approx([each.wait for each in mine.standings])
            assert len(theirs.taken) == len(mine.taken)
            here += mine.taken
            there += theirs.taken
        elif kind == "settle" and here:
            assert isinstance(first, int)
            at = first % len(here)
            part, other = here.pop(at), there.pop(at)
            amount = 0 if part.unit == "streams" else int(str(second))
            memory.settle((Settled(part, amount),))
            ledger.settle((Settled(other, amount),))
        elif kind in {"limit", "reset"}:
            assert isinstance(first, int)
            ask = RULES[first].ask("acme", 0, now)
            if kind == "limit":
                limit = None if second is None else int(str(second))
                asyncio.run(memory.set_limit(ask, limit, now))
                ledger.set_limit(ask, limit, now)
            else:
                asyncio.run(memory.reset(ask, now))
                ledger.reset(ask, now)
    for budget in RULES:
        ask = budget.ask("acme", 0, now)
        assert ledger.row(ask, now) == asyncio.run(memory.row(ask, now))
