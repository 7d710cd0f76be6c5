"""The file of budgets that workers share: several processes, kills in the midst, restarts, damage and limits."""

import asyncio
import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.policy import loads
from extproc.protocol.errors import ServeError
from extproc.server.files import forget, private_place
from extproc.server.state import table as module
from extproc.server.state.keeper import LedgerKeeper
from extproc.server.state.layout import (
    AMOUNT_MOST,
    CURRENT_AT,
    JOURNAL_AT,
    ROW_BYTES,
    ROWS_AT,
    StoredRow,
    rows_for,
    size_of,
)
from extproc.server.state.opening import BrokenLedger
from extproc.server.state.shared_ledger import SharedLedger
from extproc.server.state.table import BudgetTable
from extproc.transaction import Plan, Shared
from extproc.usage.budgets.ledger import LedgerError, ReservedPart, Settled
from extproc.usage.budgets.process import ProcessLedger
from tests.usage.budgets.ledgers import NOW, asks, rule

TOKENS: Final = "{name: team, per: tenant, tokens: 1000, window: 1h}"
STREAMS: Final = "{name: open, per: tenant, streams: 3}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "budgets"


def ran(test: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """A test that is awaited."""

    def run(file: Path) -> None:
        asyncio.run(test(file))

    run.__name__ = test.__name__
    return run


def used(ledger: Any, line: str = TOKENS, subject: str = "acme", now: float = NOW) -> int:
    standing = ledger.standing(rule(line).ask(subject, 0, now), now)
    return int(standing.used)


def test_what_one_has_spent_another_sees_and_so_does_one_that_comes_later(file: Path) -> None:
    one, other = SharedLedger(file, 100), SharedLedger(file, 100)
    part = one.reserve(asks(rule(TOKENS), 600), NOW).taken[0]
    assert other.reserve(asks(rule(TOKENS), 500), NOW).taken == ()
    other.settle((Settled(part, 100),))
    assert used(one) == 100
    one.close()
    other.close()
    assert used(SharedLedger(file, 100)) == 100


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 500), st.integers(0, 5000)), max_size=40)
)
def test_the_file_counts_as_the_reference_does(tmp_path_factory: Any, steps: list[tuple[int, int, int, int]]) -> None:
    ledger = SharedLedger(tmp_path_factory.mktemp("s") / "budgets", 64)
    reference, now = ProcessLedger(), NOW
    lines = [
        TOKENS,
        TOKENS.replace("}", ", windows: sliding}"),
        STREAMS,
        "{name: c, per: tenant, requests: 3, window: 1m}",
    ]
    rules = [rule(each) for each in lines]
    flying: list[tuple[tuple[ReservedPart, ...], tuple[ReservedPart, ...]]] = []
    for kind, subject, amount, pause in steps:
        if kind == 4 and flying:
            mine, theirs = flying.pop(amount % len(flying))
            ledger.settle(tuple(Settled(each, 0 if each.unit == "streams" else amount) for each in mine))
            reference.settle(tuple(Settled(each, 0 if each.unit == "streams" else amount) for each in theirs))
        else:
            now += pause
            wanted = tuple(
                each.ask(f"tenant {subject}", amount if each.unit == "tokens" else 1, now) for each in rules[: kind + 1]
            )
            found, expected = ledger.reserve(wanted, now), reference.reserve(wanted, now)
            assert found == expected
            flying.append((found.taken, expected.taken))
    ledger.close()


def _race(file: Path, count: int, results: Any) -> None:
    ledger, taken = SharedLedger(file, 100), 0
    for number in range(count):
        found = ledger.reserve(asks(rule(TOKENS), 7), NOW)
        for part in found.taken:
            if number % 2:
                ledger.settle((Settled(part, 0),))
            else:
                taken += 7
    results.put(taken)


def test_several_processes_that_race_never_take_more_than_there_is(file: Path) -> None:
    SharedLedger(file, 100).close()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    racers = [context.Process(target=_race, args=(file, 400, results)) for _ in range(4)]
    for each in racers:
        each.start()
    taken = sum(results.get(timeout=60) for _ in racers)
    for each in racers:
        each.join()
    assert taken == used(SharedLedger(file, 100)) <= 1000


