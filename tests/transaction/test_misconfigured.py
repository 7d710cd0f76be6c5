"""What an Envoy lacks that the policy needs: the exchange ends closed, and its record says which setting it is."""

from textwrap import dedent
from typing import Any

import msgspec
import pytest

from extproc.policy import loads
from extproc.protocol.effects import Chunk, HeaderMutation, Override, Proceed, Reject
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers, Message, Side, StreamClosed
from extproc.protocol.modes import BodyMode
from extproc.protocol.record import Record
from extproc.testing.playbook import (
    Playbook,
    request_body,
    request_headers,
    request_trailers,
    response_body,
    response_headers,
)
from extproc.transaction import Plan, Shared
from extproc.transaction.steering.misconfigured import WHATS
from extproc.transaction.transaction import PROOF_WITHIN
from tests.gathered import gathered
from tests.records import logged
from tests.transaction.plans import POLICY, SECRETS, UNCOUNTED

NONE, STREAMED, BUFFERED, PARTIAL, DUPLEX, _ = BodyMode
CHAT = "/v1/chat/completions"
ASK = b'{"model":"plain","messages":[{"role":"user","content":"hi"}]}'
JSON = ("content-type", b"application/json")
SSE = ("content-type", b"text/event-stream")
IBAN = "GB82WEST12345698765432"
STREAM = b'data: {"choices":[{"index":0,"delta":{"content":"say GB82WEST12345698765432 now"}}]}\n\ndata: [DONE]\n\n'


def compiled(pipelines: str = "", extra: str = "") -> Plan:
    text = dedent(POLICY) + UNCOUNTED + dedent(extra) + (f"pipelines:\n{dedent(pipelines)}" if pipelines else "")
    return Plan.compile(loads(text, "policy.yaml"), SECRETS)


READING = compiled("- {name: p, response: [{use: pii, kinds: [iban], action: mask}]}")
RESTORING = compiled("- {name: p, request: [{use: pii, kinds: [iban], action: mask, restore: true}]}")
REPORTING = compiled("- {name: p, response: [{use: pii, kinds: [iban], action: report}]}")
SHADOW = compiled("- {name: p, response: [{use: pii, kinds: [iban], action: mask, mode: shadow}]}")
PLAIN = compiled()


def refused(effect: Reject, envoy: Playbook, what: str) -> dict[str, Any]:
    """Holds a refusal and its record to what is promised; gives the record."""
    assert (effect.status, effect.details) == (503, f"extproc_misconfigured_{what}")
    assert b"misconfigured" in effect.body
    record = logged(envoy.leaves())
    assert (record["decision"], record["reason"], record["misconfigured"]) == ("failed", "misconfigured", what)
    assert record["detail"]
    return record


# -- the modes of responses

UNREADABLE = [
    (BUFFERED, NONE, False),
    (BUFFERED, STREAMED, False),
    (BUFFERED, PARTIAL, False),
    (DUPLEX, NONE, False),
    (DUPLEX, STREAMED, False),
    (DUPLEX, BUFFERED, False),  # no override for streams where a side is full duplex
    (STREAMED, BUFFERED, True),  # nor where bodies do not wait for headers
    (BUFFERED, BodyMode.GRPC, False),
]


@gathered("reading", [READING, RESTORING])
@gathered(("request_mode", "mode", "early"), UNREADABLE)
def test_a_request_goes_nowhere_whose_response_could_pass_unread(
    reading: Plan, request_mode: BodyMode, mode: BodyMode, early: bool
) -> None:
    with Playbook(reading, request=request_mode, response=mode, early=early) as envoy:
        effect = envoy.sends(request_headers(CHAT, JSON)).gets_one(Reject)
        record = refused(effect, envoy, "response_body_mode")
    assert record["uninspected"] == [{"reason": "misconfigured", "count": 1}]


