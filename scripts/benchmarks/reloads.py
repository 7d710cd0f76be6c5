"""Reloads under load: no client sees an error, and each exchange is judged by exactly one version of the policy.

Every version gives its number to all that it decides: the names of models at the backends, and the placeholders of what
it masks in requests and in responses. So the requests that providers got, the response that the client got, and the
record of an exchange must all have the number of one version. Clients send plain requests, streams that last longer
than two reloads, and requests whose first backend fails after a while, so that a reload comes between two attempts.
"""

import json
import os
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from signal import SIGHUP
from typing import Any, Final
from urllib.request import urlopen
from uuid import uuid4

from msgspec import Struct

from extproc.gateway.bootstrap import SocketAddress, bootstrap
from extproc.gateway.process import EnvoyProcess
from extproc.gateway.program import Program
from extproc.server.files import load
from extproc.testing.clients import ClientRequest, ClientResponse, Ending
from extproc.testing.clients.http1 import Http1
from extproc.testing.provider import Provider, running_provider
from extproc.transaction import Plan
from scripts.benchmarks.report import Row

WORKERS: Final = 2
TAG: Final = "x-tag"
TAKEN_WITHIN: Final = 20.0
"""Seconds for a version to be in force: one is usual."""

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: NORTH/v1, api: openai}
  - {name: south, url: SOUTH/v1, api: openai}
models:
  - {name: plain, targets: [{backend: north, model: plain-N}]}
  - {name: streamed, targets: [{backend: north, model: streamed-N@gap-100ms}]}
  - name: retried
    targets: [{backend: north, model: first-N@slow-900ms+fail-503}]
    fallback: [{backend: south, model: second-N}]
health: {failures: 10000, cooldown: 1ms, retry_after_max: 1ms}
pipelines:
  - name: all
    request: [{use: pattern, name: asked-N, regex: 'QUESTION', action: mask}]
    response: [{use: pattern, name: told-N, regex: 'REPLY', action: mask}]
"""
_NUMBER: Final = re.compile(r"(?:plain|streamed|first|second|asked|told)[-_](\d+)", re.IGNORECASE)
_WORDS: Final = " ".join(["REPLY once", *(f"word {number}" for number in range(12)), "and REPLY again"])
KINDS: Final = ("plain", "plain", "streamed", "streamed", "retried", "retried")
"""The model of each client. Streams last some two seconds, retried requests one."""


class Sent(Struct):
    """One request, and what the client got."""

    tag: str
    kind: str
    response: ClientResponse


class ReloadOutcome(Struct):
    """The figures of a run: requests by kind, what was wrong, and reloads."""

    requests: Counter[str]
    wrong: list[str]
    reloads: int
    seconds: float
    spanned: Counter[str]
    """Exchanges by kind that were open while another version was put in force."""


def policy_of(number: int, north: str, south: str) -> str:
    """Return one version of the policy."""
    text = re.sub(r"(?<=[a-z])-N\b", f"-{number}", POLICY)
    return text.replace("NORTH", north).replace("SOUTH", south)


class ReloadedGateway:
    """Providers, the processor and a real Envoy, with the policy in a folder as Kubernetes mounts it."""

    def __init__(self, folder: Path, providers: Mapping[str, Provider]) -> None:
        self._folder = folder
        self._providers = providers
        self._processor: Program | None = None
        self.port = 0
        self._admin = ""
        self.policy = folder / "policy.yaml"
        self.write(0)

    def write(self, number: int) -> None:
        """Put a version in the place of the one before: in place, by a new file, or by the swap of a folder's link."""
        if number % 3 == 1 and not self.policy.is_symlink():
            self.policy.write_text(self._text(number))
            return
        other = self._folder / f"other-{number}"
        if number % 3 == 2:
            other.write_text(self._text(number))
            other.rename(self.policy)
            return
        other.mkdir()
        (other / "policy.yaml").write_text(self._text(number))
        link = self._folder / "..new"
        link.symlink_to(other.name)
        link.rename(self._folder / "..data")
        if not self.policy.is_symlink():
            self.policy.unlink(missing_ok=True)
            self.policy.symlink_to("..data/policy.yaml")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the processor and Envoy."""
        arguments = ["serve", "-c", str(self.policy), "--listen", f"unix:{self._folder}/p.sock"]
        arguments += ["--workers", str(WORKERS), "--admin", "127.0.0.1:0", "--log", str(self._folder / "log")]
        with ExitStack() as stack:
            self._processor = stack.enter_context(Program("extproc", arguments, ready="ready at"))
            endpoints, _, self._admin = self._processor.said.partition("; admin at ")
            policy = load(self.policy)
            config = bootstrap(
                policy,
                needs=Plan.compile(policy, {}).needs,
                endpoints=endpoints.split(),
                listen=SocketAddress("127.0.0.1", 0),
            )
            envoy = stack.enter_context(EnvoyProcess(config, concurrency=2, log_level="warning"))
            self.port = envoy.port("extproc")
            yield

    def reload(self, number: int, *, signalled: bool) -> None:
        """Put a version in force, and wait for that. Raises RuntimeError if it does not come into force."""
        before = self.status()["policy"]["digest"]
        self.write(number)
        if signalled and self._processor is not None:
            self._processor.signal(SIGHUP)
        end = time.monotonic() + TAKEN_WITHIN
        while (status := self.status())["policy"]["digest"] == before:
            if time.monotonic() > end:
                raise RuntimeError(f"version {number} did not come into force: {status['last_reload']}")
            time.sleep(0.02)

    def status(self) -> Any:
        """Return what `/status` says."""
        with urlopen(f"{self._admin}/status", timeout=10) as response:  # noqa: S310  - it is our own
            return json.load(response)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the log."""
        for line in (self._folder / "log").read_text().splitlines():
            yield json.loads(line)

    def _text(self, number: int) -> str:
        return policy_of(number, self._providers["north"].url, self._providers["south"].url)


