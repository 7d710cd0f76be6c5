"""Who is calling: read from what Envoy vouches for, refused where it is not clear, and never taken from a body."""

import json
import math
from textwrap import dedent
from typing import Any

from msgspec.structs import replace

from extproc.explain.explanation import explain
from extproc.explain.lines import read_line
from extproc.policy import loads
from extproc.policy.tenants import MUTUAL, TENANT_MAX
from extproc.protocol.effects import Effect, Proceed, Reject
from extproc.protocol.headers import Field
from extproc.protocol.messages import StreamClosed
from extproc.protocol.record import Record
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan, Shared
from tests.gathered import gathered
from tests.records import logged
from tests.transaction.plans import POLICY, SECRETS, plan

CHAT = "/v1/chat/completions"
BODY = b'{"model":"plain","messages":[]}'
JWT = "envoy.filters.http.jwt_authn"
HEADER = "tenants: {from: {header: x-tenant-id}%s}"
CLAIM = "tenants: {from: {claim: %s, metadata: envoy.filters.http.jwt_authn}}"
RULES = """\
  - name: auto
    rules:
      - {name: eu, when: 'tenant.region == "eu"', to: [{backend: local}]}
      - {name: acme, when: 'tenant == "acme"', to: [{backend: open}]}
    targets: [{backend: hosted}]
  - name: timed
    rules: [{name: midnight, when: 'time.hour == 0 && time.weekday == 2', to: [{backend: local}]}]
    targets: [{backend: hosted}]
"""


def ruled(extra: str) -> Plan:
    """The policy with models that have rules."""
    return Plan.compile(loads(dedent(POLICY) + RULES + extra), SECRETS)


def sent(under: Plan, *fields: Field, path: str = CHAT, **more: Any) -> tuple[Effect, dict[str, Any]]:
    """The effect of a request, and its line of the log."""
    book = Playbook(under, now=5.0)
    headers = replace(request_headers(path, ("content-type", b"application/json"), *fields), **more)
    effects = book.sends(headers).effects
    if not isinstance(effects[0], Reject):
        effects = book.sends(request_body(BODY)).effects
    (record,) = book.sends(StreamClosed()).effects
    assert isinstance(record, Record)
    return effects[0], logged(record)


def tenant(line: dict[str, Any]) -> str:
    return str(line.get("tenant", ""))


def refused(effect: Effect) -> tuple[int, str]:
    assert isinstance(effect, Reject)
    return effect.status, json.loads(effect.body)["error"]["code"]


@gathered(
    ("values", "found"),
    [
        ([], ""),
        ([b""], ""),
        ([b"acme"], "acme"),
        (["größe".encode()], "größe"),
        ([b"x" * TENANT_MAX], "x" * TENANT_MAX),
    ],
)
def test_a_header_names_the_tenant_and_the_log_has_it(values: list[bytes], found: str) -> None:
    effect, line = sent(plan(HEADER % ""), *(("x-tenant-id", value) for value in values))
    assert isinstance(effect, Proceed)
    assert tenant(line) == found


@gathered(
    "values",
    [[b"a", b"b"], [b"a", b"a"], [b"", b"a"], [b"a,b"], [b"\xff"], [b"a\tb"], [b" a"], [b"x" * (TENANT_MAX + 1)]],
)
def test_a_header_that_does_not_name_one_tenant_is_refused(values: list[bytes]) -> None:
    effect, line = sent(plan(HEADER % ""), *(("x-tenant-id", value) for value in values))
    assert refused(effect) == (403, "tenant_unclear")
    assert tenant(line) == ""


