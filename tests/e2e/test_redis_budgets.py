"""Through the real Envoy: budgets in Redis are shared by the processors of several hosts, and outlive all of them."""

import json
import shutil
import signal
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import bootstrap
from extproc.policy import read_secrets
from extproc.server.files import load, read_file
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, Disconnect, End, ScriptStep, Until
from extproc.testing.envoy import real_envoy
from extproc.testing.provider import running_provider
from extproc.transaction import Plan
from tests.e2e.bodies import said
from tests.e2e.gateway import ANYWHERE, Gateway, Site, post, tagged
from tests.e2e.processor import Processor
from tests.server.state.redis.servers import RedisServer, redis_server

pytestmark = [pytest.mark.envoy, pytest.mark.services]

POLICY: Final = """\
version: 1
backends: [{name: north, url: NORTH/v1, api: openai}]
default_backend: none
models: [{name: chat, targets: [{backend: north}]}]
tenants: {from: {header: x-tenant-id}, required: true}
limits: {request_timeout: 20s, drain_timeout: 5s}
budgets: [BUDGETS]
state: {redis: {url: 'REDIS', password: {env: REDIS_PASSWORD}, timeout: 500ms, on_failure: FAILURE}}
"""
TEAM: Final = "{name: team, per: tenant, tokens: 1000, window: 30d}"
CALLS: Final = "{name: calls, per: tenant, requests: 3, window: 30d}"
TOKEN: Final = "planted-token-of-an-operator"
SECRET: Final = {"REDIS_PASSWORD": "planted-password"}


class Replicas:
    """Two processors behind one Envoy, and a Redis."""

    def __init__(self, of: Gateway, processors: list[Processor], redis: RedisServer) -> None:
        self.of = of
        self.processors = processors
        self.redis = redis

    def asked(self, tenant: str = "acme", body: Any = None, **more: Any) -> ClientResponse:
        return self.of.send(
            post(said("hello") if body is None else body, ("x-tenant-id", tenant), tag=tagged(), **more)
        )

    def lines(self) -> list[dict[str, Any]]:
        return [line for each in self.processors for line in each.lines()]


@contextmanager
def replicas(folder: Path, *budgets: str, failure: str = "block", **server: str) -> Iterator[Replicas]:
    more = ("--requirepass", SECRET["REDIS_PASSWORD"], *(word for k, v in server.items() for word in (f"--{k}", v)))
    with redis_server(folder, *more) as redis, running_provider("north") as north, ExitStack() as stack:
        text = POLICY.replace("NORTH", north.url).replace("BUDGETS", ", ".join(budgets))
        text = text.replace("REDIS'", f"{redis.url}'").replace("FAILURE", failure)
        processors = []
        for _ in range(2):
            place = Path(tempfile.mkdtemp(prefix="e2e-"))
            stack.callback(shutil.rmtree, place, ignore_errors=True)
            token = place / "token"
            token.write_text(TOKEN)
            processor = Processor(place, text, "h2", "--admin-token-file", str(token), environ=SECRET)
            processors.append(stack.enter_context(processor))
        policy = load(processors[0].policy)
        needs = Plan.compile(policy, read_secrets(policy, SECRET, read_file)).needs
        endpoints = [where for each in processors for where in each.endpoints]
        whole = bootstrap(policy, needs=needs, endpoints=endpoints, listen=ANYWHERE, profile="full-duplex")
        envoy = stack.enter_context(real_envoy(whole, log_level="warning"))
        site = Site({"north": north}, processors[0], "h2")
        yield Replicas(Gateway(site, envoy, "full-duplex", envoy.port("extproc")), processors, redis)
        told = [each.lines("exchange") for each in processors]
        assert SECRET["REDIS_PASSWORD"] not in repr(told)


def test_replicas_share_a_budget_and_each_has_its_part_of_it(tmp_path: Path) -> None:
    with replicas(tmp_path, CALLS) as both:
        answers = [both.asked() for _ in range(12)]
        assert sorted(each.status for each in answers) == [200] * 3 + [429] * 9
        assert [each.header("x-ratelimit-remaining-requests") for each in answers[:3]] == ["2", "1", "0"]
        assert both.asked("globex").status == 200
        assert eventually(lambda: all(each.lines() for each in both.processors), 5), "both have served some"


def test_a_tenants_tokens_are_spent_by_streams_that_clients_abandon(tmp_path: Path) -> None:
    with replicas(tmp_path, TEAM) as both:
        steps: list[ScriptStep] = [said("x", stream=True, max_tokens=900), End(), Until(600), Disconnect()]
        statuses: list[int] = []
        while not statuses or statuses[-1] != 429:
            statuses.append(both.asked(body=steps, do="events-2000+gap-5ms").status)
            assert len(statuses) < 60
            assert eventually(lambda: len(both.lines()) >= len(statuses), 10)
        spent = sum(each["amount"] for line in both.lines() for each in line["budgets"] if line["status"] == 200)
        assert 0 < spent <= 1000
        (line,) = json.loads(both.processors[0]._ask("/budgets"))
        assert line["used"] == spent


def test_what_was_spent_outlives_redis_and_a_dead_redis_closes_until_it_is_back(tmp_path: Path) -> None:
    with replicas(tmp_path, CALLS, appendonly="yes", appendfsync="always") as both:
        assert [both.asked().status for _ in range(2)] == [200, 200]
        both.redis.stop(signal.SIGKILL)
        refused = [both.asked() for _ in range(4)]
        assert [each.status for each in refused] == [503] * 4
        assert {each.json()["error"]["code"] for each in refused} == {"budget_unavailable"}
        both.redis.start()
        served: list[int] = []

        def back() -> bool:
            served.append(both.asked().status)
            return served[-1] != 503

        assert eventually(back, 15)
        assert sorted(each for each in (*served, both.asked().status, both.asked().status) if each != 503) == [
            200,
            429,
            429,
        ]


def test_a_dead_redis_opens_if_the_policy_says_so(tmp_path: Path) -> None:
    with replicas(tmp_path, CALLS, failure="allow") as both:
        both.redis.stop(signal.SIGKILL)
        assert [both.asked().status for _ in range(8)] == [200] * 8


def test_operators_see_and_change_budgets_from_any_replica(tmp_path: Path) -> None:
    with replicas(tmp_path, CALLS) as both:
        assert [both.asked().status for _ in range(4)] == [200, 200, 200, 429]
        for each in both.processors:
            (line,) = json.loads(each._ask("/budgets"))
            assert (line["budget"], line["subject"], line["used"], line["limit"]) == ("calls", "acme", 3, 3)
        changing, other = both.processors
        changed = urllib.request.Request(
            f"{changing.admin}/budgets/calls/acme",
            b'{"limit": 5}',
            {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
            method="PUT",
        )
        with urllib.request.urlopen(changed, timeout=5) as answer:
            assert json.loads(answer.read())["override"] == 5
        assert json.loads(other._ask("/budgets/calls/acme"))["limit"] == 5
        assert [both.asked().status for _ in range(3)] == [200, 200, 429]
