"""The time that an innocent client waits beside clients that mean no good, through a real Envoy.

Each round takes every load in turn, with a while of no load before each few of them, so that what else the machine
does falls on all alike. A figure is the median, over the rounds, of the p99 of a client who sends a usual request and
one of 24 KiB in turn; any answer but 200 fails the bench.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

from extproc.gateway.bootstrap import SocketAddress, bootstrap
from extproc.gateway.process import EnvoyProcess
from extproc.policy import loads
from extproc.transaction import Plan
from scripts.benchmarks.hostile import LOADS
from scripts.benchmarks.ports import free_port
from scripts.benchmarks.report import Row
from scripts.benchmarks.transport import fixed_answer, run_load, running, wait_for_gateway

FACTOR: Final = 3.0
"""The most that the p99 may be beside a load, in terms of what it is without."""

FLOOR_MS: Final = 20.0
"""Milliseconds that it may always be. The load, Envoy, the processor's threads and the client itself share the cores
of one machine, often two: who wakes up may wait for a turn of each other, 3 to 4 ms, whatever the gateway does."""

ROUNDS: Final = 3
SECONDS: Final = 2.0
"""Most rounds, and the longest time for each load in one. With the start of each client that is some four seconds for
each of 15 measurements, in two profiles: two minutes a round on a machine of its own; 4.6 were measured on a busy
one."""

IDLE_EVERY: Final = 4
"""Loads between two measurements without any."""

WARM: Final = 0.3
"""Seconds that a load runs before it is measured."""

BESIDE: Final = ("full-duplex", "buffered")
"""Profiles. What is held is held by the processor in the first, by Envoy in the other; loads take them in turn."""

IDLE: Final = "idle"

FAILED_MS: Final = 60_000.0
"""The figure of a client that got anything but 200, once."""


def measure(rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str] = ()) -> list[Row]:
    """The p99 without a load and beside each, by profile; `only` names some loads."""
    kinds = [kind for kind in LOADS if not only or kind in only]
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        upstream = stack.enter_context(_upstream())
        for profile in BESIDE:
            with gateway(_policy, profile, Path(folder), upstream) as (port, grpc):
                run_load("unary", port, "--seconds", "1", *_CLIENT)
                for round_ in range(min(rounds, ROUNDS)):
                    say(f"{profile}, round {round_ + 1}")
                    for subject, value in _round(kinds, port, grpc, min(seconds, SECONDS), say):
                        found.setdefault(f"{profile}/{subject}", []).append(value)
    return _rows(found)


_CLIENT: Final = ("--connections", "2", "--pause", "0.01", "--large", str(24 * 1024))


def _round(
    kinds: list[str], port: int, grpc: int, seconds: float, say: Callable[[str], None]
) -> Iterator[tuple[str, float]]:
    for number, kind in enumerate(kinds):
        if number % IDLE_EVERY == 0:
            yield IDLE, _p99(port, seconds, IDLE, say)
        command = [sys.executable, "-m", "scripts.benchmarks.hostile", kind, "--port", str(port), "--grpc", str(grpc)]
        with subprocess.Popen(command) as hostile:
            try:
                time.sleep(1.0 + WARM)  # it takes most of a second to start
                yield kind, _p99(port, seconds, kind, say)
            finally:
                hostile.kill()
        time.sleep(WARM)


def _p99(port: int, seconds: float, kind: str, say: Callable[[str], None]) -> float:
    try:
        return run_load("unary", port, "--seconds", str(seconds), *_CLIENT)["p99_ms"]
    except RuntimeError as error:
        say(f"beside {kind} the innocent client failed: {str(error)[-500:]}")
        return FAILED_MS


def _rows(found: dict[str, list[float]]) -> list[Row]:
    rows = []
    for subject, values in found.items():
        profile, _, kind = subject.partition("/")
        idle = statistics.median(found[f"{profile}/{IDLE}"])
        most = None if kind == IDLE else max(FACTOR * idle, FLOOR_MS)
        rows.append(Row("innocent_ms_p99", subject, "ms", tuple(values), most=most))
    return rows


def _policy(fixed: int, upstream: int) -> str:
    return dedent(f"""
        version: 1
        usage: {{from: none, metadata: null}}
        backends:
          - {{name: fixed, url: "http://127.0.0.1:{fixed}/v1", api: openai}}
          - {{name: loud, url: "http://127.0.0.1:{upstream}/v1", api: openai}}
        models:
          - {{name: chat, targets: [{{backend: fixed, model: renamed}}]}}
          - {{name: loud, targets: [{{backend: loud}}]}}
        pipelines:
          - name: all-rules
            request: [{{use: pii, action: mask, restore: true}}, {{use: secrets, action: mask}}]
            response: [{{use: pii, action: mask}}, {{use: secrets, action: mask}}]
            content_types: [text/plain]   # Envoy's own responses have no other
        """)


@contextmanager
def _upstream() -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "scripts.benchmarks.hostile", "upstream", "--port", str(port)]
    with running(command, ready="ready"):
        yield port


@contextmanager
def gateway(
    policy: Callable[[int, int], str], profile: str, folder: Path, upstream: int = 0
) -> Iterator[tuple[int, int]]:
    """Envoy and a worker; the ports of the gateway and of the processor.

    `policy`: returns the policy with the ports of the backend that has a fixed response and of `upstream`.
    """
    fixed, grpc = free_port(), free_port()
    text = policy(fixed, upstream)
    config = folder / "neighbours.yaml"
    config.write_text(text, encoding="utf-8")
    command = [
        *(sys.executable, "-m", "extproc", "serve", "-c", str(config), "--listen", f"127.0.0.1:{grpc}"),
        *("--admin", "none", "--log", str(folder / "log")),
    ]
    with running(command, ready="ready"), EnvoyProcess(_bootstrap(text, profile, grpc, fixed), concurrency=1) as envoy:
        port = envoy.port("extproc")
        wait_for_gateway(port)
        yield port, grpc


def _bootstrap(text: str, profile: str, grpc: int, fixed: int) -> dict[str, Any]:
    policy = loads(text, "neighbours.yaml")
    config = bootstrap(
        policy,
        needs=Plan.compile(policy, {}).needs,
        endpoints=[f"127.0.0.1:{grpc}"],
        listen=SocketAddress("127.0.0.1", 0),
        profile="full-duplex" if profile == "full-duplex" else "buffered",
    )
    config["static_resources"]["listeners"].append(fixed_answer(fixed))
    return config
