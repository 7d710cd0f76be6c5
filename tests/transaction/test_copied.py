"""Copies for mirrors: which requests are copied, what the filter makes of a copy, and what it refuses."""

import gzip
import json
from typing import Any, Final

from extproc.apis.seals.tag import SealTag
from extproc.policy import loads
from extproc.protocol.effects import HeaderMutation, Phase, Proceed, Reject
from extproc.protocol.headers import Field, HeaderMap
from extproc.protocol.messages import Body, Headers, Side, StreamClosed
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.protocol.record import AttemptRecord, Record
from extproc.testing.playbook import REQUEST_ID, Playbook, request_body, request_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.upstream.copied import CopiedRequest
from extproc.transaction.upstream.copies import COPY_HEADER, MIRROR_HEADER
from tests.gathered import gathered

POLICY: Final = """\
version: 1
backends:
  - {name: one, url: "http://127.0.0.1:1/one/v1", api: openai, region: eu, credential: {bearer: {env: ONE}}}
  - name: two
    url: "http://127.0.0.1:2/v1"
    api: openai
    region: us
    credential: {header: x-two-key, env: TWO}
    models: [{name: small, context_tokens: 50, features: []}]
  - {name: three, url: "http://127.0.0.1:3/v1", api: openai}
models:
  - {name: chat, targets: [{backend: one, model: first}], mirror: {to: {backend: two, model: other}, share: 100%}}
  - {name: part, targets: [{backend: one}], mirror: {to: {backend: two}, share: 30%}}
  - {name: little, targets: [{backend: one}], mirror: {to: {backend: two, model: small}, share: 100%}}
  - {name: local, targets: [{backend: one}], mirror: {to: {backend: two}, share: 100%}}
residency: [{name: at-home, when: 'model == "local"', regions: [eu]}]
"""
SECRETS: Final = {"one": b"planted-key-one", "two": b"planted-key-two"}
CHAT: Final = "/v1/chat/completions"
BUFFERED: Final = ProtocolConfig(BodyMode.BUFFERED)
PLAN: Final = Plan.compile(loads(POLICY, "policy.yaml"), SECRETS)


def asked(
    model: str, shared: Shared | None = None, *fields: Field, known: bool = True, path: str = CHAT, **more: Any
) -> tuple[Proceed, Record]:
    """What Envoy is told of a request, and its record."""
    body = json.dumps({"model": model, **more}).encode()
    if ("content-encoding", b"gzip") in fields:
        body = gzip.compress(body)
    with Playbook(PLAN, shared, configuration=PLAN.fingerprint if known else b"") as envoy:
        envoy.sends(request_headers(path, *fields))
        told = envoy.sends(request_body(body)).gets_one(Proceed)
        record = envoy.sends(StreamClosed()).gets_one(Record)
    return told, record


def copied(told: Proceed) -> str | None:
    """What the route writes into the copy; None if there is none."""
    assert isinstance(told.headers, HeaderMutation)
    assert told.metadata is not None
    state = told.metadata["extproc"].get("copy")
    assert (MIRROR_HEADER in dict(told.headers.sets)) == (state is not None)
    return None if state is None else str(state)


def test_a_request_that_is_drawn_is_copied_and_the_record_has_the_mirror() -> None:
    told, record = asked("chat", path=f"{CHAT}?x=1&key=AIza-secret")
    assert copied(told) == f"{PLAN.digest} 0 {CHAT}?x=1"
    assert (record.mirror, record.unmirrored, record.backend) == ("two", None, "one")


def test_a_share_is_exact_and_the_same_under_a_seed() -> None:
    rows = []
    for _ in range(2):
        shared = Shared(0.25)
        rows.append([copied(asked("part", shared)[0]) is not None for _ in range(100)])
    assert rows[0] == rows[1]
    assert 28 <= sum(rows[0]) <= 32


TOOLS: Final = [{"type": "function", "function": {"name": "f"}}]
LONG: Final = [{"role": "user", "content": "many words " * 100}]


@gathered(
    ("model", "more", "why"),
    [
        ("local", {}, "residency"),
        ("little", {"tools": TOOLS, "max_tokens": 5}, "feature"),
        ("little", {"messages": LONG, "max_tokens": 5}, "context"),
        ("chat", {"known": False}, "envoy"),
        ("chat", {"path": CHAT + "?x=\u00e9"}, "form"),
    ],
)
def test_what_may_not_be_copied_is_not_and_the_record_says_why(model: str, more: dict[str, Any], why: str) -> None:
    told, record = asked(model, None, **more)
    assert copied(told) is None
    assert (record.mirror, record.unmirrored, record.backend) == (None, why, "one")


