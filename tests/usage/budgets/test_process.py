import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.usage.budgets.ledger import LedgerError, Reserved, ReservedPart, Settled
from extproc.usage.budgets.process import ProcessLedger
from extproc.usage.budgets.rules import BudgetRule, Facts, nano_usd, whole
from tests.usage.budgets.ledgers import NOW, asks, rule

TOKENS = "{name: team, per: tenant, tokens: 1000, window: 1h}"


def reserved(ledger: ProcessLedger, budget: BudgetRule, amount: int, now: float = NOW) -> Reserved:
    return ledger.reserve(asks(budget, amount, now=now), now)


def test_a_reservation_counts_at_once_and_is_corrected_by_what_it_was() -> None:
    ledger, budget = ProcessLedger(), rule(TOKENS)
    taken = reserved(ledger, budget, 800).taken
    assert reserved(ledger, budget, 300).taken == ()
    ledger.settle((Settled(taken[0], 100),))
    found = reserved(ledger, budget, 900)
    assert (found.standings[0].used, found.standings[0].remaining) == (1000, 0)


def test_what_was_not_spent_at_all_is_given_back() -> None:
    ledger, budget = ProcessLedger(), rule(TOKENS)
    ledger.settle((Settled(reserved(ledger, budget, 1000).taken[0], 0),))
    assert reserved(ledger, budget, 1000).taken


def test_a_refusal_says_when_there_will_be_room() -> None:
    ledger, budget = ProcessLedger(), rule(TOKENS)
    reserved(ledger, budget, 1000)
    standing = reserved(ledger, budget, 1, NOW + 1200).standings[0]
    assert (standing.room, standing.wait) == (False, 2400.0)
    assert reserved(ledger, budget, 1, NOW + 3600).taken


def test_a_request_that_is_larger_than_the_limit_has_nothing_to_wait_for() -> None:
    standing = reserved(ProcessLedger(), rule(TOKENS), 1001).standings[0]
    assert (standing.room, standing.wait) == (False, None)


def test_all_budgets_of_a_request_are_reserved_or_none() -> None:
    ledger = ProcessLedger()
    first, second = rule(TOKENS), rule("{name: calls, per: all, requests: 1, window: 1m}")
    both = (first.ask("acme", 10, NOW), second.ask("", 1, NOW))
    assert len(ledger.reserve(both, NOW).taken) == 2
    refused = ledger.reserve(both, NOW)
    assert [each.room for each in refused.standings] == [True, False]
    assert refused.taken == ()
    assert [each.used for each in refused.standings] == [10, 1]


def test_a_shadow_budget_counts_without_refusing() -> None:
    ledger, budget = ProcessLedger(), rule(TOKENS.replace("}", ", mode: shadow}"))
    found = reserved(ledger, budget, 1500)
    assert found.taken
    assert not found.standings[0].room


def test_streams_are_open_until_they_are_settled() -> None:
    ledger, budget = ProcessLedger(), rule("{name: open, per: tenant, streams: 2}")
    one, _ = reserved(ledger, budget, 1).taken[0], reserved(ledger, budget, 1)
    standing = reserved(ledger, budget, 1).standings[0]
    assert (standing.room, standing.wait) == (False, None)
    ledger.settle((Settled(one, 0),))
    assert reserved(ledger, budget, 1, NOW + 10 * 86400).taken


def test_what_is_settled_in_a_later_window_is_not_charged_to_that() -> None:
    ledger, budget = ProcessLedger(), rule(TOKENS)
    taken = reserved(ledger, budget, 900).taken[0]
    later = reserved(ledger, budget, 500, NOW + 3600)
    ledger.settle((Settled(taken, 10),))
    assert later.standings[0].used == 500
    assert reserved(ledger, budget, 0, NOW + 3600).standings[0].used == 500


def test_a_sliding_window_forgets_the_one_before_evenly() -> None:
    ledger, budget = ProcessLedger(), rule(TOKENS.replace("}", ", windows: sliding}"))
    reserved(ledger, budget, 1000)
    used = [reserved(ledger, budget, 0, NOW + 3600 + at).standings[0].used for at in (0, 900, 1800, 3599.999)]
    assert used == [1000, 750, 500, 1]
    assert reserved(ledger, budget, 300, NOW + 3600).standings[0].wait == pytest.approx(0.3 * 3600)
    assert reserved(ledger, budget, 300, NOW + 3600 + 0.3 * 3600).taken


def test_a_clock_that_is_put_back_opens_no_new_window() -> None:
    ledger, budget = ProcessLedger(), rule(TOKENS)
    reserved(ledger, budget, 1000, NOW + 3600)
    assert reserved(ledger, budget, 1, NOW).taken == ()


