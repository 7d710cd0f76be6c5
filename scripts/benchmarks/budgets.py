"""The cost of budgets in shared memory: reserving and settling, in microseconds of this process's own time.

    .venv/bin/python scripts/benchmarks/budgets.py [seconds]

Processor time, not the clock's: other work on the machine does not count, and a lock that nobody else has does.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from extproc.policy import loads
from extproc.server.state.shared_ledger import SharedLedger
from extproc.usage.budgets.ledger import Ledger, Reserved, Settled
from extproc.usage.budgets.process import ProcessLedger
from extproc.usage.budgets.rules import rules_of

POLICY: Final = """
version: 1
backends: [{name: a, url: "http://127.0.0.1:9", api: openai}]
default_backend: none
models: [{name: chat, targets: [{backend: a}]}]
budgets:
- {name: team, per: tenant, tokens: 1000000000000, window: 1d}
- {name: calls, per: tenant, requests: 1000000000000, window: 1h}
- {name: open, per: tenant, streams: 1000000}
"""
BATCH: Final = 1000
SUBJECTS: Final = 500


def least(act: Callable[[], object], seconds: float) -> float:
    """Return the microseconds of a call, of the quickest of many batches."""
    best, end = 1e9, time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.process_time()
        act()
        best = min(best, (time.process_time() - begun) / BATCH * 1e6)
    return best


def measured(ledger: Ledger, count: int, seconds: float) -> tuple[float, float]:
    """Return the microseconds of reserving and of settling with so many budgets."""
    rules, now = rules_of(loads(POLICY))[:count], time.time()
    asks = [tuple(rule.ask(f"tenant {at % SUBJECTS}", 1, now) for rule in rules) for at in range(BATCH)]
    made: list[Reserved] = []

    def reserve() -> None:
        made[:] = [found for each in asks if isinstance(found := ledger.reserve(each, now), Reserved)]

    def settle() -> None:
        for each in made:
            ledger.settle(tuple([Settled(part, 0) for part in each.taken]))

    reserve()
    settled = least(settle, seconds)
    return least(reserve, seconds), settled


def main() -> None:
    """Print a line for each kind of state."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, 2, 3):
            for name, ledger in (
                ("shared by workers", SharedLedger(Path(folder, f"budgets-{count}"), 20_000)),
                ("one process", ProcessLedger()),
            ):
                reserve, settle = measured(ledger, count, seconds)
                print(f"{count} budgets, {name:<17}: reserve {reserve:5.1f} us, settle {settle:5.1f} us")


if __name__ == "__main__":
    main()
