"""Through the real Envoy: budgets are spent, refused, shared by workers, and kept over kills, restarts and reloads."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, Disconnect, End, Ending, ScriptStep, Until, When
from tests.e2e.bodies import said
from tests.e2e.gateway import Gateway, gateway, post, site, tagged

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
- {name: north, url: $north/v1, api: openai}
default_backend: none
models: [{name: chat, targets: [{backend: north}]}]
tenants: {from: {header: x-tenant-id}, required: true}
limits: {request_timeout: 20s, drain_timeout: 5s}
budgets:
BUDGETS
state: {memory: {STATE}}
"""
TEAM: Final = "- {name: team, per: tenant, tokens: 10000, window: 30d}"
OPEN: Final = "- {name: open, per: tenant, streams: 1}"


@contextmanager
def before(*budgets: str, state: str = "", workers: int = 1) -> Iterator[Gateway]:
    text = POLICY.replace("BUDGETS", "\n".join(budgets)).replace("STATE", state)
    with site(text, "h2", workers=workers) as behind, gateway(behind, "full-duplex") as running:
        yield running


def asked(of: Gateway, tenant: str = "acme", body: Any = None, **more: Any) -> ClientResponse:
    answer = of.send(post(said("hello") if body is None else body, ("x-tenant-id", tenant), tag=tagged(), **more))
    of.site.expected += answer.status == 200
    return answer


def abandoned(of: Gateway, limit: int) -> ClientResponse:
    """A stream that the client leaves after some of its events."""
    steps: list[ScriptStep] = [said("x", stream=True, max_tokens=limit), End(), Until(600), Disconnect()]
    return asked(of, body=steps, do="events-2000+gap-5ms")


def charged(of: Gateway, number: int) -> list[dict[str, Any]]:
    assert eventually(lambda: len(of.processor.lines()) >= number, 10)
    return of.processor.lines()


def test_a_budget_of_10000_tokens_is_spent_by_streams_that_clients_abandon_half_way() -> None:
    with before(TEAM) as of:
        answers = []
        for number in range(1, 40):
            answer = abandoned(of, 900)
            answers.append(answer)
            line = charged(of, number)[-1]
            if answer.status == 429:
                break
            assert answer.ending is Ending.ABORTED
            assert line["budgets"][0]["amount"] > 0
        assert answers[-1].status == 429, [each.status for each in answers]
        error = answers[-1].json()["error"]
        assert (error["code"], answers[-1].header("x-ratelimit-limit-tokens")) == ("budget_exceeded", "10000")
        assert int(answers[-1].header("retry-after") or 0) > 0
        assert asked(of, "other").status == 200
        spent = sum(
            each["amount"] for line in of.processor.lines() for each in line["budgets"] if line["status"] == 200
        )
        assert 9000 < spent <= 11_000
        assert 'extproc_budget_refused_total{budget="team",shadow="false",unit="tokens"} 1' in of.processor.metrics()


def test_a_client_that_leaves_before_its_response_begins_is_charged_what_it_reserved() -> None:
    with before(TEAM) as of:
        tag = tagged()
        steps: list[ScriptStep] = [
            said("x", max_tokens=900), End(), When(lambda: bool(of.site.found(tag))), Disconnect()
        ]  # fmt: skip
        of.send(post(steps, ("x-tenant-id", "acme"), tag=tag, do="slow-10s"))
        line = charged(of, 1)[-1]
        assert line["budgets"][0]["amount"] > 900, line


def test_a_response_tells_what_is_left() -> None:
    with before(TEAM, "- {name: calls, per: tenant, requests: 3, window: 1d}") as of:
        answer = asked(of)
        assert answer.header("x-ratelimit-remaining-requests") == "2"
        assert answer.header("x-ratelimit-limit-tokens") == "10000"
        assert [asked(of).status for _ in range(3)] == [200, 200, 429]
        line = of.line(asked(of))
        assert (line["reason"], line["decision"]) == ("rate_limit_exceeded", "rejected")


def test_workers_share_a_budget_and_a_killed_one_gives_back_its_open_requests() -> None:
    with before(TEAM, OPEN, workers=2) as of:
        tag = tagged()

        def killed() -> bool:
            busy = [each for each in of.processor.status()["workers"] if each["open_exchanges"]]
            if not (busy and of.site.found(tag)):
                return False
            assert asked(of).status == 429, "one request is open"
            os.kill(busy[0]["pid"], signal.SIGKILL)
            return True

        steps: list[ScriptStep] = [said("x", max_tokens=500), End(), When(killed), Disconnect()]
        of.send(post(steps, ("x-tenant-id", "acme"), tag=tag, do="slow-10s"))
        of.site.expected += 1
        assert eventually(lambda: all(each["state"] == "ready" for each in of.processor.status()["workers"]), 15)
        last = eventually(lambda: asked(of).status == 200, 10)
        assert last, "what the killed worker had open is closed"
        remaining = int(asked(of).header("x-ratelimit-remaining-tokens") or 0)
        assert remaining < 10_000 - 500, "what it had reserved stays charged"


def test_what_was_spent_outlives_the_program(tmp_path: Path) -> None:
    file = tmp_path / "state" / "budgets"
    calls = "- {name: calls, per: tenant, requests: 3, window: 30d}"
    with before(calls, state=f"file: {file}") as of:
        assert [asked(of).status for _ in range(2)] == [200, 200]
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    with before(calls, state=f"file: {file}") as of:
        assert [asked(of).status for _ in range(2)] == [200, 429]


def test_a_reload_keeps_what_was_spent_under_another_limit_and_forgets_it_under_another_window() -> None:
    calls = "- {name: calls, per: tenant, requests: 2, window: 30d}"
    with before(calls) as of:
        assert [asked(of).status for _ in range(3)] == [200, 200, 429]
        text = of.processor.policy.read_text()
        reload(of, text.replace("requests: 2", "requests: 3"))
        assert [asked(of).status for _ in range(2)] == [200, 429]
        reload(of, text.replace("requests: 2", "requests: 1").replace("30d", "29d"))
        assert [asked(of).status for _ in range(2)] == [200, 429]


def reload(of: Gateway, text: str) -> None:
    done = len(of.processor.lines("reload"))
    of.processor.policy.write_text(text)
    of.processor.signal(signal.SIGHUP)
    assert eventually(lambda: len(of.processor.lines("reload")) > done, 15)
    assert of.processor.lines("reload")[-1]["result"] == "ok", of.processor.lines("reload_problem")
