"""The time that a budget in Redis adds to a request, on the loopback network.

    .venv/bin/python scripts/benchmarks/redis_budget.py [exchanges]

Three processors serve exchanges over gRPC, as Envoy would ask them, in turns: without a budget, with one in memory, and
with one in Redis, beside which a redis-server runs. Printed is the time from the body of a request to the response that
lets it go on, and what the budgets add to its median.
"""

import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from grpc import aio

from extproc.server.tasks import run
from extproc.wire.pb.headers_pb2 import HeaderMap, HeaderValue
from extproc.wire.pb.modes_pb2 import ProcessingMode
from extproc.wire.pb.processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest, ProcessingResponse

EXCHANGES: Final = 2_000
WARMING: Final = 200
"""Exchanges before those that count."""

START_WITHIN: Final = 60.0
"""Seconds for a server to start on a busy machine."""

BOUND: Final = 250.0
"""Microseconds that a budget in Redis may add at the median."""

POLICY: Final = """
version: 1
backends: [{name: a, url: "http://127.0.0.1:9", api: openai}]
default_backend: none
models: [{name: chat, targets: [{backend: a}]}]
"""
BUDGET: Final = "budgets: [{name: team, per: all, tokens: 1000000000000, window: 1d}]\n"
BODY: Final = json.dumps(
    {"model": "chat", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 16}
).encode()
METHOD: Final = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
FIELDS: Final = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json"}


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a redis-server that runs meanwhile."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tempfile.mkdtemp()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with subprocess.Popen(command, **quiet) as server:  # type: ignore[call-overload]
        try:
            _wait(partial(_listens, port))
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()
    shutil.rmtree(folder, ignore_errors=True)


def _wait(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + START_WITHIN
    while not ready():
        if time.monotonic() > end:
            raise SystemExit("a server does not start")
        time.sleep(0.02)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def policies(url: str) -> dict[str, str]:
    """The policies by what they are called here."""
    state = f"state: {{redis: {{url: '{url}', timeout: 1s}}}}\n"
    return {"none": POLICY, "memory": POLICY + BUDGET, "redis": POLICY + BUDGET + state}


def _headers() -> bytes:
    values = [HeaderValue(key=key, raw_value=value.encode()) for key, value in FIELDS.items()]
    message = ProcessingRequest(request_headers=HttpHeaders(headers=HeaderMap(headers=values)))
    message.protocol_config.request_body_mode = ProcessingMode.BUFFERED
    return message.SerializeToString()


HEADERS: Final = _headers()
SENT: Final = ProcessingRequest(request_body=HttpBody(body=BODY, end_of_stream=True)).SerializeToString()


@contextmanager
def serving(folder: Path, policy: str) -> Iterator[str]:
    """The address of `extproc serve` with one worker under a policy."""
    folder.mkdir()
    (folder / "policy.yaml").write_text(policy)
    address = folder / "p.sock"
    command = [sys.executable, "-m", "extproc", "serve", "-c", str(folder / "policy.yaml"), "--workers", "1"]
    command += ["--listen", f"unix:{address}", "--admin", "127.0.0.1:0", "--log", "none"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(lambda: address.exists() or bool(list(folder.glob("p.sock*"))))
            yield f"unix:{next(folder.glob('p.sock*'))}"
        finally:
            server.terminate()


async def exchange(process: Any) -> float:
    """Microseconds from the body of a request to its response."""
    call = process()
    await call.write(HEADERS)
    await call.read()
    begun = time.perf_counter()
    await call.write(SENT)
    reply = ProcessingResponse.FromString(await call.read())
    took = (time.perf_counter() - begun) * 1e6
    assert reply.WhichOneof("response") == "request_body", reply
    await call.done_writing()
    await call.read()
    return took


async def measured(url: str, folder: Path, count: int) -> dict[str, list[float]]:
    """Times by policy, taken in turns: what else the machine does meets all of them."""
    found: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        ways = {}
        for name, policy in policies(url).items():
            channel = aio.insecure_channel(stack.enter_context(serving(folder / name, policy)))
            ways[name] = (await stack.enter_async_context(channel)).stream_stream(METHOD)
        for number in range(WARMING + count):
            for name, process in ways.items():
                took = await exchange(process)
                if number >= WARMING:
                    found.setdefault(name, []).append(took)
    return found


def added(count: int = EXCHANGES) -> dict[str, float]:
    """Return the microseconds that budgets in memory and in Redis add at the median, and the median without any."""
    with tempfile.TemporaryDirectory() as folder, redis() as url:
        found = run(measured(url, Path(folder), count))
    medians = {name: statistics.median(each) for name, each in found.items()}
    return {
        "none": medians["none"],
        "memory": medians["memory"] - medians["none"],
        "redis": medians["redis"] - medians["none"],
    }


def main() -> int:
    """Print the figures; 1 if the bound is not kept."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EXCHANGES
    found = added(count)
    print(f"a request without budgets: {found['none']:.0f} us at the median of {count}")
    print(f"a budget in memory adds {found['memory']:.0f} us")
    print(f"a budget in Redis adds {found['redis']:.0f} us (bound: {BOUND:.0f} us)")
    return 0 if found["redis"] <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