def test_the_limit_of_a_subject_goes_before_that_of_all_and_one_set_at_run_time_before_both() -> None:
    ledger, budget = ProcessLedger(), rule(TOKENS.replace("}", ", limits: {acme: 10}}"))
    assert reserved(ledger, budget, 11).taken == ()
    (ask,) = asks(budget, 0)
    asyncio.run(ledger.set_limit(ask, 20, NOW))
    assert reserved(ledger, budget, 11).taken
    row = asyncio.run(ledger.row(ask, NOW))
    assert (row.used, row.limit, row.override) == (11, 20, 20)
    asyncio.run(ledger.set_limit(ask, None, NOW))
    assert reserved(ledger, budget, 1).taken == ()


@pytest.mark.parametrize("windows", ["fixed", "sliding"])
def test_what_was_reserved_before_a_reset_is_never_taken_off_what_came_after(windows: str) -> None:
    ledger, budget = ProcessLedger(), rule(TOKENS.replace("}", f", windows: {windows}}}"))
    (ask,) = asks(budget, 0)
    before = reserved(ledger, budget, 900).taken[0]
    asyncio.run(ledger.reset(ask, NOW + 1))
    reserved(ledger, budget, 700, NOW + 2)
    ledger.settle((Settled(before, 0),))
    assert reserved(ledger, budget, 0, NOW + 3).standings[0].used == 700
    if windows == "sliding":
        assert reserved(ledger, budget, 0, NOW + 3600).standings[0].used == 700


def test_the_list_has_the_accounts_of_budgets_that_there_are() -> None:
    ledger, budget, gone = ProcessLedger(), rule(TOKENS), rule(TOKENS.replace("1h", "2h"))
    reserved(ledger, budget, 5)
    reserved(ledger, gone, 7)
    rows = asyncio.run(ledger.rows(lambda _, subject: budget.ask(subject, 0, NOW), NOW, None))
    assert [(each.budget, each.subject, each.used, each.resets) for each in rows] == [
        ("team", "acme", 5, budget.period(NOW).end)
    ]


def test_a_full_table_takes_a_new_subject_once_a_window_is_over() -> None:
    ledger, budget = ProcessLedger(subjects=2), rule(TOKENS)
    for name in ("one", "two"):
        ledger.reserve(asks(budget, 1, name), NOW)
    with pytest.raises(LedgerError, match="full"):
        ledger.reserve(asks(budget, 1, "three"), NOW)
    assert ledger.reserve(asks(budget, 1, "three", NOW + 3600), NOW + 3600).taken


def test_money_is_counted_in_whole_numbers() -> None:
    assert whole("usd", 0.1) == 100_000_000
    assert sum(nano_usd(0.1) for _ in range(10)) == whole("usd", 1)
    assert nano_usd(0.000_000_000_4) == 1
    assert nano_usd(0.1 + 0.2) == 300_000_000


def test_a_budget_is_for_the_requests_that_match_all_that_is_written() -> None:
    budget = rule("{name: b, per: backend, tokens: 1, window: 1d, match: {tenant: acme, model: chat}}")
    facts = Facts(tenant="acme", model="chat", backend="here")
    assert (budget.matches(facts), budget.subject(facts)) == (True, "here")
    assert not budget.matches(Facts(tenant="acme", backend="here"))
    assert "acme" not in repr(facts) + repr(budget.account("acme"))


def test_a_subject_that_a_header_names_and_one_without() -> None:
    budget = rule("{name: b, per: {header: x-team}, tokens: 1, window: 1d}")
    assert budget.subject(Facts(headers={"x-team": "red"})) == "red"
    assert budget.subject(Facts()) == ""


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 400), st.integers(0, 500), st.integers(0, 900)), max_size=60),
    st.sampled_from(["fixed", "sliding"]),
)
def test_no_more_is_admitted_than_what_is_in_flight_was_estimated_for(
    steps: list[tuple[int, int, int, int]], windows: str
) -> None:
    """Spent and reserved never exceed the limit by more than estimates were too low."""
    ledger, budget = ProcessLedger(), rule(f"{{name: b, per: tenant, tokens: 1000, window: 1h, windows: {windows}}}")
    now, flying, spent, low = NOW, list[ReservedPart](), dict[int, int](), 0
    for kind, estimate, actual, pause in steps:
        if kind == 0 and flying:
            part = flying.pop(0)
            ledger.settle((Settled(part, actual),))
            spent[part.start] = spent.get(part.start, 0) + actual
            low += max(0, actual - part.amount)
        elif kind == 1:
            now += pause
        else:
            flying += reserved(ledger, budget, estimate, now).taken
        start = budget.period(now).start
        held = sum(part.amount for part in flying if part.start == start)
        assert spent.get(start, 0) + held <= 1000 + low
