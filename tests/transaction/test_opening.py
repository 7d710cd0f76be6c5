"""Where a body is worked on: between two messages only what costs little, whatever its size; else in a thread."""

import base64
import gzip
import json
import random
from collections.abc import Sequence
from functools import cache

import pytest

from extproc.payload.encodings import codings as encodings
from extproc.pipe.pipe import TRIED_BYTES
from extproc.protocol.effects import Chunk, Effect, Inspect, Proceed, Reject
from extproc.protocol.messages import Failed, Inspected, Side
from extproc.protocol.meter import Meter, SpentError
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan
from extproc.transaction.requests.opened_body import Judged
from extproc.transaction.requests.opening import OPENED_BYTES, OUTLINED_BYTES, Opening
from extproc.transaction.responses.pending import INLINE_BYTES
from extproc.transaction.responses.recoding import RECODED_BYTES, RECODED_RATIO, Recoding
from extproc.transaction.responses.streaming import CHEAP_PIECES, StreamPiece
from extproc.transaction.responses.work import ResponseWork
from tests.transaction.plans import plan

CHAT = "/v1/chat/completions"
JSON = ("content-type", b"application/json")
SSE = ("content-type", b"text/event-stream")
DUPLEX = BodyMode.FULL_DUPLEX_STREAMED
ALL = """
pipelines:
  - name: p
    request: [{use: pii, action: mask}, {use: secrets, action: mask}]
    response: [{use: pii, action: mask}, {use: secrets, action: mask}]
"""
COUNTING = """
pipelines:
  - {name: p, request: [{use: pattern, regex: zzz, when: "tools > 0"}]}
"""
COSTLY = ("tokens=", "password=", "+14155552671 ", "4111 ", "token=1a", "123 ")


# Not while tests are collected: compiling all of `pii` and `secrets` takes two seconds.
@cache
def inspecting() -> Plan:
    return plan(ALL)


@cache
def counted() -> Plan:
    return plan(COUNTING)


@cache
def bare() -> Plan:
    return plan()


def said(text: str, model: str = "renamed") -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()


