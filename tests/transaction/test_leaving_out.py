"""Failover of a request with sealed values: its maker's backends get them, and others go without, or nothing goes."""

import json
import random
from collections import Counter
from typing import Any, Final

import pytest

from extproc.apis.families.anthropic_sealed import SEALED
from extproc.apis.seals.tag import MARK
from extproc.protocol.effects import Inspect, Proceed, Reject
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Failed, Headers, Inspected, Side
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.testing.playbook import REQUEST_ID, Playbook, request_body, request_headers, response_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.upstream.attempt import Attempt
from extproc.transaction.upstream.attempts import NAMESPACE
from extproc.transaction.upstream.leaving_out import LeavingOut
from tests.gathered import gathered
from tests.records import logged
from tests.sealing import DIALECTS, PATHS, Dialect, SealingProvider
from tests.transaction.test_sealing import (
    BACKENDS,
    JSON,
    MAKERS,
    PLANS,
    REASONING,
    Client,
    Exchange,
    answered,
    check_own,
    compiled,
    down,
    sealed,
    tagged,
    thinking,
    worked,
)

PASSING: Final = compiled("sealed: {chat: all, unknown: pass}\n")


class Tried:
    """A request up to where it goes: `order` are the backends of its attempts, none if there is one attempt."""

    def __init__(self, body: dict[str, Any], dialect: Dialect, plan: Plan, shared: Shared | None = None) -> None:
        shared = shared or Shared()
        shared.overridden.add(plan.fingerprint)
        self.plan, self.dialect = plan, dialect
        self.raw = json.dumps(body).encode()
        self.envoy = Playbook(plan, shared, configuration=plan.fingerprint, request=BodyMode.BUFFERED)
        effects = worked(self.envoy, request_headers(PATHS[dialect], JSON)) + worked(self.envoy, request_body(self.raw))
        self.refused = any(isinstance(each, Reject) for each in effects)
        proceeds = [each for each in effects if isinstance(each, Proceed)]
        self.forwarded = next((each.body for each in proceeds if each.body is not None), self.raw)
        self.told = next((dict(each.metadata[NAMESPACE]) for each in proceeds if each.metadata is not None), {})
        self.order = [each.partition("\t")[0] for each in str(self.told.get("attempts", "")).splitlines()]

    def attempt(self, number: int, body: bytes | None = None, *, fails: bool = False) -> bytes | None:
        """What the backend of a later attempt gets, of the body that the first one got; None if that is refused.

        `fails`: no thread is free for it.
        """
        backend = self.order[number - 1]
        made = Attempt(self.plan, Shared(), 0.0, self.plan.fingerprint + b"/" + backend.encode())
        fields = HeaderMap(
            [(":method", b"POST"), (":path", PATHS[self.dialect].encode()), ("x-request-id", REQUEST_ID)]
        )
        attributes = {"upstream.request_attempt_count": str(number)}
        config = ProtocolConfig(BodyMode.BUFFERED)
        (opening,) = made.receive(Headers(Side.REQUEST, fields, False, attributes, config, {NAMESPACE: self.told}), 0.0)
        assert isinstance(opening, Proceed)
        sent = self.forwarded if body is None else body
        (rewritten,) = made.receive(Body(Side.REQUEST, sent, end=True), 0.0)
        if isinstance(rewritten, Inspect):
            answer = Failed(1, "overloaded") if fails else Inspected(1, rewritten.work.run())  # type: ignore[union-attr]
            (rewritten,) = made.receive(answer, 0.0)
        if isinstance(rewritten, Reject):
            return None
        assert isinstance(rewritten, Proceed)
        assert rewritten.headers is not None
        onward = sent if rewritten.body is None else rewritten.body
        assert dict(rewritten.headers.sets) == {"content-length": b"%d" % len(onward)}
        return onward

    def makers(self) -> list[str]:
        """The makers of the attempts, each once, in their order."""
        return list(dict.fromkeys(MAKERS[each] for each in self.order))


CONVERSATIONS: Final = 12
"""Random conversations in each dialect and under each policy, of six requests each."""


