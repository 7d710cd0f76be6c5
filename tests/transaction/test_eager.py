"""`forward: eager`: a request goes on while guards judge it, and its response is held until they have spoken."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from extproc.ext import registered
from extproc.policy import PolicyError, drafted, loads
from extproc.protocol.effects import Chunk, Inspect, Proceed
from extproc.protocol.messages import Inspected, Message, Side
from extproc.protocol.modes import BodyMode
from extproc.server.compiling import prepared_policy
from extproc.testing.playbook import Playbook, response_body, response_headers, response_trailers
from extproc.transaction import Plan, Shared
from extproc.transaction.responses.pending import INLINE_BYTES
from tests.seams.playing import BASE, JSON, SSE, Played, answered, plan, said, streamed
from tests.seams.toys import TOYS

EAGER: Final = ", forward: eager"
GUARD: Final = "{use: toy-guard, words: [titan], timeout: 5s}"
MASKING: Final = "{use: pii, kinds: [email], action: mask}"
BOTH: Final = pytest.mark.parametrize("duplex", [False, True], ids=["buffered", "full-duplex"])
MAIL: Final = "a@b.de"


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    with registered(*TOYS):
        yield


@contextmanager
def eager(own: Plan, *, duplex: bool = False, known: bool = True, shared: Shared | None = None) -> Iterator[Played]:
    """An exchange by an Envoy that is configured for the plan, if it is `known`."""
    shared = shared or Shared()
    configuration = own.fingerprint if known else b""
    shared.overridden.add(configuration)
    mode = BodyMode.FULL_DUPLEX_STREAMED if duplex else BodyMode.BUFFERED
    with Playbook(own, shared, request=mode, response=mode, configuration=configuration) as envoy:
        yield Played(envoy)


def went_on(exchange: Played) -> bool:
    """True if the whole request has gone on."""
    sent = [each for each in exchange.effects if isinstance(each, Proceed | Chunk) and each.side is Side.REQUEST]
    return any(isinstance(each, Chunk) or each.phase.value == "body" for each in sent)


def held(exchange: Played) -> bool:
    """True if nothing of the response has gone on."""
    return not any(isinstance(each, Proceed | Chunk) and each.side is Side.RESPONSE for each in exchange.effects)


@BOTH
def test_a_request_goes_on_at_once_and_its_response_once_the_guard_has_spoken(duplex: bool) -> None:
    with eager(plan(GUARD, more=EAGER), duplex=duplex) as exchange:
        exchange.asks(said("hello"))
        assert went_on(exchange)
        assert list(exchange.orders) == ["toy-guard"]
        exchange._took(exchange._envoy.sends(response_headers(200, JSON)).effects)
        assert held(exchange)
        exchange.does("toy-guard")
        assert not held(exchange)
        assert exchange.refused is None
        exchange._took(exchange._envoy.sends(response_body(answered("hi"))).effects)
        record = exchange.record()
    assert record["decision"] == "allowed"
    assert "forwarded" not in record


@BOTH
def test_a_request_that_goes_on_unjudged_is_not_copied_for_a_mirror(duplex: bool) -> None:
    mirrored = BASE.replace("{backend: local}]", "{backend: local}], mirror: {to: {backend: local}, share: 100%}")
    for more, told in ((EAGER, (None, "unjudged")), ("", ("local", None))):
        text = f"{mirrored}  - {{name: p, request: [{GUARD}]{more}}}\n"
        with eager(Plan.compile(loads(text, "policy.yaml"), {}), duplex=duplex) as exchange:
            exchange.asks(said("hello"))
            exchange.does("toy-guard")
            record = exchange.record()
        assert (record.get("mirror"), record.get("unmirrored")) == told


@BOTH
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_block_comes_in_place_of_the_response_and_the_record_says_that_tokens_are_spent(
    duplex: bool, first: bool
) -> None:
    with eager(plan(GUARD, more=EAGER), duplex=duplex) as exchange:
        exchange.asks(said("titan"))
        assert went_on(exchange)
        if first:
            assert exchange.does("toy-guard").refused is None
        exchange._took(exchange._envoy.sends(response_headers(200, JSON)).effects)
        if not first:
            assert held(exchange)
            exchange.does("toy-guard")
        assert exchange.refused == 403
        record = exchange.record()
    assert (record["decision"], record["blocked_by"], record["forwarded"]) == ("blocked", "toy-guard", True)
    assert [(each["processor"], each["count"]) for each in record["findings"]] == [("toy-guard", 1)]


@BOTH
@pytest.mark.parametrize(("word", "status"), [("block", 503), ("allow", None)])
def test_a_guard_that_fails_does_what_on_failure_says(duplex: bool, word: str, status: int | None) -> None:
    failing = f"{{use: toy-guard, on_failure: {word}}}"
    with eager(plan(failing, more=EAGER), duplex=duplex) as exchange:
        exchange.asks(said("hello"))._took(exchange._envoy.sends(response_headers(200, JSON, end=True)).effects)
        assert held(exchange)
        assert exchange.fails("toy-guard").refused == status
        record = exchange.record()
    assert record["failures"] == [{"processor": "toy-guard", "reason": "timeout", "allowed": word == "allow"}]
    assert record.get("forwarded", False) is (word == "block")


@BOTH
def test_rules_mask_before_the_request_goes_on_and_their_findings_count_once(duplex: bool) -> None:
    with eager(plan(f"{MASKING}, {GUARD}", more=EAGER), duplex=duplex) as exchange:
        body = said(f"to {MAIL}")
        exchange.asks(body)
        assert json.loads(exchange.body(Side.REQUEST, body))["messages"][0]["content"] == "to [EMAIL_1]"
        exchange._took(exchange._envoy.sends(response_headers(200, JSON, end=True)).effects).does("toy-guard")
        record = exchange.record()
    assert [(each["processor"], each["count"]) for each in record["findings"]] == [("pii", 1)]
    assert record["masked"]


def test_what_rules_block_goes_nowhere() -> None:
    with eager(plan(f"{{use: pii, kinds: [email], action: block}}, {GUARD}", more=EAGER)) as exchange:
        exchange.asks(said(f"to {MAIL}"))
        assert exchange.orders == {}
        assert exchange.refused == 403
        assert "forwarded" not in exchange.record()


def test_the_first_block_ends_the_wait_for_the_others() -> None:
    own = plan(f"{GUARD}, {{use: toy-guard, name: second, words: [titan]}}", more=EAGER)
    with eager(own) as exchange:
        exchange.asks(said("titan"))._took(exchange._envoy.sends(response_headers(200, JSON)).effects)
        exchange.does("second")
        assert (exchange.refused, exchange.withdrawn) == (403, ["toy-guard"])


def test_all_guards_are_waited_for_if_none_blocks() -> None:
    own = plan(f"{GUARD}, {{use: toy-guard, name: second}}, {{use: toy-guard, name: third, mode: shadow}}", more=EAGER)
    with eager(own) as exchange:
        exchange.asks(said("hello"))._took(exchange._envoy.sends(response_headers(200, JSON, end=True)).effects)
        for name in ("third", "toy-guard"):
            assert held(exchange.does(name))
        assert not held(exchange.does("second"))


def test_an_envoy_that_is_not_configured_for_the_policy_has_the_request_wait() -> None:
    with eager(plan(GUARD, more=EAGER), known=False) as exchange:
        exchange.asks(said("titan"))
        assert not went_on(exchange)
        assert exchange.does("toy-guard").refused == 403
        assert "forwarded" not in exchange.record()


LARGE: Final = "word " * (INLINE_BYTES // 5 + 1)


@BOTH
@pytest.mark.parametrize(("text", "at_once"), [(LARGE, True), (LARGE + MAIL, False)], ids=["plain", "masked"])
def test_a_large_body_goes_on_once_its_rules_were_heard_unless_something_in_it_is_masked(
    duplex: bool, text: str, at_once: bool
) -> None:
    with eager(plan(f"{MASKING}, {GUARD}", more=EAGER), duplex=duplex) as exchange:
        exchange.asks(said(text))
        assert not went_on(exchange)
        exchange.does("p")
        assert went_on(exchange) is at_once
        exchange.does("toy-guard")
        if not at_once:
            exchange.does("p")
        assert went_on(exchange)


@pytest.mark.parametrize("pieces", [1, 3])
def test_pieces_of_a_response_that_come_meanwhile_wait_in_their_order(pieces: int) -> None:
    own = plan(GUARD, MASKING, more=EAGER)
    body = streamed("to a@", "b.de now")
    with eager(own, duplex=True) as exchange:
        exchange.asks(said("hello", stream=True))
        exchange._took(exchange._envoy.sends(response_headers(200, SSE)).effects)
        size = -(-len(body) // pieces)
        for at in range(0, len(body), size):
            last = at + size >= len(body)
            exchange._took(exchange._envoy.sends(response_body(body[at : at + size], end=last)).effects)
        assert held(exchange)
        exchange.does("toy-guard")
        sent = exchange.body(Side.RESPONSE, body)
    assert b"[EMAIL_1]" in sent
    assert b"b.de" not in sent


@BOTH
@pytest.mark.parametrize("text", ["hello", "titan"])
def test_trailers_and_a_response_without_a_body_wait_in_their_order_too(duplex: bool, text: str) -> None:
    bare: list[Message] = [response_headers(204, JSON, end=True)]
    whole: list[Message] = [
        response_headers(200, JSON),
        response_body(answered("fine"), end=False),
        response_trailers(),
    ]
    for messages in (bare, whole):
        with eager(plan(GUARD, more=EAGER), duplex=duplex) as exchange:
            exchange.asks(said(text)).effects.clear()
            for each in messages:
                exchange._took(exchange._envoy.sends(each).effects)
            assert held(exchange)
            exchange.does("toy-guard")
            assert exchange.refused == (403 if text == "titan" else None)
            assert held(exchange) == (text == "titan")


def test_what_a_scorer_came_to_is_recorded_although_the_request_had_gone_on() -> None:
    with eager(plan("{use: shouting, action: report}", more=EAGER)) as exchange:
        exchange.asks(said("hello")).does("shouting")
        (score,) = exchange.record()["scores"]
    assert score["processor"] == "shouting"


def test_what_waits_of_a_response_is_bounded() -> None:
    shared = Shared()
    with eager(plan(GUARD, more=EAGER), duplex=True, shared=shared) as exchange:
        exchange.asks(said("hello"))._took(exchange._envoy.sends(response_headers(200, SSE)).effects)
        shared.held = exchange._envoy.transaction._plan.limits.held
        exchange._took(exchange._envoy.sends(response_body(b"x" * 70_000, end=False)).effects)
        assert exchange.refused == 503
        exchange.withdrawn.clear()
    shared.held = 0


def test_the_client_may_leave_meanwhile() -> None:
    shared = Shared()
    with eager(plan(GUARD, more=EAGER), duplex=True, shared=shared) as exchange:
        exchange.asks(said("titan"))._took(exchange._envoy.sends(response_headers(200, SSE)).effects)
        exchange._took(exchange._envoy.sends(response_body(b"x" * 70_000, end=False)).effects)
        order = exchange.orders["toy-guard"]
        record = exchange.record()
        assert exchange._envoy.transaction.receive(Inspected(order.ticket, None), 1.0) == ()  # type: ignore[arg-type]
    assert record["blocked_by"] is None if "blocked_by" in record else True
    assert shared.held == 0


def problem(request: str) -> Any:
    text = f"""\
