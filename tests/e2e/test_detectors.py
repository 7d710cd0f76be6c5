"""Through the real Envoy: detectors that a plug-in brings, in the workers of the real processor."""

import json
import time
from collections.abc import Iterator
from typing import Final

import pytest

from extproc.ext import registered
from extproc.server.inspections import SCORED_THREADS
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, Disconnect, Ending, ScriptStep, When
from tests.e2e.bodies import said
from tests.e2e.gateway import Gateway, gateway, post, site, tagged
from tests.seams.distributions import install_acme
from tests.seams.toys import TAKES, TOYS

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends: [{name: north, url: $north/v1, api: openai}]
default_backend: north
models: [{name: chat, targets: [{backend: north}]}]
limits: {request_timeout: 20s, drain_timeout: 5s}
pipelines:
  - name: hurried
    match: {headers: {x-mode: hurried}}
    request:
      - {use: shouting, timeout: 1ms, on_failure: allow}
      - {use: pii, kinds: [email], action: block, timeout: 20s}
      - {use: pii, name: ibans, kinds: [iban], action: mask, timeout: 20s}
  - name: default
    request:
      - {use: shouting, timeout: 20s}
      - {use: toy-guard, action: mask, words: [titan], timeout: 20s}
      - {use: badge, action: mask}
    response: [{use: toy-guard, words: [forbidden], timeout: 20s}]
"""
IBAN: Final = "GB82WEST12345698765432"
TEXTS: Final = 900
"""Texts of a request that keep a scorer busy for 18 seconds, which is less than its timeout."""


@pytest.fixture(
    scope="module",
    params=[
        ("h2", "buffered"),
        pytest.param(("grpcio", "full-duplex"), marks=pytest.mark.deep),
        pytest.param(("h2", "full-duplex"), marks=pytest.mark.deep),
        pytest.param(("grpcio", "buffered"), marks=pytest.mark.deep),
    ],
    ids="-".join,
)
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose processor has the toys installed."""
    transport, profile = request.param
    folder = tmp_path_factory.mktemp("plug-in")
    install_acme(folder)
    with (
        registered(*TOYS),
        site(POLICY, transport, environ={"PYTHONPATH": str(folder)}) as before,
        gateway(before, profile) as found,
    ):
        yield found


@pytest.fixture
def guarded(installed: Gateway) -> Iterator[Gateway]:
    """The same; what must hold after every test is checked."""
    installed.site.begin()
    yield installed
    installed.check()


def refused(answer: ClientResponse) -> tuple[int, str]:
    """The status of an error of ours, and its code."""
    assert (answer.ending, answer.surplus) == (Ending.COMPLETE, b"")
    return answer.status, json.loads(answer.body)["error"]["code"]


def test_each_detector_judges_in_its_place_and_only_its_own_failure_is_its_own(guarded: Gateway) -> None:
    answer, record = guarded.ask(said("titan has badge B-123456"))
    assert json.loads(record.body)["messages"][0]["content"] == "[OBJECTION_1] has badge [BADGE_1]"
    line = guarded.line(answer)
    assert [(each["processor"], each["count"]) for each in line["findings"]] == [("toy-guard", 1), ("badge", 1)]

    assert refused(guarded.send(post(said("THIS IS SHOUTED")))) == (403, "content_filter")

    hurried = ("x-mode", "hurried")
    began = time.monotonic()
    answer, record = guarded.ask(said(f"to {IBAN}"), "http1", hurried)
    assert json.loads(record.body)["messages"][0]["content"] == "to [IBAN_1]"
    assert guarded.line(answer)["failures"] == [{"processor": "shouting", "reason": "timeout", "allowed": True}]
    assert time.monotonic() - began < 10, "nobody waited for what had been given up"
    assert refused(guarded.send(post(said("to jane.doe@example.com"), hurried))) == (403, "content_filter")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_answers_are_shown_to_a_remote_guard_before_the_client_gets_any_of_them(guarded: Gateway, stream: bool) -> None:
    answer, record = guarded.ask(said("all is well", stream=stream))
    assert answer.body == guarded.straight(record, "north").body

    tag = tagged()
    answer = guarded.send(post(said("it is forbidden", stream=stream), tag=tag))
    assert refused(answer) == (403, "content_filter")
    assert b"forbidden" not in answer.body
    guarded.forwarded(tag, "north")


def test_scorers_stop_when_their_clients_have_left(guarded: Gateway) -> None:
    texts = [{"role": "user", "content": f"quiet {number}"} for number in range(TEXTS)]
    body = json.dumps({"model": "chat", "messages": texts}).encode()
    for _ in range(SCORED_THREADS):
        steps: list[ScriptStep] = [body, When(lambda: guarded.site.open == 1), Disconnect("reset")]
        guarded.send(post(steps, tag=tagged()))
        assert eventually(lambda: guarded.site.open == 0), "the exchange goes on without its client"
    tag = tagged()
    answer = guarded.send(post(said("hello"), tag=tag), within=TEXTS * TAKES / 3)
    guarded.forwarded(tag, "north")
    assert answer.status == 200
