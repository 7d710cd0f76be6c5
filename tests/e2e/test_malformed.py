"""Bytes that are no HTTP, beside a processor that reads responses: Envoy's own response reaches the client."""

from typing import Final

import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.testing.clients.http1 import Http1
from tests.e2e.bodies import said
from tests.e2e.conftest import Pool
from tests.e2e.gateway import Gateway, Patch, manager, post, tagged
from tests.e2e.policies import DIRECT

pytestmark = pytest.mark.envoy

READING: Final = (
    DIRECT
    + """\
pipelines:
  - {name: p, response: [{use: pii, kinds: [iban], action: mask}]}
"""
)
"""The processor reads the body of every response, in both profiles."""

CHAT: Final = b"POST /v1/chat/completions HTTP/1.1\r\n"
WRONG: Final = {
    "no request line": (b"GARBAGE\r\n\r\n", 400, "bad_request"),
    "no host": (CHAT + b"content-length: 2\r\n\r\n{}", 400, "bad_request"),
    "a zero byte in a value": (CHAT + b"host: x\r\nx-a: a\x00b\r\ncontent-length: 0\r\n\r\n", 400, "bad_request"),
    "a blank in a name": (CHAT + b"host: x\r\nx a: b\r\ncontent-length: 0\r\n\r\n", 400, "bad_request"),
    "a length that is no number": (CHAT + b"host: x\r\ncontent-length: x\r\n\r\n", 400, "bad_request"),
    "two ends": (CHAT + b"host: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400, "bad_request"),
    "HTTP/1.0": (CHAT.replace(b"1.1", b"1.0") + b"host: x\r\ncontent-length: 2\r\n\r\n{}", 426, "upgrade_required"),
    "header fields of 70 KB": (CHAT + b"host: x\r\nx-a: " + b"a" * 70_000 + b"\r\n\r\n", 431, "headers_too_large"),
    "140 header fields": (CHAT + b"host: x\r\n" + b"x-a: a\r\n" * 140 + b"\r\n", 431, "headers_too_large"),
}


@pytest.fixture(params=[DIRECT, READING], ids=["reading errors", "reading responses"])
def reading(pool: Pool, profile: Profile, request: pytest.FixtureRequest) -> Gateway:
    chosen = pool.gateway(request.param, "h2", profile)
    chosen.site.begin()
    return chosen


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_http_gets_envoys_own_response_and_goes_nowhere(reading: Gateway, name: str) -> None:
    raw, status, code = WRONG[name]
    with Http1(reading.port) as client:
        answer = client.raw(raw)
    assert (answer.status, answer.json()["error"]["code"], answer.complete) == (status, code, True)
    reading.check()


def test_a_request_that_is_no_http_after_one_that_is_gets_a_response_of_its_own(reading: Gateway) -> None:
    tag = tagged()
    with Http1(reading.port) as client:
        assert client.request(post(said("hi", "chat"), tag=tag)).status == 200
        answer = client.raw(b"GARBAGE\r\n\r\n")
    reading.forwarded(tag, "north")
    assert (answer.status, answer.json()["error"]["message"]) == (400, "The request is not valid HTTP.")
    reading.check()


# -- what the routes enable


def forgotten(whole: Json) -> None:
    """An edited configuration: nothing enables the filter, and the processor is asked for nothing."""
    del manager(whole)["route_config"]["typed_per_filter_config"]


def another_host(whole: Json) -> None:
    """An edited configuration: a virtual host of the operator's own, with a route to a backend."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": "north"}}
    manager(whole)["route_config"]["virtual_hosts"].append(
        {"name": "own", "domains": ["own.example"], "routes": [route]}
    )


def edited(pool: Pool, profile: Profile, patch: Patch) -> Gateway:
    chosen = pool.gateway(READING, "h2", profile, patch)
    chosen.site.begin()
    return chosen


def test_requests_go_nowhere_where_nothing_enables_the_filter(pool: Pool, profile: Profile) -> None:
    started = edited(pool, profile, forgotten)
    for steering in ((), (("x-extproc-cluster", "north"),)):
        answer = started.send(post(said("hi"), *steering))
        assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
    started.check()


def test_a_virtual_host_that_is_added_goes_through_the_processor(pool: Pool, profile: Profile) -> None:
    started = edited(pool, profile, another_host)
    answer = started.send(post(said("say GB82WEST12345698765432"), ("host", "own.example")))
    assert (answer.status, started.line(answer)["decision"]) == (200, "masked")
    assert b"GB82WEST12345698765432" not in answer.body
    assert b"[IBAN_1]" in answer.body