class LoadingClient(threading.Thread):
    """A client that sends requests of one kind until it is told to stop."""

    def __init__(self, port: int, kind: str) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._kind = kind
        self.stopping = threading.Event()
        self.sent: list[Sent] = []

    def run(self) -> None:
        """Send one request after the other, on one connection."""
        text = f"QUESTION {_WORDS}"
        said = [{"role": "user", "content": text}]
        body = {"model": self._kind, "stream": self._kind == "streamed", "messages": said}
        raw = json.dumps(body).encode()
        with Http1(self._port, within=60.0) as client:
            while not self.stopping.is_set():
                tag = uuid4().hex
                fields = (("content-type", "application/json"), (TAG, tag))
                request = ClientRequest("POST", "/v1/chat/completions", fields, raw)
                self.sent.append(Sent(tag, self._kind, client.request(request)))


def run(
    seconds: float, reloads: int, *, kinds: Sequence[str] = KINDS, say: Callable[[str], None] = lambda _: None
) -> ReloadOutcome:
    """Put `reloads` versions in force within about `seconds` of load, and check every exchange."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reloads-")))
        providers = {name: stack.enter_context(running_provider(name)) for name in ("north", "south")}
        made = ReloadedGateway(folder, providers)
        stack.enter_context(made.running())
        clients = [LoadingClient(made.port, kind) for kind in kinds]
        begun = time.monotonic()
        for each in clients:
            each.start()
        for number in range(1, reloads + 1):
            time.sleep(max(0.0, begun + (number - 0.5) * seconds / reloads - time.monotonic()))
            made.reload(number, signalled=number % 5 != 0)
            if number % 10 == 0:
                say(f"{number} reloads, {time.monotonic() - begun:.0f} s")
        time.sleep(max(0.0, begun + seconds - time.monotonic()))
        for each in clients:
            each.stopping.set()
        for each in clients:
            each.join(60.0)
        took = time.monotonic() - begun
        time.sleep(0.5)  # the log's writer gathers lines
        sent = [one for each in clients for one in each.sent]
        return _judged(sent, made, providers, took)


def _judged(sent: list[Sent], made: ReloadedGateway, providers: Mapping[str, Provider], took: float) -> ReloadOutcome:
    lines = list(made.records())
    records = {line["request_id"]: line for line in lines if line["event"] == "exchange"}
    attempts = {line["request_id"]: line for line in lines if line["event"] == "attempt"}
    taken = [line for line in lines if line["event"] == "reload"]
    seen: dict[str, list[str]] = {}
    for provider in providers.values():
        for record in provider.records:
            seen.setdefault(record.header(TAG) or "", []).append(record.body.decode())
    outcome = ReloadOutcome(Counter(), [], len(taken), took, Counter())
    digests: dict[str, str] = {}
    for each in sent:
        outcome.requests[each.kind] += 1
        problem = _problem(each, seen.get(each.tag, []), records, attempts, digests)
        if problem is not None:
            outcome.wrong.append(f"{each.kind}: {problem}")
        elif _late(each, records, taken):
            outcome.spanned[each.kind] += 1
    outcome.wrong += [f"a reload: {line}" for line in taken if line["result"] != "ok"]
    if len(set(digests.values())) != len(digests):
        outcome.wrong.append("two versions have one digest")
    return outcome


def _problem(
    each: Sent,
    bodies: Sequence[str],
    records: Mapping[str, dict[str, Any]],
    attempts: Mapping[str, dict[str, Any]],
    digests: dict[str, str],
) -> str | None:
    response = each.response
    if response.status != 200 or response.ending is not Ending.COMPLETE:
        return f"the client got {response.status}, {response.ending.value}: {response.body[:200]!r}"
    if len(bodies) != (2 if each.kind == "retried" else 1):
        return f"{len(bodies)} requests reached a provider"
    record = records.get(response.header("x-extproc-request-id") or "")
    if record is None:
        return "there is no record"
    told = [*bodies, *_texts(response)]
    if "REPLY" in "".join(_texts(response)) or any("QUESTION" in each for each in told):
        return "a text went by unmasked"
    numbers = {number for text in (*told, str(record["upstream_model"])) for number in _NUMBER.findall(text)}
    if len(numbers) != 1:
        return f"it was judged by the versions {sorted(numbers)}"
    digest = digests.setdefault(numbers.pop(), record["policy"])
    attempt = attempts.get(record["request_id"], record)
    return None if record["policy"] == attempt["policy"] == digest else "records name another policy"


def _texts(response: ClientResponse) -> list[str]:
    """Return the model's name and the text of a response, JSON or a stream."""
    if response.header("content-type") == "application/json":
        document = response.json()
        return [document["model"], document["choices"][0]["message"]["content"]]
    events = [json.loads(event) for event in response.events() if event != b"[DONE]"]
    pieces = [choice["delta"].get("content") or "" for event in events for choice in event["choices"]]
    return [events[0]["model"], "".join(pieces)]


