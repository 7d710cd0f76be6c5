"""Every body mode that an operator may have configured: the request is steered, or refused, and no byte is lost."""

from functools import partial

import pytest

from extproc.gateway.bootstrap import Json
from extproc.testing.clients import Ending
from tests.e2e.bodies import chat, pieces, said
from tests.e2e.conftest import Pool, Shared
from tests.e2e.gateway import Gateway, Version, ext_proc, gateway, post
from tests.e2e.policies import DIRECT

pytestmark = pytest.mark.envoy


def modes(whole: Json, *, override: bool = True, early: bool = False, **chosen: str) -> None:
    """The generated filter with other modes."""
    filter_ = ext_proc(whole)
    filter_["processing_mode"] |= chosen
    filter_["allow_mode_override"] = override
    if early:
        filter_["send_body_without_waiting_for_header_response"] = True
    filter_["message_timeout"] = "2s"


def request_none(whole: Json) -> None:
    modes(whole, request_body_mode="NONE")


def request_streamed(whole: Json) -> None:
    modes(whole, request_body_mode="STREAMED")


def request_streamed_early(whole: Json) -> None:
    modes(whole, request_body_mode="STREAMED", early=True)


def request_partial(whole: Json) -> None:
    modes(whole, request_body_mode="BUFFERED_PARTIAL")


def request_none_fixed(whole: Json) -> None:
    modes(whole, override=False, request_body_mode="NONE")


def response(mode: str, whole: Json, *, override: bool) -> None:
    modes(whole, override=override, response_header_mode="SEND", response_body_mode=mode)


BUFFERED_RESPONSE = partial(response, "BUFFERED", override=False)
STREAMED_RESPONSE = partial(response, "STREAMED", override=False)
PARTIAL_RESPONSE = partial(response, "BUFFERED_PARTIAL", override=False)
STOPPED_RESPONSE = partial(response, "STREAMED", override=True)


def duplex_response(whole: Json) -> None:
    modes(
        whole,
        override=False,
        response_header_mode="SEND",
        response_body_mode="FULL_DUPLEX_STREAMED",
        response_trailer_mode="SEND",
    )


STEERED = [request_none, request_streamed, request_streamed_early]


@pytest.mark.parametrize("size", [0, 1000, 60_000])
@pytest.mark.parametrize("patch", STEERED)
def test_a_request_is_steered_in_every_body_mode(shared: Shared, version: Version, size: int, patch: object) -> None:
    started = shared(DIRECT, "buffered", patch)
    body = chat(size, "grow")
    _, seen = started.ask(pieces(body, 3), version, provider="north", length=False)
    assert seen.body == body.replace(b'"grow"', b'"a-name-much-longer-than-grow"', 1)
    assert seen.target == "/openai/v1/chat/completions"
    assert seen.getall("authorization") == ["Bearer north-secret-1"]


@pytest.mark.parametrize("patch", [request_none, request_streamed])
def test_a_grown_body_has_no_stale_length_after_a_change_of_mode(
    shared: Shared, version: Version, patch: object
) -> None:
    """From NONE, Envoy would keep the client's length beside a longer body: its rest would be a request."""
    started = shared(DIRECT, "buffered", patch)
    body = chat(5000, "grow")
    _, seen = started.ask(body, version, provider="north")
    assert seen.body == body.replace(b'"grow"', b'"a-name-much-longer-than-grow"', 1)
    assert seen.getall("content-length") in ([], [str(len(seen.body))])


def test_where_an_override_is_not_allowed_the_request_goes_nowhere(
    pool: Pool, transport: str, version: Version
) -> None:
    """Envoy counts the override as out of turn, which is why this gateway is not checked for that: closed, not open."""
    before = pool.site(DIRECT, transport)
    before.begin()
    with gateway(before, "buffered", request_none_fixed) as started:
        assert started.send(post(chat(1000)), version).status >= 500
    before.check()


@pytest.mark.parametrize("size", [100, 9_000_000])
def test_a_body_that_envoy_may_pass_on_before_it_is_read_is_refused(
    shared: Shared, version: Version, size: int
) -> None:
    """Partly buffered, Envoy lets the headers go on once the first piece is there: to the first route, unsteered."""
    started = shared(DIRECT, "buffered", request_partial)
    answer = started.send(post(pieces(chat(size), 3), length=False), version)
    assert answer.status == 503
    assert answer.header("x-extproc-decision") == "rejected"
    assert started.site.received == 0


RESPONSES = {
    "buffered": BUFFERED_RESPONSE,
    "streamed": STREAMED_RESPONSE,
    "partial": PARTIAL_RESPONSE,
    "stopped by an override": STOPPED_RESPONSE,
    "full duplex": duplex_response,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mode", RESPONSES)
def test_an_answer_passes_byte_for_byte_in_every_body_mode(
    shared: Shared, version: Version, mode: str, stream: bool
) -> None:
    started = shared(DIRECT, "buffered", RESPONSES[mode])
    answer, seen = started.ask(said("a b c d", stream=stream), version)
    assert answer.ending is Ending.COMPLETE
    assert answer.body == started.straight(seen, "north").body
    assert answer.header("x-extproc-backend") == "north"


@pytest.mark.parametrize("mode", ["streamed", "full duplex"])
def test_a_large_answer_passes_byte_for_byte(shared: Shared, version: Version, mode: str) -> None:
    started: Gateway = shared(DIRECT, "buffered", RESPONSES[mode])
    answer, seen = started.ask(said("x"), version, do="body-3000000")
    assert len(answer.body) == 3_000_000
    assert answer.body == started.straight(seen, "north").body
