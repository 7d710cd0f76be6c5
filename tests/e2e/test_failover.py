"""A request that one backend does not serve is served by the next one, within the same request."""

import json
import signal
import ssl
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
import trustme

from extproc.gateway.bootstrap import Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, Ending
from extproc.testing.provider import RecordedRequest, running_provider
from tests.e2e.bodies import chat, said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import KEYS, Gateway, Version, gateway, post, site, tagged

pytestmark = pytest.mark.envoy

BACKENDS: Final = """\
version: 1
backends:
  - {name: north, url: $north/openai/v1, api: openai, region: us, credential: {bearer: {env: NORTH_KEY}}}
  - {name: south, url: $south/v1, api: openai, region: eu, credential: {header: x-south-key, env: SOUTH_KEY}}
  - {name: third, url: $third/api, api: openai, region: us}
  - {name: dead, url: $nowhere/v1, api: openai, region: eu, credential: {bearer: {env: NORTH_KEY}}}
  - {name: own, url: $third/v1, api: openai, credential: client}
"""
LIMITS: Final = """\
limits: {request_body: 8MiB, request_timeout: 20s, drain_timeout: 5s}
health: {failures: 10000, cooldown: 1ms, retry_after_max: 1ms}
"""
SOUTH: Final = "fallback: [{backend: south, model: small}]"
FAILOVER: Final = f"""\
{BACKENDS}\
models:
  - {{name: m500, targets: [{{backend: north, model: big@fail-500}}], {SOUTH}}}
  - {{name: m503, targets: [{{backend: north, model: big@fail-503}}], {SOUTH}}}
  - {{name: m529, targets: [{{backend: north, model: big@fail-529}}], {SOUTH}}}
  - {{name: m429, targets: [{{backend: north, model: big@fail-429}}], {SOUTH}}}
  - {{name: drop, targets: [{{backend: north, model: big@drop}}], {SOUTH}}}
  - {{name: refused, targets: [{{backend: dead, model: big}}], {SOUTH}}}
  - {{name: slow, targets: [{{backend: north, model: big@slow-5s}}], {SOUTH}, retry: {{per_try_timeout: 300ms}}}}
  - {{name: fine, targets: [{{backend: north, model: big}}], {SOUTH}}}
  - {{name: cut, targets: [{{backend: north, model: big@cut-3+gap-50ms}}], {SOUTH}}}
  - name: second-fails
    targets: [{{backend: north, model: big@fail-503}}]
    fallback: [{{backend: south, model: small@fail-429}}, {{backend: third}}]
  - name: second-refuses
    targets: [{{backend: north, model: big@drop}}]
    fallback: [{{backend: dead}}, {{backend: third, model: large}}]
  - name: all-fail
    targets: [{{backend: north, model: big@fail-503}}]
    fallback: [{{backend: south, model: small@fail-500}}]
  - {{name: bad, targets: [{{backend: north, model: big@fail-400}}], {SOUTH}}}
  - {{name: once, targets: [{{backend: north, model: big@fail-503}}], {SOUTH}, retry: {{attempts: 1}}}}
  - {{name: connecting, targets: [{{backend: north, model: big@fail-503}}], {SOUTH}, retry: {{on: [connect]}}}}
  - {{name: not-limits, targets: [{{backend: north, model: big@fail-429}}], {SOUTH}, retry: {{on: [5xx, timeout]}}}}
  - name: clients-key
    targets: [{{backend: own, model: theirs@fail-503}}]
    fallback: [{{backend: south, model: small}}]
  - name: no-clients-key
    targets: [{{backend: north, model: big@fail-503}}]
    fallback: [{{backend: own}}]
  - name: local
    targets: [{{backend: dead, model: big}}]
    fallback: [{{backend: third}}, {{backend: north}}]
residency:
  - {{name: in-eu, when: 'model == "local"', regions: [eu]}}
pipelines:
  - name: all
    request: [{{use: pii, kinds: [email], action: mask, restore: true}}]
    body_limit: 8MiB
{LIMITS}"""

FAILURES: Final = ("m500", "m503", "m529", "m429", "drop", "refused", "slow")
CLIENT: Final = (("authorization", "Bearer client-secret"), ("x-team-token", "client-token"))
"""Credentials of a client: the second one is known by its name's end alone."""


@pytest.fixture
def failing(shared: Shared, profile: Profile) -> Gateway:
    return shared(FAILOVER, profile)


Found = list[tuple[str, RecordedRequest]]