KILLED: Final = """
import os, signal, sys
from pathlib import Path
from extproc.server.state import table
from extproc.server.state.shared_ledger import SharedLedger
from tests.usage.budgets.ledgers import NOW, asks, rule
ledger = SharedLedger(Path(sys.argv[1]), 100)
budgets = tuple(rule(each).ask("acme", 1 if "streams" in each else 100, NOW) for each in sys.argv[3:])
ledger.reserve(budgets, NOW)
if sys.argv[2] == "midst":
    class Dying(table.StoredRow):
        def packed(self):
            os.kill(os.getpid(), signal.SIGKILL)
    row = ledger._table.row(0)
    rows = {place: row for place in range(2)}
    first = table.StoredRow(b"x" * 16, 1, 2, 3)
    ledger._table.change({0: first, 1: Dying(b"y" * 16)})
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(file: Path, how: str, *lines: str) -> None:
    command = [sys.executable, "-c", KILLED, str(file), how, *lines]
    found = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert found.returncode == -signal.SIGKILL, found.stderr.decode()


def test_a_killed_process_leaves_what_it_reserved_charged_and_its_requests_closed(file: Path) -> None:
    killed(file, "after", TOKENS, STREAMS)
    ledger = SharedLedger(file, 100)
    assert (used(ledger), used(ledger, STREAMS)) == (100, 0)


def test_requests_of_a_process_that_dies_are_closed_where_they_stand_in_the_way(file: Path) -> None:
    ledger, line = SharedLedger(file, 100), STREAMS.replace("3", "1")
    killed(file, "after", line)
    assert used(ledger, line) == 1
    assert ledger.reserve(asks(rule(line), 1), NOW).taken
    assert used(ledger, line) == 1


def test_a_change_in_whose_midst_a_process_dies_is_undone(file: Path) -> None:
    ledger = SharedLedger(file, 100)
    ledger.reserve(asks(rule(TOKENS), 50), NOW)
    before = file.read_bytes()[ROWS_AT : ROWS_AT + 2 * ROW_BYTES]
    killed(file, "midst", TOKENS)
    assert file.read_bytes()[JOURNAL_AT] == 2
    assert used(ledger) == 150
    after = file.read_bytes()
    assert (after[JOURNAL_AT], after[ROWS_AT : ROWS_AT + 2 * ROW_BYTES]) == (0, before)


def test_a_process_that_is_stopped_in_the_midst_does_not_stop_the_others(file: Path, monkeypatch: Any) -> None:
    ledger = SharedLedger(file, 100)
    monkeypatch.setattr(module, "LOCK_WAIT", 0.01)
    holder = os.open(file, os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(LedgerError, match="busy"):
        ledger.reserve(asks(rule(TOKENS), 1), NOW)
    ledger.settle(())
    assert ledger.standing(rule(TOKENS).ask("acme", 0, NOW), NOW) is None
    os.close(holder)
    assert ledger.reserve(asks(rule(TOKENS), 1), NOW).taken


def test_a_row_that_is_damaged_is_forgotten_and_no_other(file: Path) -> None:
    ledger = SharedLedger(file, 64)
    for subject in ("acme", "globex"):
        ledger.reserve(asks(rule(TOKENS), 10, subject), NOW)
    place, _ = ledger._table.find(rule(TOKENS).account("acme").key, NOW)
    with file.open("r+b") as opened:
        opened.seek(ROWS_AT + place * ROW_BYTES + 17)
        opened.write(b"\xff")
    again = SharedLedger(file, 64)
    assert used(again, subject="globex") == 10
    assert again.reserve(asks(rule(TOKENS), 10), NOW).standings[0].used == 10


@pytest.mark.parametrize("content", [b"something else", b"\0" * 5000, b"extproc budgets\n" + b"\1" * 5000])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(LedgerError, match="broken"):
        SharedLedger(file, 64)
    assert file.read_bytes() == content


def test_a_file_that_was_begun_and_not_finished_is_finished(file: Path) -> None:
    SharedLedger(file, 64).close()
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    assert SharedLedger(file, 5000).reserve(asks(rule(TOKENS), 1), NOW).taken
    assert file.stat().st_size == size_of(rows_for(64)) == len(whole)


def test_a_link_in_the_place_of_the_file_is_not_followed(file: Path) -> None:
    file.parent.mkdir()
    (file.parent / "other").write_bytes(b"")
    file.symlink_to("other")
    with pytest.raises(LedgerError, match="broken"):
        SharedLedger(file, 64)


def test_the_table_takes_as_many_subjects_as_it_is_for_and_those_that_are_over_make_room(file: Path) -> None:
    ledger = SharedLedger(file, 30)
    assert [rows_for(1), rows_for(43), rows_for(44), rows_for(20_000)] == [64, 64, 128, 32_768]
    budget = rule(TOKENS)
    for number in range(64):
        ledger.reserve(asks(budget, 1, f"tenant {number}"), NOW)
    with pytest.raises(LedgerError, match="full"):
        ledger.reserve(asks(budget, 1, "one more"), NOW)
    assert ledger.reserve(asks(budget, 1, "one more", NOW + 3600), NOW + 3600).taken


@ran
async def test_limits_that_are_set_and_resets_hold_in_all_and_stay(file: Path) -> None:
    worker, desk = SharedLedger(file, 100), SharedLedger(file, 100)
    budget = rule(TOKENS)
    (ask,) = asks(budget, 0)
    worker.reserve(asks(budget, 900), NOW)
    await desk.set_limit(ask, 5000, NOW)
    assert worker.reserve(asks(budget, 4000), NOW).taken
    await desk.reset(ask, NOW)
    assert used(worker) == 0
    later = SharedLedger(file, 100)
    rows = await later.rows(lambda _, subject: budget.ask(subject, 0, NOW), NOW, "team")
    assert [(each.subject, each.used, each.limit, each.override) for each in rows] == [("acme", 0, 5000, 5000)]
    await later.set_limit(ask, None, NOW)
    assert (await desk.row(ask, NOW)).limit == 1000


@ran
async def test_a_limit_that_was_set_outlives_windows(file: Path) -> None:
    ledger, budget = SharedLedger(file, 64), rule(TOKENS)
    await ledger.set_limit(budget.ask("acme", 0, NOW), 5, NOW)
    later = NOW + 400 * 3600
    for number in range(60):
        ledger.reserve(asks(budget, 1, f"tenant {number}", later), later)
    assert ledger.reserve(asks(budget, 6, now=later), later).taken == ()


def test_a_reservation_is_one_store_that_nothing_tears(file: Path) -> None:
    ledger = SharedLedger(file, 64)
    ledger.reserve(asks(rule(TOKENS), 10), NOW)
    before = file.read_bytes()
    ledger.reserve(asks(rule(TOKENS), 10), NOW)
    after = file.read_bytes()
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    assert [(at - ROWS_AT) % ROW_BYTES for at in changed] == [CURRENT_AT]


def test_more_than_a_number_holds_is_spent_as_all_that_it_holds(file: Path) -> None:
    ledger = SharedLedger(file, 100)
    table = ledger._table
    with table:
        table.spend(0, 2**70)
        table.spend_before(0, 2**70)
        assert table.numbers(0)[-2:] == (AMOUNT_MOST, AMOUNT_MOST)
    ledger.close()


def test_rows_survive_their_packing() -> None:
    row = StoredRow(b"k" * 16, 1, 2, 3, 4, 5, 6, 7)
    assert len(row.packed()) == ROW_BYTES


POLICY: Final = """
version: 1
backends: [{name: a, url: "http://127.0.0.1:9", api: openai}]
default_backend: none
models: [{name: chat, targets: [{backend: a}]}]
"""


def plan(more: str = "") -> Plan:
    return Plan.compile(loads(POLICY + more), {})


def test_a_policy_without_budgets_opens_nothing_and_one_whose_file_is_wrong_is_not_served(tmp_path: Path) -> None:
    shared = Shared()
    keeper = LedgerKeeper(shared, str(tmp_path / "place"))
    keeper.open(plan())
    assert shared.ledger is None
    budgets = "budgets: [{name: a, per: all, requests: 1, window: 1d}]\n"
    assert keeper.renew(plan(budgets)) is None
    first = shared.ledger
    assert isinstance(first, SharedLedger)
    assert keeper.renew(plan(budgets.replace("1d", "2d"))) is None
    assert shared.ledger is first
    wrong = plan(budgets + f"state: {{memory: {{file: {tmp_path}}}}}")
    assert "state.memory.file" in str(keeper.renew(wrong))
    assert isinstance(shared.ledger, BrokenLedger)
    with pytest.raises(LedgerError):
        shared.ledger.reserve((), NOW)
    with pytest.raises(ServeError, match="cannot be used"):
        LedgerKeeper(Shared(), "").open(wrong)


def test_a_worker_alone_counts_in_its_own_memory() -> None:
    shared = Shared()
    LedgerKeeper(shared, "").open(plan("budgets: [{name: a, per: all, requests: 1, window: 1d}]"))
    assert isinstance(shared.ledger, ProcessLedger)


def test_the_place_is_one_that_nobody_can_guess_and_goes_with_the_program(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    one, other = private_place(environ), private_place(environ)
    assert one != other
    BudgetTable(Path(one, "budgets"), 64).close()
    assert Path(one).stat().st_mode & 0o777 == 0o700
    forget(one)
    assert not Path(one).exists()
