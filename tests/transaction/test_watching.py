"""A pipeline that only watches: responses pass at once and as they came, and the record says what was seen of them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from extproc.protocol.effects import Chunk, Effect, Inspect, Phase, Proceed, Reject
from extproc.protocol.messages import Failed, Inspected, Side
from extproc.protocol.meter import SpentError
from extproc.protocol.modes import BodyMode, SendMode
from extproc.testing.playbook import (
    Playbook,
    request_body,
    request_headers,
    response_body,
    response_headers,
    response_trailers,
)
from extproc.transaction import Plan, Shared, Transaction
from extproc.transaction.answers import PASS_RESPONSE_BODY
from extproc.transaction.held import SMALL_BYTES
from extproc.transaction.responses.pending import INLINE_BYTES
from tests.records import logged
from tests.transaction.plans import plan

CHAT = "/v1/chat/completions"
JSON = ("content-type", b"application/json")
SSE = ("content-type", b"text/event-stream")
BUFFERED, DUPLEX = BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED
PROFILES = (BUFFERED, DUPLEX)
MIB = 1024 * 1024
EMAIL = "a@b.de"


def watching(step: str, more: str = "") -> Plan:
    steps = f"[{{{step}}}{more}]"
    ends = "unfinished_streams: pass"
    return plan(
        f"{ends}\nlimits: {{request_body: 1MiB, held_bodies: 2MiB}}\npipelines: [{{name: p, response: {steps}}}]"
    )


REPORTING = watching("use: pii, action: report")
SHADOW = watching("use: pii, action: block, mode: shadow")
WATCHING = pytest.mark.parametrize("policy", [REPORTING, SHADOW], ids=["report", "shadow"])
PROFILE = pytest.mark.parametrize("mode", PROFILES, ids=["buffered", "full-duplex"])


def answering(
    policy: Plan, mode: BodyMode, *fields: tuple[str, bytes], model: str = "plain", shared: Shared | None = None
) -> Playbook:
    """An exchange whose response's headers have been answered."""
    envoy = Playbook(policy, request=mode, response=mode)
    if shared is not None:
        envoy.transaction = Transaction(policy, shared, 0.0)
    envoy.sends(request_headers(CHAT, JSON))
    envoy.sends(request_body(json.dumps({"model": model, "messages": []}).encode()))
    headers = envoy.sends(response_headers(200, *fields)).gets_one(Proceed)
    assert headers.phase is Phase.HEADERS
    if mode is BUFFERED:
        assert headers.modes is not None
        assert (headers.modes.response_body, headers.modes.response_trailers) == (BodyMode.STREAMED, SendMode.SEND)
    return envoy


def passed(effects: Sequence[Effect], data: bytes, *, end: bool = False) -> None:
    """The piece went on as it came."""
    (effect,) = effects
    if isinstance(effect, Chunk):
        assert (effect.data, effect.end) == (data, end)
    else:
        assert (effect,) == PASS_RESPONSE_BODY


def event(text: str) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return b"data: %b\n\n" % json.dumps(delta).encode()


COSTLY = event("4111 " * 1500)


def told(envoy: Playbook) -> Any:
    """The record of the exchange, once its client has left."""
    return logged(envoy.leaves())


def finding(record: Mapping[str, Any], count: int = 1) -> None:
    (found,) = record["findings"]
    assert (found["kind"], found["count"]) == ("email", count)
    assert "blocked_by" not in record
    assert record["decision"] == "allowed"


@PROFILE
@WATCHING
def test_a_body_passes_piece_by_piece_and_is_judged_as_a_whole(policy: Plan, mode: BodyMode) -> None:
    body = json.dumps({"x": f"to {EMAIL}"}).encode()
    with answering(policy, mode, JSON) as envoy:
        passed(envoy.sends(response_body(body[:-8], end=False)).effects, body[:-8])
        passed(envoy.sends(response_body(body[-8:])).effects, body[-8:], end=True)
        finding(told(envoy))