def test_a_mirror_that_is_down_gets_none_and_a_coded_body_is_not_copied() -> None:
    shared = Shared()
    for _ in range(PLAN.health.failures):
        shared.health.failed("two", "", 0.0, PLAN.health, "failing")
    _, record = asked("chat", shared)
    assert (record.mirror, record.unmirrored) == (None, "down")
    _, record = asked("chat", None, ("content-encoding", b"gzip"))
    assert (record.mirror, record.unmirrored) == (None, "form")


def test_what_only_one_provider_can_read_is_not_copied_also_if_the_mirror_is_the_only_other_one() -> None:
    text = "\n".join(each for each in POLICY.splitlines() if "three" not in each)
    own = Plan.compile(loads(text, "policy.yaml"), SECRETS)
    for sealed in ({"previous_response_id": f"resp_1_{SealTag.of('one').text}"}, {"previous_response_id": "resp_1"}):
        body = json.dumps({"model": "chat", "input": "x", **sealed}).encode()
        with Playbook(own, configuration=own.fingerprint) as envoy:
            envoy.sends(request_headers("/v1/responses"))
            told = envoy.sends(request_body(body)).gets_one(Proceed)
            record = envoy.sends(StreamClosed()).gets_one(Record)
        assert copied(told) is None
        assert (record.unmirrored, record.backend) == ("sealed", "one")


def copy(*states: str, backend: str = "two", config: ProtocolConfig = BUFFERED, mark: bytes = b"") -> tuple[Any, ...]:
    """What becomes of a copy: the answers to its headers and body, and its record."""
    made = CopiedRequest(PLAN, 0.0, mark or PLAN.fingerprint + b"+" + backend.encode())
    named = {
        ":method": b"POST",
        ":path": b"/one/v1/chat/completions?x=1",
        ":authority": b"127.0.0.1:1",
        "authorization": b"Bearer planted-key-one",
        "x-team-token": b"client-token",
        "x-request-id": REQUEST_ID,
    }
    fields = HeaderMap([*named.items(), *((COPY_HEADER, each.encode()) for each in states)])
    effects = [made.receive(Headers(Side.REQUEST, fields, False, {}, config), 0.0)]
    effects.append(made.receive(Body(Side.REQUEST, b'{"model": "first", "seed": 1}', True), 0.0))
    (record,) = made.receive(StreamClosed(), 1.0)
    assert isinstance(record, AttemptRecord)
    assert record.copy
    return (*effects, record)


RIGHT: Final = f"{PLAN.digest} 0 {CHAT}?x=1"


def test_a_copy_is_made_fit_for_its_backend_and_keeps_nothing_of_another() -> None:
    (first,), (second,), record = copy(RIGHT)
    assert dict(first.headers.sets) == {
        ":path": f"{CHAT}?x=1".encode(),
        ":authority": b"127.0.0.1:2",
        "x-two-key": b"planted-key-two",
    }
    assert {"authorization", "x-api-key", "x-team-token", COPY_HEADER} <= set(first.headers.remove)
    assert (second.phase, second.body) == (Phase.BODY, b'{"model": "other", "seed": 1}')
    assert (record.decision, record.backend, record.request_bytes) == ("sent", "two", len(second.body))


@gathered(
    ("states", "more", "reason"),
    [
        ((), {}, "copy_unknown"),
        ((RIGHT, RIGHT), {}, "copy_unknown"),
        (("nonsense",), {}, "copy_unknown"),
        ((f"{PLAN.digest} 0 /elsewhere",), {}, "copy_unknown"),
        ((f"0123456789abcdef 0 {CHAT}",), {}, "copy_policy_changed"),
        ((f"{PLAN.digest} 9 {CHAT}",), {}, "copy_unplanned"),
        ((RIGHT,), {"backend": "three"}, "copy_unplanned"),
        ((RIGHT,), {"mark": b"3-0123456789abcdef+two"}, "misconfigured_configuration"),
        ((RIGHT,), {"config": ProtocolConfig(BodyMode.NONE)}, "misconfigured_request_body_mode"),
    ],
)
def test_a_copy_that_is_not_as_it_was_planned_ends(states: tuple[str, ...], more: dict[str, Any], reason: str) -> None:
    (first,), second, record = copy(*states, **more)
    assert isinstance(first, Reject)
    assert (second, record.decision, record.reason) == ((), "refused", reason)
