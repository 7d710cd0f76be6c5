"""`scripts/bench [NAME] [--json]`: measures, and prints a table or one JSON document."""

import argparse
import sys
from collections.abc import Callable, Collection
from typing import Final

from scripts.benchmarks import transport
from scripts.benchmarks.report import Row, document, table

BENCHES: Final[dict[str, Callable[[int, float, Callable[[str], None], Collection[str]], list[Row]]]] = {
    "transport": transport.measure
}
SHORT: Final = (1, 1.0)


def main() -> int:
    """Runs one bench, or a short run of all."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "name", nargs="?", choices=sorted(BENCHES), help="what to measure; without it a short run of all"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout, nothing else")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds; figures are their medians")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each load")
    parser.add_argument("--only", type=lambda text: text.split(","), default=(), help="subjects, with commas")
    args = parser.parse_args()
    names = [args.name] if args.name else sorted(BENCHES)
    rounds, seconds = (args.rounds, args.seconds) if args.name else SHORT
    for name in names:
        rows = BENCHES[name](rounds, seconds, _say, args.only)
        print(document(name, rows) if args.json else table(rows), flush=True)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
