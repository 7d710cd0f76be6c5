"""`scripts/bench routing`: what a decision costs, and the quality of the learned signals that rules read.

`--only deciding`, `difficulty` or `intents` for a part of it.
"""

from collections.abc import Callable, Collection
from typing import Final

from scripts.benchmarks import deciding, learned
from scripts.benchmarks.report import BenchError, Row

DECIDING: Final = "deciding"


def measure(rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str] = ()) -> list[Row]:
    """Return the rows of both; those of decisions if the labelled data is missing, unless that is asked for by name."""
    parts = {DECIDING, learned.DIFFICULTY, learned.INTENTS}
    if not only or not parts.issuperset(only) or DECIDING in only:
        rows = deciding.measure(rounds, seconds, say, () if DECIDING in only else only)
    else:
        rows = []
    if not only or not parts.isdisjoint({*only} - {DECIDING}):
        try:
            rows += learned.measure(rounds, say, only)
        except BenchError as error:
            if only:
                raise
            say(str(error))
    return rows
