"""Through the real Envoy: workers past their limits refuse with words, and no request passes uninspected."""

import json
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, End, ScriptStep, When
from tests.e2e.bodies import said
from tests.e2e.gateway import Gateway, gateway, post, site, tagged

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("transport", ["h2"])]

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai}
  - {name: claude, url: $claude/v1, api: anthropic}
models:
  - {name: m, targets: [{backend: north}]}
  - {name: opus, targets: [{backend: claude}]}
limits: {open_exchanges: 10, drain_timeout: 1s, overload: {skip: 50%, refuse: 80%}}
health: {failures: 10000}
pipelines:
  - name: p
    request:
      - {use: pattern, name: names, regex: Titan, action: mask}
      - {use: pii, name: addresses, kinds: [email], action: report, on_overload: skip}
"""
BODY: Final = said("about Titan, a@b.de", "m")


def readiness(running: Gateway) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(running.processor.admin + "/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def held(running: Gateway, pool: ThreadPoolExecutor, go: threading.Event, number: int) -> list[Future[ClientResponse]]:
    """Requests that are held in the middle of their bodies until `go`."""

    def one() -> ClientResponse:
        steps: list[ScriptStep] = [BODY[:20], When(go.is_set), BODY[20:], End()]
        return running.send(post(steps))

    before = running.site.open
    begun = [pool.submit(one) for _ in range(number)]
    assert eventually(lambda: running.site.open == before + number, 10)
    return begun


@pytest.mark.parametrize("profile", ["full-duplex"])
def test_past_the_threshold_one_worker_refuses_in_the_dialect_with_retry_after(
    transport: str, profile: Profile
) -> None:
    with ExitStack() as stack:
        pool, go = stack.enter_context(ThreadPoolExecutor(16)), threading.Event()
        running = stack.enter_context(gateway(stack.enter_context(site(POLICY, transport)), profile))
        stack.callback(go.set)
        _, first = running.ask(BODY, provider="north")
        assert b"Titan" not in first.body
        begun = held(running, pool, go, 5)
        assert eventually(lambda: 'extproc_load{part="open_exchanges"} 0.5' in running.processor.metrics(), 5)
        answer, seen = running.ask(BODY)
        assert b"Titan" not in seen.body
        line = running.line(answer)
        assert (line["skipped"], [each["processor"] for each in line["findings"]]) == (["addresses"], ["names"])
        begun += held(running, pool, go, 3)
        for path, kind in (("/v1/chat/completions", "server_error"), ("/v1/messages", "overloaded_error")):
            refused = running.send(post(BODY, target=path))
            assert (refused.status, refused.header("retry-after")) == (503, "1")
            assert refused.json()["error"]["type"] == kind
        assert eventually(lambda: readiness(running) == (503, "not ready: overloaded: open_exchanges\n"), 5)
        assert 'extproc_skipped_total{processor="addresses"} ' in running.processor.metrics()
        go.set()
        assert [each.result(20).status for each in begun] == [200] * 8
        running.site.expected += 8
        assert eventually(lambda: readiness(running)[0] == 200, 5)
        running.ask(BODY)
        assert all(b"Titan" not in record.body for record in running.providers["north"].records)
        running.check()


@pytest.mark.parametrize("profile", ["full-duplex"])
def test_an_overloaded_worker_hands_new_exchanges_to_the_other(transport: str, profile: Profile) -> None:
    with ExitStack() as stack:
        pool, go = stack.enter_context(ThreadPoolExecutor(24)), threading.Event()
        running = stack.enter_context(gateway(stack.enter_context(site(POLICY, transport, workers=2)), profile))
        stack.callback(go.set)
        begun = held(running, pool, go, 15)
        opened = sorted(each["open_exchanges"] for each in running.processor.status()["workers"])
        assert opened == [7, 8]
        # Whichever of the two Envoy asks first, the one with room serves it.
        assert b"Titan" not in running.ask(BODY)[1].body
        # It has no more room than that: with this one, or already since the one before, both are overloaded.
        last = pool.submit(lambda: running.send(post([BODY[:20], When(go.is_set), BODY[20:], End()])))
        assert eventually(lambda: readiness(running)[0] == 503, 5)
        refused = running.send(post(BODY))
        assert (refused.status, refused.header("retry-after"), refused.json()["error"]["code"]) == (
            503,
            "1",
            "overloaded",
        )
        go.set()
        assert {each.result(20).status for each in begun} == {200}
        running.site.expected += len(begun) + (last.result(20).status == 200)
        running.check()


@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
def test_many_more_clients_than_the_limit_are_served_or_refused_and_never_passed(
    transport: str, profile: Profile
) -> None:
    """Bounded in time: 64 clients, ten times what is admitted, for three seconds."""
    with ExitStack() as stack:
        running = stack.enter_context(gateway(stack.enter_context(site(POLICY, transport, workers=2)), profile))
        until = time.monotonic() + 3
        statuses: list[int] = []
        waits: list[float] = []

        def client() -> None:
            while time.monotonic() < until:
                begun = time.monotonic()
                tag = tagged()
                answer = running.send(post(BODY, tag=tag, do="slow-100ms"))
                statuses.append(answer.status)
                assert answer.complete
                if answer.status == 200:
                    waits.append(time.monotonic() - begun)
                else:
                    assert json.loads(answer.body)["error"]["type"] == "server_error"

        with ThreadPoolExecutor(64) as pool:
            for each in [pool.submit(client) for _ in range(64)]:
                each.result(60)
        records = running.providers["north"].records
        assert set(statuses) == {200, 503}
        assert len(records) == statuses.count(200)
        assert all(b"Titan" not in record.body for record in records)
        assert max(waits) < 10
        running.site.expected = len(records)
        running.check()
