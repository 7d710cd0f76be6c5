"""Bodies of every size, both ways: what arrives is what was sent, to the byte."""

import itertools

import pytest

from extproc.testing.clients import End, Pause, ScriptStep, Until
from tests.e2e.bodies import chat, pieces, said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, Version, post, tagged
from tests.e2e.policies import CHOOSING

pytestmark = pytest.mark.envoy

SIZES = (1_000, 200_000, 6_000_000)


def slowly(body: bytes, count: int, seconds: float) -> list[ScriptStep]:
    """The body in pieces with pauses between them, `seconds` in all."""
    steps: list[ScriptStep] = [step for piece in pieces(body, count) for step in (piece, Pause(seconds / count))]
    return [*steps, End()]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_both_sides_get_the_bytes_that_the_other_sent(
    direct: Gateway, version: Version, size: int, stream: bool
) -> None:
    body = chat(size, stream=stream)
    answer, seen = direct.ask(body, version, do=f"body-{size}")
    assert answer.sent
    assert (seen.body == body, seen.complete, seen.getall("content-length")) == (True, True, [str(len(body))])
    assert answer.body == direct.straight(seen, "north").body
    assert answer.header("content-type") == ("text/event-stream; charset=utf-8" if stream else "application/json")


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_holds_where_the_processor_sees_response_headers(
    shared: Shared, profile: str, version: Version, stream: bool
) -> None:
    gateway = shared(CHOOSING, profile)
    body = chat(200_000, stream=stream)
    answer, seen = gateway.ask(body, version, do="body-200000")
    assert seen.body == body
    assert answer.body == gateway.straight(seen, "north").body
    assert gateway.line(answer)["status"] == 200


@pytest.mark.parametrize("size", SIZES)
def test_a_body_without_a_declared_length_arrives_whole(direct: Gateway, version: Version, size: int) -> None:
    body = chat(size)
    _, seen = direct.ask(pieces(body, 7), version, length=False)
    assert (seen.body == body, seen.complete) == (True, True)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize(("size", "count"), [(1_000, 10), (200_000, 20), (6_000_000, 40)])
def test_a_body_that_is_uploaded_slowly_arrives_whole(
    direct: Gateway, version: Version, size: int, count: int, length: bool
) -> None:
    body = chat(size, "grow")
    answer, seen = direct.ask(slowly(body, count, 0.3), version, length=length)
    assert answer.headers_at > 0.25
    assert seen.body == body.replace(b'"grow"', b'"a-name-much-longer-than-grow"', 1)


@pytest.mark.parametrize("body", [b"", [End()]])
def test_an_empty_body_is_refused(direct: Gateway, version: Version, body: bytes | list[ScriptStep]) -> None:
    answer = direct.send(post(body), version)
    assert (answer.status, answer.complete, answer.json()["error"]["code"]) == (400, True, "empty_body")


def test_an_empty_chunked_body_is_refused(direct: Gateway) -> None:
    with direct.client() as client:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        answer = client.raw(head)  # type: ignore[union-attr]  # it is HTTP/1.1
    assert (answer.status, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_events_reach_the_client_one_by_one(direct: Gateway, version: Version) -> None:
    answer, seen = direct.ask(said("a b c d e", stream=True), version, do="gap-40ms")
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(answer.pieces)]
    assert len(answer.events()) >= 6
    assert sum(gap > 0.02 for gap in gaps) >= 5
    assert answer.body == direct.straight(seen, "north").body


def test_an_answer_that_is_read_slowly_arrives_whole(direct: Gateway, version: Version) -> None:
    steps: list[ScriptStep] = [said("hello"), End(), Until(1), Pause(0.3, read=False)]
    answer, seen = direct.ask(steps, version, do="body-6000000")
    assert len(answer.body) == 6_000_000
    assert answer.body == direct.straight(seen, "north").body


def test_trailers_of_an_answer_do_not_hold_up_its_end(direct: Gateway, version: Version) -> None:
    # Envoy drops trailers of HTTP/1.1 unless told otherwise, and no provider is known to send any.
    answer, seen = direct.ask(said("hello", stream=True), version, do="trailers")
    assert answer.body == direct.straight(seen, "north").body


def test_a_connection_carries_one_request_after_the_other(direct: Gateway, version: Version) -> None:
    with direct.client(version) as client:
        for number in range(10):
            tag, body = tagged(), said(str(number), "grow" if number % 2 else "chat")
            answer = client.request(post(body, tag=tag))
            seen = direct.forwarded(tag, "north")
            assert (answer.status, answer.complete) == (200, True)
            assert seen.json()["messages"][0]["content"] == str(number)
