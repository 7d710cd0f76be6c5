"""What is told of an exchange: to the client in headers, to the operator in a line and in metrics; never its text."""

import json
import re
from typing import Any

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing.clients import ClientRequest, ClientResponse, End, ScriptStep
from tests.e2e.bodies import said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import KEYS, Gateway, Version, post, tagged
from tests.e2e.policies import CHOOSING, DIRECT

pytestmark = pytest.mark.envoy

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MARKER = "PLANTED"
LINE = {
    "time",
    "event",
    "worker",
    "request_id",
    "dialect",
    "path",
    "model",
    "stream",
    "decision",
    "reason",
    "backend",
    "upstream_model",
    "status",
    "request_bytes",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    "decided_ms",
    "duration_ms",
    "processing_ms",
}
"""What a log line of an exchange holds, at the least."""


@pytest.fixture(params=[DIRECT, CHOOSING], ids=["direct", "choosing"])
def gateway(shared: Shared, profile: Profile, request: pytest.FixtureRequest) -> Gateway:
    return shared(request.param, profile)


def told(answer: ClientResponse) -> dict[str, str]:
    """The response headers in our name, each of them once."""
    ours = [(name, value) for name, value in answer.headers if name.startswith("x-extproc-")]
    assert len(dict(ours)) == len(ours), ours
    return {name.removeprefix("x-extproc-"): value for name, value in ours}


def test_a_routed_answer_says_what_was_decided(gateway: Gateway, version: Version) -> None:
    answer, seen = gateway.ask(said("x", "grow"), version)
    headers = told(answer)
    assert UUID.fullmatch(headers.pop("request-id"))
    assert headers == {
        "version": "1",
        "decision": "allowed",
        "model": "a-name-much-longer-than-grow",
        "backend": "north",
    }
    assert seen.header("x-request-id") == answer.header("x-extproc-request-id")


def test_a_backends_error_says_so_too(gateway: Gateway, version: Version) -> None:
    tag = tagged()
    answer = gateway.send(post(said("x", "grow"), tag=tag, do="fail-429"), version)
    gateway.forwarded(tag, "north")
    headers = told(answer)
    assert (answer.status, headers["decision"], headers["backend"]) == (429, "allowed", "north")


@pytest.mark.parametrize(
    ("request_", "status"),
    [(post(b"{"), 400), (post(said("x", "nobody-serves-it")), 404), (post(b"{}", ("content-encoding", "lzma")), 415)],
    ids=["malformed", "unknown", "compressed"],
)
def test_a_refusal_says_so_and_names_no_backend(
    gateway: Gateway, version: Version, request_: ClientRequest, status: int
) -> None:
    answer = gateway.send(request_, version)
    headers = told(answer)
    assert answer.status == status
    assert UUID.fullmatch(headers.pop("request-id"))
    assert headers == {"version": "1", "decision": "rejected"}


def test_what_passes_has_an_id_and_no_decision(gateway: Gateway, version: Version) -> None:
    answer = gateway.send(ClientRequest("GET", "/other"), version)
    gateway.site.expected += 1
    assert set(told(answer)) == {"request-id"}
    line = gateway.line(answer)
    assert (line["decision"], line["reason"], line["path"], line["backend"]) == ("passed", "unclaimed", None, None)


def test_a_clients_own_request_id_is_not_taken_over(gateway: Gateway, version: Version) -> None:
    answer, _ = gateway.ask(said("x"), version, ("x-request-id", MARKER))
    assert UUID.fullmatch(told(answer)["request-id"])


@pytest.mark.parametrize("stream", [False, True])
def test_an_exchange_leaves_one_line(gateway: Gateway, version: Version, stream: bool) -> None:
    body = said("x" * 1000, "grow", stream=stream)
    answer, _ = gateway.ask(body, version)
    line = gateway.line(answer)
    expected: dict[str, Any] = {
        "dialect": "openai.chat",
        "path": "/v1/chat/completions",
        "model": "grow",
        "stream": stream,
        "decision": "allowed",
        "reason": "only",
        "backend": "north",
        "upstream_model": "a-name-much-longer-than-grow",
        "request_bytes": len(body),
    }
    assert line.keys() >= LINE
    assert {name: line[name] for name in expected} == expected
    assert 0 < line["decided_ms"] <= line["duration_ms"]
    assert 0 < line["processing_ms"] <= line["duration_ms"]


