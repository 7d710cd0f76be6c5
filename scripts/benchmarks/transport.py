"""The cost of the path through the processor: against Envoy alone, and against a Go processor that does nothing.

Each round starts every subject anew and takes them in turn, so that what else the machine does falls on all alike.
"""

import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

from extproc.gateway.bootstrap import SocketAddress, bootstrap
from extproc.gateway.process import EnvoyProcess
from extproc.policy import Policy, loads
from extproc.transaction import Plan
from scripts.benchmarks import cpu
from scripts.benchmarks.load import BODY
from scripts.benchmarks.ports import free_port
from scripts.benchmarks.report import Row

ANSWER: Final = json.dumps({"id": "x", "object": "chat.completion", "choices": [{"message": {"content": "y" * 200}}]})
"""An answer of about 300 bytes, given by the same Envoy, so that no upstream program takes a core."""

EVENTS: Final = 100
GAP_MS: Final = 10
STREAMS: Final = 64

UNITS: Final = {
    "cpu_us_per_request": "us",
    "cpu_us_per_event": "us",
    "envoy_cpu_us_per_request": "us",
    "envoy_cpu_us_per_event": "us",
    "requests_per_s": "1/s",
    "added_ms_p50": "ms",
    "added_ms_p99": "ms",
    "added_first_byte_ms_p50": "ms",
    "pss_mib": "MiB",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject: a processor (None: Envoy alone), a profile, and the number of messages asked for per request.

    `four`: request headers and body, response headers and body, as performance figures of peers are given. Otherwise
    the configuration is exactly what `extproc envoy` generates for the policy, which asks for two. `routes`: the policy
    has a backend and a model, so that bodies are read and requests steered; else it is the one that decides nothing.
    `inspects`: it also masks personal data and secrets, by all rules, in requests and in answers, whole and streamed.
    """

    name: str
    processor: str | None
    profile: str = "buffered"
    four: bool = True
    routes: bool = False
    inspects: bool = False


SUBJECTS: Final = (
    Subject("none", None),
    Subject("go", "go"),
    *(
        Subject(f"{name}{trait}", name, profile, four, routes)
        for name in ("grpcio", "h2")
        for trait, profile, four, routes in (
            ("", "buffered", True, False),
            ("/full-duplex", "full-duplex", True, False),
            ("/two-messages", "buffered", False, False),
            ("/routing", "buffered", True, True),
            ("/routing/two-messages", "buffered", False, True),
            ("/routing/full-duplex", "full-duplex", False, True),
        )
    ),
    Subject("h2/all-rules", "h2", four=False, routes=True, inspects=True),
)


def measure(rounds: int, seconds: float, say: Callable[[str], None], only: Collection[str] = ()) -> list[Row]:
    """All figures of all subjects that this machine can run; `only` names some of them."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        subjects = [s for s in _runnable(Path(folder), say) if not only or s.name in {"none", *only}]
        upstream = stack.enter_context(_provider())
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for round_ in range(rounds):
            base: dict[str, float] = {}
            for subject in subjects:
                say(f"round {round_ + 1} of {rounds}: {subject.name}")
                for figure, value in _one(subject, Path(folder), upstream, seconds, base).items():
                    found[figure, subject.name].append(value)
    order = {figure: at for at, figure in enumerate(UNITS)}
    rows = [Row(figure, name, UNITS[figure], tuple(values)) for (figure, name), values in found.items()]
    return sorted(rows, key=lambda row: order[row.figure])


def _runnable(folder: Path, say: Callable[[str], None]) -> list[Subject]:
    from extproc.server.transport import TRANSPORTS  # noqa: PLC0415  - the bench starts without grpc

    go = _build_go(folder)
    if go is None:
        say("no Go toolchain with grpc (Debian: golang-go and golang-google-grpc-dev): the subject go is left out")
    return [s for s in SUBJECTS if s.processor is None or s.processor in TRANSPORTS or (s.processor == "go" and go)]


def _build_go(folder: Path) -> Path | None:
    program = folder / "noop"
    if shutil.which("go") is None:
        return None
    build = subprocess.run(
        ["go", "build", "-o", program, Path(__file__).with_name("noop.go")],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "GO111MODULE": "off", "GOPATH": "/usr/share/gocode"},
        capture_output=True,
        check=False,
        timeout=300,
    )
    return program if build.returncode == 0 else None