def repeated(text: str, size: int = INLINE_BYTES - 200) -> bytes:
    return said((text * (size // len(text) + 1))[:size])


def sent(envoy: Playbook, body: bytes, *coding: str) -> Sequence[Effect]:
    fields = (JSON, *(("content-encoding", each.encode()) for each in coding))
    envoy.sends(request_headers(CHAT, *fields))
    return envoy.sends(request_body(body)).effects


def handed(effects: Sequence[Effect]) -> Inspect:
    (order,) = effects
    assert isinstance(order, Inspect)
    return order


def done(envoy: Playbook, order: Inspect) -> Sequence[Effect]:
    return envoy.sends(Inspected(order.ticket, order.work.run())).effects  # type: ignore[union-attr]


def onward(effects: Sequence[Effect]) -> bytes:
    (effect,) = (each for each in effects if isinstance(each, Proceed) and each.body is not None)
    assert effect.body is not None
    return effect.body


# -- what is costly though small


@pytest.mark.parametrize("text", COSTLY)
def test_a_small_body_that_is_costly_is_judged_elsewhere(text: str) -> None:
    body = repeated(text)
    assert len(body) <= INLINE_BYTES
    with Playbook(inspecting()) as envoy:
        order = handed(sent(envoy, body))
        assert isinstance(order.work, Opening)
        assert not order.work.large
        (effect,) = done(envoy, order)
        assert isinstance(effect, Proceed)


def test_a_small_body_of_prose_is_judged_at_once() -> None:
    with Playbook(inspecting()) as envoy:
        (effect,) = sent(envoy, repeated("The quick brown fox jumps over the lazy dog. "))
        assert isinstance(effect, Proceed)


@pytest.mark.parametrize("text", COSTLY)
def test_a_response_that_is_costly_is_judged_elsewhere(text: str) -> None:
    whole = json.dumps({"choices": [{"message": {"content": (text * INLINE_BYTES)[: INLINE_BYTES - 200]}}]}).encode()
    with Playbook(inspecting(), response=DUPLEX) as envoy:
        sent(envoy, said("x"))
        envoy.sends(response_headers(200, JSON)).gets_nothing()
        order = handed(envoy.sends(response_body(whole)).effects)
        assert isinstance(order.work, ResponseWork)
        assert any(isinstance(each, Chunk) for each in done(envoy, order))


def test_work_is_called_large_by_its_size() -> None:
    with Playbook(inspecting()) as envoy:
        order = handed(sent(envoy, repeated("x", 300 * 1024)))
        assert isinstance(order.work, Opening)
        assert order.work.large
        done(envoy, order)


# -- streams


def event(text: str) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return b"data: %b\n\n" % json.dumps(delta).encode()


SENTENCE = "Hello there, this is further on than any word that tells of a number may stand. "


def test_what_follows_a_costly_piece_of_a_stream_is_judged_elsewhere_until_it_is_cheap() -> None:
    costly = event("4111 " * (TRIED_BYTES // 5 - 40))
    assert len(costly) <= TRIED_BYTES
    with Playbook(inspecting(), request=DUPLEX, response=DUPLEX) as envoy:
        sent(envoy, said("x"))
        envoy.sends(response_headers(200, SSE))
        done(envoy, handed(envoy.sends(response_body(costly, end=False)).effects))
        for _ in range(CHEAP_PIECES):
            order = handed(envoy.sends(response_body(event(SENTENCE), end=False)).effects)
            assert isinstance(order.work, StreamPiece)
            done(envoy, order)
        effects = envoy.sends(response_body(event(SENTENCE), end=False)).effects
        assert not any(isinstance(each, Inspect) for each in effects)


def test_of_a_piece_the_events_before_a_costly_one_go_on_at_once_and_the_rest_is_judged_elsewhere() -> None:
    cheap, costly = event(SENTENCE), event("4111 " * (TRIED_BYTES // 10))
    with Playbook(inspecting(), request=DUPLEX, response=DUPLEX) as envoy:
        sent(envoy, said("x"))
        envoy.sends(response_headers(200, SSE))
        passed, order = envoy.sends(response_body(cheap * 3 + costly + cheap, end=False)).effects
        assert passed == Chunk(Side.RESPONSE, cheap * 3)
        assert isinstance(order, Inspect)
        assert isinstance(order.work, StreamPiece)
        assert order.work.data == costly + cheap
        (rest,) = done(envoy, order)
        assert isinstance(rest, Chunk)
        assert rest.data.startswith(b"data: ")


def test_a_piece_that_holds_several_events_that_take_long_together_is_parted_when_they_have() -> None:
    dense = event("+14155552671 " * 12)
    with Playbook(inspecting(), request=DUPLEX, response=DUPLEX) as envoy:
        sent(envoy, said("x"))
        envoy.sends(response_headers(200, SSE))
        *passed, order = envoy.sends(response_body(dense * 20, end=False)).effects
        assert isinstance(order, Inspect)
        assert isinstance(order.work, StreamPiece)
        assert passed, "what was judged goes on"
        assert 0 < len(order.work.data) < 20 * len(dense)
        assert order.work.data.startswith(b"data: "), "it was cut between events"


def test_a_piece_that_is_given_up_stops_its_stream() -> None:
    with Playbook(inspecting(), request=DUPLEX, response=DUPLEX) as envoy:
        sent(envoy, said("x"))
        envoy.sends(response_headers(200, SSE))
        order = handed(envoy.sends(response_body(event("4111 " * TRIED_BYTES), end=False)).effects)
        assert isinstance(order.work, StreamPiece)
        (end,) = envoy.sends(Failed(order.ticket, "timeout")).effects
        assert isinstance(end, Chunk)
        assert end.end
    with pytest.raises(SpentError):
        order.work.run()


def test_a_client_that_leaves_stops_the_work_on_its_stream() -> None:
    with Playbook(inspecting(), request=DUPLEX, response=DUPLEX) as envoy:
        sent(envoy, said("x"))
        envoy.sends(response_headers(200, SSE))
        order = handed(envoy.sends(response_body(event("4111 " * TRIED_BYTES), end=False)).effects)
        envoy.leaves()
    assert isinstance(order.work, StreamPiece)
    with pytest.raises(SpentError):
        order.work.run()


# -- reading and counting


@pytest.mark.parametrize("size", [OPENED_BYTES, OPENED_BYTES + 1])
def test_a_body_that_nobody_judges_is_read_at_once_up_to_a_size(size: int) -> None:
    body = said("x" * (size - len(said(""))))
    assert len(body) == size
    with Playbook(bare()) as envoy:
        effects = sent(envoy, body)
        if size > OPENED_BYTES:
            effects = done(envoy, handed(effects))
        assert json.loads(onward(effects))["model"] == "gpt-4o-mini"


@pytest.mark.parametrize("size", [OUTLINED_BYTES, OUTLINED_BYTES + 1])
def test_what_conditions_ask_of_a_large_body_is_found_out_elsewhere(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    outlined: list[int] = []

    def read_outline(body: bytes, *_: object, **__: object) -> None:
        outlined.append(len(body))

    monkeypatch.setattr("extproc.signals.view._outline", read_outline)
    body = said("x" * (size - len(said(""))))
    with Playbook(counted()) as envoy:
        order = handed(sent(envoy, body))
        assert outlined == ([size] if size <= OUTLINED_BYTES else [])
        done(envoy, order)
        assert outlined == [size]


def test_a_body_that_was_never_read_is_refused_with_a_time_to_try_again() -> None:
    for path, kind in ((CHAT, "error"), ("/v1/messages", "type")):
        with Playbook(bare()) as envoy:
            envoy.sends(request_headers(path, JSON))
            body = said("x" * OPENED_BYTES, "claude" if "messages" in path else "renamed")
            order = handed(envoy.sends(request_body(body)).effects)
            refusal = envoy.sends(Failed(order.ticket, "timeout")).gets_one(Reject)
        assert (refusal.status, refusal.details) == (503, "extproc_overloaded")
        assert dict(refusal.headers)["retry-after"] == b"1"
        assert kind in json.loads(refusal.body)


# -- encodings

CODINGS = [name for name in ("gzip", "deflate", "br", "zstd") if encodings._known(name)]
BOMB = gzip.compress(gzip.compress(gzip.compress(said("a" * (31 << 20)), mtime=0), mtime=0), mtime=0)


def test_a_chain_of_encodings_is_undone_elsewhere_and_refused_by_its_ratio() -> None:
    assert len(BOMB) < 400
    for policy in (bare(), inspecting()):
        with Playbook(policy) as envoy:
            order = handed(sent(envoy, BOMB, "gzip, gzip", "gzip"))
            (refusal,) = done(envoy, order)
            assert isinstance(refusal, Reject)
            assert refusal.status == 413
            assert "more than 256 times as large as its compressed form" in json.loads(refusal.body)["error"]["message"]


@pytest.mark.parametrize("size", [2 << 20, (2 << 20) + 1])
def test_the_ratio_of_a_body_is_bounded_by_the_policy(size: int) -> None:
    """At the limit and past it: four KiB of a body count as begun, and this one is smaller."""
    body = gzip.compress(said("a" * (size - len(said("")))), mtime=0)
    assert len(body) < encodings.PIECE
    with Playbook(plan("limits: {inflation_ratio: 512}")) as envoy:
        effects = sent(envoy, body, "gzip")
        while isinstance(effects[-1], Inspect):
            effects = done(envoy, effects[-1])
    refused = [each for each in effects if isinstance(each, Reject)]
    assert bool(refused) == (size > 512 * encodings.PIECE)
    assert all(b"more than 512 times as large" in each.body for each in refused)


def test_a_small_encoded_body_is_undone_at_once() -> None:
    with Playbook(inspecting()) as envoy:
        (effect,) = sent(envoy, gzip.compress(said("a@b.de")), "gzip")
        assert isinstance(effect, Proceed)
        assert effect.headers is not None
        assert "content-encoding" in effect.headers.remove


NOISE = base64.b64encode(random.Random(7).randbytes(RECODED_BYTES)).decode()
"""Text that hardly shrinks."""


@pytest.mark.parametrize("chain", [*((name,) for name in CODINGS), ("gzip", "deflate")], ids=",".join)
@pytest.mark.parametrize(("text", "again"), [(" " * (4 * RECODED_BYTES), True), (NOISE, False)], ids=["dense", "noise"])
def test_a_changed_body_that_grew_much_goes_on_encoded_again(chain: tuple[str, ...], text: str, again: bool) -> None:
    body = said(text)
    assert (len(body) > RECODED_RATIO * len(encodings.encode(body, chain))) == again
    with Playbook(bare()) as envoy:
        order = handed(sent(envoy, encodings.encode(body, chain), ",".join(chain)))
        effects = done(envoy, order)
        assert isinstance(effects[0], Inspect) == again
        if isinstance(effects[0], Inspect):
            assert isinstance(effects[0].work, Recoding)
            effects = done(envoy, effects[0])
    (effect,) = effects
    assert isinstance(effect, Proceed)
    assert effect.headers is not None
    assert ("content-encoding" in effect.headers.remove) != again
    plain = encodings.decode(onward(effects), chain, 1 << 30) if again else onward(effects)
    assert json.loads(plain)["model"] == "gpt-4o-mini"


def test_a_body_that_could_not_be_encoded_again_in_time_is_refused() -> None:
    body = gzip.compress(said(" " * (RECODED_BYTES * 4)))
    with Playbook(bare()) as envoy:
        (again,) = done(envoy, handed(sent(envoy, body, "gzip")))
        assert isinstance(again, Inspect)
        assert envoy.sends(Failed(again.ticket, "overloaded")).gets_one(Reject).status == 503


def test_the_work_changes_nothing_until_its_result_is_taken() -> None:
    with Playbook(inspecting()) as envoy:
        order = handed(sent(envoy, repeated("4111 ")))
        assert isinstance(order.work, Opening)
        with pytest.raises(SpentError):
            order.work.run(Meter(500))
        first, second = order.work.run(), order.work.run()
        assert first == second
        effects = envoy.sends(Inspected(order.ticket, second)).effects
        assert isinstance(effects[0], Proceed)


def test_no_rendering_of_work_shows_what_it_works_on() -> None:
    for policy in (bare(), inspecting()):
        with Playbook(policy) as envoy:
            order = handed(sent(envoy, repeated("planted ", OPENED_BYTES + 1)))
            assert isinstance(order.work, Opening)
            result = order.work.run()
            assert isinstance(result, Judged)
            assert "planted" not in repr((order, result, result.opened))
            envoy.sends(Inspected(order.ticket, result))


def test_a_side_that_waits_for_work_keeps_what_comes_meanwhile() -> None:
    with Playbook(inspecting(), request=DUPLEX, response=DUPLEX) as envoy:
        envoy.sends(request_headers(CHAT, JSON))
        order = handed(envoy.sends(request_body(repeated("4111 "))).effects)
        assert [each.side for each in done(envoy, order) if isinstance(each, Chunk)] == [Side.REQUEST]