def sent(
    gateway: Gateway, body: bytes, version: Version = "http1", *headers: tuple[str, str]
) -> tuple[ClientResponse, Found]:
    """A request's response, and all of it that reached a provider, by the providers' names."""
    tag = tagged()
    answer = gateway.send(post(body, *CLIENT, *headers, tag=tag), version)
    assert answer.complete
    found = gateway.site.found(tag)
    gateway.site.expected += len(found)
    return answer, found


def backends(found: Found) -> list[str]:
    return [name for name, _ in found]


def everything(seen: RecordedRequest) -> str:
    """A request as text: target, header fields and body."""
    return f"{seen.target}\n{seen.headers}\n{seen.body.decode()}"


def test_the_second_backend_gets_its_own_model_path_and_key_and_nothing_of_the_first(
    failing: Gateway, version: Version
) -> None:
    for model in FAILURES:
        body = said("caf\u00e9 ", model, seed=12345678901234567890123)
        answer, found = sent(failing, body, version)
        assert answer.status == 200, model
        told = [answer.header(f"x-extproc-{name}") for name in ("decision", "backend", "model")]
        assert told == ["rerouted", "south", "small"]
        assert backends(found) == (["south"] if model == "refused" else ["north", "south"]), model
        *firsts, (_, last) = found
        assert (last.target, last.header("x-south-key")) == ("/v1/chat/completions", KEYS["SOUTH_KEY"])
        assert last.body == body.replace(json.dumps(model).encode(), b'"small"')
        assert last.header("content-length") == str(len(last.body))
        text = everything(last)
        for secret in (KEYS["NORTH_KEY"], "client-secret", "client-token", "x-extproc", "x-envoy", "big"):
            assert secret not in text, model
        for _, first in firsts:
            text = everything(first)
            assert (first.target, first.header("authorization")) == (
                "/openai/v1/chat/completions",
                f"Bearer {KEYS['NORTH_KEY']}",
            )
            for other in (KEYS["SOUTH_KEY"], "client-secret", "client-token", "x-envoy", "south", "small"):
                assert other not in text, model
            assert [name for name, _ in first.headers if name.startswith("x-extproc")] == ["x-extproc-try-1"]
            assert first.header("x-extproc-try-1") == "3", "the place among the names of backends, and no name"


def test_the_record_says_who_was_tried_and_who_served(failing: Gateway) -> None:
    answer, _ = sent(failing, said("x", "m503"))
    line = failing.line(answer)
    assert (line["decision"], line["reason"], line["backend"], line["upstream_model"]) == (
        "rerouted",
        "failover",
        "south",
        "small",
    )
    assert (line["attempts"], line["tried"], line["status"]) == (2, ["north"], 200)
    again = failing.processor.told(lambda each: each["request_id"] == line["request_id"], "attempt")
    assert (again["attempt"], again["backend"], again["decision"]) == (2, "south", "sent")
    metrics = failing.processor.metrics()
    assert 'extproc_failovers_total{backend="south",first="north"}' in metrics
    assert 'extproc_attempts_total{backend="south",outcome="sent"}' in metrics


def test_a_third_backend_serves_if_the_second_does_not_whatever_it_does(failing: Gateway, version: Version) -> None:
    for model, expected, large in (
        ("second-fails", ["north", "south", "third"], "second-fails"),
        ("second-refuses", ["north", "third"], "large"),
    ):
        answer, found = sent(failing, said("x", model), version)
        assert (answer.status, answer.header("x-extproc-backend")) == (200, "third")
        assert backends(found) == expected
        last = found[-1][1]
        assert (last.target, last.body) == ("/api/chat/completions", said("x", large))
        for secret in (KEYS["NORTH_KEY"], KEYS["SOUTH_KEY"], "x-extproc", "x-envoy", "authorization"):
            assert secret not in everything(last)
        assert failing.line(answer)["attempts"] == 3


def test_the_last_failure_is_the_client_s_if_nobody_serves(failing: Gateway, version: Version) -> None:
    answer, found = sent(failing, said("x", "all-fail"), version)
    assert (answer.status, backends(found)) == (500, ["north", "south"])
    assert answer.header("x-extproc-backend") == "south"
    assert KEYS["SOUTH_KEY"].encode() not in answer.body


def test_what_the_policy_does_not_name_is_not_retried(failing: Gateway, version: Version) -> None:
    for model, status in (("bad", 400), ("once", 503), ("connecting", 503), ("not-limits", 429)):
        answer, found = sent(failing, said("x", model), version)
        assert (answer.status, backends(found)) == (status, ["north"]), model