@gathered(
    ("more", "name", "answer"),
    [
        (", required: true", b"", (401, "tenant_required")),
        (", known: {acme: {}}", b"other", (403, "tenant_unknown")),
        (", known: {acme: {}}, unknown: pass", b"other", None),
        (", known: {acme: {}}", b"acme", None),
        (", known: {acme: {}}", b"", None),
        (", known: {acme: {}}, required: true", b"", (401, "tenant_required")),
    ],
)
def test_who_is_not_to_be_served_is_refused(more: str, name: bytes, answer: tuple[int, str] | None) -> None:
    effect, _ = sent(plan(HEADER % more), *([("x-tenant-id", name)] if name else []))
    assert (refused(effect) if isinstance(effect, Reject) else None) == answer


def test_the_refusal_is_in_the_clients_words_and_the_list_of_models_is_refused_as_well() -> None:
    under = plan(HEADER % ", required: true")
    effect, _ = sent(under, ("anthropic-version", b"2023-06-01"), path="/v1/messages")
    assert isinstance(effect, Reject)
    assert json.loads(effect.body)["type"] == "error"
    listed = Playbook(under).sends(request_headers("/v1/models", method="GET", end=True)).gets_one(Reject)
    assert listed.status == 401


ORG = {"id": "o-1", "unit": 7.0}
PAYLOAD = {"sub": "acme", "org": ORG, "https://a.b/tenant": "dotted", "groups": ["a"], "ok": True}


@gathered(
    ("claim", "metadata", "found"),
    [
        ("sub", {"jwt_payload": PAYLOAD}, "acme"),
        ("sub", {"sub": "direct"}, "direct"),
        ("jwt_payload.sub", {"jwt_payload": PAYLOAD}, "acme"),
        ("org.id", {"jwt_payload": PAYLOAD}, "o-1"),
        ("org.unit", {"jwt_payload": PAYLOAD}, "7"),
        ('"https://a.b/tenant"', {"jwt_payload": PAYLOAD}, "dotted"),
        ("sub", {"one": {"sub": "acme"}, "two": {"sub": "acme"}}, "acme"),
        ("tid", {"jwt_payload": PAYLOAD}, ""),
        ("sub.id", {"jwt_payload": PAYLOAD}, ""),
        ("sub", {"jwt_payload": {"sub": None}}, ""),
        ("sub", None, ""),
        # no text, or not the same one
        ("sub", {"one": {"sub": "acme"}, "two": {"sub": "globex"}}, None),
        ("groups", {"jwt_payload": PAYLOAD}, None),
        ("ok", {"jwt_payload": PAYLOAD}, None),
        ("org", {"jwt_payload": PAYLOAD}, None),
        # numbers: doubles, of which each stands for one whole number below 2^53 alone
        ("sub", {"sub": 2.0**53 - 1}, "9007199254740991"),
        ("sub", {"sub": -7.0}, "-7"),
        ("sub", {"sub": 2.0**53}, None),
        ("sub", {"sub": -(2.0**53)}, None),
        ("sub", {"sub": 7.5}, None),
        ("sub", {"sub": math.inf}, None),
        ("sub", {"sub": math.nan}, None),
    ],
)
def test_a_claim_of_a_verified_token_names_the_tenant(claim: str, metadata: Any, found: str | None) -> None:
    forwarded = {} if metadata is None else {JWT: metadata, "other": {"sub": "spoofed"}}
    effect, line = sent(plan(CLAIM % claim), ("x-tenant-id", b"spoofed"), metadata=forwarded)
    if found is None:
        assert refused(effect) == (403, "tenant_unclear")
    else:
        assert tenant(line) == found


@gathered("identity", ["uri_san", "dns_san", "subject"])
def test_a_certificate_names_the_tenant(identity: str) -> None:
    name = f"connection.{identity}_peer_certificate"
    under = plan(f"tenants: {{from: {{identity: {identity}}}, required: true}}")
    effect, line = sent(under, attributes={MUTUAL: "true", name: "CN=a,O=acme"})
    assert (isinstance(effect, Proceed), tenant(line)) == (True, "CN=a,O=acme")
    assert refused(sent(under, attributes={MUTUAL: "false"})[0]) == (401, "tenant_required")


