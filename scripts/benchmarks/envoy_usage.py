"""The processor's CPU time per stream if Envoy's own filter counts its tokens, whatever the number of its events."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from extproc.gateway.bootstrap import SocketAddress, bootstrap
from extproc.gateway.process import EnvoyProcess
from extproc.policy import loads
from extproc.transaction import Plan
from scripts.benchmarks import cpu
from scripts.benchmarks.ports import free_port
from scripts.benchmarks.report import Row
from scripts.benchmarks.transport import run_load, running, wait_for_gateway

EVENTS: Final = 200
GAP_MS: Final = 2
STREAMS: Final = 64
BATCHES: Final = 4
"""Times that so many streams run at once in a measurement: 256 streams."""

ADDED_MOST: Final = 25.0
"""Microseconds per stream that counting by Envoy may add to one that nobody counts."""

MODEL: Final = f"stream@events-{EVENTS}+gap-{GAP_MS}ms"
"""The model that is asked for. It has a fallback, so that the processor is shown the headers of responses anyway."""

FIGURE: Final = "usage_cpu_us_per_stream"


def measure(rounds: int, say: Callable[[str], None]) -> list[Row]:
    """The CPU time of a stream that nobody counts, of one that Envoy counts, and the difference."""
    found: dict[str, list[float]] = {"none": [], "envoy": []}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        upstream = free_port()
        provider = [sys.executable, "-m", "extproc.testing.provider", "--port", str(upstream)]
        stack.enter_context(running(provider, ready="listens on"))
        for round_ in range(rounds):
            for subject, values in found.items():
                say(f"usage by {subject}, round {round_ + 1} of {rounds}")
                values.append(_one(subject, Path(folder), upstream))
    added = tuple(counted - plain for counted, plain in zip(found["envoy"], found["none"], strict=True))
    rows = [Row(FIGURE, subject, "us", tuple(values)) for subject, values in found.items()]
    return [*rows, Row(FIGURE, "envoy/added", "us", added, most=ADDED_MOST)]


def _one(subject: str, folder: Path, upstream: int) -> float:
    with _gateway(subject, folder, upstream) as (port, pid):
        pids = cpu.with_children(pid)
        load = ("--connections", str(STREAMS), "--model", MODEL, "--usage")
        run_load("events", port, *load)
        before = cpu.seconds(pids)
        for _ in range(BATCHES):
            run_load("events", port, *load)
        return (cpu.seconds(pids) - before) / (BATCHES * STREAMS) * 1e6


@contextmanager
def _gateway(subject: str, folder: Path, upstream: int) -> Iterator[tuple[int, int]]:
    """Envoy and a worker; the port of the one, and the process of the other."""
    text = f"""\
version: 1
backends:
  - {{name: streaming, url: "http://127.0.0.1:{upstream}/v1", api: openai}}
  - {{name: spare, url: "http://127.0.0.1:{upstream}/v1", api: openai, sealed_by: streaming}}
models:
  - {{name: "{MODEL}", targets: [{{backend: streaming}}], fallback: [{{backend: spare}}]}}
  - {{name: chat, targets: [{{backend: streaming}}]}}
steering: {{retries: none}}
usage: {{from: {subject}, metadata: null}}
"""
    config, socket = folder / "usage.yaml", folder / "extproc.sock"
    config.write_text(text, encoding="utf-8")
    socket.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "extproc", "serve", "-c", str(config), "--listen", f"unix:{socket}"),
        *("--admin", "none", "--log", str(folder / "log")),
    ]
    policy = loads(text, "usage.yaml")
    whole = bootstrap(
        policy,
        needs=Plan.compile(policy, {}).needs,
        endpoints=[f"unix:{socket}"],
        listen=SocketAddress("127.0.0.1", 0),
    )
    with running(command, ready="ready") as pid, EnvoyProcess(whole, concurrency=1) as envoy:
        port = envoy.port("extproc")
        wait_for_gateway(port)
        yield port, pid


def main() -> None:
    """Print the rows of three rounds."""
    for row in measure(3, lambda word: print(word, file=sys.stderr)):
        print(f"{row.figure} {row.subject}: {row.median:.1f} {row.unit} {row.floor}")


if __name__ == "__main__":
    main()