def _one(subject: Subject, folder: Path, upstream: int, seconds: float, base: dict[str, float]) -> dict[str, float]:
    """One subject in one round; `base` holds the latencies of Envoy alone in the same round."""
    figures: dict[str, float] = {}
    with _gateway(subject, folder, upstream) as (envoy, processor):
        port = envoy.port("extproc")
        pids = cpu.with_children(processor) if processor else []
        run_load("unary", port, "--seconds", "0.5")
        before = cpu.seconds(pids), cpu.seconds([envoy.pid])
        load = _full_speed(port, seconds, folder)
        requests = load["requests"]
        figures["requests_per_s"] = requests / load["seconds"]
        figures["envoy_cpu_us_per_request"] = (cpu.seconds([envoy.pid]) - before[1]) / requests * 1e6
        if processor:
            figures["cpu_us_per_request"] = (cpu.seconds(pids) - before[0]) / requests * 1e6
            figures["pss_mib"] = cpu.pss_mib(pids)  # the template and its workers share most of theirs
        # Half load: 16 clients that each wait as long as 16 requests take at full speed, so that half the time is idle.
        half = run_load("unary", port, "--seconds", str(seconds), "--pause", str(16 / figures["requests_per_s"]))
        _added(figures, base, "added_ms_p50", half["p50_ms"])
        _added(figures, base, "added_ms_p99", half["p99_ms"])
        if subject.inspects or (subject.four and not subject.routes):
            figures |= _events(subject, envoy, pids, base)
    return figures


def _events(subject: Subject, envoy: EnvoyProcess, pids: list[int], base: dict[str, float]) -> dict[str, float]:
    figures: dict[str, float] = {}
    before = cpu.seconds(pids), cpu.seconds([envoy.pid])
    model = f"stream@events-{EVENTS}+gap-{GAP_MS}ms"
    load = run_load("events", envoy.port("streams"), "--connections", str(STREAMS), "--model", model)
    figures["envoy_cpu_us_per_event"] = (cpu.seconds([envoy.pid]) - before[1]) / load["events"] * 1e6
    if subject.processor:
        figures["cpu_us_per_event"] = (cpu.seconds(pids) - before[0]) / load["events"] * 1e6
    _added(figures, base, "added_first_byte_ms_p50", load["first_ms"])
    return figures


def _added(figures: dict[str, float], base: dict[str, float], figure: str, value: float) -> None:
    """A latency, as what it is above that of Envoy alone in the same round."""
    if figure in base:
        figures[figure] = value - base[figure]
    else:
        base[figure] = value


def _full_speed(port: int, seconds: float, folder: Path) -> dict[str, float]:
    """16 clients that never wait: by wrk where it is installed (Debian: wrk), since the load shares the machine."""
    if shutil.which("wrk") is None:
        return run_load("unary", port, "--seconds", str(seconds))
    script = folder / "post.lua"
    body = json.dumps(BODY.decode())
    script.write_text(f'wrk.method = "POST"\nwrk.body = {body}\nwrk.headers["content-type"] = "application/json"\n')
    command = ["wrk", "-t1", "-c16", f"-d{math.ceil(seconds)}s", "-s", str(script)]
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=120).stdout
    found = re.search(r"(\d+) requests in ([\d.]+)(m?s)", said)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"the load failed: {said}")
    return {"requests": float(found[1]), "seconds": float(found[2]) / (1000 if found[3] == "ms" else 1)}