def test_an_envoy_that_does_not_show_what_tenants_are_read_from_is_refused() -> None:
    effect, line = sent(plan("tenants: {from: {identity: uri_san}}"))
    assert refused(effect) == (503, "misconfigured")
    assert MUTUAL in line["detail"]
    fields = [field for field in request_headers(CHAT).fields if field[0] != ":scheme"]
    book = Playbook(plan(HEADER % ""))
    headers = request_headers(CHAT)
    effect = book.sends(replace(headers, fields=type(headers.fields)(fields))).gets_one(Reject)
    assert refused(effect) == (503, "misconfigured")


@gathered(
    ("name", "rule", "backend"),
    [("acme", "eu", "local"), ("bolt", None, "hosted"), ("", None, "hosted"), ("us-acme", None, "hosted")],
)
def test_rules_ask_for_the_tenant_and_its_attributes(name: str, rule: str | None, backend: str) -> None:
    known = "tenants: {from: {header: x-tenant-id}, known: {acme: {region: eu}, bolt: {plan: gold}, us-acme: {}}}"
    policy = ruled(known)
    line = {"path": CHAT, "headers": {"x-tenant-id": name}, "body": {"model": "auto", "messages": []}}
    told = explain(policy, Shared(detailed=True), read_line(json.dumps(line).encode()))
    assert (told.rule, told.backend) == (rule, backend)
    assert told.signals["tenant"] == name
    assert told.signals.get("tenant.region") == ("eu" if name == "acme" else None)


INERT = """\
version: 1
backends: [{name: a, url: "https://a.example/v1", api: openai}]
unknown_models: pass
default_backend: route
"""


def test_what_a_tenant_may_ask_for_holds_where_envoys_routes_decide() -> None:
    limited = Plan.compile(loads(INERT + HEADER % ", models: {acme: [mine]}"), {})
    for tenant, model, status in [("acme", "mine", 200), ("acme", "other", 403), ("bolt", "other", 200)]:
        line = {"path": CHAT, "headers": {"x-tenant-id": tenant}, "body": {"model": model, "messages": []}}
        told = explain(limited, Shared(detailed=True), read_line(json.dumps(line).encode()))
        assert (told.status, told.backend) == (status, None), (tenant, model)


def test_a_model_without_a_price_is_refused_where_envoys_routes_decide() -> None:
    blocking = Plan.compile(loads(INERT + "prices: {unknown: block}"), {})
    line = {"path": CHAT, "body": {"model": "any", "messages": []}}
    told = explain(blocking, Shared(detailed=True), read_line(json.dumps(line).encode()))
    assert told.status == 403
    assert b"model_unpriced" in bytes(told.answer or b"")  # type: ignore[arg-type]


def test_a_pipeline_is_for_a_tenant() -> None:
    under = plan(
        HEADER % ""
        + "\npipelines:\n  - {name: acme, match: {tenant: acme}, request: [{use: pii, action: report}]}\n"
        + "  - {name: rest, request: [{use: secrets, action: report}]}"
    )
    names = {name: sent(under, ("x-tenant-id", name))[1]["pipeline"] for name in (b"acme", b"acme2", b"Acme")}
    assert names == {b"acme": "acme", b"acme2": "rest", b"Acme": "rest"}
    assert sent(under)[1]["pipeline"] == "rest"


def test_the_time_is_that_of_the_zone_and_of_the_request() -> None:
    under = ruled("time_zone: Europe/Berlin")
    asked = {"path": CHAT, "body": {"model": "timed", "messages": []}, "time": "2026-01-05T23:30:00Z"}
    shared = Shared(detailed=True, epoch=0.0)
    told = explain(under, shared, read_line(json.dumps(asked).encode()))
    assert (told.rule, told.signals["time"]) == ("midnight", {"hour": 0, "minute": 30, "weekday": 2})
    later = explain(under, shared, read_line(json.dumps(asked | {"time": "2026-01-06T23:30:00Z"}).encode()))
    assert later.rule is None
    assert shared.epoch == 0.0