@gathered("dialect", DIALECTS)
@gathered("unknown", ["reject", "drop", "pass"])
def test_no_attempt_shows_a_provider_what_another_sealed(dialect: Dialect, unknown: str) -> None:
    plan, seen = {**PLANS, "pass": PASSING}[unknown], Counter[str]()
    for seed in range(CONVERSATIONS):
        draw = random.Random(f"{seed} {dialect} {unknown} attempts")
        providers = {maker: SealingProvider(maker) for maker in set(MAKERS.values())}
        client, every = Client(dialect, draw), BACKENDS["anthropic" if dialect == "messages" else "openai"]
        for _ in range(6):
            body = client.asks("auto", stream=False)
            shared = down(*[each for each in every if draw.random() < 0.2])
            tried = Tried(body, dialect, plan, shared)
            for number in range(2, len(tried.order) + 1):
                onward = tried.attempt(number)
                assert onward is not None
                maker = MAKERS[tried.order[number - 1]]
                check_own(onward, maker, providers)
                seen["without" if maker != MAKERS[tried.order[0]] and onward != tried.forwarded else "as it was"] += 1
            exchange = Exchange(body, dialect, plan, shared)
            if exchange.refused is not None:
                client.starts_anew()
                continue
            client.hears(answered(exchange, providers[MAKERS[str(exchange.to)]], draw, stream=False))
    assert min(seen["without"], seen["as it was"]) >= CONVERSATIONS // 2, seen


@gathered(
    ("dialect", "body", "order"),
    [
        ("responses", {"model": "auto", "input": REASONING}, ["north", "south"]),
        ("messages", thinking("cold", done=True), ["cold", "warm"]),
        ("messages", thinking("cold", done=False), []),  # a loop of tools, which needs its thinking
        ("responses", {"model": "auto", "input": REASONING, "previous_response_id": tagged("north", "resp_1")}, []),
    ],
)
def test_attempts_go_on_to_other_makers_if_all_may_be_left_out(
    dialect: Dialect, body: dict[str, Any], order: list[str]
) -> None:
    assert Tried({**body, "model": "auto"}, dialect, PLANS["reject"]).makers() == order


def test_the_maker_s_own_backends_come_first_and_get_what_it_sealed() -> None:
    reasoning = {**REASONING[1], "id": tagged("south", "rs_1"), "encrypted_content": sealed("south", "SEAL")}
    tried = Tried({"model": "auto", "input": [REASONING[0], reasoning]}, "responses", PLANS["reject"])
    assert tried.order == ["south", "south-two", "north"]
    assert tried.attempt(2) == tried.forwarded
    assert b"SEAL" in tried.forwarded
    assert MARK.encode() not in tried.forwarded
    assert json.loads(tried.attempt(3) or b"")["input"] == [REASONING[0]]


def test_what_nobody_knows_the_maker_of_keeps_a_request_from_others() -> None:
    unknown = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "SEAL2"}
    body = {"model": "auto", "input": [*REASONING, unknown]}
    assert Tried(body, "responses", PASSING).makers() == []
    assert Tried(body, "responses", PLANS["drop"]).makers() == ["north", "south"]


def test_of_a_policy_without_retries_the_plan_is_the_maker_s_alone() -> None:
    none = compiled("steering: {retries: none}\n")
    assert Tried({"model": "auto", "input": REASONING}, "responses", none).order == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": "auto", "previous_response_id": "resp_1", "input": "x"}'])
def test_an_attempt_whose_body_cannot_be_read_or_holds_more_is_refused(body: bytes) -> None:
    tried = Tried({"model": "auto", "input": REASONING}, "responses", PLANS["reject"])
    assert tried.attempt(2, body) is None


def test_an_attempt_that_no_thread_is_free_for_is_refused() -> None:
    tried = Tried({"model": "auto", "input": REASONING}, "responses", PLANS["reject"])
    assert tried.attempt(2, fails=True) is None


def test_of_an_api_that_says_nothing_of_sealed_values_nothing_goes_on() -> None:
    assert LeavingOut(b'{"model": "auto"}', None).run().body is None
    assert LeavingOut(b'{"model": "auto"}', SEALED).run().body == b'{"model": "auto"}'


def test_the_record_says_that_the_second_backend_did_without() -> None:
    tried = Tried({"model": "auto", "input": REASONING}, "responses", PLANS["reject"])
    second = tried.order[1]
    plain = response_headers(200, JSON, end=True)
    told = {**plain.attributes, "xds.cluster_name": f"{second}:retry", "upstream.request_attempt_count": "2"}
    worked(tried.envoy, Headers(Side.RESPONSE, plain.fields, True, told))
    line = logged(tried.envoy.leaves())
    assert (line["sealed"], line["tried"], line["backend"]) == ("dropped", ["north"], second)
    assert line["sealed_members"] == ["reasoning.id", "reasoning.encrypted_content", "function_call.id"]


def test_a_request_that_is_served_by_its_maker_is_pinned() -> None:
    tried = Tried({"model": "auto", "input": REASONING}, "responses", PLANS["reject"])
    worked(tried.envoy, response_headers(200, JSON, end=True))
    assert logged(tried.envoy.leaves())["sealed"] == "pinned"
