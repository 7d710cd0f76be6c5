"""What becomes of a request, as a dialogue with Envoy, in each mode of its body."""

import json

import pytest
from msgspec.structs import replace

from extproc.policy import loads
from extproc.protocol.effects import Abort, AbortCode, Chunk, HeaderMutation, Inspect, Override, Phase, Proceed, Reject
from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Failed, Headers, Inspected, Message, Side, Trailers, Unknown
from extproc.protocol.modes import BodyMode, ModeOverride, SendMode
from extproc.protocol.work import WorkResult
from extproc.testing.playbook import (
    Playbook,
    request_body,
    request_headers,
    request_trailers,
    response_body,
    response_headers,
)
from extproc.transaction import Lane, Plan
from extproc.transaction.requests.admission import CROWDED
from extproc.transaction.requests.onward import CHUNK_BYTES
from extproc.transaction.requests.opening import Opening
from tests.gathered import gathered
from tests.records import logged
from tests.transaction.plans import CREDENTIALS, ROUTED, passed, plan

CHAT = "/v1/chat/completions"
PASSED_HEADERS = Proceed(Side.REQUEST, Phase.HEADERS, lasting=True)
PASSED_BODY = Proceed(Side.REQUEST, Phase.BODY, lasting=True)
PASSED_TRAILERS = Proceed(Side.REQUEST, Phase.TRAILERS, lasting=True)
TRAILERS_WITHOUT_CREDENTIALS = Proceed(Side.REQUEST, Phase.TRAILERS, HeaderMutation(remove=CREDENTIALS))


def ask(model: str, text: str = "hi") -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()


def sets(headers: HeaderMutation | None) -> dict[str, bytes]:
    assert headers is not None
    return dict(headers.sets)


# -- BUFFERED


def test_a_buffered_request_is_steered_by_its_body() -> None:
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        routed = envoy.sends(request_body(ask("renamed"))).gets_one(Proceed)
    assert routed.phase is Phase.BODY
    assert routed.clear_route
    assert routed.body == ask("renamed").replace(b'"renamed"', b'"gpt-4o-mini"')
    assert sets(routed.headers) == {
        "x-extproc-cluster": b"hosted",
        "x-extproc-model": b"gpt-4o-mini",
        ":authority": b"api.example.com",
        ":path": b"/openai/v1/chat/completions",
        "authorization": b"Bearer planted-hosted-key",
        "content-length": str(len(routed.body)).encode(),
    }


def test_a_body_that_needs_no_new_name_stays_as_it_came() -> None:
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        routed = envoy.sends(request_body(ask("plain"))).gets_one(Proceed)
    assert routed.body is None
    assert ":path" not in sets(routed.headers)
    assert "content-length" not in sets(routed.headers)  # the client's own is right


def test_the_client_s_own_credentials_are_taken_out_and_the_backend_s_put_in() -> None:
    own = (("authorization", b"Bearer mine"), ("x-api-key", b"mine"), ("cookie", b"mine"))
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers("/v1/messages", *own)).gets(PASSED_HEADERS)
        routed = envoy.sends(request_body(ask("claude"))).gets_one(Proceed)
    assert routed.headers is not None
    assert sets(routed.headers)["x-api-key"] == b"planted-claude-key"
    assert {"authorization", "cookie", "api-key", "x-goog-api-key", "proxy-authorization"} <= set(routed.headers.remove)
    assert "x-api-key" not in routed.headers.remove


@pytest.mark.parametrize(
    "name",
    ["x-vendor-api-key", "x-serverless-authorization", "x-gitlab-token", "modal-secret", "x-litellm-virtual-key"],
)
def test_a_field_that_ends_as_credentials_do_is_taken_out_on_every_way_to_a_backend(name: str) -> None:
    own = (name, b"CLIENT")
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers(CHAT, own)).gets(PASSED_HEADERS)
        routed = envoy.sends(request_body(ask("plain"))).gets_one(Proceed)
    assert name in removed_by(routed)
    with Playbook(plan(), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers(CHAT, own)).gets_nothing()
        assert name in removed_by(envoy.sends(request_body(ask("plain"))).effects[0])
    for policy in ("default_backend: hosted", ROUTED):
        with Playbook(plan(policy)) as envoy:
            assert name in removed_by(envoy.sends(request_headers("/elsewhere", own, end=True)).gets_one(Proceed))
    with Playbook(plan("request_trailers: pass\ndefault_backend: hosted")) as envoy:
        envoy.sends(request_headers("/elsewhere")).gets_one(Proceed)
        assert name in removed_by(envoy.sends(request_trailers(own)).gets_one(Proceed))
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers(CHAT, own)).gets(PASSED_HEADERS)
        routed = envoy.sends(request_body(ask("own-key"))).gets_one(Proceed)
    assert name not in removed_by(routed), "`credential: client`"


