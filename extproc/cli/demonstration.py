"""The policy that `extproc up` runs when it is given none, and the requests that show what it does."""

import http.client
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from extproc.explain.explanation import because
from extproc.protocol.record import CountedFinding, Record

PROVIDERS: Final = ("hosted", "local", "claude")
"""The stand-in providers; each answers with an echo that says who answers and as which model it was asked."""

POLICY: Final = """\
version: 1
backends:
  - name: hosted
    url: http://127.0.0.1:{hosted}/v1
    api: openai
    region: us
    credential: {{bearer: {{env: EXTPROC_DEMO_KEY}}}}
  - {{name: local, url: "http://127.0.0.1:{local}/v1", api: openai, region: eu}}
  - name: claude
    url: http://127.0.0.1:{claude}/v1
    api: anthropic
    region: us
    credential: {{header: x-api-key, env: EXTPROC_DEMO_KEY}}
  - {{name: broken, url: "http://127.0.0.1:{broken}/v1", api: openai}}   # nothing listens there
models:
  - name: chat
    targets:
      - {{backend: hosted, model: gpt-4o-mini, weight: 80}}
      - {{backend: local, model: llama-3.1-8b, weight: 20}}
  - {{name: claude, targets: [{{backend: claude, model: claude-sonnet-4-5}}]}}
  - name: resilient
    targets: [{{backend: broken, model: gpt-4o}}]
    fallback: [{{backend: local, model: llama-3.1-8b}}]
  - name: auto
    rules: [{{name: personal, when: 'size(findings) > 0', to: [{{backend: local, model: llama-3.1-8b}}]}}]
    targets: [{{backend: hosted, model: gpt-4o-mini}}]
pipelines:
  - name: default
    request:
      - {{use: secrets, action: block}}
      - {{use: pii, kinds: [email, phone, credit_card, iban], action: mask, restore: true}}
    response:
      - {{use: pattern, name: codenames, regex: 'Project (Titan|Orion)', action: block}}
      - {{use: pii, kinds: [us_ssn], action: mask}}
"""
KEY_VARIABLE: Final = "EXTPROC_DEMO_KEY"
KEY: Final = "demonstration-key"

PERSONAL: Final = "Mail jane@example.com about card 4012 8888 8888 1881."
SECRET: Final = "AKIA" + "Z7XQ4HNRTW2LPYKM"
"""Joined here, so that nobody who scans this file for keys is alarmed."""

CHAT: Final = "/v1/chat/completions"
RECORD_WITHIN: Final = 3.0
"""Seconds until the log must tell of an exchange that is over; it is written every 50 ms."""


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """One telling request: what it shows, and the request."""

    shows: str
    body: bytes | None
    path: str = CHAT
    headers: tuple[tuple[str, str], ...] = ()
    times: int = 1


def _ask(model: str, text: str, **more: object) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


STEPS: Final = (
    DemoRequest("the models, answered from the policy", None, "/v1/models"),
    DemoRequest("10 requests for a virtual model, shared 80:20", _ask("chat", "Hello"), times=10),
    DemoRequest("the same, streamed", _ask("chat", "Stream this", stream=True)),
    DemoRequest(
        "Anthropic's API beside it", _ask("claude", "Hello", max_tokens=64), "/v1/messages", (("x-api-key", "my-own"),)
    ),
    DemoRequest("an address and a card, masked for the provider, restored for the client", _ask("chat", PERSONAL)),
    DemoRequest("the same in a stream, where a value may be cut anywhere", _ask("chat", PERSONAL, stream=True)),
    DemoRequest("a model with a rule: personal data goes to the local backend ...", _ask("auto", PERSONAL)),
    DemoRequest("... and everything else to the hosted one", _ask("auto", "Hello")),
    DemoRequest("a key in a prompt", _ask("chat", f"Why does {SECRET} not work?")),
    DemoRequest("what the policy keeps in, said in mid-stream", _ask("chat", "Sum up Project Titan.", stream=True)),
    DemoRequest(
        "personal data of somebody else in an answer", _ask("chat", "Her social security number is 536-22-8716.")
    ),
    DemoRequest(
        "a client that tries to choose its backend itself",
        _ask("chat", "Hello"),
        CHAT,
        (("x-extproc-cluster", "claude"),),
    ),
    DemoRequest("a backend that is down: the next one serves, within the same request", _ask("resilient", "Hello")),
    DemoRequest("a model that nobody serves", _ask("gpt-99", "Hello")),
    DemoRequest("a body that is no JSON", b'{"model": "chat", '),
    DemoRequest(
        "two models in one body, which two readers would read differently", b'{"model": "chat", "model": "claude"}'
    ),
)


