"""Bodies that are held have a bound over all exchanges of a worker; past it a client is told to try again."""

import json
from collections.abc import Sequence

import pytest

from extproc.protocol.effects import Chunk, Effect, Inspect, Proceed, Reject
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Failed, Inspected
from extproc.protocol.meter import SpentError
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Shared, Transaction
from extproc.transaction.held import SMALL_BYTES, Held
from extproc.transaction.requests.opening import OPENED_BYTES
from tests.records import logged
from tests.transaction.plans import plan

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
JSON = ("content-type", b"application/json")
DUPLEX = BodyMode.FULL_DUPLEX_STREAMED
LIMITS = """
limits: {request_body: 1MiB, held_bodies: 2MiB}
pipelines: [{name: p, response: [{use: pii, kinds: [email], action: mask}]}]
"""
TIGHT = plan(LIMITS)
MIB = 1024 * 1024
PIECE = b" " * (MIB - 1)


def opened(shared: Shared, path: str = CHAT) -> Playbook:
    """An exchange whose request's headers have come."""
    envoy = Playbook(TIGHT, request=DUPLEX, response=DUPLEX)
    envoy.transaction = Transaction(TIGHT, shared, 0.0)
    envoy.sends(request_headers(path, JSON))
    return envoy


def full(shared: Shared) -> list[Playbook]:
    """Exchanges that hold all but two bytes of the room."""
    envoys = [opened(shared) for _ in range(2)]
    for envoy in envoys:
        envoy.sends(request_body(PIECE, end=False)).gets_nothing()
    return envoys


def test_the_room_may_be_used_up_and_not_a_byte_more() -> None:
    shared = Shared()
    one, other = Held(shared), Held(shared)
    one.add(SMALL_BYTES + 1, 2 * SMALL_BYTES + 2)
    other.add(SMALL_BYTES + 1, 2 * SMALL_BYTES + 2)
    with pytest.raises(ClientError) as refused:
        other.add(1, 2 * SMALL_BYTES + 2)
    assert (refused.value.status, refused.value.code, refused.value.retry_after) == (503, "overloaded", 1)
    one.clear()
    one.clear()
    assert shared.held == other.size == SMALL_BYTES + 1
    other.add(1, 2 * SMALL_BYTES + 2)


def test_a_small_body_finds_room_always() -> None:
    shared = Shared()
    held = Held(shared)
    held.add(SMALL_BYTES, 1)
    with pytest.raises(ClientError):
        held.add(1, 1)
    assert shared.held == SMALL_BYTES


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_body_for_which_there_is_no_room_is_refused_in_the_clients_dialect(path: str) -> None:
    shared = Shared()
    envoys = full(shared)
    late = opened(shared, path)
    refusal = late.sends(request_body(b" " * (SMALL_BYTES + 1), end=False)).gets_one(Reject)
    assert (refusal.status, refusal.details) == (503, "extproc_overloaded")
    assert dict(refusal.headers)["retry-after"] == b"1"
    told = json.loads(refusal.body)
    assert told["error"]["message"] == "The gateway has too much to do; try again."
    assert ("type" in told) == (path == MESSAGES)
    assert late.leaves().reason == "overloaded"
    for envoy in envoys:
        envoy.leaves()
    assert shared.held == 0


def test_an_innocent_request_goes_on_while_others_hold_all_the_room() -> None:
    shared = Shared()
    full(shared)
    envoy = opened(shared)
    body = json.dumps({"model": "plain", "messages": []}).encode()
    envoy.sends(request_body(body[:5], end=False)).gets_nothing()
    headers, *_ = envoy.sends(request_body(body[5:])).effects
    assert isinstance(headers, Proceed)


def test_room_is_given_back_when_a_body_goes_on_is_refused_or_its_client_leaves() -> None:
    shared = Shared()
    body = json.dumps({"model": "plain", "messages": [], "x": "y" * OPENED_BYTES}).encode()
    going = opened(shared)
    going.sends(request_body(body[:-1], end=False)).gets_nothing()
    order = going.sends(request_body(body[-1:])).gets_one(Inspect)
    assert shared.held == len(body), "it is held while it is worked on"
    going.sends(Inspected(order.ticket, order.work.run()))  # type: ignore[union-attr]
    assert shared.held == 0

    refused = opened(shared)
    refused.sends(request_body(PIECE, end=False)).gets_nothing()
    refused.sends(request_body(b"[]]")).gets_one(Reject)
    refused.leaves()
    assert shared.held == 0

    gone = opened(shared)
    gone.sends(request_body(PIECE, end=False)).gets_nothing()
    assert shared.held == len(PIECE)
    gone.leaves()
    assert shared.held == 0


def test_responses_are_held_in_the_same_room() -> None:
    shared = Shared()
    envoy = opened(shared)
    envoy.sends(request_body(json.dumps({"model": "plain", "messages": []}).encode()))
    envoy.sends(response_headers(200, JSON)).gets_nothing()
    envoy.sends(response_body(PIECE, end=False)).gets_nothing()
    assert shared.held == len(PIECE)
    late = opened(shared)
    late.sends(request_body(PIECE, end=False)).gets_nothing()
    refusal = envoy.sends(response_body(b"  x", end=False)).gets_one(Reject)
    assert refusal.status == 503
    envoy.leaves()
    late.leaves()
    assert shared.held == 0


