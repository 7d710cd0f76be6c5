"""Bodies that are held have a bound over all exchanges of a worker; past it a client is told to try again."""

import json

import pytest

from extproc.protocol.effects import Inspect, Proceed, Reject
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Inspected
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Shared, Transaction
from extproc.transaction.held import SMALL_BYTES, Held
from extproc.transaction.opening import OPENED_BYTES
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
    going.sends(Inspected(order.ticket, order.subject.run()))  # type: ignore[attr-defined]
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