INSPECTED = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
unknown_models: pass
default_backend: route
request_trailers: pass
pipelines: [{name: p, request: [{use: pii, action: mask}]}]
"""


def test_it_is_taken_out_of_an_inspected_request_that_envoys_own_routes_lead() -> None:
    own, kind = ("x-vendor-api-key", b"CLIENT"), ("content-type", b"application/json")
    policy = Plan.compile(loads(INSPECTED), {})
    with Playbook(policy) as envoy:
        envoy.sends(request_headers(CHAT, kind, own)).gets_one(Proceed)
        assert own[0] in removed_by(envoy.sends(request_body(ask("plain"))).gets_one(Proceed))
    for path in (CHAT, "/elsewhere"):
        with Playbook(policy, request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
            envoy.sends(request_headers(path, kind)).gets_nothing()
            envoy.sends(request_body(ask("plain"), end=False)).gets_nothing()
            assert own[0] in removed_by(envoy.sends(request_trailers(own)).effects[0])


def removed_by(effect: object) -> tuple[str, ...]:
    assert isinstance(effect, Proceed)
    return () if effect.headers is None else effect.headers.remove


def test_no_field_is_taken_out_that_only_resembles_a_credential() -> None:
    fields = tuple((name, b"1") for name in ("idempotency-key", "x-keys", "x-tokens", "x-author", "sec-websocket-key"))
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers(CHAT, *fields)).gets(PASSED_HEADERS)
        routed = envoy.sends(request_body(ask("plain"))).gets_one(Proceed)
    assert set(removed_by(routed)) <= set(CREDENTIALS)


def test_a_backend_may_be_told_to_take_the_client_s_own_credential() -> None:
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers(CHAT, ("authorization", b"Bearer mine"))).gets(PASSED_HEADERS)
        routed = envoy.sends(request_body(ask("own-key"))).gets_one(Proceed)
    assert routed.headers is not None
    assert routed.headers.remove == ()
    assert "authorization" not in sets(routed.headers)


@pytest.mark.parametrize(("path", "also"), [(CHAT, ()), ("/elsewhere", CREDENTIALS)])
def test_control_headers_that_a_client_sends_are_removed_on_every_path(path: str, also: tuple[str, ...]) -> None:
    spoofed = (("x-extproc-cluster", b"open"), ("x-extproc-anything", b"1"))
    with Playbook(plan(ROUTED)) as envoy:
        answer = envoy.sends(request_headers(path, *spoofed)).gets_one(Proceed)
        envoy.sends(request_body(ask("plain")))
    assert answer.headers is not None
    assert set(answer.headers.remove) == {"x-extproc-cluster", "x-extproc-anything", *also}
    assert answer.headers.set == ()


def test_steering_headers_of_other_names_are_control_headers_too() -> None:
    steering = "steering: {cluster_header: x-route-to, model_header: x-gateway-model-name}"
    with Playbook(plan(steering)) as envoy:
        answer = envoy.sends(request_headers(CHAT, ("x-route-to", b"open"))).gets_one(Proceed)
        routed = envoy.sends(request_body(ask("plain"))).gets_one(Proceed)
    assert answer.headers == HeaderMutation(remove=("x-route-to",))
    assert sets(routed.headers)["x-route-to"] == b"local"
    assert sets(routed.headers)["x-gateway-model-name"] == b"plain"


def test_a_buffered_body_with_trailers_to_follow_is_whole() -> None:
    with Playbook(plan("request_trailers: pass")) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        assert envoy.sends(request_body(ask("plain"), end=False)).gets_one(Proceed).clear_route
        envoy.sends(request_trailers(("x", b"1"))).gets(TRAILERS_WITHOUT_CREDENTIALS)


# -- FULL_DUPLEX_STREAMED


def test_in_full_duplex_the_headers_answer_is_held_until_the_body_is_read() -> None:
    body = ask("renamed")
    renamed = body.replace(b'"renamed"', b'"gpt-4o-mini"')
    with Playbook(plan(), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers(CHAT)).gets_nothing()
        envoy.sends(request_body(body[:7], end=False)).gets_nothing()
        envoy.sends(request_body(b"", end=False)).gets_nothing()
        envoy.sends(request_body(body[7:], end=False)).gets_nothing()
        heard = envoy.sends(request_body(b""))
    headers, chunk = heard.effects
    assert isinstance(headers, Proceed)
    assert headers.phase is Phase.HEADERS
    assert headers.clear_route
    assert sets(headers.headers)["content-length"] == str(len(renamed)).encode()
    assert chunk == Chunk(Side.REQUEST, renamed, end=True)


@pytest.mark.parametrize("size", [CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_long_body_leaves_in_pieces_that_are_the_body(size: int) -> None:
    body = ask("plain", "x" * (size - len(ask("plain", ""))))
    assert len(body) == size
    with Playbook(plan(), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers(CHAT)).gets_nothing()
        effects = envoy.sends(request_body(body)).effects
        if isinstance(effects[0], Inspect):  # so long that it is read elsewhere
            (order,) = effects
            assert isinstance(order, Inspect)
            assert isinstance(order.work, Opening)
            effects = envoy.sends(Inspected(order.ticket, order.work.run())).effects
        _, *pieces = effects
    chunks = [piece for piece in pieces if isinstance(piece, Chunk)]
    assert b"".join(chunk.data for chunk in chunks) == body
    assert [chunk.end for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert max(len(chunk.data) for chunk in chunks) <= CHUNK_BYTES


def test_in_full_duplex_trailers_end_the_body_and_all_of_it_is_in_the_headers_answer() -> None:
    with Playbook(plan("request_trailers: pass"), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers(CHAT)).gets_nothing()
        envoy.sends(request_body(ask("plain"), end=False)).gets_nothing()
        whole = envoy.sends(request_trailers(("x", b"1"))).gets_one(Proceed)
    assert whole.replace
    assert whole.body == ask("plain")


def test_a_second_end_mark_in_full_duplex_is_not_answered() -> None:
    with Playbook(plan(), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers(CHAT)).gets_nothing()
        assert len(envoy.sends(request_body(ask("plain"))).effects) == 2
        assert envoy.transaction.receive(request_body(b""), 0.0) == ()


# -- STREAMED and NONE


def test_a_streamed_body_sent_early_is_held_and_each_message_answered_once() -> None:
    body = ask("renamed")
    renamed = body.replace(b'"renamed"', b'"gpt-4o-mini"')
    with Playbook(plan(), request=BodyMode.STREAMED, early=True) as envoy:
        envoy.sends(request_headers(CHAT)).gets_nothing()
        envoy.sends(request_body(body[:9], end=False)).gets_nothing()
        envoy.sends(request_body(body[9:], end=False)).gets_nothing()
        headers, *answers = envoy.sends(request_body(b"")).effects
    assert isinstance(headers, Proceed)
    assert headers.phase is Phase.HEADERS
    cleared = Proceed(Side.REQUEST, Phase.BODY, body=b"")
    assert answers == [Proceed(Side.REQUEST, Phase.BODY, body=renamed), cleared, cleared]


def test_an_unchanged_streamed_body_is_passed_message_by_message() -> None:
    with Playbook(plan(), request=BodyMode.STREAMED, early=True) as envoy:
        envoy.sends(request_headers(CHAT)).gets_nothing()
        envoy.sends(request_body(ask("plain"), end=False)).gets_nothing()
        _, *answers = envoy.sends(request_body(b"")).effects
    assert answers == [PASSED_BODY, PASSED_BODY]


@pytest.mark.parametrize("mode", [BodyMode.NONE, BodyMode.STREAMED])
def test_where_headers_would_go_on_before_the_body_full_duplex_is_asked_for(mode: BodyMode) -> None:
    with Playbook(plan(), request=mode, response=BodyMode.NONE) as envoy:
        wanted = ModeOverride(BodyMode.FULL_DUPLEX_STREAMED, BodyMode.NONE, request_trailers=SendMode.SEND)
        envoy.sends(request_headers(CHAT, ("content-length", b"9"))).gets(Override(wanted))
        headers, chunk = envoy.sends(request_body(ask("renamed"))).effects
    assert isinstance(headers, Proceed)
    assert isinstance(chunk, Chunk)
    assert headers.headers is not None
    # From NONE, Envoy keeps what stands there: a stale length next to a longer body is request smuggling.
    assert ("content-length" in headers.headers.remove) is (mode is BodyMode.NONE)
    assert ("content-length" in sets(headers.headers)) is (mode is not BodyMode.NONE)


def test_streamed_trailers_are_refused_because_a_retry_would_send_the_body_twice() -> None:
    with Playbook(plan(), request=BodyMode.STREAMED, early=True) as envoy:
        envoy.sends(request_headers(CHAT)).gets_nothing()
        envoy.sends(request_body(ask("plain"), end=False)).gets_nothing()
        assert envoy.sends(request_trailers(("x", b"1"))).gets_one(Reject).status == 400


def test_streamed_trailers_pass_where_the_policy_says_so() -> None:
    with Playbook(plan("request_trailers: pass"), request=BodyMode.STREAMED, early=True) as envoy:
        envoy.sends(request_headers(CHAT)).gets_nothing()
        envoy.sends(request_body(ask("plain"), end=False)).gets_nothing()
        _, *answers = envoy.sends(request_trailers(("x", b"1"))).effects
    names = (*CREDENTIALS, "x-extproc-cluster", "x-extproc-model")
    assert answers == [PASSED_BODY, Proceed(Side.REQUEST, Phase.TRAILERS, HeaderMutation(remove=names))]


@pytest.mark.parametrize("configuration", ["", "known"])
@pytest.mark.parametrize("path", [CHAT, "/v1/files"])
def test_a_client_s_credential_in_trailers_is_removed_though_the_backend_s_own_has_that_name(
    path: str, configuration: str
) -> None:
    compiled = plan("request_trailers: pass\ndefault_backend: hosted")
    told = compiled.fingerprint if configuration else b""
    with Playbook(compiled, request=BodyMode.STREAMED, early=True, configuration=told) as envoy:
        envoy.sends(request_headers(path))
        envoy.sends(request_body(ask("renamed"), end=False))
        effect = envoy.sends(request_trailers(("authorization", b"CLIENT"))).effects[-1]
    assert isinstance(effect, Proceed)
    assert effect.headers is not None
    assert "authorization" in effect.headers.remove


@pytest.mark.parametrize("mode", [BodyMode.GRPC, BodyMode.BUFFERED_PARTIAL])
def test_a_mode_in_which_a_request_cannot_be_held_is_refused(mode: BodyMode) -> None:
    with Playbook(plan(), request=mode) as envoy:
        refused = envoy.sends(request_headers(CHAT)).gets_one(Reject)
        assert refused.details == "extproc_misconfigured_request_body_mode"


# -- trailers


@gathered("mode", [BodyMode.BUFFERED, BodyMode.STREAMED, BodyMode.FULL_DUPLEX_STREAMED, BodyMode.NONE])
@gathered("path", [CHAT, "/v1/files"])
@gathered("body", [b"{}", b""])
def test_trailers_are_refused_in_every_mode_unless_the_policy_lets_them_pass(
    path: str, body: bytes, mode: BodyMode
) -> None:
    envoy = Playbook(plan(ROUTED), request=mode, early=mode is BodyMode.STREAMED)
    envoy.sends(request_headers(path))
    streams = mode is not BodyMode.NONE or path == CHAT  # the processor asks for the body of what it reads
    effects = envoy.sends(request_body(body, end=False)).effects if body and streams else ()
    if not any(isinstance(each, Reject) for each in effects):
        effects = envoy.sends(request_trailers(("x", b"1"))).effects
    assert [each.details for each in effects if isinstance(each, Reject)] == ["extproc_request_trailers"]
    assert envoy.leaves().reason == "request_trailers"


def test_a_buffered_body_without_an_end_is_refused_although_its_trailers_are_not_shown() -> None:
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers(CHAT))
        assert envoy.sends(request_body(ask("plain"), end=False)).gets_one(Reject).status == 400


def test_trailers_that_pass_hold_no_credential_of_the_client_s() -> None:
    with Playbook(plan(f"request_trailers: pass\n{ROUTED}"), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers("/v1/files"))
        envoy.sends(request_trailers(("authorization", b"CLIENT"))).gets(TRAILERS_WITHOUT_CREDENTIALS)


# -- what nobody claims


@pytest.mark.parametrize("mode", [BodyMode.NONE, BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL, BodyMode.STREAMED])
def test_an_unclaimed_request_passes_and_envoy_need_not_hold_its_body(mode: BodyMode) -> None:
    with Playbook(plan(ROUTED), request=mode, response=BodyMode.NONE) as envoy:
        envoy.sends(request_headers("/v1/files")).gets(passed(mode))
        if mode is not BodyMode.NONE:
            # An Envoy that allows no override sends the body all the same.
            envoy.sends(request_body(b"anything")).gets(PASSED_BODY)


def test_an_unclaimed_request_in_full_duplex_is_echoed_piece_by_piece() -> None:
    mode = BodyMode.FULL_DUPLEX_STREAMED
    with Playbook(plan(ROUTED), request=mode) as envoy:
        envoy.sends(request_headers("/v1/files")).gets(passed(mode))
        envoy.sends(request_body(b"any", end=False)).gets(Chunk(Side.REQUEST, b"any"))
        envoy.sends(request_body(b"", end=False)).gets_nothing()
        envoy.sends(request_body(b"thing")).gets(Chunk(Side.REQUEST, b"thing", end=True))


@pytest.mark.parametrize("mode", BodyMode)
def test_a_get_on_a_claimed_path_passes(mode: BodyMode) -> None:
    with Playbook(plan(ROUTED), request=mode) as envoy:
        envoy.sends(request_headers(CHAT, method="GET", end=True)).gets(passed(mode, end=True))


@pytest.mark.parametrize("mode", BodyMode)
def test_an_upgrade_is_answered_at_once(mode: BodyMode) -> None:
    """Where Envoy would wait for the end of a body that has none, it is told not to."""
    upgrade = request_headers("/v1/realtime", ("upgrade", b"websocket"), ("connection", b"upgrade"), method="GET")
    envoy = Playbook(plan(ROUTED), request=mode, response=BodyMode.NONE)
    envoy.sends(upgrade).gets(passed(mode))


@gathered("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
@gathered(
    ("backend", "path", "onward"),
    [
        ("hosted", "/v1/files?a=%2f&b", "/openai/v1/files?a=%2f&b"),
        ("hosted", "/v1/", "/openai/v1/"),
        ("hosted", "/v1", None),
        ("hosted", "/v10/files", None),
        ("local", "/v1/files", None),
        ("local", "/health", None),
        ("local", "/v1/files?key=CLIENT&a=1", "/v1/files?a=1"),
        ("local", "/v1/files?a=1&%4Bey=CLIENT", "/v1/files?a=1"),
        ("local", "/v1/files?api-key=CLIENT;x=1", "/v1/files"),
        ("local", "/v1/files?monkey=1&key", "/v1/files?monkey=1"),
        ("open", "/v1/files?key=CLIENT", None),
    ],
)
def test_an_unclaimed_request_goes_to_the_default_backend(
    backend: str, path: str, onward: str | None, mode: BodyMode
) -> None:
    with Playbook(plan(f"default_backend: {backend}"), request=mode) as envoy:
        answer = envoy.sends(request_headers(path, method="DELETE", end=True)).gets_one(Proceed)
        record = envoy.leaves()
    assert answer.clear_route
    assert answer.headers is not None
    assert sets(answer.headers).get(":path") == (None if onward is None else onward.encode())
    assert sets(answer.headers)["x-extproc-cluster"] == backend.encode()
    credential = {"hosted": b"Bearer planted-hosted-key"}.get(backend)
    assert sets(answer.headers).get("authorization") == credential
    removed = [] if backend == "open" else [name for name in CREDENTIALS if name != "authorization" or not credential]
    assert list(answer.headers.remove) == removed
    assert (record.decision, record.reason) == ("passed", "unclaimed")


@pytest.mark.parametrize(
    ("path", "method", "field", "kind"),
    [
        ("/v1/files", "GET", None, "invalid_request_error"),
        ("/", "POST", None, "invalid_request_error"),
        (CHAT, "GET", None, "invalid_request_error"),
        ("/v1/models", "POST", None, "invalid_request_error"),
        ("/v1/files", "GET", ("anthropic-version", b"2023-06-01"), "not_found_error"),
        ("/v1/messages", "GET", None, "not_found_error"),
    ],
)
def test_without_a_default_backend_what_nobody_claims_is_404_in_the_client_s_dialect(
    path: str, method: str, field: tuple[str, bytes] | None, kind: str
) -> None:
    with Playbook(plan()) as envoy:
        message = request_headers(path, *([field] if field else []), method=method, end=method == "GET")
        refused = envoy.sends(message).gets_one(Reject)
        record = envoy.leaves()
    assert (refused.status, json.loads(refused.body)["error"]["type"]) == (404, kind)
    assert (record.decision, record.reason, record.backend) == (
        "rejected",
        "not_found",
        None,
    )


@pytest.mark.parametrize(("backend", "kept"), [("hosted", b"realtime, openai-beta.realtime-v1"), ("open", None)])
def test_a_key_that_is_said_to_be_a_protocol_of_a_websocket_does_not_go_on(backend: str, kept: bytes | None) -> None:
    offered = b"realtime, openai-insecure-api-key.CLIENT, openai-beta.realtime-v1"
    fields = (("upgrade", b"websocket"), ("sec-websocket-protocol", offered))
    envoy = Playbook(plan(f"default_backend: {backend}"))
    answer = envoy.sends(request_headers("/v1/realtime", *fields, method="GET")).gets_one(Proceed)
    assert sets(answer.headers).get("sec-websocket-protocol") == kept


def test_the_client_s_key_in_the_query_of_a_claimed_path_does_not_go_on() -> None:
    for model, onward in (("plain", b"/v1/chat/completions?a=1"), ("own-key", None)):
        with Playbook(plan()) as envoy:
            envoy.sends(request_headers(f"{CHAT}?key=CLIENT&a=1")).gets(PASSED_HEADERS)
            routed = envoy.sends(request_body(ask(model))).gets_one(Proceed)
        assert sets(routed.headers).get(":path") == onward


@pytest.mark.parametrize("extra", ["", ROUTED])
def test_a_blocked_or_refused_request_has_its_model_in_the_record(extra: str) -> None:
    pipelines = """
    pipelines:
      - {name: p, request: [{use: pii, kinds: [email], action: block}]}
    """
    with Playbook(plan(pipelines + extra)) as envoy:
        envoy.sends(request_headers(CHAT))
        envoy.sends(request_body(ask("plain", "a@example.com"))).gets_one(Reject)
        record = envoy.leaves()
    assert (record.decision, record.model, record.stream) == ("blocked", "plain", False)


@pytest.mark.parametrize(
    "path",
    [
        "/openai/v1/chat/completions",
        "/chat/completions",
        "/%76%31/chat//completions/?x=1",
        "/V1/Chat/Completions",
        "/OpenAI/V1/CHAT/completions",
        "/CHAT/COMPLETIONS",
    ],
)
def test_a_path_that_a_backend_would_understand_is_claimed_however_it_is_spelt(path: str) -> None:
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers(path)).gets(PASSED_HEADERS)
        routed = envoy.sends(request_body(ask("renamed"))).gets_one(Proceed)
    sent = sets(routed.headers).get(":path", path.encode())
    assert sent.partition(b"?")[0] == b"/openai/v1/chat/completions"


# -- what the client is told


@gathered("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
@gathered(
    ("body", "status", "code"),
    [
        (b"{", 400, None),
        (b"", 400, None),
        (b"[]", 400, None),
        (b'{"model":""}', 400, None),
        (b'{"model":7}', 400, None),
        (b'{"model":"chat","model":"plain"}', 400, None),
        (ask("nobody"), 404, "model_not_found"),
        (ask("claude"), 404, "model_not_found"),
        (ask("gpt-listed"), 404, "model_not_found"),
    ],
)
def test_a_body_that_cannot_be_served_is_refused(mode: BodyMode, body: bytes, status: int, code: str | None) -> None:
    with Playbook(plan(), request=mode) as envoy:
        envoy.sends(request_headers(CHAT))
        refused = envoy.sends(request_body(body)).gets_one(Reject)
    assert refused.status == status
    error = json.loads(refused.body)["error"]
    assert error["message"]
    if code is not None:
        assert error["code"] == code
    assert dict(refused.headers)["content-type"] == b"application/json"
    assert dict(refused.headers)["x-extproc-decision"] == b"rejected"
    assert refused.details.startswith("extproc_")


def test_a_refusal_on_an_anthropic_path_is_in_its_dialect() -> None:
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers("/v1/messages")).gets(PASSED_HEADERS)
        refused = envoy.sends(request_body(ask("nobody"))).gets_one(Reject)
    assert json.loads(refused.body)["type"] == "error"
    assert json.loads(refused.body)["error"]["type"] == "not_found_error"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (request_headers(CHAT, end=True), 400),
        (request_headers(CHAT, method="PUT"), 405),
        (request_headers(CHAT, ("content-encoding", b"lzma")), 415),
        (request_headers(CHAT, ("upgrade", b"websocket")), 400),
        (request_headers(CHAT, ("upgrade", b"websocket"), method="GET"), 400),
        (request_headers(CHAT, (":protocol", b"websocket"), method="CONNECT"), 400),
        (request_headers("//v1/./chat/completions/", method="PUT"), 405),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_headers(message: Headers, status: int) -> None:
    with Playbook(plan()) as envoy:
        assert envoy.sends(message).gets_one(Reject).status == status


def test_a_body_at_the_limit_is_read_and_one_past_it_refused() -> None:
    body = ask("plain")
    at_limit = plan(f"limits: {{request_body: {len(body)}}}")
    past = plan(f"limits: {{request_body: {len(body) - 1}}}")
    for mode in (BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED):
        envoy = Playbook(at_limit, request=mode)
        envoy.sends(request_headers(CHAT, ("content-length", b"%d" % len(body))))
        assert not isinstance(envoy.sends(request_body(body)).effects[0], Reject)
        envoy = Playbook(past, request=mode)
        envoy.sends(request_headers(CHAT))
        assert envoy.sends(request_body(body)).gets_one(Reject).status == 413


@pytest.mark.parametrize("length", [b"99999999999", b"9" * 40, b"-1", b"x"])
def test_a_declared_length_past_the_limit_is_refused_before_the_body(length: bytes) -> None:
    with Playbook(plan(), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        assert envoy.sends(request_headers(CHAT, ("content-length", length))).gets_one(Reject).status == 413


def test_what_arrives_after_a_refusal_is_ignored() -> None:
    envoy = Playbook(plan(), request=BodyMode.FULL_DUPLEX_STREAMED)
    envoy.sends(request_headers(CHAT, method="PUT")).gets_one(Reject)
    assert envoy.transaction.receive(request_body(b"more"), 0.0) == ()
    assert envoy.transaction.receive(response_headers(405), 0.0) == ()


# -- GET /v1/models


@pytest.mark.parametrize("mode", BodyMode)
def test_the_models_are_listed_from_the_policy(mode: BodyMode) -> None:
    with Playbook(plan(), request=mode) as envoy:
        listed = envoy.sends(request_headers("/v1/models", method="GET", end=True)).gets_one(Reject)
    assert listed.status == 200
    assert [m["id"] for m in json.loads(listed.body)["data"]] == ["chat", "plain", "renamed", "claude", "own-key"]


def test_one_model_is_shown_and_an_unknown_one_is_not_found() -> None:
    with Playbook(plan()) as envoy:
        shown = envoy.sends(request_headers("/v1/models/chat", method="GET", end=True)).gets_one(Reject)
    assert json.loads(shown.body)["id"] == "chat"
    with Playbook(plan()) as envoy:
        missing = envoy.sends(request_headers("/v1/models/nobody", method="GET", end=True)).gets_one(Reject)
    assert missing.status == 404


def test_an_anthropic_client_gets_its_own_listing() -> None:
    version = ("anthropic-version", b"2023-06-01")
    with Playbook(plan()) as envoy:
        listed = envoy.sends(request_headers("/v1/models", version, method="GET", end=True)).gets_one(Reject)
    assert json.loads(listed.body)["data"][0]["type"] == "model"


# -- time, and what may not happen


def test_a_held_request_that_takes_too_long_is_told_so() -> None:
    with Playbook(plan("limits: {request_timeout: 10s}"), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers(CHAT)).gets_nothing()
        envoy.waits(9.9).gets_nothing()
        assert envoy.waits(0.1).gets_one(Reject).status == 408


def test_a_buffered_request_that_takes_too_long_is_aborted_since_no_answer_is_awaited() -> None:
    with Playbook(plan("limits: {request_timeout: 10s}")) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        envoy.waits(14.9).gets_nothing()
        assert envoy.waits(0.1).gets_one(Abort).code is AbortCode.DEADLINE_EXCEEDED


def test_an_exchange_that_takes_too_long_is_aborted_never_ended_cleanly() -> None:
    limits = "limits: {request_timeout: 10s, exchange_timeout: 100s}"
    with Playbook(plan(limits), response=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        envoy.sends(request_body(ask("plain"))).gets_one(Proceed)
        envoy.sends(response_headers(200)).gets_one(Proceed)
        envoy.sends(response_body(b"data", end=False)).gets(Chunk(Side.RESPONSE, b"data"))
        envoy.waits(99.9).gets_nothing()
        assert envoy.waits(0.1).gets_one(Abort).reason == "exchange_timeout"


@pytest.mark.parametrize(
    "message",
    [
        Unknown(),
        Inspected(1, WorkResult()),
        Failed(1, "timeout"),
    ],
)
def test_a_message_that_may_not_come_first_is_a_violation(message: Message) -> None:
    with pytest.raises(ProtocolViolation):
        Playbook(plan()).sends(message)


@pytest.mark.parametrize("message", [Body(Side.REQUEST, b"x", end=True), Trailers(Side.REQUEST, HeaderMap())])
def test_a_request_whose_headers_were_not_sent_is_refused(message: Message) -> None:
    with Playbook(plan()) as envoy:
        refused = envoy.sends(message).gets_one(Reject)
        assert refused.details == "extproc_misconfigured_request_header_mode"


def test_headers_sent_twice_are_a_violation_and_the_record_says_so() -> None:
    envoy = Playbook(plan())
    envoy.sends(request_headers(CHAT))
    with pytest.raises(ProtocolViolation):
        envoy.sends(request_headers(CHAT))
    assert envoy.leaves().decision == "failed"


# -- a policy by which nothing depends on what a request says

INERT = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
unknown_models: pass
default_backend: none
"""