@pytest.mark.parametrize(
    ("request_mode", "mode", "early"),
    [
        (BUFFERED, BUFFERED, False),
        (NONE, BUFFERED, False),
        (STREAMED, BUFFERED, False),
        (BUFFERED, DUPLEX, False),
        (DUPLEX, DUPLEX, False),
        (STREAMED, DUPLEX, True),
    ],
)
def test_a_request_is_let_on_where_envoy_hands_its_response_over(
    request_mode: BodyMode, mode: BodyMode, early: bool
) -> None:
    envoy = Playbook(READING, request=request_mode, response=mode, early=early)
    assert not any(isinstance(each, Reject) for each in envoy.sends(request_headers(CHAT, JSON)).effects)


@pytest.mark.parametrize("reporting", [REPORTING, SHADOW])
def test_what_stops_nothing_does_not_stop_for_a_mode_and_says_that_it_did_not_look(reporting: Plan) -> None:
    with Playbook(reporting, response=NONE) as envoy:
        envoy.sends(request_headers(CHAT, JSON))
        envoy.sends(request_body(ASK))
        assert envoy.sends(response_headers(200, JSON)).gets_one(Proceed).modes is None
        record = logged(envoy.leaves())
    assert (record["decision"], record["misconfigured"]) == ("allowed", "response_body_mode")
    assert record["uninspected"] == [{"reason": "misconfigured", "count": 1}]


def test_a_policy_that_reads_no_response_asks_for_none() -> None:
    with Playbook(PLAIN, response=NONE) as envoy:
        envoy.sends(request_headers(CHAT))
        envoy.sends(request_body(ASK)).gets_one(Proceed)
        assert "misconfigured" not in logged(envoy.leaves())


# -- overrides that Envoy may have ignored


def streaming(envoy: Playbook) -> None:
    """Brings an exchange to where its response begins, a stream."""
    envoy.sends(request_headers(CHAT, JSON))
    envoy.sends(request_body(ASK))
    modes = envoy.sends(response_headers(200, SSE)).gets_one(Proceed).modes
    assert modes is not None
    assert modes.response_body is DUPLEX


def test_the_first_chunk_of_a_stream_is_guarded_and_no_other() -> None:
    shared = Shared()
    with Playbook(READING, shared) as envoy:
        streaming(envoy)
        first = envoy.sends(response_body(STREAM, end=False)).gets_one(Chunk)
        assert first.guard
        assert IBAN.encode() not in first.data
        assert not envoy.sends(response_body(STREAM, end=False)).gets_one(Chunk).guard
        assert not envoy.sends(response_body(b"", end=True)).gets_one(Chunk).guard
        assert "misconfigured" not in logged(envoy.leaves())
    assert shared.overridden == {b""}


def test_the_guard_is_there_for_an_envoy_that_has_taken_overrides_before_too() -> None:
    shared = Shared()
    shared.overridden.add(b"")
    with Playbook(READING, shared) as envoy:
        streaming(envoy)
        only = envoy.sends(response_body(STREAM, end=True)).gets_one(Chunk)
        assert (only.guard, only.end) == (True, True)


def test_a_stream_in_one_message_waits_with_its_end_for_envoy_to_give_up() -> None:
    shared = Shared()
    with Playbook(READING, shared) as envoy:
        streaming(envoy)
        first = envoy.sends(response_body(STREAM, end=True)).gets_one(Chunk)
        assert (first.guard, first.end) == (True, False)
        assert envoy.waits(PROOF_WITHIN).gets_one(Chunk) == Chunk(Side.RESPONSE, b"", end=True)
        assert envoy.leaves().decision == "masked"
    assert shared.overridden == {b""}


def test_an_envoy_that_gives_up_at_the_guard_did_not_take_the_override() -> None:
    shared = Shared()
    with Playbook(READING, shared) as envoy:
        streaming(envoy)
        envoy.sends(response_body(STREAM, end=True))
        record = logged(envoy.leaves())
    assert (record["decision"], record["reason"]) == ("failed", "misconfigured")
    assert record["misconfigured"] == "mode_override"
    assert record["uninspected"] == [{"reason": "misconfigured", "count": 1}]
    assert shared.overridden == set()


