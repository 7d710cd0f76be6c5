"""Residency through the real Envoy: what may not leave a region reaches no upstream elsewhere, retries included."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import pytest

from extproc.testing.clients import ClientRequest, Ending
from extproc.testing.provider import HEADER
from tests.e2e.gateway import TAG, Gateway, gateway, site, tagged

pytestmark = pytest.mark.envoy

REQUESTS: Final = 200
POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai, region: eu, models: [{name: shared}]}
  - {name: south, url: $south/v1, api: openai, region: us, models: [{name: shared}, {name: theirs}]}
  - {name: claude, url: $claude/v1, api: anthropic}
default_backend: south
unknown_models: pass
models:
  - name: auto
    rules: [{name: agents, when: tools > 0, to: [{backend: south}, {backend: north}]}]
    targets: [{backend: south, weight: 9}, {backend: north}]
  - {name: far, targets: [{backend: south}, {backend: claude}]}
residency:
  - {name: personal, when: 'findings.exists(f, f.kind == "email")', regions: [eu]}
  - {name: team, when: 'headers["x-team"] == "eu"', regions: [eu]}
pipelines: [{name: p, match: {path: /}, request: [{use: pii, kinds: [email], action: report}], on_uninspected: allow}]
limits: {request_timeout: 20s, drain_timeout: 5s}
health: {failures: 4, cooldown: 100ms}
"""
PATHS: Final = ("/v1/chat/completions", "/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/files", "/other")
MODELS: Final = ("auto", "auto", "auto", "far", "shared", "theirs", "unheard-of")


@pytest.fixture(scope="module")
def confined() -> Iterator[Gateway]:
    with site(POLICY, "h2") as before, gateway(before, "buffered") as whole:
        yield whole


def drawn(random: Random) -> tuple[ClientRequest, bool]:
    """A request, and whether it may leave the region."""
    mail, team = random.random() < 0.4, random.random() < 0.2
    text = "to jane.doe@example.com" if mail else "hello"
    more: dict[str, Any] = {"tools": [{}]} if random.random() < 0.3 else {}
    body: dict[str, Any] = {"model": random.choice(MODELS), "messages": [{"role": "user", "content": text}], **more}
    fields = [("content-type", "application/json"), (TAG, tagged())]
    if team:
        fields.append(("x-team", "eu"))
    if random.random() < 0.1:
        fields.append(("x-extproc-cluster", "south"))  # a client's own wish
    if random.random() < 0.3:
        fields.append((HEADER, "fail-503"))  # so that backends go down, and come back
    if random.random() < 0.1:
        return ClientRequest("GET", random.choice(PATHS), tuple(fields)), not team
    return ClientRequest(target=random.choice(PATHS), headers=tuple(fields), body=json.dumps(body).encode()), not (
        mail or team
    )


def test_no_request_that_is_confined_reaches_another_region(confined: Gateway) -> None:
    random, reached, refused, retried = Random(7), list[tuple[bool, str]](), 0, 0
    confined.site.begin()
    for _ in range(REQUESTS):
        request, free = drawn(random)
        answer = confined.send(request)
        assert answer.ending is Ending.COMPLETE
        tag = dict(request.headers)[TAG]
        found = confined.site.found(tag)
        reached += [(free, name) for name, _ in found]
        retried += len({name for name, _ in found}) > 1
        if b"No backend in a region" in answer.body:
            refused += 1
            assert (answer.status, free) == (503, False)
            assert confined.line(answer)["residency"]
    assert {name for free, name in reached if not free} == {"north"}
    assert refused > REQUESTS / 20
    assert retried > 5, "by another backend, within the request"
    assert {name for free, name in reached if free} >= {"north", "south"}
    confined.site.expected = len(reached)
    confined.check()
