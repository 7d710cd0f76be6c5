"""A client that goes away in the middle: nothing stays behind, no half request passes for a whole one."""

import socket
from typing import Any, Literal

import pytest

from extproc.testing import eventually
from extproc.testing.clients import ClientRequest, Disconnect, End, Ending, ScriptStep, Until, When
from extproc.testing.clients.http1 import http1
from tests.e2e.bodies import chat, said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import TAG, Gateway, Version, post, tagged
from tests.e2e.policies import CHOOSING, DIRECT

pytestmark = pytest.mark.envoy

How = Literal["reset", "close"]
ENDED = 5.0


@pytest.fixture(params=["reset", "close"])
def how(request: pytest.FixtureRequest) -> How:
    chosen: How = request.param
    return chosen


@pytest.fixture(params=[DIRECT, pytest.param(CHOOSING, marks=pytest.mark.deep)], ids=["direct", "choosing"])
def gateway(shared: Shared, profile: Any, request: pytest.FixtureRequest) -> Gateway:
    return shared(request.param, profile)


def lines(gateway: Gateway) -> int:
    """How many exchanges the log tells of, once all that are over are in it: lines are written in order."""
    gateway.line(gateway.send(ClientRequest("GET", "/v1/models")))
    return len(gateway.processor.lines())


def next_line(gateway: Gateway, before: int) -> dict[str, Any]:
    """The log line that is written after `before` others."""
    assert eventually(lambda: len(gateway.processor.lines()) > before, ENDED), "the exchange left no line"
    (line,) = gateway.processor.lines()[before:]
    return line


def works(gateway: Gateway, version: Version) -> None:
    """The gateway serves as before."""
    _, seen = gateway.ask(said("after", "grow"), version)
    assert seen.json()["messages"][0]["content"] == "after"


@pytest.mark.parametrize("size", [0, 1_000, 300_000])
def test_a_client_that_leaves_while_it_sends_was_never_there(
    gateway: Gateway, version: Version, how: How, size: int
) -> None:
    body = chat(size + 300_000)[:size]
    before = lines(gateway)
    steps: list[ScriptStep] = [body, When(lambda: gateway.site.open == 1), Disconnect(how)]
    # Where a body is declared but none of it comes, Envoy and the processor wait for it all the same.
    answer = gateway.send(post(steps if size else steps[1:], tag=tagged()), version)
    assert answer.ending is Ending.ABORTED
    line = next_line(gateway, before)
    assert (line["decision"], line["reason"], line["backend"]) == ("gone", "client_gone", None)
    assert gateway.site.received == 0
    works(gateway, version)


def test_a_client_that_leaves_before_the_answer_takes_the_request_to_the_backend_with_it(
    gateway: Gateway, version: Version, how: How
) -> None:
    tag, provider = tagged(), gateway.providers["north"]
    before, gone = lines(gateway), provider.gone
    steps: list[ScriptStep] = [said("x", "grow"), End(), When(lambda: bool(gateway.site.found(tag))), Disconnect(how)]
    answer = gateway.send(post(steps, tag=tag, do="hang"), version)
    assert (answer.ending, answer.status) == (Ending.ABORTED, 0)
    assert gateway.forwarded(tag, "north").json()["model"] == "a-name-much-longer-than-grow"
    assert eventually(lambda: provider.gone == gone + 1, ENDED), "the backend was left waiting"
    line = next_line(gateway, before)
    assert (line["decision"], line["reason"], line["backend"], line["status"]) == ("gone", "client_gone", "north", None)
    works(gateway, version)


@pytest.mark.parametrize("events", [1, 20])
def test_a_client_that_leaves_a_stream_ends_it_at_the_backend(
    gateway: Gateway, version: Version, how: How, events: int
) -> None:
    tag, provider = tagged(), gateway.providers["north"]
    gone = provider.gone
    steps: list[ScriptStep] = [said("x", "grow", stream=True), End(), Until(200 * events), Disconnect(how)]
    answer = gateway.send(post(steps, tag=tag, do="events-100000+gap-2ms"), version)
    gateway.forwarded(tag, "north")
    assert (answer.ending, answer.status) == (Ending.ABORTED, 200)
    assert len(answer.events()) >= events / 2
    assert eventually(lambda: provider.gone == gone + 1, ENDED), "the backend goes on talking to nobody"
    assert gateway.line(answer)["backend"] == "north"
    works(gateway, version)


def test_a_client_that_leaves_an_upload_that_nobody_claims_leaves_it_unfinished(
    gateway: Gateway, version: Version, how: How
) -> None:
    """The backend may have had a part of it by then, or have it later: it never passes for the whole."""
    tag = tagged()
    gateway.site.unfinished.add(tag)
    steps: list[ScriptStep] = [b"x" * 100_000, When(lambda: gateway.site.open == 1), Disconnect(how)]
    gateway.send(ClientRequest(target="/v1/files", headers=((TAG, tag),), body=steps, length=False), version)
    assert eventually(lambda: gateway.site.open == 0, ENDED)
    works(gateway, version)  # and when the test is over, the site is looked at for the whole


@pytest.mark.parametrize("profile", ["full-duplex"])
@pytest.mark.parametrize("transport", ["h2"])
def test_a_part_of_a_request_may_arrive_at_any_time_and_its_whole_may_not(gateway: Gateway) -> None:
    """Of the check that follows each test."""
    provider, tag = gateway.providers["north"], tagged()
    gateway.site.unfinished.add(tag)
    head = f"POST /v1/files HTTP/1.1\r\nhost: x\r\n{TAG}: {tag}\r\ncontent-length: 10\r\n\r\n"
    with socket.create_connection(("127.0.0.1", provider.port)) as client:
        client.sendall(head.encode() + b"half")
    assert eventually(lambda: bool(gateway.site.found(tag)), ENDED)
    gateway.site.check()
    http1(provider.port, ClientRequest(target="/v1/files", headers=((TAG, tag),), body=b"the whole"), within=ENDED)
    with pytest.raises(AssertionError):
        gateway.site.check()
    gateway.site.begin()


def test_a_refusal_is_heard_by_a_client_that_still_sends(gateway: Gateway, version: Version) -> None:
    steps: list[ScriptStep] = [b"x" * 1000, Until(1), b"x" * 1000]
    answer = gateway.send(post(steps, ("content-encoding", "lzma"), length=False), version)
    assert (answer.status, answer.json()["error"]["code"]) == (415, "unsupported_encoding")