def test_a_second_message_lets_the_end_go_that_was_held_back() -> None:
    blocking = compiled("- {name: p, response: [{use: pii, kinds: [iban], action: block}]}")
    with Playbook(blocking, Shared()) as envoy:
        streaming(envoy)
        assert not envoy.sends(response_body(STREAM, end=False)).gets_one(Chunk).end  # blocked: it ends by itself
        assert envoy.sends(response_body(STREAM, end=False)).gets_one(Chunk) == Chunk(Side.RESPONSE, b"", end=True)
        assert envoy.leaves().decision == "blocked"


def test_a_request_body_that_never_comes_after_an_override_is_told() -> None:
    with Playbook(PLAIN, Shared(), request=NONE) as envoy:
        envoy.sends(request_headers(CHAT)).gets_one(Override)
        assert envoy.leaves().misconfigured == "mode_override"
    shared = Shared()
    with Playbook(PLAIN, shared, request=NONE) as envoy:
        envoy.sends(request_headers(CHAT))
        envoy.sends(request_body(ASK, end=False)).gets_nothing()
        assert envoy.leaves().decision == "gone"
    with Playbook(PLAIN, shared, request=NONE) as envoy:
        envoy.sends(request_headers(CHAT))
        assert envoy.leaves().decision == "gone"  # this Envoy takes overrides: the client has left


def test_trailers_prove_an_override_as_a_body_does() -> None:
    shared = Shared()
    with Playbook(compiled(extra="request_trailers: pass"), shared, request=NONE) as envoy:
        envoy.sends(request_headers(CHAT))
        envoy.sends(request_trailers()).gets_one(Reject)
        assert "misconfigured" not in logged(envoy.leaves())


# -- what is not forwarded

TEAM = "- {name: p, match: {headers: {x-team: pay}}, request: [{use: pii, kinds: [email], action: block}]}"
WHEN = '- {name: p, request: [{use: pii, kinds: [email], action: block, when: \'headers["x-team"] == "pay"\'}]}'
ROUTE = "- {name: p, match: {route_name: pay}, request: [{use: pii, kinds: [email], action: block}]}"


def forwarded(*names: str, attributes: dict[str, str] | None = None) -> Headers:
    """Request headers of which an allow-list has left these names."""
    whole = request_headers(CHAT, JSON, ("x-team", b"pay"))
    fields = HeaderMap([(name, value) for name, value in whole.fields if name in names or name.startswith(":")])
    return Headers(Side.REQUEST, fields, attributes=attributes or {})


def without_scheme(message: Headers) -> Headers:
    fields = HeaderMap([(n, v) for n, v in message.fields if n not in {":scheme", ":authority"}])
    return Headers(message.side, fields, message.end, message.attributes)


@pytest.mark.parametrize("pipelines", [TEAM, WHEN])
def test_where_an_unknown_filter_picks_fields_no_condition_on_them_is_trusted(pipelines: str) -> None:
    plan = compiled(pipelines)
    with Playbook(plan) as envoy:
        refused(envoy.sends(without_scheme(forwarded("x-team"))).gets_one(Reject), envoy, "forward_rules")
    with Playbook(plan, configuration=plan.fingerprint) as envoy:  # the fingerprint says which fields come
        assert not envoy.sends(without_scheme(forwarded("x-team"))).gets_one(Proceed).clear_route
        envoy.leaves()
    with Playbook(plan) as envoy:  # no allow-list is in force
        envoy.sends(forwarded("x-team")).gets_one(Proceed)
        envoy.leaves()


def test_a_path_that_no_such_condition_is_for_needs_no_fields() -> None:
    plan = compiled("- {name: p, match: {path: /mcp, headers: {x-team: pay}}, request: [{use: secrets}]}")
    envoy = Playbook(plan)
    envoy.sends(without_scheme(forwarded())).gets_one(Proceed)