@PROFILE
def test_only_the_end_of_a_body_waits_for_a_thread(mode: BodyMode) -> None:
    body = json.dumps({"x": f"to {EMAIL} " + "word " * (INLINE_BYTES // 4)}).encode()
    with answering(REPORTING, mode, JSON) as envoy:
        passed(envoy.sends(response_body(body[:-8], end=False)).effects, body[:-8])
        order = envoy.sends(response_body(body[-8:])).gets_one(Inspect)
        after = envoy.sends(Inspected(order.ticket, order.work.run())).effects  # type: ignore[union-attr]
        passed(after, body[-8:], end=True)
        finding(told(envoy))


@PROFILE
def test_the_piece_that_completes_a_length_waits_as_its_client_may_leave_then(mode: BodyMode) -> None:
    body = json.dumps({"x": f"to {EMAIL} " + "word " * (INLINE_BYTES // 4)}).encode()
    with answering(REPORTING, mode, JSON, ("content-length", b"%d" % len(body))) as envoy:
        passed(envoy.sends(response_body(body[:-8], end=False)).effects, body[:-8])
        order = envoy.sends(response_body(body[-8:], end=False)).gets_one(Inspect)
        envoy.sends(response_body(b"", end=True)).gets_nothing()
        last, end = envoy.sends(Inspected(order.ticket, order.work.run())).effects  # type: ignore[union-attr]
        passed([last], body[-8:])
        passed([end], b"", end=True)
        finding(told(envoy))


@PROFILE
@WATCHING
def test_a_body_that_is_too_large_passes_and_the_record_says_so(policy: Plan, mode: BodyMode) -> None:
    shared = Shared()
    piece = b" " * MIB
    with answering(policy, mode, JSON, shared=shared) as envoy:
        for number in range(40):
            passed(envoy.sends(response_body(piece, end=number == 39)).effects, piece, end=number == 39)
            assert shared.held <= 2 * MIB
        record = told(envoy)
    assert record["uninspected"] == [{"reason": "size", "count": 1}]
    assert (record["decision"], shared.held) == ("allowed", 0)


@PROFILE
def test_a_body_of_just_the_limit_is_judged(mode: BodyMode) -> None:
    body = json.dumps({"x": EMAIL}).encode()
    for size, over in ((2 * MIB, False), (2 * MIB + 1, True)):
        with answering(plan("pipelines: [{name: p, response: [{use: pii, action: report}]}]"), mode, JSON) as envoy:
            effects = envoy.sends(response_body(body + b" " * (size - len(body)))).effects
            for order in effects:
                if isinstance(order, Inspect):
                    envoy.sends(Inspected(order.ticket, order.work.run()))  # type: ignore[union-attr]
            record = told(envoy)
        assert ("uninspected" in record, "findings" in record) == (over, not over)


@PROFILE
def test_a_copy_for_which_there_is_no_room_is_judged_no_further(mode: BodyMode) -> None:
    shared = Shared()
    shared.held = 2 * MIB - SMALL_BYTES - 1
    for size, fits in ((SMALL_BYTES + 1, True), (SMALL_BYTES + 2, False)):
        with answering(REPORTING, mode, JSON, shared=shared) as envoy:
            passed(envoy.sends(response_body(b" " * size, end=False)).effects, b" " * size)
            passed(envoy.sends(response_body(b"", end=True)).effects, b"", end=True) if not fits else None
            record = told(envoy)
        failed = [{"processor": "p", "reason": "overloaded", "allowed": True}]
        assert record.get("failures", []) == ([] if fits else failed)
        assert record["decision"] == ("cut" if fits else "allowed")
    assert shared.held == 2 * MIB - SMALL_BYTES - 1


@PROFILE
@pytest.mark.parametrize("reason", ["timeout", "overloaded", "error"])
@WATCHING
def test_a_body_that_no_thread_judged_passes(policy: Plan, reason: str, mode: BodyMode) -> None:
    with answering(policy, mode, JSON) as envoy:
        *_, order = envoy.sends(response_body(b" " * (INLINE_BYTES + 1))).effects
        assert isinstance(order, Inspect)
        passed(envoy.sends(Failed(order.ticket, reason)).effects, b" " * (INLINE_BYTES + 1), end=True)
        record = told(envoy)
    assert record["failures"] == [{"processor": "pii", "reason": reason, "allowed": True}]
    assert record["decision"] == "allowed"


@PROFILE
def test_who_stands_in_judges_a_body_that_no_thread_did(mode: BodyMode) -> None:
    policy = watching("use: pii, action: report, on_failure: b", ", {use: pattern, name: b, regex: x, action: report}")
    with answering(policy, mode, JSON) as envoy:
        *_, order = envoy.sends(response_body(b'"x"' + b" " * INLINE_BYTES)).effects
        assert isinstance(order, Inspect)
        again = envoy.sends(Failed(order.ticket, "timeout")).gets_one(Inspect)
        work = again.work.run()  # type: ignore[union-attr]
        passed(envoy.sends(Inspected(again.ticket, work)).effects, b'"x"' + b" " * INLINE_BYTES, end=True)
        record = told(envoy)
    assert [each["processor"] for each in record["findings"]] == ["b"]


# -- streams


@PROFILE
@WATCHING
def test_a_stream_passes_while_pieces_of_it_are_judged_in_a_thread(policy: Plan, mode: BodyMode) -> None:
    shared = Shared()
    with answering(policy, mode, SSE, shared=shared) as envoy:
        passed(envoy.sends(response_body(event(f"to {EMAIL}, "), end=False)).effects, event(f"to {EMAIL}, "))
        *before, order = envoy.sends(response_body(COSTLY, end=False)).effects
        passed(before, COSTLY)
        assert isinstance(order, Inspect)
        later = event(f"and c{EMAIL} ")
        for _ in range(2):
            passed(envoy.sends(response_body(later, end=False)).effects, later)
        assert shared.held == len(COSTLY) + 2 * len(later)
        envoy.sends(response_body(b"data: [DONE]\n\n")).gets_nothing()
        rest = envoy.sends(Inspected(order.ticket, order.work.run())).gets_one(Inspect)  # type: ignore[union-attr]
        after = envoy.sends(Inspected(rest.ticket, rest.work.run())).effects  # type: ignore[union-attr]
        passed(after, b"data: [DONE]\n\n", end=True)
        record = told(envoy)
    found = {each["kind"]: each["count"] for each in record["findings"]}
    assert found["email"] == 3
    assert (record["decision"], shared.held) == ("allowed", 0)


@PROFILE
@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("reason", ["timeout", "overloaded", "error"])
@WATCHING
def test_a_stream_that_is_given_up_passes_untouched(policy: Plan, reason: str, ended: bool, mode: BodyMode) -> None:
    with answering(policy, mode, SSE) as envoy:
        envoy.sends(response_body(event(f"to {EMAIL}, "), end=False))
        order = envoy.sends(response_body(COSTLY, end=False)).effects[-1]
        assert isinstance(order, Inspect)
        if ended:
            envoy.sends(response_body(b"data: [DONE]\n\n"))
            passed(envoy.sends(Failed(order.ticket, reason)).effects, b"data: [DONE]\n\n", end=True)
        else:
            envoy.sends(Failed(order.ticket, reason)).gets_nothing()
            for data in (COSTLY, event("Hello. ")):
                passed(envoy.sends(response_body(data, end=False)).effects, data)
            passed(envoy.sends(response_body(b"x")).effects, b"x", end=True)
        record = told(envoy)
    assert record["failures"] == [{"processor": "p", "reason": reason, "allowed": True}]
    finding(record)


@PROFILE
def test_a_copy_of_a_stream_that_finds_no_room_behind_a_thread_is_judged_no_further(mode: BodyMode) -> None:
    shared = Shared()
    with answering(REPORTING, mode, SSE, shared=shared) as envoy:
        envoy.sends(response_body(COSTLY, end=False))
        rest = 2 * MIB - len(COSTLY)
        piece = b": " + b"x" * (rest - 4) + b"\n\n"
        passed(envoy.sends(response_body(piece, end=False)).effects, piece)
        assert shared.held == 2 * MIB
        passed(envoy.sends(response_body(b":", end=False)).effects, b":")
        assert shared.held == 0
        passed(envoy.sends(response_body(b"", end=True)).effects, b"", end=True)
        record = told(envoy)
    assert record["failures"] == [{"processor": "p", "reason": "overloaded", "allowed": True}]


@PROFILE
@pytest.mark.parametrize("kind", [JSON, SSE])
def test_trailers_end_what_is_watched(mode: BodyMode, kind: tuple[str, bytes]) -> None:
    data = json.dumps({"x": EMAIL}).encode() if kind is JSON else event(f"to {EMAIL} ")
    with answering(REPORTING, mode, kind) as envoy:
        passed(envoy.sends(response_body(data, end=False)).effects, data)
        trailers = envoy.sends(response_trailers(("x-y", b"z"))).gets_one(Proceed)
        assert trailers.phase is Phase.TRAILERS
        finding(told(envoy))


@PROFILE
def test_trailers_wait_for_the_verdict(mode: BodyMode) -> None:
    with answering(REPORTING, mode, SSE) as envoy:
        *_, order = envoy.sends(response_body(COSTLY, end=False)).effects
        assert isinstance(order, Inspect)
        envoy.sends(response_trailers()).gets_nothing()
        rest = envoy.sends(Inspected(order.ticket, order.work.run())).effects  # type: ignore[union-attr]
        (order,) = rest
        assert isinstance(order, Inspect)
        after = envoy.sends(Inspected(order.ticket, order.work.run()))  # type: ignore[union-attr]
        assert after.gets_one(Proceed).phase is Phase.TRAILERS


@PROFILE
def test_a_client_that_leaves_stops_the_work_on_the_copy_and_what_was_seen_is_told(mode: BodyMode) -> None:
    shared = Shared()
    envoy = answering(REPORTING, mode, SSE, shared=shared)
    envoy.sends(response_body(event(f"to {EMAIL}, "), end=False))
    order = envoy.sends(response_body(COSTLY, end=False)).effects[-1]
    assert isinstance(order, Inspect)
    record = told(envoy)
    assert [each["kind"] for each in record["findings"]] == ["email"]
    with pytest.raises(SpentError):
        order.work.run()  # type: ignore[union-attr]
    assert shared.held == 0


# -- what is not only watched


@PROFILE
def test_a_credential_of_ours_does_not_pass_in_what_is_watched(mode: BodyMode) -> None:
    with answering(REPORTING, mode, JSON, ("content-length", b"30"), model="renamed") as envoy:
        (effect,) = envoy.sends(response_body(b'{"key": "planted-hosted-key"}')).effects
        data = effect.data if isinstance(effect, Chunk) else effect.body if isinstance(effect, Proceed) else b""
        assert data == b'{"key": "[redacted]"}'


@PROFILE
def test_an_error_that_may_quote_a_credential_is_held_as_before(mode: BodyMode) -> None:
    with Playbook(REPORTING, request=mode, response=mode) as envoy:
        envoy.sends(request_headers(CHAT, JSON))
        envoy.sends(request_body(b'{"model": "renamed", "messages": []}'))
        effects = envoy.sends(response_headers(401, JSON)).effects
        assert all(isinstance(each, Proceed) and each.modes is None for each in effects)
        assert len(effects) == (mode is BUFFERED)
        body = envoy.sends(response_body(b'{"error": "planted-hosted-key"}')).effects
        assert not any(b"planted" in (each.data if isinstance(each, Chunk) else b"") for each in body)


@PROFILE
@pytest.mark.parametrize("refuses", ["on_oversize: block", "on_uninspected: block"])
def test_a_policy_that_refuses_what_cannot_be_judged_holds_it_until_it_is(mode: BodyMode, refuses: str) -> None:
    policy = plan(f"pipelines: [{{name: p, {refuses}, body_limit: 1KiB, response: [{{use: pii, action: report}}]}}]")
    with Playbook(policy, request=mode, response=mode) as envoy:
        envoy.sends(request_headers(CHAT, JSON))
        envoy.sends(request_body(b'{"model": "plain", "messages": []}'))
        envoy.sends(response_headers(200, JSON))
        effects = envoy.sends(response_body(b" " * 2000, end=True)).effects
        assert any(isinstance(each, Reject) for each in effects) == ("oversize" in refuses)
        assert not any(isinstance(each, Inspect) for each in effects)


def test_what_envoy_buffers_all_the_same_passes_too() -> None:
    # An Envoy that takes no override sends the body in one message, without an end mark where trailers follow.
    for end in (True, False):
        with answering(REPORTING, BUFFERED, JSON) as envoy:
            body = json.dumps({"x": EMAIL}).encode()
            passed(envoy.sends(response_body(body, end=end)).effects, body)
            if not end:
                assert envoy.sends(response_trailers()).gets_one(Proceed).side is Side.RESPONSE
            finding(told(envoy))