def test_a_stream_begins_at_the_second_and_one_that_has_begun_goes_nowhere_else(failing: Gateway) -> None:
    answer, found = sent(failing, said("a b c", "m503", stream=True))
    assert (answer.status, backends(found)) == (200, ["north", "south"])
    assert b"[DONE]" in answer.events()[-1]
    tag = tagged()
    cut = failing.send(post(said("a b c d e", "cut", stream=True), tag=tag))
    failing.site.unfinished.add(tag)
    assert (cut.status, cut.ending) == (200, Ending.TRUNCATED)
    found = failing.site.found(tag)
    failing.site.unfinished.discard(tag)
    failing.site.expected += len(found)
    assert backends(found) == ["north"]


def test_a_large_body_is_the_same_at_both_but_for_the_model(failing: Gateway, version: Version) -> None:
    body = chat(6_000_000, "m503")
    answer, found = sent(failing, body, version)
    assert (answer.status, backends(found)) == (200, ["north", "south"])
    assert found[0][1].body == body.replace(b'"m503"', b'"big@fail-503"')
    assert found[1][1].body == body.replace(b'"m503"', b'"small"')


def test_what_was_masked_stays_masked_and_is_restored_in_the_second_s_response(
    failing: Gateway, version: Version
) -> None:
    answer, found = sent(failing, said("write to ann@corp.example", "m503"), version)
    assert (answer.status, backends(found)) == (200, ["north", "south"])
    for _, seen in found:
        assert b"ann@corp.example" not in seen.body
        assert b"[EMAIL_1]" in seen.body
    assert b"ann@corp.example" in answer.body
    assert answer.header("x-extproc-decision") == "masked"


def test_residency_holds_on_retries(failing: Gateway, version: Version) -> None:
    answer, found = sent(failing, said("x", "local"), version)
    assert answer.status == 503
    assert found == [], "of the fallbacks none is in the region"
    assert failing.line(answer)["residency"] == ["in-eu"]


def test_a_client_s_own_key_goes_to_the_first_backend_or_to_none(failing: Gateway) -> None:
    answer, found = sent(failing, said("x", "clients-key"))
    assert (answer.status, backends(found)) == (200, ["south", "third"])
    south, third = (everything(seen) for _, seen in found)
    assert "client-secret" in third
    assert "client-secret" not in south
    assert "client-token" not in south
    answer, found = sent(failing, said("x", "no-clients-key"))
    assert (answer.status, backends(found)) == (503, ["north"])


def test_a_client_cannot_lead_attempts(failing: Gateway, version: Version) -> None:
    forged = (
        ("x-extproc-try-1", "4"),
        ("x-extproc-try-2", "4"),
        ("x-extproc-retry", "0-3"),
        ("x-envoy-attempt-count", "2"),
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-max-retries", "5"),
    )
    answer, found = sent(failing, said("x", "fine"), version, *forged)
    assert (answer.status, backends(found)) == (200, ["north"])
    answer, found = sent(failing, said("x", "m503"), version, *forged)
    assert (answer.status, backends(found)) == (200, ["north", "south"])
    answer, found = sent(failing, said("x", "once"), version, *forged)
    assert (answer.status, backends(found)) == (503, ["north"])


GUARDED: Final = f"""\
{BACKENDS}\
models:
  - {{name: late, targets: [{{backend: north, model: big@slow-1500ms+fail-503}}], {SOUTH}}}
  - {{name: chat, targets: [{{backend: north, model: big}}], {SOUTH}}}
health: {{failures: 3, cooldown: 300ms}}
limits: {{request_timeout: 20s, drain_timeout: 5s}}
"""


def test_a_reload_between_two_attempts_leaves_the_second_its_plan(transport: str) -> None:
    with site(GUARDED, transport) as before, gateway(before, "buffered") as own:
        tag, answers = tagged(), list[ClientResponse]()
        waiting = threading.Thread(target=lambda: answers.append(own.send(post(said("x", "late"), tag=tag))))
        waiting.start()
        assert eventually(lambda: bool(before.found(tag)), 10.0)
        policy = before.processor.policy
        policy.write_text(policy.read_text().replace("model: small", "model: other"))
        before.processor.signal(signal.SIGHUP)
        assert eventually(lambda: any(each["result"] == "ok" for each in before.processor.lines("reload")), 10.0)
        waiting.join(20.0)
        (answer,) = answers
        assert (answer.status, backends(before.found(tag))) == (200, ["north", "south"])
        assert before.found(tag)[1][1].body == said("x", "small")
        before.expected += 2
        again, found = sent(own, said("x", "late"))
        assert (again.status, found[-1][1].body) == (200, said("x", "other"))
        own.check()


