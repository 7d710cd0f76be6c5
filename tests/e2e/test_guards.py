"""Through the real Envoy: guards from elsewhere, asked by the workers of the real processor over real connections."""

import json
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from extproc.testing.clients import ClientResponse, Ending
from tests.e2e.bodies import said
from tests.e2e.gateway import KEYS, Gateway, gateway, post, site, tagged
from tests.e2e.processor import Processor
from tests.guards.native import example
from tests.guards.standin import PASS, Asked, Reply, Standin, standin

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai}
  - {name: down, url: $nowhere/v1, api: openai}
  - {name: gone, url: $nowhere/v1, api: openai}
default_backend: north
models:
  - {name: chat, targets: [{backend: north}]}
  - {name: down, targets: [{backend: down}]}
  - {name: gone, targets: [{backend: gone}]}
limits: {request_timeout: 20s, drain_timeout: 5s}
pipelines:
  - name: lenient
    match: {headers: {x-mode: lenient}}
    request:
      - {use: webhook, url: GUARD, timeout: 300ms, on_failure: allow}
      - {use: pii, kinds: [email], action: mask, timeout: 20s}
    response: [{use: webhook, url: GUARD, timeout: 300ms, on_failure: allow}]
  - name: native
    match: {headers: {x-mode: native}}
    request: [{use: grpc, url: NATIVE, kinds: [jailbreak], action: mask, timeout: 10s}]
    response: [{use: grpc, url: NATIVE, kinds: [jailbreak], timeout: 10s}]
  - name: eager
    match: {headers: {x-mode: eager}}
    forward: eager
    request:
      - {use: webhook, url: GUARD, timeout: 5s, action: block}
      - {use: pii, kinds: [email], action: mask, timeout: 20s}
  - name: windows-block
    match: {headers: {x-mode: windows-block}}
    response:
      - {use: webhook, url: GUARD, timeout: 5s, every: 800 characters, on_failure: block}
      - {use: pii, kinds: [email], action: mask, timeout: 20s}
  - name: windows-allow
    match: {headers: {x-mode: windows-allow}}
    response:
      - {use: webhook, url: GUARD, timeout: 5s, every: 800 characters, on_failure: allow}
      - {use: pii, kinds: [email], action: mask, timeout: 20s}
  - name: windows-spare
    match: {headers: {x-mode: windows-spare}}
    response:
      - {use: webhook, url: GUARD, timeout: 5s, every: 800 characters, on_failure: spare}
      - {use: pattern, name: spare, literals: [Vulcan], timeout: 20s}
      - {use: pii, kinds: [email], action: mask, timeout: 20s}
  - name: default
    request:
      - {use: webhook, url: GUARD, timeout: 10s, credential: {bearer: {env: NORTH_KEY}}}
      - {use: pii, kinds: [email], action: mask, timeout: 20s}
    response: [{use: webhook, url: GUARD, timeout: 10s}]