def test_one_largest_body_has_room_whatever_the_policy_says() -> None:
    limits = plan("limits: {request_body: 3MiB, held_bodies: 1KiB}").limits
    assert limits.held == 3 * MIB
    assert plan().limits.held == 256 * MIB


# -- streams


SSE = ("content-type", b"text/event-stream")


def event(text: str) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return b"data: %b\n\n" % json.dumps(delta).encode()


COSTLY = event("jane.doe@example.com " * 300 + "jane")


def streaming(shared: Shared, path: str = CHAT) -> Playbook:
    """An exchange whose response is an event stream, which is masked."""
    envoy = opened(shared, path)
    envoy.sends(request_body(json.dumps({"model": "plain", "messages": []}).encode()))
    envoy.sends(response_headers(200, SSE)).gets_one(Proceed)
    return envoy


def crowded_out(envoy: Playbook, effects: Sequence[Effect]) -> None:
    """The stream has ended with an error in the client's dialect, and what still comes is dropped."""
    (end,) = effects
    assert isinstance(end, Chunk)
    assert end.end
    assert json.loads(end.data.split(b"data: ")[1])["error"]["code"] == "overloaded"
    envoy.sends(response_body(b"more", end=False)).gets_nothing()
    record = logged(envoy.leaves())
    assert (record["decision"], record["reason"]) == ("rejected", "overloaded")
    assert envoy.transaction.findings is not None


def test_what_waits_behind_a_piece_in_a_thread_is_held() -> None:
    shared = Shared()
    envoy = streaming(shared)
    order = envoy.sends(response_body(COSTLY, end=False)).gets_one(Inspect)
    assert shared.held == len(COSTLY)
    rest = b":" + b" " * (2 * MIB - len(COSTLY) - 3) + b"\n\n"
    envoy.sends(response_body(rest, end=False)).gets_nothing()
    assert shared.held == 2 * MIB, "just the limit"
    order = envoy.sends(Inspected(order.ticket, order.work.run())).gets_one(Inspect)  # type: ignore[union-attr]
    assert shared.held == 2 * MIB, "its last number is not decided, so that it waits as a whole"
    envoy.sends(Inspected(order.ticket, order.work.run()))  # type: ignore[union-attr]
    assert shared.held == 0


def test_a_stream_ends_that_has_more_waiting_behind_a_thread_than_there_is_room_for() -> None:
    shared = Shared()
    envoy = streaming(shared)
    order = envoy.sends(response_body(COSTLY, end=False)).gets_one(Inspect)
    envoy.sends(response_body(b":" * (2 * MIB - len(COSTLY)), end=False)).gets_nothing()
    effects = envoy.sends(response_body(b":", end=False)).effects
    with pytest.raises(SpentError):
        order.work.run()  # type: ignore[union-attr]
    assert shared.held == 0
    envoy.sends(Failed(order.ticket, "error")).gets_nothing()
    crowded_out(envoy, effects)


def test_an_event_that_has_not_ended_is_held_and_ends_its_stream_where_there_is_no_room() -> None:
    shared = Shared()
    envoy = streaming(shared)
    order = envoy.sends(response_body(b": " + PIECE, end=False)).gets_one(Inspect)
    envoy.sends(Inspected(order.ticket, order.work.run())).gets_nothing()  # type: ignore[union-attr]
    assert shared.held == len(PIECE) + 2
    envoy.sends(response_body(b" " * (2 * MIB - shared.held), end=False)).gets_nothing()
    assert shared.held == 2 * MIB, "just the limit"
    effects = envoy.sends(response_body(b" ", end=False)).effects
    assert shared.held == 0
    crowded_out(envoy, effects)


def test_events_that_wait_for_a_text_are_held() -> None:
    shared = Shared()
    policy = plan(LIMITS.replace("use: pii, kinds: [email], action: mask", "use: secrets, action: mask"))
    envoy = Playbook(policy, request=DUPLEX, response=DUPLEX)
    envoy.transaction = Transaction(policy, shared, 0.0)
    envoy.sends(request_headers(CHAT, JSON))
    envoy.sends(request_body(json.dumps({"model": "plain", "messages": []}).encode()))
    envoy.sends(response_headers(200, SSE))
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n" * 8
    for at in range(0, len(key), 10):
        envoy.sends(response_body(event(key[at : at + 10]), end=False))
    assert shared.held > 9 * len(event("x" * 10))
    envoy.leaves()
    assert shared.held == 0


def test_a_small_stream_finds_room_always() -> None:
    shared = Shared()
    shared.held = 2 * MIB
    envoy = streaming(shared)
    order = envoy.sends(response_body(COSTLY, end=False)).gets_one(Inspect)
    envoy.sends(response_body(b":" * (SMALL_BYTES - len(COSTLY)), end=False)).gets_nothing()
    (end,) = envoy.sends(response_body(b":", end=False)).effects
    assert isinstance(end, Chunk)
    assert end.end
    assert order.work is not None
    envoy.leaves()
    assert shared.held == 2 * MIB