def test_a_refusal_leaves_one_line(gateway: Gateway, version: Version) -> None:
    line = gateway.line(gateway.send(post(said("x", "nobody-serves-it")), version))
    assert (line["decision"], line["reason"], line["status"]) == ("rejected", "model_not_found", 404)
    assert (line["model"], line["backend"]) == (None, None)


def counted(gateway: Gateway, name: str, *labels: str) -> float:
    """The sum of a metric's series that have all these labels."""
    rows = (line for line in gateway.processor.metrics().splitlines() if line.startswith((f"{name}{{", f"{name} ")))
    return sum(float(row.rpartition(" ")[2]) for row in rows if all(label in row for label in labels))


def test_exchanges_and_refusals_are_counted(gateway: Gateway) -> None:
    def counts() -> tuple[float, ...]:
        return (
            counted(gateway, "extproc_exchanges_total"),
            counted(gateway, "extproc_exchanges_total", 'backend="north"', 'decision="allowed"'),
            counted(gateway, "extproc_rejects_total", 'reason="invalid_json"'),
            counted(gateway, "extproc_exchange_processing_seconds_count"),
        )

    gateway.line(gateway.ask(said("before"))[0])
    before = counts()
    for _ in range(3):
        answer, _ = gateway.ask(said("x"))
    last = gateway.send(post(b"{"))
    gateway.line(answer)
    gateway.line(last)
    assert [after - earlier for earlier, after in zip(before, counts(), strict=True)] == [4, 3, 1, 4]


def test_no_word_of_a_client_is_told_to_anybody_else(gateway: Gateway, version: Version) -> None:
    """A marker in every place of a request where a client can write something, in requests that pass and that fail."""
    fields = (
        ("authorization", f"Bearer {MARKER}"),
        ("cookie", f"a={MARKER}"),
        ("x-custom", MARKER),
        ("user-agent", MARKER),
        ("x-request-id", MARKER),
        ("x-extproc-cluster", MARKER),
        ("content-type", f"application/json; x={MARKER}"),
    )
    good = said(MARKER, "grow", user=MARKER)
    bodies = [
        good,
        said(MARKER, MARKER),
        b'{"model":"%b' % MARKER.encode(),
        json.dumps({"model": [MARKER]}).encode(),
        json.dumps({MARKER: 1, "model": "grow", "stream": MARKER}).encode(),
        MARKER.encode(),
        b"\xff" + MARKER.encode(),
        b"",
    ]
    targets = (f"/v1/chat/completions?key={MARKER}", f"/v1/messages?{MARKER}", f"/v1/models/{MARKER}", f"/{MARKER}")
    answers = []
    for target in targets:
        for body in bodies:
            steps: bytes | list[ScriptStep] = body or [End()]
            request = ClientRequest(target=target, headers=fields, body=steps)
            answers.append(gateway.send(request, version))
            if target.startswith("/v1/models/"):
                answers.append(gateway.send(ClientRequest("GET", target, fields), version))
    gateway.line(answers[-1])
    gateway.site.expected = gateway.site.received
    assert {answer.status for answer in answers} == {200, 400, 404}
    refused = [answer for answer in answers if answer.status >= 400]
    assert not [answer for answer in refused if MARKER in answer.body.decode() or MARKER in str(answer.headers)]
    for name, text in everything(gateway).items():
        assert MARKER not in text, f"{name} holds a client's text"
        assert not [key for key in KEYS.values() if key in text], f"{name} holds a credential"


def everything(gateway: Gateway) -> dict[str, str]:
    """All that the processor and Envoy tell their operator."""
    processor = gateway.processor
    return {
        "the log": processor.log,
        "stderr": processor.said,
        "metrics": processor.metrics(),
        "status": json.dumps(processor.status()),
        "Envoy's log": gateway.envoy.log_tail(),
        "Envoy's counters": json.dumps(gateway.envoy.stats()),
    }