"""
MAIL: Final = "jane.doe@example.com"
TAKES: Final = 0.2
"""Seconds that the guard thinks where a test measures what it costs."""


def judged(asked: Asked) -> Reply:
    """Rejects what is forbidden, masks a project, is late or broken on demand."""
    if b"forbidden" in asked.body:
        return Reply.json({"action": {"body": "no", "status_code": 403}})
    if b"Titan" in asked.body:
        return Reply.json({"action": json.loads(asked.body.replace(b"Titan", b"<project>"))})
    if b"broken" in asked.body:
        return Reply(b"}")
    return Reply(PASS.body, delay=TAKES if b"slowly" in asked.body else 0.0)


@pytest.fixture(scope="module")
def service() -> Iterator[Standin]:
    with standin() as running:
        running.answers = judged
        yield running


@pytest.fixture(scope="module")
def native() -> Iterator[str]:
    """The URL of the guard in another language; nobody listens there where that is not installed."""
    if shutil.which("node") is None:
        yield "http://127.0.0.1:1"
        return
    with example() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(
    scope="module",
    params=[
        ("h2", "buffered"),
        ("grpcio", "full-duplex"),
        pytest.param(("h2", "full-duplex"), marks=pytest.mark.deep),
        pytest.param(("grpcio", "buffered"), marks=pytest.mark.deep),
    ],
    ids="-".join,
)
def running(request: pytest.FixtureRequest, service: Standin, native: str) -> Iterator[Gateway]:
    transport, profile = request.param
    policy = POLICY.replace("GUARD,", f"'{service.url}/guard',").replace("NATIVE,", f"'{native}',")
    with site(policy, transport) as before, gateway(before, profile) as found:
        yield found


@pytest.fixture
def guarded(running: Gateway, service: Standin) -> Iterator[Gateway]:
    """A gateway; what must hold after every test is checked."""
    service.asked.clear()
    running.site.begin()
    yield running
    running.check()


def refused(answer: ClientResponse) -> tuple[int, str]:
    assert (answer.ending, answer.surplus) == (Ending.COMPLETE, b"")
    return answer.status, json.loads(answer.body)["error"]["code"]


def test_a_guard_passes_masks_and_rejects_requests_beside_rules(guarded: Gateway, service: Standin) -> None:
    answer, record = guarded.ask(said(f"Titan writes to {MAIL}"))
    assert json.loads(record.body)["messages"][0]["content"] == "<project> writes to [EMAIL_1]"
    line = guarded.line(answer)
    assert [(each["processor"], each["kind"]) for each in line["findings"]][:2] == [
        ("webhook", "masked"),
        ("pii", "email"),
    ]
    assert MAIL not in json.dumps(line)

    assert refused(guarded.send(post(said("it is forbidden")))) == (403, "content_filter")
    assert {each.path for each in service.asked} == {"/guard/request", "/guard/response"}
    assert service.asked[0].fields["authorization"] == f"Bearer {KEYS['NORTH_KEY']}"
    assert service.asked[0].json["body"]["messages"] == [{"role": "user", "content": f"Titan writes to {MAIL}"}]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_response_reaches_the_client_only_if_the_guard_lets_it(
    guarded: Gateway, service: Standin, stream: bool
) -> None:
    answer, record = guarded.ask(said("all is well", stream=stream))
    assert answer.body == guarded.straight(record, "north").body
    assert [each.path for each in service.asked] == ["/guard/request", "/guard/response"]

    service.answers = lambda asked: PASS if asked.path.endswith("request") else judged(asked)
    try:
        tag = tagged()
        answer = guarded.send(post(said("it is forbidden", stream=stream), tag=tag))
    finally:
        service.answers = judged
    assert refused(answer) == (403, "content_filter")
    assert b"forbidden" not in answer.body
    guarded.forwarded(tag, "north")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_guard_that_fails_does_what_on_failure_says_and_no_harm_to_rules(guarded: Gateway, stream: bool) -> None:
    body = said(f"broken, says {MAIL}", stream=stream)
    assert refused(guarded.send(post(body)))[0] == 503

    answer, record = guarded.ask(body, "http1", ("x-mode", "lenient"))
    assert json.loads(record.body)["messages"][0]["content"] == "broken, says [EMAIL_1]"
    failures = guarded.line(answer)["failures"]
    assert {(each["reason"], each["allowed"]) for each in failures} == {("malformed", True)}


def test_a_guard_that_rejected_beside_others_keeps_its_connection(guarded: Gateway, service: Standin) -> None:
    for _ in range(3):
        guarded.ask(said("hello"))
    assert len(service.asked) == 6
    assert service.connections == 2  # one for each of the two services: they have credentials of their own


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: the example of a guard is not run")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_guard_in_another_language_judges_requests_and_responses(guarded: Gateway, stream: bool) -> None:
    native = ("x-mode", "native")
    tag = tagged()
    answer = guarded.send(post(said("no JailBreak", stream=stream), native, tag=tag))
    assert json.loads(guarded.forwarded(tag, "north").body)["messages"][0]["content"] == "no [JAILBREAK_1]"
    assert refused(answer) == (403, "content_filter")  # the response repeats the word
    answer, _ = guarded.ask(said("all is well", stream=stream), "http1", native)
    assert answer.status == 200


EAGER: Final = ("x-mode", "eager")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_request_goes_on_while_the_guard_thinks_and_its_response_waits(
    guarded: Gateway, service: Standin, stream: bool
) -> None:
    answer, record = guarded.ask(said(f"slowly, to {MAIL}", stream=stream), "http1", EAGER)
    assert json.loads(record.body)["messages"][0]["content"] == "slowly, to [EMAIL_1]"
    assert answer.body == guarded.straight(record, "north").body
    assert guarded.line(answer)["decision"] == "masked"

    service.answers = lambda asked: Reply(judged(asked).body, delay=TAKES)
    try:
        tag = tagged()
        answer = guarded.send(post(said("forbidden", stream=stream), EAGER, tag=tag))
    finally:
        service.answers = judged
    assert refused(answer) == (403, "content_filter")
    assert b"forbidden" not in answer.body
    guarded.forwarded(tag, "north")  # the backend was asked all the same, and the record says so
    line = guarded.line(answer)
    assert (line["blocked_by"], line["forwarded"]) == ("webhook", True)


@pytest.mark.parametrize(("model", "text", "status"), [("down", "slowly now", 503), ("gone", "slowly forbidden", 403)])
def test_envoys_own_response_waits_for_the_guard_of_a_request_that_has_gone_on(
    guarded: Gateway, service: Standin, model: str, text: str, status: int
) -> None:
    # Nobody listens at the backend, so that Envoy answers at once, long before the guard. One that failed is left out.
    service.answers = lambda asked: Reply(judged(asked).body, delay=TAKES)
    try:
        began = time.perf_counter()
        answer = guarded.send(post(said(text, model), EAGER))
        took = time.perf_counter() - began
    finally:
        service.answers = judged
    assert (answer.status, answer.ending) == (status, Ending.COMPLETE)
    assert took >= TAKES
    assert guarded.line(answer).get("blocked_by") == ("webhook" if status == 403 else None)


@pytest.mark.measured
def test_a_guard_costs_nothing_while_the_model_takes_longer(guarded: Gateway) -> None:
    model = "slow-400ms"
    waits, goes = list[float](), list[float]()
    for _ in range(5):
        for text, spent in (("hello", waits), ("slowly now", goes)):
            began = time.perf_counter()
            guarded.send(post(said(text), EAGER, tag=(tag := tagged()), do=model))
            spent.append(time.perf_counter() - began)
            guarded.forwarded(tag, "north")
    assert min(goes) - min(waits) <= 0.01, (waits, goes)


@pytest.mark.measured
def test_a_guard_costs_its_own_time_and_ten_milliseconds(guarded: Gateway) -> None:
    plain, slow = list[float](), list[float]()
    for _ in range(8):
        for text, spent in (("hello", plain), ("slowly now", slow)):
            began = time.perf_counter()
            guarded.send(post(said(text), ("x-mode", "lenient"), tag=(tag := tagged())))
            spent.append(time.perf_counter() - began)
            guarded.forwarded(tag, "north")
    # The guard is asked about the request and about the response, which repeats it.
    assert min(slow) - min(plain) <= 2 * (TAKES + 0.01), (plain, slow)


FINE: Final = "The weather is fine in Zug today. " * 60


@pytest.mark.parametrize(
    ("on_failure", "ends"), [("block", b"inspection_failed"), ("allow", None), ("spare", b"content_filter")]
)
def test_a_guard_that_fails_in_mid_stream_does_what_on_failure_says(
    guarded: Gateway, on_failure: str, ends: bytes | None
) -> None:
    text = f"{FINE}{FINE}broken {MAIL} {FINE}Vulcan {FINE}"
    tag = tagged()
    answer = guarded.send(post(said(text, stream=True), ("x-mode", f"windows-{on_failure}"), tag=tag))
    guarded.forwarded(tag, "north")
    assert (answer.status, answer.ending) == (200, Ending.COMPLETE)
    seen = streamed(answer.body)
    assert seen.startswith("echo: " + FINE[:800])
    assert MAIL not in seen
    if ends is None:
        assert seen == "echo: " + text.replace(MAIL, "[EMAIL_1]")
    else:
        assert ends in answer.body
        # The stand-in lets pass what it has no objection to.
        assert ("broken [EMAIL_1] The weather" in seen) == (on_failure == "spare")
        assert "Vulcan" not in seen
    (failure,) = guarded.line(answer)["failures"]
    assert failure == {"processor": "webhook", "reason": "malformed", "allowed": on_failure != "block"}


def test_what_a_guard_masks_in_a_stream_that_is_held_for_it_is_masked(guarded: Gateway) -> None:
    text = f"{FINE}Titan writes to {MAIL}. {FINE}Titan waits. {FINE}"
    answer, _ = guarded.ask(said(text, stream=True), "http1", ("x-mode", "windows-block"))
    expected = text.replace("Titan", "<project>").replace(MAIL, "[EMAIL_1]")
    assert streamed(answer.body) == "echo: " + expected
    assert answer.body.endswith(b"data: [DONE]\n\n")


def streamed(body: bytes) -> str:
    """The text of a stream of chat completions."""
    events = [json.loads(each[6:]) for each in body.split(b"\n\n") if each.startswith(b"data: {")]
    deltas = [choice.get("delta", {}) for each in events for choice in each.get("choices", ())]
    return "".join(delta.get("content") or "" for delta in deltas)


SERVED: Final = """\
version: 1
backends: [{name: north, url: "http://127.0.0.1:9/v1", api: openai}]
models: [{name: chat, targets: [{backend: north}]}]
pipelines:
  - name: default
    request: [{use: pii, kinds: [email], action: mask, timeout: 20s}]
    response: [{use: pii, kinds: [email], action: mask, timeout: 20s}, {use: pattern, literals: [Vulcan], timeout: 20s}]