@pytest.mark.parametrize("body", [b"{no json", ask("any")])
def test_where_nothing_depends_on_the_body_it_is_not_read(body: bytes) -> None:
    with Playbook(Plan.compile(loads(INERT), {})) as envoy:
        envoy.sends(request_headers(CHAT)).gets(passed(BodyMode.BUFFERED))
        assert envoy.transaction.request_lane is Lane.PASS
        envoy.sends(request_body(body)).gets(PASSED_BODY)


def test_control_headers_are_removed_even_where_nothing_is_read() -> None:
    with Playbook(Plan.compile(loads(INERT), {})) as envoy:
        answer = envoy.sends(request_headers(CHAT, ("x-extproc-cluster", b"local"))).gets_one(Proceed)
        envoy.sends(request_body(b"x"))
    assert answer.headers == HeaderMutation(remove=(*CREDENTIALS, "x-extproc-cluster"))


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
def test_a_request_that_decides_is_read(mode: BodyMode) -> None:
    envoy = Playbook(plan(), request=mode)
    envoy.sends(request_headers(CHAT))
    assert envoy.transaction.request_lane is Lane.READ


# -- names that the policy does not hold


def test_an_unknown_model_may_pass_to_the_backend_that_lists_it() -> None:
    with Playbook(plan("unknown_models: pass")) as envoy:
        envoy.sends(request_headers(CHAT))
        routed = envoy.sends(request_body(ask("gpt-listed"))).gets_one(Proceed)
    assert sets(routed.headers)["x-extproc-cluster"] == b"hosted"
    assert routed.body is None