def show(port: int, log: Path, say: Callable[[str], None]) -> None:
    """Sends the steps' requests to the gateway at `port`; says what came back, and why from the exchange log."""
    for step in STEPS:
        say(f"\n{step.shows}")
        answers = [_exchange(port, step) for _ in range(step.times)]
        if step.times > 1:
            say(f"    {_shares(answers)}")
        else:
            _tell(answers[0], log, say)


@dataclass(frozen=True, slots=True)
class Answered:
    """A response that the demonstration received."""

    status: int
    headers: dict[str, str]
    body: bytes


def _exchange(port: int, step: DemoRequest) -> Answered:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"content-type": "application/json", "authorization": "Bearer my-own", **dict(step.headers)}
        connection.request("GET" if step.body is None else "POST", step.path, step.body, headers)
        response = connection.getresponse()
        return Answered(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


def _shares(answers: Iterable[Answered]) -> str:
    counts: dict[str, int] = {}
    for answer in answers:
        where = f"{answer.headers.get('x-extproc-backend')} ({answer.headers.get('x-extproc-model')})"
        counts[where] = counts.get(where, 0) + 1
    return ", ".join(f"{count} to {where}" for where, count in sorted(counts.items(), key=lambda item: -item[1]))


def _tell(answer: Answered, log: Path, say: Callable[[str], None]) -> None:
    said = answer.headers
    where = f" from {said['x-extproc-backend']} as {said['x-extproc-model']}" if "x-extproc-backend" in said else ""
    say(f"    {answer.status}{where}: {_gist(answer)}")
    record = _record(log, said.get("x-extproc-request-id", ""))
    if record is not None:
        took = record.decided_ms
        timing = "" if took is None else f"; decided after {took} ms"
        say(f"    {record.decision}: {because(record)}{timing}")
        if record.findings:
            say(f"    found: {_found(record.findings)}")


def _found(findings: Iterable[CountedFinding]) -> str:
    return ", ".join(f"{each.count} {each.kind} in the {each.side} ({each.action})" for each in findings)


_EXCHANGE: Final = b'"event":"exchange"'


def _record(log: Path, request_id: str) -> Record | None:
    """The exchange log's line about a request; None if it has none, or has no id."""
    end = time.monotonic() + RECORD_WITHIN
    while request_id and time.monotonic() < end:
        for line in log.read_bytes().splitlines():
            if request_id.encode() in line and _EXCHANGE in line:  # not one of its later attempts
                return msgspec.json.decode(line, type=Record)
        time.sleep(0.02)
    return None


def _gist(answer: Answered) -> str:
    """The words of an answer: its text, its error's message, or the names in a list."""
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        return f'"{_streamed(answer.body)}" in {answer.body.count(b"data:")} events'
    document = json.loads(answer.body)
    match document:
        case {"error": {"message": message}}:
            return str(message)
        case {"data": list(models)}:
            return ", ".join(model["id"] for model in models)
        case {"choices": [{"message": {"content": text}}]} | {"content": [{"text": text}]}:
            return f'"{text}"'
        case _:
            return f"{len(answer.body)} bytes"


def _streamed(body: bytes) -> str:
    pieces = (json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {"))
    deltas = (choice["delta"].get("content") or "" for piece in pieces for choice in piece.get("choices", ()))
    return "".join(deltas)
