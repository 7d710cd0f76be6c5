"""Through the real Envoy: turns with sealed values go to their maker, byte for byte, and to nobody else."""

import json
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import pytest

from extproc.apis.seals.tag import MARK, SealTag
from extproc.gateway.bootstrap import Profile
from extproc.testing.clients import ClientRequest, ClientResponse, Ending
from tests.e2e.gateway import PROFILES, Gateway, gateway, post, site
from tests.e2e.sealing import LARGE, SealingBackend, sealing_backend
from tests.gathered import gathered
from tests.sealing import DIALECTS, PATHS, Dialect, seen
from tests.transaction.test_sealing import Client, check_own

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: "http://127.0.0.1:%(north)d/v1", api: openai}
  - {name: south, url: "http://127.0.0.1:%(south)d/v1", api: openai}
  - {name: cold, url: "http://127.0.0.1:%(cold)d/v1", api: anthropic}
  - {name: warm, url: "http://127.0.0.1:%(warm)d/v1", api: anthropic}
models:
  - {name: auto, targets: [{backend: north}, {backend: south}, {backend: cold}, {backend: warm}]}
default_backend: north
sealed: {chat: all}
health: {failures: 1, cooldown: 60s}
"""
NAMES: Final = ("north", "south", "cold", "warm")
Sealed = tuple[Gateway, dict[str, SealingBackend]]


@contextmanager
def running(profile: Profile) -> Iterator[Sealed]:
    """A gateway before four providers."""
    with ExitStack() as stack:
        backends = {name: stack.enter_context(sealing_backend(name)) for name in NAMES}
        ports = {name: backend.port for name, backend in backends.items()}
        before = stack.enter_context(site(POLICY % ports, "h2"))
        yield stack.enter_context(gateway(before, profile)), backends


@pytest.fixture(scope="module", params=PROFILES)
def shared(request: pytest.FixtureRequest) -> Iterator[Sealed]:
    """One for the tests in which nobody goes down."""
    with running(request.param) as found:
        yield found


@pytest.fixture
def sealed(shared: Sealed) -> Iterator[Sealed]:
    """The same; what must hold after every test is checked."""
    yield shared
    shared[0].check()


def asked(sealed: Sealed, dialect: Dialect, body: dict[str, Any]) -> ClientResponse:
    return sealed[0].send(post(json.dumps(body).encode(), target=PATHS[dialect]))


def heard(dialect: Dialect, answer: ClientResponse, *, stream: bool) -> dict[str, Any]:
    assert (answer.status, answer.ending) == (200, Ending.COMPLETE), answer
    whole: dict[str, Any] = seen(dialect, answer.body) if stream else json.loads(answer.body)
    return whole


@gathered("dialect", DIALECTS)
@gathered("stream", [False, True])
def test_a_conversation_stays_where_it_began(sealed: Sealed, dialect: Dialect, stream: bool) -> None:
    gateway, backends = sealed
    providers = {name: backend.provider for name, backend in backends.items()}
    for backend in backends.values():
        backend.bodies.clear()
    client = Client(dialect, random.Random(2))
    for number in range(4):
        answer = asked(sealed, dialect, client.asks("auto", stream=stream))
        client.hears(heard(dialect, answer, stream=stream))
        assert MARK.encode() in answer.body
        assert gateway.line(answer).get("sealed") == ("pinned" if number else None)
    (home,) = (backend for backend in backends.values() if backend.bodies)
    assert len(home.bodies) == 4
    for body in home.bodies:
        check_own(body, home.provider.name, providers)
    assert any(home.provider.name.encode() in body for body in home.bodies)


def test_a_response_is_asked_for_by_its_identifier_where_it_is_kept(sealed: Sealed) -> None:
    gateway, backends = sealed
    for _ in range(2):  # one of each provider
        made = heard("responses", asked(sealed, "responses", {"model": "auto", "input": "hi"}), stream=False)
        kept = gateway.send(ClientRequest("GET", f"/v1/responses/{made['id']}"))
        assert heard("responses", kept, stream=False)["id"].endswith(made["id"][-16:])
        home = next(name for name in NAMES if name in made["id"])
        assert backends[home].paths[-1] == f"/v1/responses/{made['id'][:-17]}"


def test_a_response_that_is_larger_than_envoy_holds_passes(sealed: Sealed) -> None:
    for say, tagged in (("hi", True), ("large", False)):
        answer = asked(sealed, "responses", {"model": "auto", "input": say})
        reply = heard("responses", answer, stream=False)
        assert (MARK in reply["id"], len(reply.get("pad", ""))) == (tagged, 0 if tagged else LARGE)


def test_the_backend_to_which_envoy_sent_a_request_on_is_the_maker() -> None:
    with running("full-duplex") as found:
        gateway, backends = found
        backends["cold"].fails = True
        lines = []
        for _ in range(3):
            answer = asked(
                found, "messages", {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
            )
            heard("messages", answer, stream=False)
            assert (SealTag.of("warm").text.encode() in answer.body, b"SEALcold" in answer.body) == (True, False)
            lines.append(gateway.line(answer))
        assert [each["backend"] for each in lines] == ["warm"] * 3
        assert "failover" in {each["reason"] for each in lines}


def test_a_provider_that_goes_down_takes_along_what_only_it_can_read() -> None:
    with running("full-duplex") as found:
        check_outage(found)


def check_outage(sealed: Sealed) -> None:
    gateway, backends = sealed
    client = Client("messages", random.Random(3))
    first = client.asks("auto", stream=False) | {"metadata": {"user_id": "light"}}
    client.hears(heard("messages", asked(sealed, "messages", first), stream=False))
    loop = Client("messages", random.Random(3))
    (home,) = (backend for name, backend in backends.items() if name in str(client.last))
    while home.provider.name not in str(loop.last):
        loop.starts_anew()
        loop.hears(heard("messages", asked(sealed, "messages", loop.asks("auto", stream=False)), stream=False))
    other = next(backends[name] for name in ("cold", "warm") if backends[name] is not home)
    home.fails = True
    again = client.asks("auto", stream=False)
    for failover in (True, False):  # the first request shows that it is down
        answer = asked(sealed, "messages", again)
        assert answer.status == 200
        assert home.provider.name.encode() not in other.bodies[-1]
        assert json.loads(other.bodies[-1])["messages"][1]["content"] == [{"type": "text", "text": "hello"}]
        line = gateway.line(answer)
        assert (line["sealed"], line["backend"]) == ("dropped", other.provider.name)
        assert line.get("tried") == ([home.provider.name] if failover else None)
    bound = {"model": "auto", "max_tokens": 9, "messages": loop.turns}
    failed = asked(sealed, "messages", bound)  # a failure that was retried does not show that it is down: it is asked
    assert (failed.status, gateway.line(failed)["sealed"]) == (503, "pinned")
    refused = asked(sealed, "messages", bound)
    error = json.loads(refused.body)["error"]
    assert (refused.status, error["type"]) == (503, "overloaded_error")
    assert "which only the provider that made it can read" in error["message"]
    assert gateway.line(refused)["sealed"] == "refused"