def test_an_unknown_model_that_nobody_lists_goes_to_the_default_backend() -> None:
    with Playbook(plan("unknown_models: pass\ndefault_backend: local")) as envoy:
        envoy.sends(request_headers(CHAT))
        routed = envoy.sends(request_body(ask("theirs"))).gets_one(Proceed)
        record = envoy.leaves()
    assert sets(routed.headers)["x-extproc-cluster"] == b"local"
    assert record.model is None  # a name that only the client knows is the client's text


def test_an_unknown_model_goes_where_envoys_own_routes_lead_without_the_client_s_credentials() -> None:
    with Playbook(plan(f"unknown_models: pass\n{ROUTED}")) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        onward = envoy.sends(request_body(ask("theirs"))).gets_one(Proceed)
    assert onward.headers == HeaderMutation(remove=CREDENTIALS)
    assert (onward.body, onward.clear_route) == (None, False)


def test_an_unknown_model_is_not_found_where_there_is_no_default_backend() -> None:
    with Playbook(plan("unknown_models: pass")) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        assert envoy.sends(request_body(ask("theirs"))).gets_one(Reject).status == 404


def test_an_unknown_model_whose_name_is_no_header_value_is_not_found() -> None:
    with Playbook(plan("unknown_models: pass")) as envoy:
        envoy.sends(request_headers(CHAT))
        assert envoy.sends(request_body(ask("mod\u00e8le x"))).gets_one(Reject).status == 404


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/files"])
def test_a_request_without_room_for_our_fields_is_refused_and_recorded_so(path: str) -> None:
    """Envoy would refuse the fields and end the exchange without a word."""
    with Playbook(plan("default_backend: hosted")) as envoy:
        message = replace(request_headers(path), attributes={CROWDED: "true"})
        refused = envoy.sends(message).gets_one(Reject)
        record = logged(envoy.leaves())
    assert (refused.status, refused.details) == (431, "extproc_too_many_headers")
    assert (record["decision"], record["reason"], record["status"]) == ("rejected", "too_many_headers", 431)
    assert (b'"type":"error"' in refused.body) is (path == "/v1/messages")


def test_a_request_with_room_for_our_fields_or_that_gets_none_goes_on() -> None:
    for extra, told in (("default_backend: hosted", "false"), (ROUTED, "true")):
        with Playbook(plan(extra), response=BodyMode.NONE) as envoy:
            message = replace(request_headers("/v1/files"), attributes={CROWDED: told})
            envoy.sends(message).gets_one(Proceed)
