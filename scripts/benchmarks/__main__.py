"""`scripts/bench [NAME] [--json]`: measures, and prints a table or one JSON document."""

import argparse
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from scripts.benchmarks import (
    against,
    inspection,
    judges,
    neighbours,
    operate,
    quality,
    replies,
    routing,
    startup,
    thresholds,
    transport,
)
from scripts.benchmarks.report import BenchError, Row, document, table


@dataclass(frozen=True, slots=True)
class Bench:
    """A function that measures (rounds, seconds of a load, a progress callback, subjects), and its table for people."""

    measure: Callable[[int, float, Callable[[str], None], Collection[str]], list[Row]]
    table: Callable[[Sequence[Row]], str] = table


BENCHES: Final[dict[str, Bench]] = {
    "inspect": Bench(inspection.measure),
    "judges": Bench(judges.measure),
    "replies": Bench(replies.measure),
    "neighbours": Bench(neighbours.measure),
    "operate": Bench(operate.measure),
    "quality": Bench(quality.measure, quality.table),
    "routing": Bench(routing.measure),
    "startup": Bench(startup.measure),
    "thresholds": Bench(thresholds.measure),
    "transport": Bench(transport.measure),
}
EPILOG: Final = (
    "`scripts/bench against CHECKOUT` holds the figures of `inspect` and `transport` against another checkout's."
)
SHORT: Final = (1, 1.0)


def main() -> int:
    """Runs one bench, or a short run of all. 1: a floor was missed, with --check; 2: one cannot run here."""
    if sys.argv[1:2] == ["against"]:
        return against.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, epilog=EPILOG)
    parser.add_argument(
        "name",
        nargs="?",
        choices=sorted(BENCHES),
        help="what to measure (neighbours: 6 min); without it a short run of all",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout, nothing else")
    parser.add_argument("--check", action="store_true", help="fail if a figure is not what it is to be")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds; figures are their medians")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each load")
    parser.add_argument("--only", type=lambda text: text.split(","), default=(), help="subjects, with commas")
    args = parser.parse_args()
    names = [args.name] if args.name else sorted(BENCHES)
    rounds, seconds = (args.rounds, args.seconds) if args.name else SHORT
    worst = 0
    for name in names:
        try:
            rows = BENCHES[name].measure(rounds, seconds, _say, args.only)
        except BenchError as error:
            _say(f"{name}: {error}")
            if args.name:
                return 2
            continue
        print(document(name, rows) if args.json else BENCHES[name].table(rows), flush=True)
        worst = max(worst, _check(rows) if args.check else 0)
    return worst


def _check(rows: Sequence[Row]) -> int:
    missed = [row for row in rows if row.missed]
    for row in missed:
        _say(f"missed: {row.figure} of {row.subject} is {row.median:.4g} {row.unit}, not {row.floor.split(':')[0]}")
    return 1 if missed else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