def test_a_backend_that_goes_down_under_load_is_left_within_two_seconds_and_comes_back(transport: str) -> None:
    with site(GUARDED, transport, workers=2) as before, gateway(before, "buffered") as own, own.client() as client:
        statuses: list[int] = []

        def ask(seconds: float) -> list[str | None]:
            """The backends that served, one request after the other."""
            served, end = [], time.monotonic() + seconds
            while time.monotonic() < end:
                answer = client.request(post(said("x", "chat")))
                statuses.append(answer.status)
                served.append(answer.header("x-extproc-backend"))
            return served

        north = before.providers["north"]
        assert set(ask(0.3)) == {"north"}
        north.order("fail-503")
        went_down = time.monotonic()
        ask(1.5)
        north.clear()
        assert time.monotonic() - went_down < 2.0
        served = ask(1.0)
        assert set(served) == {"south"}
        # What still reaches it are probes, one at a time for each worker, and each cooldown is 0.3 s.
        assert len(north.records) <= 12 < len(served)
        north.order("")
        assert eventually(lambda: ask(0.1)[-1] == "north", 5.0)
        assert set(ask(0.5)) == {"north"}
        assert set(statuses) == {200}, "no client notices anything"
        assert eventually(lambda: before.processor.status()["health"] == [])


def injected(number: int) -> str:
    """One of five requests goes to a backend that fails, in one of the ways in which backends do."""
    return FAILURES[number // 5 % 6] if number % 5 == 0 else "fine"


@pytest.mark.parametrize("count", [300, pytest.param(1000, marks=pytest.mark.deep)])
def test_of_many_requests_with_injected_failures_none_fails_and_no_body_is_doubled(
    failing: Gateway, count: int
) -> None:
    bodies: dict[str, bytes] = {}
    with failing.client() as client:
        for number in range(count):
            model, tag = injected(number), tagged()
            bodies[tag] = said(f"request {number}", model)
            answer = client.request(post(bodies[tag], tag=tag))
            assert (answer.status, answer.complete) == (200, True), model
            assert f"request {number}" in answer.body.decode()
    reached = [(tag, failing.site.found(tag)) for tag in bodies]
    failing.site.expected += sum(len(found) for _, found in reached)
    served = [found[-1] for _, found in reached]
    assert sum(name == "south" for name, _ in served) == count // 5
    for tag, found in reached:
        assert len(found) == len(set(backends(found))), "no backend gets a request twice"
        for name, seen in found:
            model = "small" if name == "south" else json.loads(seen.body)["model"]
            asked = json.loads(bodies[tag])["model"]
            assert seen.body == bodies[tag].replace(f'"model": "{asked}"'.encode(), f'"model": "{model}"'.encode())


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, Path]:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made, tmp_path / "ca.pem"


def test_attempts_over_tls_are_made_as_the_first_one_is(
    transport: str, profile: Profile, authority: tuple[trustme.CA, Path]
) -> None:
    own, ca = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.issue_cert("127.0.0.1").configure_cert(context)
    with ExitStack() as stack:
        east, west = (stack.enter_context(running_provider(name, tls=context)) for name in ("east", "west"))
        secured = "".join(
            f"  - {{name: {name}, url: 'https://127.0.0.1:{each.port}/v1', api: openai, tls: {{ca: {ca}}},"
            f" credential: {{bearer: {{env: {key}}}}}}}\n"
            for name, each, key in (("east", east, "NORTH_KEY"), ("west", west, "SOUTH_KEY"))
        )
        policy = (
            f"version: 1\nbackends:\n{secured}models:\n  - {{name: chat,"
            f" targets: [{{backend: east, model: a@fail-503}}], fallback: [{{backend: west, model: b}}]}}\n{LIMITS}"
        )
        gate = stack.enter_context(gateway(stack.enter_context(site(policy, transport)), profile))
        answer = gate.send(post(said("x")))
        assert (answer.status, answer.header("x-extproc-backend")) == (200, "west")
        (first,), (second,) = east.records, west.records
        assert first.header("authorization") == f"Bearer {KEYS['NORTH_KEY']}"
        assert (second.header("authorization"), second.body) == (f"Bearer {KEYS['SOUTH_KEY']}", said("x", "b"))
