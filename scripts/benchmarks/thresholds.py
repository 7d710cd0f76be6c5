"""The tests that hold CPU time or memory against a bound, one by one: beside other tests they would mislead."""

import re
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from scripts.benchmarks.report import BenchError, Row

ROOT: Final = Path(__file__).parent.parent.parent
MARKER: Final = "measured"


def measure(rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str] = ()) -> list[Row]:
    """Return how many of the tests so marked fail, by file. Tests have rounds of their own; `only` names files."""
    _ = rounds, seconds
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", MARKER, "-rA", "--tb=short"]
    done = subprocess.run(
        [*command, *(only or ("tests",))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode not in {0, 1}:
        raise BenchError(done.stdout + done.stderr)
    if done.returncode:
        say(done.stdout)
    return list(counted(done.stdout))


def counted(told: str) -> Iterator[Row]:
    """Return what pytest's summary says, as a row for each file: none of its tests is to fail."""
    outcomes = re.findall(r"^(PASSED|FAILED|ERROR) ([^:\s]+)", told, re.MULTILINE)
    for file in sorted({file for _, file in outcomes}):
        missed = sum(outcome != "PASSED" for outcome, of in outcomes if of == file)
        yield Row("thresholds_missed", file, "tests", (float(missed),), most=0)
