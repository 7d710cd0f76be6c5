"""The cost of starting: all rules on, as `extproc serve` starts its workers, each round anew.

CPU seconds are those of a process when the supervisor says that the workers are ready. The template imports and
compiles, a worker is forked from it. RSS counts what processes share in each of them, PSS divides it by those that
share it; PSS is what a worker adds. Byte code is there, as where the package is installed, and for `all-rules` the
compiled rules of an earlier start: starts that are not counted write them. `cold` finds no compiled rules.
"""

import os
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

SUBJECTS: Final = {"all-rules": POLICY + PIPELINE, "cold": POLICY + PIPELINE, "no-pipeline": POLICY}

UNITS: Final = {
    "first_ready_s": "s",
    "worker_cpu_s": "s",
    "template_cpu_s": "s",
    "supervisor_cpu_s": "s",
    "worker_rss_mib": "MiB",
    "worker_pss_mib": "MiB",
    "template_pss_mib": "MiB",
    "supervisor_pss_mib": "MiB",
}


def measure(rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str] = ()) -> list[Row]:
    """All figures; `only` names some of the SUBJECTS."""
    del seconds
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        _one("all-rules", Path(folder))
        for round_ in range(rounds):
            for subject in SUBJECTS:
                if not only or subject in only:
                    say(f"round {round_ + 1} of {rounds}: {subject}")
                    for figure, value in _one(subject, Path(folder)).items():
                        found[figure, subject].append(value)
    return [
        Row(figure, subject, unit, tuple(found[figure, subject]))
        for figure, unit in UNITS.items()
        for subject in SUBJECTS
        if (figure, subject) in found
    ]


def _one(subject: str, folder: Path) -> dict[str, float]:
    """One start; of a worker's figures the mean of all."""
    config = folder / "startup.yaml"
    config.write_text(dedent(SUBJECTS[subject]), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "extproc", "serve", "-c", str(config), "--listen", f"unix:{folder}/startup.sock"),
        *("--workers", str(WORKERS), "--admin", "none", "--log", "none"),
    ]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ |= {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
    environ |= {"EXTPROC_CACHE_DIR": "none" if subject == "cold" else f"{folder}/cache"}
    begun = time.monotonic()
    with running(command, "ready", environ) as supervisor:
        ready = time.monotonic() - begun
        _, template, *workers = cpu.with_children(supervisor)
        assert len(workers) == WORKERS
        return {
            "first_ready_s": ready,
            "worker_cpu_s": cpu.seconds(workers) / WORKERS,
            "template_cpu_s": cpu.seconds([template]),
            "supervisor_cpu_s": cpu.seconds([supervisor]),
            "worker_rss_mib": cpu.rss_mib(workers) / WORKERS,
            "worker_pss_mib": cpu.pss_mib(workers) / WORKERS,
            "template_pss_mib": cpu.pss_mib([template]),
            "supervisor_pss_mib": cpu.pss_mib([supervisor]),
        }
