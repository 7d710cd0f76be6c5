"""The running product under a real Prometheus: Envoy, processor, providers and a collector, with traffic."""

import json
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from string import Template
from typing import Any, Final, Self

from extproc.gateway.process import tied
from extproc.testing import eventually
from tests.e2e.gateway import Gateway, gateway, post, site, tagged
from tests.e2e.processor import Processor
from tests.server.otlp.collector import over_http

DEPLOYED: Final = Path(__file__).parents[2] / "deploy/observability"

POLICY: Final = """\
version: 1
backends:
  - name: north
    url: $north/v1
    api: openai
    models: [{name: large, input_usd_per_mtok: 2.5, output_usd_per_mtok: 10}]
  - name: south
    url: $south/v1
    api: openai
    models: [{name: small, input_usd_per_mtok: 0.15, output_usd_per_mtok: 0.6}]
  - {name: away, url: $nowhere/v1, api: openai}
default_backend: none
models:
  - {name: chat, targets: [{backend: north, model: large}], fallback: [{backend: south, model: small}]}
  - {name: fast, targets: [{backend: south, model: small}]}
  - {name: away, targets: [{backend: away}], fallback: [{backend: south, model: small}]}
tenants: {from: {header: x-tenant-id}}
pipelines:
  - name: guarded
    request:
      - {use: secrets, action: block}
      - {use: pii, action: mask}
      - {use: webhook, name: corp, url: "$nowhere/", timeout: 300ms, on_failure: allow}
    response: [{use: pii, action: mask}]
budgets:
  - {name: team, per: tenant, tokens: 1000000, window: 1h}
  - {name: trial, per: tenant, requests: 30, window: 10s}
audit: {file: FOLDER/audit.jsonl}
usage: {metadata: null}
telemetry: {otlp: {endpoint: "ENDPOINT", interval: 500ms}, traces: {}}
limits: {request_timeout: 20s, drain_timeout: 5s}
"""

PROMETHEUS: Final = """\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$folder/alerts.yaml, $folder/rules.yaml]
scrape_configs:
  - {job_name: extproc, static_configs: [{targets: ["$admin"]}]}
"""

VARIABLES: Final = {"$__rate_interval": "15s", "$__range": "1m", "$__interval": "1s"}
"""Grafana's own variables, as they are for a range of a minute with a point each second."""

TENANTS: Final = ("acme", "globex", "initech")
KEY: Final = "AKIA" + "Q7RT5WXYZ2ABCD3E"


class Prometheus:
    """A real Prometheus that reads the metrics of one processor each second."""

    def __init__(self, folder: Path, admin: str) -> None:
        config = folder / "prometheus.yaml"
        config.write_text(Template(PROMETHEUS).substitute(folder=DEPLOYED, admin=admin))
        self._said = (folder / "prometheus.log").open("w+")
        program = shutil.which("prometheus")
        assert program is not None, "prometheus is not installed (Debian: prometheus)"
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder}/tsdb"]
        command += ["--web.listen-address=127.0.0.1:0", "--log.level=info"]
        self._process = subprocess.Popen(tied(command), stdout=self._said, stderr=self._said)
        self._port = ""

    def __enter__(self) -> Self:
        assert eventually(self._listens, 30.0), Path(self._said.name).read_text()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        self._said.close()

    def _listens(self) -> bool:
        found = re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)', Path(self._said.name).read_text())
        if found is None:
            return False
        self._port = found[1]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/-/ready", timeout=10):
                return True
        except urllib.error.HTTPError:
            return False  # it listens, and still reads its files

    def ask(self, path: str, **parameters: str) -> Any:
        """What its API answers."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def at_once(self, query: str) -> list[dict[str, Any]]:
        """The series of a query, now."""
        return list(self.ask("query", query=filled(query))["result"])

    def over(self, query: str, seconds: float) -> list[dict[str, Any]]:
        """The series of a query over the last seconds, one point each."""
        now = time.time()
        found = self.ask("query_range", query=filled(query), start=str(now - seconds), end=str(now), step="1")
        return list(found["result"])


def filled(query: str) -> str:
    """A query of the dashboard as Grafana would send it."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return query


def body(model: str, text: str, *, stream: bool = False, counted: bool = False) -> bytes:
    """A chat request. `counted`: its stream ends with the provider's numbers."""
    asked = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
    return json.dumps(asked | ({"stream_options": {"include_usage": True}} if counted else {})).encode()


def traffic(envoy: Gateway, round_: int) -> None:
    """A round of exchanges: three tenants, JSON and streams, findings, refusals, failures, a client that leaves."""
    mail = "Write to ann.lee@example.com and say that the meeting is moved to Friday."
    plans: list[tuple[bytes, str]] = [
        (body("chat", mail), ""),
        (body("fast", "What is the capital of France? " * (1 + round_ % 4)), ""),
        (body("chat", "Tell me a story.", stream=True, counted=True), "events-12+gap-5ms"),
        (body("fast", "And another one, please.", stream=True), "events-8+gap-10ms"),
        (body("chat", f"My key is {KEY}, keep it."), ""),
        (body("made-up", "Is there such a model?"), ""),
        (body("chat", "This one fails."), "fail-500"),
        (body("fast", "Too many of these."), "fail-429"),
        (body("chat", "This stream ends too soon.", stream=True), "events-9+cut-3"),
        (body("away", "Nobody is there."), ""),
    ]
    for number, (content, do) in enumerate(plans):
        tenant = TENANTS[(number + round_) % (len(TENANTS) - (round_ % 2))]
        image = [("x-round", str(round_)), ("x-tenant-id", tenant)]
        with suppress(OSError, AssertionError):
            envoy.send(post(content, *image, tag=tagged(), do=do))
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
    seen = {"model": "fast", "messages": [{"role": "user", "content": parts}]}
    with suppress(OSError, AssertionError):
        envoy.send(post(json.dumps(seen).encode(), ("x-tenant-id", "globex"), tag=tagged()))


@contextmanager
def observed(seconds: float) -> Iterator[tuple[Prometheus, Gateway]]:
    """The product after so many seconds of traffic, with a Prometheus that has read its metrics meanwhile.

    The traffic goes on until the end.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="observed-")))
        endpoint, _ = stack.enter_context(over_http())
        written = POLICY.replace("ENDPOINT", endpoint).replace("FOLDER", str(folder))
        behind = stack.enter_context(site(written, "h2", workers=2))
        envoy = stack.enter_context(gateway(behind, "full-duplex"))
        prometheus = stack.enter_context(Prometheus(folder, behind.processor.admin.removeprefix("http://")))
        ended = threading.Event()
        thread = threading.Thread(target=_drive, args=(envoy, ended), daemon=True)
        stack.callback(thread.join, 60)
        stack.callback(ended.set)
        thread.start()
        assert eventually(lambda: bool(prometheus.at_once("extproc_reloads_total")), 30.0)
        _reload_twice(envoy)
        ended.wait(seconds)
        yield prometheus, envoy


def _drive(envoy: Gateway, ended: threading.Event) -> None:
    round_ = 0
    while not ended.is_set():
        traffic(envoy, round_)
        round_ += 1


def _reload_twice(envoy: Gateway) -> None:
    """A reload that a wrong file makes fail, and one that succeeds."""
    processor = envoy.processor
    right = processor.policy.read_text()
    for text, count in (("version: 2\n", 1), (right, 2)):
        processor.policy.write_text(text)
        processor.signal(signal.SIGHUP)
        assert eventually(partial(_reloaded, processor, count), 30.0)


def _reloaded(processor: Processor, times: int) -> bool:
    return len(processor.lines("reload")) >= times