@pytest.mark.parametrize("known", [False, True])
def test_a_route_s_name_that_did_not_come_is_not_taken_for_another(known: bool) -> None:
    plan = compiled(ROUTE)
    with Playbook(plan, configuration=plan.fingerprint if known else b"") as envoy:
        refused(envoy.sends(request_headers(CHAT, JSON)).gets_one(Reject), envoy, "request_attributes")
    with Playbook(plan) as envoy:
        envoy.sends(forwarded("content-type", attributes={"xds.route_name": "other"})).gets_one(Proceed)
        envoy.leaves()


# -- the fingerprint


def test_an_envoy_with_another_fingerprint_gets_nothing_done_and_both_are_named() -> None:
    with Playbook(PLAIN, configuration=b"1-0123456789abcdef") as envoy:
        record = refused(envoy.sends(request_headers(CHAT)).gets_one(Reject), envoy, "configuration")
    assert "1-0123456789abcdef" in record["detail"]
    assert PLAIN.fingerprint.decode() in record["detail"]
    assert "extproc envoy -c" in record["detail"]


@pytest.mark.parametrize(
    ("version", "made_for"), [(b"1", "another release of extproc"), (PLAIN.fingerprint[:1], "another policy")]
)
def test_an_envoy_configured_by_another_release_is_told_from_one_for_another_policy(
    version: bytes, made_for: str
) -> None:
    with Playbook(PLAIN, configuration=version + b"-0123456789abcdef") as envoy:
        record = refused(envoy.sends(request_headers(CHAT)).gets_one(Reject), envoy, "configuration")
    assert f"Envoy was configured for {made_for} (" in record["detail"]


def test_the_refusal_is_in_the_clients_dialect() -> None:
    with Playbook(PLAIN, configuration=b"1-0123456789abcdef") as envoy:
        told = msgspec.json.decode(envoy.sends(request_headers("/v1/messages")).gets_one(Reject).body)
    assert told["type"] == "error"
    assert "fingerprint" not in str(told)


def test_an_envoy_that_is_known_gets_keys_that_its_steered_route_alone_can_use() -> None:
    for configuration, name in ((PLAIN.fingerprint, "x-extproc-key-authorization"), (b"", "authorization")):
        with Playbook(PLAIN, configuration=configuration) as envoy:
            envoy.sends(request_headers(CHAT, ("authorization", b"Bearer the-client's")))
            headers = envoy.sends(request_body(b'{"model":"renamed"}')).gets_one(Proceed).headers
        assert isinstance(headers, HeaderMutation)
        assert dict(headers.sets)[name] == b"Bearer planted-hosted-key"
        removed = "authorization" in headers.remove
        assert removed is (name != "authorization")


# -- steering


def steered(message: Headers, cluster: str) -> Headers:
    return Headers(message.side, message.fields, message.end, {**message.attributes, "xds.cluster_name": cluster})


def ask(shared: Shared, plan: Plan, cluster: str, configuration: bytes = b"") -> Proceed | Reject:
    with Playbook(plan, shared, configuration=configuration) as envoy:
        envoy.sends(request_headers(CHAT))
        first = envoy.sends(request_body(ASK)).effects[0]
        if isinstance(first, Reject):
            refused(first, envoy, "steering")
            return first
        effect = envoy.sends(steered(response_headers(200, end=True), cluster)).effects[0]
        if isinstance(effect, Reject):
            refused(effect, envoy, "steering")
    assert isinstance(effect, Proceed | Reject)
    return effect


def test_a_response_of_another_cluster_is_refused_and_so_are_the_requests_after_it() -> None:
    shared = Shared()
    assert isinstance(ask(shared, PLAIN, "local"), Proceed)
    assert isinstance(ask(shared, PLAIN, "hosted"), Reject)
    assert isinstance(ask(shared, PLAIN, "local"), Reject)
    assert isinstance(ask(shared, PLAIN, "local", PLAIN.fingerprint), Proceed)  # another Envoy
    assert isinstance(ask(shared, compiled(), "local"), Proceed)  # a reload asks again