"""
ASKING: Final = """\
version: 1
backends: [{name: north, url: $north/v1, api: openai}]
default_backend: north
models: [{name: chat, targets: [{backend: north}]}]
pipelines:
  - name: default
    request: [{use: webhook, url: GUARD, timeout: 20s}]
    response: [{use: webhook, url: GUARD, timeout: 20s, every: 200 characters}]
"""


def test_our_webhook_judges_requests_and_windows_of_streams_for_another_gateway(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        Processor(tmp_path, SERVED, "h2", "--webhook", f"127.0.0.1:{port}"),
        site(ASKING.replace("GUARD,", f"'http://127.0.0.1:{port}',"), "grpcio") as before,
        gateway(before, "full-duplex") as asking,
    ):
        answer, record = asking.ask(said(f"{FINE}write to {MAIL}. {FINE}", stream=True))
        expected = f"{FINE}write to [EMAIL_1]. {FINE}"
        assert json.loads(record.body)["messages"][0]["content"] == expected
        assert streamed(answer.body) == f"echo: {expected}"

        tag = tagged()
        refused_ = asking.send(post(said(f"{FINE}Vulcan {FINE}", stream=True), tag=tag))
        asking.forwarded(tag, "north")
        assert b"content_filter" in refused_.body
        assert "Vulcan" not in streamed(refused_.body)
        assert asking.line(refused_)["blocked_by"] == "webhook"
