"""The cost of starting a worker: all rules on, as `extproc serve` starts them, each round anew.

CPU seconds of a worker are those of its process when the supervisor says that it is ready: imports and compiling. RSS
counts what processes share in each of them, PSS divides it by those that share it; PSS is what a worker adds.
"""

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from pathlib import Path
from textwrap import dedent
from typing import Final

from scripts.benchmarks import cpu
from scripts.benchmarks.inspecting import PIPELINE, POLICY
from scripts.benchmarks.report import Row
from scripts.benchmarks.transport import running

WORKERS: Final = 2

SUBJECTS: Final = {"all-rules": POLICY + PIPELINE, "no-pipeline": POLICY}

UNITS: Final = {
    "first_ready_s": "s",
    "worker_cpu_s": "s",
    "supervisor_cpu_s": "s",
    "worker_rss_mib": "MiB",
    "worker_pss_mib": "MiB",
    "supervisor_pss_mib": "MiB",
}


def measure(rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str] = ()) -> list[Row]:
    """All figures; `only` names some of the SUBJECTS."""
    del seconds
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for round_ in range(rounds):
            for subject, policy in SUBJECTS.items():
                if not only or subject in only:
                    say(f"round {round_ + 1} of {rounds}: {subject}")
                    for figure, value in _one(dedent(policy), Path(folder)).items():
                        found[figure, subject].append(value)
    return [
        Row(figure, subject, unit, tuple(found[figure, subject]))
        for figure, unit in UNITS.items()
        for subject in SUBJECTS
        if (figure, subject) in found
    ]


def _one(policy: str, folder: Path) -> dict[str, float]:
    """One start; of a worker's figures the mean of all."""
    config = folder / "startup.yaml"
    config.write_text(policy, encoding="utf-8")
    command = [
        *(sys.executable, "-m", "extproc", "serve", "-c", str(config), "--listen", f"unix:{folder}/startup.sock"),
        *("--workers", str(WORKERS), "--admin", "none", "--log", "none"),
    ]
    begun = time.monotonic()
    with running(command, ready="ready") as supervisor:
        ready = time.monotonic() - begun
        workers = cpu.with_children(supervisor)[1:]
        assert len(workers) == WORKERS
        return {
            "first_ready_s": ready,
            "worker_cpu_s": cpu.seconds(workers) / WORKERS,
            "supervisor_cpu_s": cpu.seconds([supervisor]),
            "worker_rss_mib": cpu.rss_mib(workers) / WORKERS,
            "worker_pss_mib": cpu.pss_mib(workers) / WORKERS,
            "supervisor_pss_mib": cpu.pss_mib([supervisor]),
        }