def run_load(kind: str, port: int, *arguments: str) -> dict[str, float]:
    """Runs a load in a process of its own; what it measured."""
    command = [sys.executable, "-m", "scripts.benchmarks.load", kind, "--port", str(port), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    if done.returncode:
        raise RuntimeError(f"the load failed: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


@contextmanager
def _provider() -> Iterator[int]:
    """The stand-in provider in a process of its own; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "extproc.testing.provider", "--port", str(port)]
    with running(command, ready="listens on"):
        yield port


@contextmanager
def _gateway(subject: Subject, folder: Path, upstream: int) -> Iterator[tuple[EnvoyProcess, int | None]]:
    """Envoy with the subject beside it."""
    fixed = free_port()
    policy = loads(_policy(subject, fixed, upstream), "bench.yaml")
    with ExitStack() as stack:
        processor = stack.enter_context(_processor(subject, policy, folder, fixed, upstream))
        config = _bootstrap(subject, policy, folder / "extproc.sock", fixed)
        envoy = stack.enter_context(EnvoyProcess(config, concurrency=1))
        wait_for_gateway(envoy.port("extproc"))
        yield envoy, processor


def _policy(subject: Subject, fixed: int, upstream: int) -> str:
    """The policy that decides nothing; or one by which bodies are read and requests steered to `fixed`."""
    backends = f"""
        version: 1
        usage: {{from: none, metadata: null}}
        backends:
          - {{name: fixed, url: "http://127.0.0.1:{fixed}/v1", api: openai}}
          - {{name: streaming, url: "http://127.0.0.1:{upstream}/v1", api: openai}}
        """
    nothing = """
        unknown_models: pass
        default_backend: none
        """
    routing = """
        models: [{name: chat, targets: [{backend: fixed}]}]
        """
    # What the streams ask for is no model of the policy, and goes to the default backend.
    inspecting = """
        unknown_models: pass
        default_backend: streaming
        pipelines:
          - name: all-rules
            request: [{use: pii, action: mask, restore: true}, {use: secrets, action: mask}]
            response: [{use: pii, action: mask}, {use: secrets, action: mask}]
            content_types: [text/plain]   # Envoy's own answers have no other
        """
    rest = (routing if subject.routes else nothing) + (inspecting if subject.inspects else "")
    return dedent(backends) + dedent(rest)


def _bootstrap(subject: Subject, policy: Policy, socket: Path, fixed: int) -> dict[str, Any]:
    config = bootstrap(
        policy,
        needs=Plan.compile(policy, {}).needs,  # what its fingerprint says; `four` asks for more below
        endpoints=[f"unix:{socket}"],
        listen=SocketAddress("127.0.0.1", 0),
        profile="full-duplex" if subject.profile == "full-duplex" else "buffered",
    )
    listeners = config["static_resources"]["listeners"]
    listeners.append({**deepcopy(listeners[0]), "name": "streams"})
    for listener, body, cluster in zip(listeners, ("BUFFERED", "STREAMED"), ("fixed", "streaming"), strict=True):
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        if subject.processor is None:
            manager["http_filters"] = manager["http_filters"][1:]
        if not subject.routes:
            _send_all_to(manager, cluster)  # nobody else says where to
        if subject.processor and subject.four:
            _ask_for_everything(manager["http_filters"][0]["typed_config"], subject.profile, body)
    listeners.append(fixed_answer(fixed))
    return config


def _ask_for_everything(filter_: dict[str, Any], profile: str, body: str) -> None:
    modes = filter_["processing_mode"]
    modes |= {"response_header_mode": "SEND", "response_body_mode": body}
    if profile == "full-duplex":
        modes["response_body_mode"] = "FULL_DUPLEX_STREAMED"
        modes["response_trailer_mode"] = "SEND"
    # An override that asks for less must not be taken: the messages are what is measured.
    filter_["allow_mode_override"] = False


def _send_all_to(manager: dict[str, Any], cluster: str) -> None:
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}
    manager["route_config"]["virtual_hosts"][0]["routes"] = [route]


def fixed_answer(port: int) -> dict[str, Any]:
    """A listener of Envoy's that answers each request with `ANSWER`."""
    name = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = "envoy.extensions.filters.http.router.v3.Router"
    answer = {"status": 200, "body": {"inline_string": ANSWER}}
    routes = [{"match": {"prefix": "/"}, "direct_response": answer}]
    manager = {
        "@type": f"type.googleapis.com/{name}",
        "stat_prefix": "fixed",
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"type.googleapis.com/{router}"},
            }
        ],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    }
    return {
        "name": "fixed",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "enable_reuse_port": False,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


@contextmanager
def _processor(subject: Subject, policy: Policy, folder: Path, fixed: int, upstream: int) -> Iterator[int | None]:
    """The process of the subject; gives its id."""
    del policy
    socket = folder / "extproc.sock"
    socket.unlink(missing_ok=True)
    if subject.processor is None:
        yield None
        return
    if subject.processor == "go":
        command: Sequence[str] = [str(folder / "noop"), str(socket), "fixed"]
    else:
        config = folder / "bench.yaml"
        config.write_text(_policy(subject, fixed, upstream), encoding="utf-8")
        command = [
            *(sys.executable, "-m", "extproc", "serve", "-c", str(config), "--listen", f"unix:{socket}"),
            *("--transport", subject.processor, "--admin", "none", "--log", str(folder / "log")),
        ]
    with running(command, ready="ready") as pid:
        yield pid


@contextmanager
def running(command: Sequence[str], ready: str, environ: Mapping[str, str] | None = None) -> Iterator[int]:
    """A program, once it has said that it is ready. Without `environ` it has the variables of this one."""
    pipe, to_pipe = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, stdout=pipe, stderr=to_pipe, text=True, env=environ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while ready not in (line := process.stdout.readline()):
                said += line
                if not line:
                    raise RuntimeError(f"{command[0]} did not start: {said[-2000:]}")
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for_gateway(port: int) -> None:
    """The first answer may have to wait for the processor's health check."""
    end = time.monotonic() + 20
    while True:
        try:
            run_load("unary", port, "--seconds", "0.05", "--connections", "1")
        except RuntimeError:
            if time.monotonic() > end:
                raise
        else:
            return
