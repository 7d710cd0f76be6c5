"""Request trailers, and routes that retry: a provider gets a body once, or not at all, and never twice over."""

import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse
from extproc.testing.envoy import assert_clean
from tests.e2e.bodies import chat, pieces
from tests.e2e.conftest import Pool, Shared
from tests.e2e.gateway import Gateway, Version, ext_proc, gateway, post, tagged
from tests.e2e.policies import DIRECT

pytestmark = pytest.mark.envoy

TRAILERS = (("x-checked", "yes"),)
PASSING = DIRECT + "request_trailers: pass\n"


def retrying(whole: Json) -> None:
    """Routes that try again, and a listener that takes trailers of HTTP/1.1, too."""
    manager = whole["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_protocol_options"] = {"enable_trailers": True}
    policy = {"retry_on": "5xx", "num_retries": 2, "retry_back_off": {"base_interval": "0.005s"}}
    for host in manager["route_config"]["virtual_hosts"]:
        for route in host["routes"]:
            if "route" in route:
                route["route"]["retry_policy"] = policy


def retrying_early(whole: Json) -> None:
    """The same with bodies that are streamed before the headers are answered."""
    retrying(whole)
    filter_ = ext_proc(whole)
    filter_["processing_mode"] |= {"request_body_mode": "STREAMED", "request_trailer_mode": "SEND"}
    filter_["send_body_without_waiting_for_header_response"] = True
    filter_["message_timeout"] = "1s"


def sent(
    started: Gateway, body: bytes, version: Version, tag: str, target: str = "/v1/chat/completions"
) -> ClientResponse:
    steps = pieces(body, 3)
    return started.send(post(steps, tag=tag, do="fail-503", target=target, trailers=TRAILERS, length=False), version)


@pytest.mark.parametrize("size", [1000, 200_000])
def test_a_claimed_request_with_trailers_is_refused_and_no_backend_gets_it(
    shared: Shared, profile: Profile, version: Version, size: int
) -> None:
    answer = sent(shared(DIRECT, profile), chat(size, "grow"), version, tagged())
    assert (answer.status, answer.json()["error"]["code"]) == (400, "request_trailers")


def test_a_body_that_passes_with_trailers_is_refused_rather_than_doubled(
    pool: Pool, transport: str, profile: Profile, version: Version
) -> None:
    """How much of it a provider has had by then is chance; more than the body it never is."""
    before = pool.site(DIRECT, transport)
    with gateway(before, profile, retrying) as started:
        body, tag = chat(1000), tagged()
        before.unfinished.add(tag)
        answer = sent(started, body, version, tag, target="/v1/files")
        assert (answer.status, answer.json()["error"]["code"]) == (400, "request_trailers")
        assert eventually(lambda: before.open == 0)
        assert all(body.startswith(record.body) for _, record in before.found(tag))
        assert_clean(started.envoy)


@pytest.mark.parametrize("size", [1000, 200_000])
def test_a_claimed_request_with_trailers_that_may_pass_is_tried_again_with_its_body_once(
    shared: Shared, profile: Profile, version: Version, size: int
) -> None:
    started = shared(PASSING, profile, retrying)
    body, tag = chat(size, "grow"), tagged()
    answer = sent(started, body, version, tag)
    assert answer.status == 503
    found = started.site.found(tag)
    started.site.expected += len(found)
    assert 1 <= len(found) <= 3
    renamed = body.replace(b'"grow"', b'"a-name-much-longer-than-grow"', 1)
    assert [record.body for _, record in found] == [renamed] * len(found)


def test_a_body_that_is_streamed_early_with_trailers_goes_nowhere(shared: Shared, version: Version) -> None:
    """Envoy 1.40 keeps trailers back until the headers are answered, which wait for them: its timeout ends that."""
    started = shared(PASSING, "buffered", retrying_early)
    tag = tagged()
    answer = sent(started, chat(1000), version, tag)
    assert answer.status == 504
    assert answer.json()["error"]["code"] == "timeout"
    assert started.site.found(tag) == []


def test_without_trailers_a_retry_sends_the_same_body(shared: Shared, profile: Profile, version: Version) -> None:
    started = shared(DIRECT, profile, retrying)
    body, tag = chat(200_000, "grow"), tagged()
    assert started.send(post(body, tag=tag, do="fail-503"), version).status == 503
    found = started.site.found(tag)
    started.site.expected += len(found)
    assert len(found) == 3
    assert {record.body for _, record in found} == {body.replace(b'"grow"', b'"a-name-much-longer-than-grow"', 1)}