@pytest.mark.parametrize(
    ("model", "shown", "fits"),
    [
        ("renamed", {"authorization": "Bearer planted-hosted-key"}, True),
        ("renamed", {"authorization": "Bearer client"}, False),
        ("renamed", {"authorization": "Bearer planted-hosted-key", "x-api-key": "k"}, False),
        ("plain", {"cookie": "s=1"}, False),
        ("plain", {"x-team": "pay"}, True),
        ("own-key", {"authorization": "Bearer client", "cookie": "s=1"}, True),
    ],
)
def test_a_credential_that_envoy_left_in_a_request_is_noticed_and_no_other_request_goes(
    model: str, shown: dict[str, str], fits: bool
) -> None:
    shared, asking = Shared(), ASK.replace(b"plain", model.encode())
    with Playbook(PLAIN, shared) as envoy:
        envoy.sends(request_headers(CHAT))
        envoy.sends(request_body(asking)).gets_one(Proceed)
        came = response_headers(200, end=True)
        told = {f"request.headers['{name}']": value for name, value in shown.items()}
        answer = Headers(came.side, came.fields, came.end, {**came.attributes, **told})
        effect = envoy.sends(answer).effects[0]
        if fits:
            assert isinstance(effect, Proceed)
            assert not shared.astray
            return
        assert isinstance(effect, Reject)
        refused(effect, envoy, "mutation_rules")
    with Playbook(PLAIN, shared) as envoy:
        envoy.sends(request_headers(CHAT))
        refused(envoy.sends(request_body(asking)).gets_one(Reject), envoy, "mutation_rules")


@pytest.mark.parametrize(("details", "told"), [("cluster_not_found", "steering"), ("no_healthy_upstream", None)])
def test_a_local_reply_refuses_nothing_and_a_cluster_that_is_missing_is_told(details: str, told: str | None) -> None:
    shared = Shared()
    with Playbook(PLAIN, shared) as envoy:
        envoy.sends(request_headers(CHAT))
        envoy.sends(request_body(ASK))
        reply = response_headers(503, end=True, details=details)
        envoy.sends(steered(reply, "")).gets_one(Proceed)
        assert envoy.leaves().misconfigured == told
    assert not shared.astray


ONWARD = compiled(extra="default_backend: hosted")


@pytest.mark.parametrize(
    ("model", "first", "configuration", "passes"),
    [
        ("renamed", "local", b"", False),
        ("renamed", "somebody-elses", b"", False),
        ("own-key", "local", b"", False),  # the client's credential is for that backend alone
        ("plain", "hosted", b"", True),  # there is no credential
        ("renamed", "hosted", b"", True),  # the key would go to its backend either way
        ("renamed", "", b"", True),
        ("renamed", None, b"", True),  # the route leads nowhere, or Envoy is not asked
        ("renamed", "local", PLAIN.fingerprint, True),  # the key has a name that no backend knows
    ],
)
def test_a_key_goes_nowhere_if_the_request_would_reach_another_cluster_without_steering(
    model: str, first: str | None, configuration: bytes, passes: bool
) -> None:
    for plan, path in ((PLAIN, CHAT), (ONWARD, "/v1/files") if model == "renamed" else (PLAIN, CHAT)):
        shared, known = Shared(), plan.fingerprint if configuration else b""
        with Playbook(plan, shared, configuration=known) as envoy:
            headers = request_headers(path)
            effects = envoy.sends(headers if first is None else steered(headers, first)).effects
            if path == CHAT:
                effects = envoy.sends(request_body(ASK.replace(b"plain", model.encode()))).effects
            assert isinstance(effects[0], Proceed if passes else Reject)
            if isinstance(effects[0], Reject):
                assert "direct_response" in refused(effects[0], envoy, "steering")["detail"]
        assert not shared.astray  # another request may be for the backend that its first route leads to


