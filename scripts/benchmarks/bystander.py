"""The time that a client waits whose pipeline has no scorer, beside 64 clients of one that has, through a real Envoy.

Each round takes the loads in turn, so that what else the machine does falls on all alike. The 64 send one request a
second each, as streams of a second would, or the next one as soon as they have a response: then all but two wait for
the scorer at any time, and what little the bystander needs of two cores is measured beside a machine that is full.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Final

from scripts.benchmarks.neighbours import gateway
from scripts.benchmarks.report import Row
from scripts.benchmarks.transport import run_load

STREAMS: Final = 64

GROWTH_MS: Final = 2.0
"""Milliseconds by which the p99 may be longer where the pipeline of the 64 has the scorer."""

ALONE: Final = "alone"
PACED: Final = "beside 64, one a second each"
PACED_SCORED: Final = "beside 64 with minilm, one a second each"
FULL_SCORED: Final = "beside 64 with minilm, without a pause"

LOADS: Final[Mapping[str, tuple[str, ...]]] = {
    ALONE: (),
    PACED: ("--pause", "1"),
    PACED_SCORED: ("--agent", "minilm", "--pause", "1"),
    FULL_SCORED: ("--agent", "minilm"),
}


def measure(rounds: int, seconds: float, say: Callable[[str], None]) -> list[Row]:
    """Measure the p99 of the bystander alone and beside each load, and by how much the scorer makes it longer."""
    found: dict[str, list[float]] = {name: [] for name in LOADS}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        gateway(_policy, "buffered", Path(folder)) as (port, _),
    ):
        run_load("unary", port, "--seconds", "1", *_BYSTANDER)
        for round_ in range(rounds):
            say(f"bystander, round {round_ + 1} of {rounds}")
            for name, load in LOADS.items():
                found[name].append(_beside(port, seconds, load) if load else _p99(port, seconds))
    rows = [Row("bystander_ms_p99", name, "ms", tuple(values)) for name, values in found.items()]
    scorer, full = _grown(found, PACED, PACED_SCORED), _grown(found, ALONE, FULL_SCORED)
    rows.append(Row("bystander_added_ms_p99", PACED_SCORED, "ms", scorer, most=GROWTH_MS))
    rows.append(Row("bystander_added_ms_p99", FULL_SCORED, "ms", full))
    return rows


def _grown(found: Mapping[str, list[float]], without: str, beside: str) -> tuple[float, ...]:
    return tuple(more - less for less, more in zip(found[without], found[beside], strict=True))


_BYSTANDER: Final = ("--connections", "2", "--pause", "0.01")


def _beside(port: int, seconds: float, load: tuple[str, ...]) -> float:
    arguments = ("--port", str(port), "--connections", str(STREAMS), "--seconds", str(seconds + 2), *load)
    command = [sys.executable, "-m", "scripts.benchmarks.load", "unary", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as others:
        try:
            time.sleep(1.0)  # it takes most of a second to start
            return _p99(port, seconds)
        finally:
            others.kill()


def _p99(port: int, seconds: float) -> float:
    return run_load("unary", port, "--seconds", str(seconds), *_BYSTANDER)["p99_ms"]


def _policy(fixed: int, _: int) -> str:
    return dedent(f"""
        version: 1
        usage: {{from: none, metadata: null}}
        backends: [{{name: fixed, url: "http://127.0.0.1:{fixed}/v1", api: openai}}]
        models: [{{name: chat, targets: [{{backend: fixed}}]}}]
        pipelines:
          - name: minilm
            match: {{headers: {{user-agent: minilm}}}}
            request: [{{use: injection, scorer: minilm, timeout: 20s}}]
          - name: others
            request: [{{use: pii, kinds: [email], action: mask}}]
            content_types: [text/plain]   # Envoy's own responses have no other
        """)
