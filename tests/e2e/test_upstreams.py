"""Backends that are down, fail, answer early, are cut off or rude."""

import itertools
import zlib
from collections.abc import Iterator

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing.clients import ClientRequest, ClientResponse, Ending, ScriptStep, Until
from tests.e2e.bodies import said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import TAG, Gateway, Version, post, tagged
from tests.e2e.policies import FAILING, MANY

pytestmark = pytest.mark.envoy

CUT = {"http1": Ending.TRUNCATED, "http2": Ending.RESET}
"""How an answer without its end ends."""

_numbers = itertools.count()


@pytest.fixture
def failing(shared: Shared, profile: Profile) -> Gateway:
    return shared(FAILING, profile)


@pytest.fixture
def steady(failing: Gateway) -> Iterator[str]:
    """A model whose one backend serves in the end, so that failures of several tests are never in a row."""
    yield "steady"
    failing.ask(said("x", "steady"), provider="spare")


@pytest.fixture
def fresh() -> int:
    """The number of backends that no test has touched yet."""
    number = next(_numbers)
    assert number < MANY, "policies.MANY is too small"
    return number


def names(answer: ClientResponse) -> tuple[str | None, ...]:
    """What the response headers tell of the decision."""
    return tuple(answer.header(f"x-extproc-{name}") for name in ("decision", "backend", "model"))


def test_a_backend_where_nobody_listens_is_503_and_then_passed_over(
    failing: Gateway, version: Version, fresh: int
) -> None:
    model = f"down-{fresh}"
    answer = failing.send(post(said("x", model)), version)
    assert (answer.status, answer.complete, answer.json()["error"]["code"]) == (503, True, "unavailable")
    assert names(answer) == ("allowed", model, model)
    assert failing.line(answer)["status"] == 503
    for _ in range(3):
        rerouted, seen = failing.ask(said("y", model), version, provider="spare")
        assert names(rerouted) == ("rerouted", "spare", "spare")
        assert seen.body == said("y", "spare")
    assert failing.line(rerouted)["reason"] == "fallback"


def test_a_model_without_a_fallback_is_503_while_its_backend_is_down(
    failing: Gateway, version: Version, fresh: int
) -> None:
    failing.send(post(said("x", f"down-{fresh}")), version)
    answer = failing.send(post(said("x", f"only-{fresh}")), version)
    assert (answer.status, answer.complete, answer.json()["error"]["code"]) == (503, True, "backend_unavailable")
    assert answer.header("x-extproc-decision") == "rejected"


def test_anthropics_clients_are_told_in_their_words_and_rerouted_too(
    failing: Gateway, version: Version, fresh: int
) -> None:
    model = f"lost-{fresh}"
    answer = failing.send(post(said("x", model), target="/v1/messages"), version)
    assert (answer.status, answer.json()["error"]["type"]) == (503, "overloaded_error")
    rerouted, _ = failing.ask(said("x", model), version, provider="claude", target="/v1/messages")
    assert names(rerouted) == ("rerouted", "claude", model)


def test_three_failures_in_a_row_take_a_backend_out(failing: Gateway, version: Version, fresh: int) -> None:
    model = f"flaky-{fresh}"

    def failed(status: int) -> None:
        tag = tagged()
        answer = failing.send(post(said("x", model), tag=tag, do=f"fail-{status}"), version)
        seen = failing.forwarded(tag, "flaky")
        assert (answer.status, answer.complete, names(answer)[1]) == (status, True, model)
        assert answer.body == failing.straight(seen, "flaky").body

    failed(503)
    failed(500)
    failing.ask(said("x", model), version, provider="flaky")  # a success: the row begins anew
    for status in (502, 503, 400, 504):
        failed(status)
    failing.ask(said("x", model), version, provider="flaky")
    for status in (500, 503, 529):
        failed(status)
    rerouted, _ = failing.ask(said("x", model), version, provider="spare")
    assert names(rerouted) == ("rerouted", "spare", "spare")
    assert failing.processor.status()["backends"][model] == {"0": "down"}
    assert f'extproc_backend_down{{backend="{model}",model="{model}"}} 1.0' in failing.processor.metrics()


def test_a_backend_that_hangs_up_without_an_answer_is_503(failing: Gateway, version: Version, steady: str) -> None:
    tag = tagged()
    answer = failing.send(post(said("x", steady), tag=tag, do="drop"), version)
    failing.forwarded(tag, "spare")
    assert (answer.status, answer.complete, answer.json()["error"]["code"]) == (503, True, "unavailable")
    assert names(answer) == ("allowed", "spare", steady)


