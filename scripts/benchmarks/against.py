"""`scripts/bench against CHECKOUT`: this checkout's figures beside those of another, in one run.

Each checkout is measured by its own benchmarks in a process of its own, by the interpreter of its own `.venv` if it has
one. Every round takes a part of the one and then the same part of the other, the other way round every second time, so
that what else the machine does falls on both alike. A worktree of an earlier commit is made by `git worktree add`.

Two ratios are told, this checkout's figure over the other's, or the other way round for requests/s, so that less than 1
is better: of the best rounds, which disturbances touch least, and the median of the rounds' own ratios.
"""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parents[2]

WORSE: Final = 1.05
"""Above this a ratio counts as worse, with --check: what is left of noise over many rounds."""

MORE_IS_BETTER: Final = frozenset({"requests_per_s"})

LATENCIES: Final = frozenset({"added_ms_p50", "added_ms_p99", "added_first_byte_ms_p50"})
"""Differences of two times, which may be around 0: their ratio says nothing."""

PARTS: Final = ("compile", "prompts", "large", "events", "memory", "held-back", "stalls", "growth")
"""Parts of `inspect` that are measured where none are named: all but `hostile`, which takes minutes."""

Figures = list[tuple[str, str, float]]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Side:
    """A checkout and the process that measures it."""

    process: "subprocess.Popen[str]"

    def measure(self, part: str, seed: int, seconds: float) -> Figures:
        """The figures of a part. Raises RuntimeError where the process ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([part, seed, seconds]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"measuring {part} ended")
        return [(figure, subject, value) for figure, subject, value in json.loads(line)]


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure of one subject, of this checkout and of the other one, round by round."""

    figure: str
    subject: str
    here: Sequence[float]
    there: Sequence[float]

    @property
    def best(self) -> tuple[float, float]:
        """The best round of each."""
        best = max if self.figure in MORE_IS_BETTER else min
        return best(self.here), best(self.there)

    @property
    def of_best(self) -> float:
        """The ratio of the best rounds."""
        return self._ratio(*self.best)

    @property
    def median(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(map(self._ratio, self.here, self.there))

    @property
    def worse(self) -> bool:
        """True if both say that this checkout's figure is worse."""
        return self.figure not in LATENCIES and min(self.of_best, self.median) > WORSE

    def line(self, width: int) -> str:
        """For people."""
        here, there = self.best
        ratios = f"{self.of_best:7.3f} {self.median:7.3f}{'  WORSE' if self.worse else ''}"
        return f"{self.figure:<26} {self.subject:<{width}} {here:10.2f} {there:10.2f} {ratios}"

    def _ratio(self, here: float, there: float) -> float:
        if self.figure in MORE_IS_BETTER:
            here, there = there, here
        return here / there if there else 1.0 if not here else float("inf")


def measured(other: Path, parts: Iterable[str], rounds: int, seconds: float, say: Callable[[str], None]) -> list[Ratio]:
    """The ratios of all figures of these parts."""
    parts = list(parts)
    found: dict[Key, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    with ExitStack() as stack:
        sides = [stack.enter_context(_side(checkout)) for checkout in (HERE, other)]
        for round_ in range(rounds):
            for part in parts:
                say(f"round {round_ + 1} of {rounds}: {part}")
                for at in (0, 1) if round_ % 2 == 0 else (1, 0):
                    for figure, subject, value in sides[at].measure(part, round_, seconds):
                        found[figure, subject][at].append(value)
    return [Ratio(*key, here, there) for key, (here, there) in found.items() if len(here) == len(there)]


@contextmanager
def _side(checkout: Path) -> Iterator[Side]:
    python = checkout / ".venv/bin/python"
    process = subprocess.Popen(
        [python if python.exists() else sys.executable, "-P", Path(__file__).resolve()],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Side(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


class _Serving:
    """Measures this process's own checkout."""

    def __init__(self) -> None:
        self._bench: Any = None

    def measure(self, part: str, seed: int, seconds: float) -> Figures:
        """The figures of a part of `inspect`, or of a subject of `transport`."""
        from scripts.benchmarks import inspecting, inspection, transport  # noqa: PLC0415  - the checkout's, in its process

        if part == "compile":
            return [("compile_ms", "all-rules", _compiled())]
        if part not in inspection.PARTS:
            rows = transport.measure(1, seconds, _drop, [part])
            return [(row.figure, row.subject, row.median) for row in rows]
        if self._bench is None:
            self._bench = inspecting.Inspecting()
        gc.collect()
        gc.freeze()
        try:
            return list(inspection.PARTS[part](self._bench, seed))
        finally:
            gc.unfreeze()


def _compiled() -> float:
    """Milliseconds of CPU in which a process that did nothing before compiles all rules."""
    code = (
        "import time; from scripts.benchmarks.inspecting import Inspecting; start = time.process_time();"
        "Inspecting(); print(time.process_time() - start)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return float(done.stdout) * 1e3


def _drop(_: str) -> None:
    """Progress is told by who asks."""


def _serve() -> None:
    """Measures a part of this process's own checkout for each line that comes."""
    with os.fdopen(os.dup(1), "w", encoding="ascii") as out:
        os.dup2(2, 1)  # what else is printed is nothing for who asks
        serving = _Serving()
        for line in sys.stdin:
            print(json.dumps(serving.measure(*json.loads(line))), file=out, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Measures and prints. 1: a figure is worse, with --check."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench against", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path, help="the other one")
    parser.add_argument("--rounds", type=int, default=10, help="alternating rounds")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of each load through Envoy")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=PARTS,
        help=f"parts of `inspect` or subjects of `transport`, with commas; otherwise {','.join(PARTS)}",
    )
    parser.add_argument("--check", action="store_true", help=f"fail if both ratios of a figure are above {WORSE}")
    args = parser.parse_args(arguments)
    ratios = measured(args.checkout.resolve(), args.only, args.rounds, args.seconds, _say)
    print(table(ratios))
    return 1 if args.check and any(each.worse for each in ratios) else 0


def table(ratios: Sequence[Ratio]) -> str:
    """The ratios for people."""
    width = max((len(each.subject) for each in ratios), default=0)
    head = f"{'':<{26 + 1 + width}} {'here':>10} {'there':>10} {'best':>7} {'median':>7}"
    return "\n".join([head, *(each.line(width) for each in ratios)])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    _serve()