def test_an_exchange_that_envoy_only_shows_is_not_refused_for_its_first_route() -> None:
    envoy = Playbook(PLAIN, observes=True)
    shown: list[Message] = [
        steered(request_headers(CHAT, JSON), "local"),
        request_body(ASK.replace(b"plain", b"renamed"), end=True),
        response_headers(200, JSON, end=True),
    ]
    for message in shown:
        envoy.transaction.receive(message, 0.0)
    (record,) = envoy.transaction.receive(StreamClosed(), 0.0)
    assert isinstance(record, Record)
    assert (record.decision, record.misconfigured, record.reason) == ("shadow", "observability_mode", "only")


# -- observability mode


def test_an_exchange_that_envoy_only_shows_is_recorded_as_shadow() -> None:
    blocking = compiled("- {name: p, request: [{use: pii, kinds: [iban], action: block}]}")
    for text, reason in (("hi", "only"), (IBAN, "content_filter")):
        envoy = Playbook(blocking, observes=True)
        shown: list[Message] = [
            request_headers(CHAT, JSON),
            request_body(ASK.replace(b"hi", text.encode()), end=False),
            request_body(b"", end=True),
            response_headers(200, JSON),
            response_body(b"{}", end=False),
            response_body(b"", end=True),
        ]
        for message in shown:
            envoy.transaction.receive(message, 0.0)
        (record,) = envoy.transaction.receive(StreamClosed(), 0.0)
        assert isinstance(record, Record)
        assert (record.decision, record.reason) == ("shadow", reason)
        assert record.misconfigured == "observability_mode"


@pytest.mark.parametrize(("left", "reason"), [(False, "misconfigured"), (True, "client_gone")])
def test_a_request_that_envoy_does_not_show_is_uninspected_and_no_client_has_left(left: bool, reason: str) -> None:
    envoy = Playbook(READING, observes=True)
    shown: list[Message] = [request_headers(CHAT, JSON), response_headers(200, JSON, end=True)]
    for message in shown[: 1 if left else 2]:
        envoy.transaction.receive(message, 0.0)
    (record,) = envoy.transaction.receive(StreamClosed(), 0.0)
    assert isinstance(record, Record)
    assert (record.decision, record.reason) == ("shadow", reason)
    assert record.misconfigured == "observability_mode"
    assert [each.reason for each in record.uninspected] == ([] if left else ["misconfigured"])


def test_a_response_is_judged_in_observability_mode_though_nothing_can_be_done() -> None:
    envoy = Playbook(READING, observes=True)
    shown: list[Message] = [request_headers(CHAT, JSON), request_body(ASK), response_headers(200, SSE)]
    for message in (*shown, response_body(STREAM)):
        envoy.transaction.receive(message, 0.0)
    (record,) = envoy.transaction.receive(StreamClosed(), 0.0)
    assert isinstance(record, Record)
    assert record.decision == "shadow"
    assert record.findings


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("unseen", [":path", ":method"])
def test_a_request_whose_path_or_method_is_not_shown_goes_nowhere(unseen: str, known: bool) -> None:
    """Such a path would be one that no API claims, and no pipeline is for."""
    full = request_headers(CHAT, JSON)
    shown = Headers(Side.REQUEST, HeaderMap([field for field in full.fields if field[0] != unseen]), end=False)
    with Playbook(READING, configuration=READING.fingerprint if known else b"") as envoy:
        refused(envoy.sends(shown).gets_one(Reject), envoy, "forward_rules")


def test_connect_has_no_path() -> None:
    fields = HeaderMap(((":method", b"CONNECT"), (":authority", b"a:1"), ("x-request-id", b"1")))
    with Playbook(READING) as envoy:
        envoy.sends(Headers(Side.REQUEST, fields, end=False)).gets_one(Proceed)


def test_the_list_of_what_may_be_wrong_is_closed() -> None:
    assert list(WHATS) == sorted(set(WHATS))