@pytest.mark.parametrize("do", ["cut-0", "cut-1", "cut-100"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_cut_at_once_is_an_error_or_no_clean_end(
    failing: Gateway, version: Version, steady: str, stream: bool, do: str
) -> None:
    """Envoy either has passed the head on by then, or makes a 502 of it: which, is a matter of microseconds."""
    tag = tagged()
    answer = failing.send(post(said("a b c d", steady, stream=stream), tag=tag, do=do), version)
    seen = failing.forwarded(tag, "spare")
    if answer.status == 502:
        assert (answer.complete, answer.json()["error"]["code"]) == (True, "bad_upstream")
        return
    assert (answer.status, answer.ending) == (200, CUT[version])
    assert failing.straight(seen, "spare").body.startswith(answer.body)


def test_a_stream_that_is_cut_is_no_clean_end(failing: Gateway, version: Version, steady: str) -> None:
    tag = tagged()
    answer = failing.send(post(said("a b c d e", steady, stream=True), tag=tag, do="cut-5+gap-20ms"), version)
    seen = failing.forwarded(tag, "spare")
    assert (answer.status, answer.ending) == (200, CUT[version])
    assert len(answer.events()) >= 4
    assert failing.straight(seen, "spare").body.startswith(answer.body)


def test_a_body_that_is_cut_is_no_clean_end(failing: Gateway, version: Version, steady: str) -> None:
    tag, do = tagged(), "body-100000+cut-50000+split-10000+gap-20ms"
    answer = failing.send(post(said("x", steady), tag=tag, do=do), version)
    seen = failing.forwarded(tag, "spare")
    assert (answer.status, answer.ending) == (200, CUT[version])
    assert failing.straight(seen, "spare").body.startswith(answer.body)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_compressed_though_nobody_asked_passes_as_it_came(
    failing: Gateway, version: Version, stream: bool
) -> None:
    body = said("a b c", "steady", stream=stream)
    answer, seen = failing.ask(body, version, provider="spare", do="gzip+body-5000")
    plain, _ = failing.ask(body, version, provider="spare", do="body-5000")
    assert answer.header("content-encoding") == "gzip"
    assert answer.body == failing.straight(seen, "spare").body
    assert zlib.decompress(answer.body, 16 + zlib.MAX_WBITS) == plain.body


@pytest.mark.parametrize("do", ["split-1", "crlf", "split-7+crlf", "events-3000+size-100", "chunked", "close", "tool"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_passes_however_it_is_cut(failing: Gateway, version: Version, stream: bool, do: str) -> None:
    answer, seen = failing.ask(said("a b c", "steady", stream=stream), version, provider="spare", do=do)
    assert answer.body == failing.straight(seen, "spare").body


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529])
def test_a_backends_error_passes_as_it_is(failing: Gateway, steady: str, status: int) -> None:
    tag = tagged()
    answer = failing.send(post(said("x", steady), tag=tag, do=f"fail-{status}"))
    seen = failing.forwarded(tag, "spare")
    straight = failing.straight(seen, "spare")
    assert (answer.status, answer.body) == (status, straight.body)
    assert answer.header("retry-after") == straight.header("retry-after")


@pytest.mark.parametrize("do", ["early-200", "early-503", "early-413-close"])
def test_an_early_answer_to_a_claimed_request_comes_through(
    failing: Gateway, version: Version, steady: str, do: str
) -> None:
    """The request is whole before a backend hears of it, so its answer can only be early by a little."""
    tag = tagged()
    answer = failing.send(post(said("x" * 500_000, steady), tag=tag, do=do), version)
    failing.forwarded(tag, "spare")
    assert (answer.status, answer.complete) == (int(do.split("-")[1]), True)


@pytest.mark.parametrize("do", ["early-200", "early-503", "early-413-close"])
def test_an_early_answer_reaches_a_client_that_still_sends(shared: Shared, version: Version, do: str) -> None:
    """On a path that nobody claims, full duplex hands pieces on as they come."""
    gateway = shared(FAILING, "full-duplex")
    tag = tagged()
    steps: list[ScriptStep] = [b"x" * 1000, Until(1), b"y" * 1000]
    fields = ((TAG, tag), ("x-provider-do", do))
    answer = gateway.send(ClientRequest(target="/v1/files", headers=fields, body=steps, length=False), version)
    seen = gateway.forwarded(tag, "spare")
    assert answer.status == int(do.split("-")[1])
    assert (b"x" * 1000 + b"y" * 1000).startswith(seen.body)