version: 1
backends: [{{name: local, url: "http://127.0.0.1:9001/v1", api: openai}}]
models: [{{name: chat, targets: [{{backend: local}}]}}]
pipelines:
  - name: p
    forward: eager
    request: [{request}]
"""
    with pytest.raises(PolicyError) as caught:
        prepared_policy(drafted(text.encode(), "policy.yaml"), None)
    (found,) = caught.value.problems
    return found.path, found.message, found.line


@pytest.mark.parametrize(
    ("request_", "path", "message"),
    [
        ("{use: webhook, url: 'http://127.0.0.1:1'}", "[0].action", "gone on before webhook could mask it"),
        ("{use: toy-guard, action: mask}", "[0].action", "gone on before toy-guard could mask it"),
        ("{use: toy-guard, on_failure: pii}, {use: pii}", "[0].on_failure", "nobody can stand in for toy-guard"),
        (f"{GUARD}, {{use: pii, when: 'size(findings) > 0'}}", "[1].when", "cannot wait for findings"),
    ],
)
def test_what_would_come_too_late_is_refused_with_its_place(request_: str, path: str, message: str) -> None:
    where, said_, line = problem(request_)
    assert where == f"pipelines[0].request{path}"
    assert message in said_
    assert line == 7


def test_a_policy_that_forwards_eagerly_asks_envoy_for_response_headers() -> None:
    assert not plan(GUARD).needs.response_headers
    assert plan(GUARD, more=EAGER).needs.response_headers
    assert not plan(MASKING, more=EAGER).needs.response_headers
    assert plan(GUARD).fingerprint != plan(GUARD, more=EAGER).fingerprint


def test_orders_are_those_of_guards_that_wait() -> None:
    with eager(plan(GUARD, more=EAGER)) as exchange:
        exchange.asks(said("hello"))
        (order,) = exchange.orders.values()
        assert isinstance(order, Inspect)
        assert order.kind == "remote"
        exchange.does("toy-guard")