def _late(each: Sent, records: Mapping[str, dict[str, Any]], taken: Sequence[dict[str, Any]]) -> bool:
    """True if another version was put in force while the exchange was open."""
    record = records[each.response.header("x-extproc-request-id") or ""]
    end = datetime.fromisoformat(record["time"])
    begun = end - timedelta(milliseconds=record["duration_ms"])
    return any(begun < datetime.fromisoformat(line["time"]) < end for line in taken)


def rows(outcome: ReloadOutcome) -> list[Row]:
    """Return the figures of a run."""
    requests = float(sum(outcome.requests.values()))
    return [
        Row("reloads", "h2", "", (float(outcome.reloads),)),
        Row("reload_seconds", "h2", "s", (outcome.seconds,)),
        Row("reload_exchanges", "h2", "", (requests,)),
        Row("reload_exchanges_wrong", "h2", "", (float(len(outcome.wrong)),), most=0.0),
        *(Row("reload_exchanges_over_a_reload", kind, "", (float(n),)) for kind, n in sorted(outcome.spanned.items())),
    ]


def main() -> int:
    """Run 100 reloads in 60 s, or as `EXTPROC_RELOADS` and `EXTPROC_SECONDS` say, and print what came of it."""
    reloads, seconds = int(os.environ.get("EXTPROC_RELOADS", "100")), float(os.environ.get("EXTPROC_SECONDS", "60"))
    outcome = run(seconds, reloads, say=lambda line: print(line, flush=True))
    for each in outcome.wrong[:20]:
        print(each)
    for row in rows(outcome):
        print(f"{row.figure:32} {row.subject:10} {row.median:g} {row.unit}")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
