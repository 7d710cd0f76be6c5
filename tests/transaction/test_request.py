"""What becomes of a request, as a dialogue with Envoy, in each mode of its body."""

import json

import pytest

from extproc.policy import loads
from extproc.protocol.effects import Abort, AbortCode, Chunk, HeaderMutation, Inspect, Override, Phase, Proceed, Reject
from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Failed, Headers, Inspected, Message, Side, Trailers, Unknown
from extproc.protocol.modes import BodyMode, ModeOverride, SendMode
from extproc.testing.playbook import (
    Playbook,
    request_body,
    request_headers,
    request_trailers,
    response_body,
    response_headers,
)
from extproc.transaction import Lane, Plan
from extproc.transaction.opening import Opening
from extproc.transaction.pieces import CHUNK_BYTES
from tests.transaction.plans import plan

CHAT = "/v1/chat/completions"
PASSED_HEADERS = Proceed(Side.REQUEST, Phase.HEADERS, lasting=True)
PASSED_BODY = Proceed(Side.REQUEST, Phase.BODY, lasting=True)
PASSED_TRAILERS = Proceed(Side.REQUEST, Phase.TRAILERS, lasting=True)


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


def test_a_backend_may_be_told_to_take_the_client_s_own_credential() -> None:
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers(CHAT, ("authorization", b"Bearer mine"))).gets(PASSED_HEADERS)
        routed = envoy.sends(request_body(ask("own-key"))).gets_one(Proceed)
    assert routed.headers is not None
    assert routed.headers.remove == ()
    assert "authorization" not in sets(routed.headers)


@pytest.mark.parametrize("path", [CHAT, "/elsewhere"])
def test_control_headers_that_a_client_sends_are_removed_on_every_path(path: str) -> None:
    spoofed = (("x-extproc-cluster", b"open"), ("x-extproc-anything", b"1"))
    with Playbook(plan()) as envoy:
        answer = envoy.sends(request_headers(path, *spoofed)).gets_one(Proceed)
        envoy.sends(request_body(ask("plain")))
    assert answer.headers is not None
    assert set(answer.headers.remove) == {"x-extproc-cluster", "x-extproc-anything"}
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
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        assert envoy.sends(request_body(ask("plain"), end=False)).gets_one(Proceed).clear_route
        envoy.sends(request_trailers(("x", b"1"))).gets(PASSED_TRAILERS)


def test_a_partly_buffered_body_that_is_not_whole_is_refused() -> None:
    with Playbook(plan(), request=BodyMode.BUFFERED_PARTIAL) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        assert envoy.sends(request_body(ask("plain"), end=False)).gets_one(Reject).status == 413


def test_a_partly_buffered_body_that_is_whole_is_steered() -> None:
    with Playbook(plan(), request=BodyMode.BUFFERED_PARTIAL) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        assert envoy.sends(request_body(ask("plain"))).gets_one(Proceed).clear_route


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
            assert isinstance(order.subject, Opening)
            effects = envoy.sends(Inspected(order.ticket, order.subject.run())).effects
        _, *pieces = effects
    chunks = [piece for piece in pieces if isinstance(piece, Chunk)]
    assert b"".join(chunk.data for chunk in chunks) == body
    assert [chunk.end for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert max(len(chunk.data) for chunk in chunks) <= CHUNK_BYTES


def test_in_full_duplex_trailers_end_the_body_and_all_of_it_is_in_the_headers_answer() -> None:
    with Playbook(plan(), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
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
    with Playbook(plan(), request=mode) as envoy:
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
    assert answers == [PASSED_BODY, PASSED_TRAILERS]


def test_the_mode_grpc_is_a_violation_and_not_a_guess() -> None:
    envoy = Playbook(plan(), request=BodyMode.GRPC)
    with pytest.raises(ProtocolViolation, match="GRPC"):
        envoy.sends(request_headers(CHAT))


# -- what nobody claims


@pytest.mark.parametrize("mode", [BodyMode.NONE, BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL, BodyMode.STREAMED])
def test_an_unclaimed_request_passes_untouched(mode: BodyMode) -> None:
    with Playbook(plan(), request=mode) as envoy:
        envoy.sends(request_headers("/v1/files")).gets(PASSED_HEADERS)
        if mode is not BodyMode.NONE:
            envoy.sends(request_body(b"anything")).gets(PASSED_BODY)


def test_an_unclaimed_request_in_full_duplex_is_echoed_piece_by_piece() -> None:
    with Playbook(plan(), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers("/v1/files")).gets(PASSED_HEADERS)
        envoy.sends(request_body(b"any", end=False)).gets(Chunk(Side.REQUEST, b"any"))
        envoy.sends(request_body(b"", end=False)).gets_nothing()
        envoy.sends(request_body(b"thing")).gets(Chunk(Side.REQUEST, b"thing", end=True))


@pytest.mark.parametrize("mode", [BodyMode.STREAMED, BodyMode.FULL_DUPLEX_STREAMED, BodyMode.BUFFERED_PARTIAL])
def test_trailers_after_a_streamed_body_that_passed_are_refused(mode: BodyMode) -> None:
    with Playbook(plan(), request=mode) as envoy:
        envoy.sends(request_headers("/v1/files"))
        envoy.sends(request_body(b"anything", end=False))
        assert envoy.sends(request_trailers()).gets_one(Reject).details == "extproc_request_trailers"


def test_trailers_without_a_body_pass() -> None:
    with Playbook(plan(), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers("/v1/files")).gets(PASSED_HEADERS)
        envoy.sends(request_trailers()).gets(PASSED_TRAILERS)


@pytest.mark.parametrize("mode", BodyMode)
def test_a_get_on_a_claimed_path_passes(mode: BodyMode) -> None:
    with Playbook(plan(), request=mode) as envoy:
        envoy.sends(request_headers(CHAT, method="GET", end=True)).gets(PASSED_HEADERS)


@pytest.mark.parametrize("mode", BodyMode)
def test_an_upgrade_is_answered_at_once(mode: BodyMode) -> None:
    """Where Envoy would wait for the end of a body that has none, it is told not to."""
    upgrade = request_headers("/v1/realtime", ("upgrade", b"websocket"), ("connection", b"upgrade"), method="GET")
    envoy = Playbook(plan(), request=mode)
    waits = mode in {BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL}
    modes = ModeOverride(BodyMode.NONE, BodyMode.NONE) if waits else None
    envoy.sends(upgrade).gets(Proceed(Side.REQUEST, Phase.HEADERS, modes=modes, lasting=not waits))


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


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
@pytest.mark.parametrize(
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
        Inspected(1, None),
        Failed(1, "timeout"),
        Body(Side.REQUEST, b"x", end=True),
        Trailers(Side.REQUEST, HeaderMap()),
    ],
)
def test_a_message_that_may_not_come_first_is_a_violation(message: Message) -> None:
    with pytest.raises(ProtocolViolation):
        Playbook(plan()).sends(message)


def test_headers_sent_twice_are_a_violation_and_the_record_says_so() -> None:
    envoy = Playbook(plan())
    envoy.sends(request_headers(CHAT))
    with pytest.raises(ProtocolViolation):
        envoy.sends(request_headers(CHAT))
    assert envoy.leaves().facts["decision"] == "failed"


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
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        assert envoy.transaction.request_lane is Lane.PASS
        envoy.sends(request_body(body)).gets(PASSED_BODY)


def test_control_headers_are_removed_even_where_nothing_is_read() -> None:
    with Playbook(Plan.compile(loads(INERT), {})) as envoy:
        answer = envoy.sends(request_headers(CHAT, ("x-extproc-cluster", b"local"))).gets_one(Proceed)
        envoy.sends(request_body(b"x"))
    assert answer.headers == HeaderMutation(remove=("x-extproc-cluster",))


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
    assert record.facts["model"] is None  # a name that only the client knows is the client's text


def test_an_unknown_model_passes_untouched_where_there_is_no_default_backend() -> None:
    with Playbook(plan("unknown_models: pass\ndefault_backend: none")) as envoy:
        envoy.sends(request_headers(CHAT)).gets(PASSED_HEADERS)
        passed = envoy.sends(request_body(ask("theirs"))).gets_one(Proceed)
    assert passed.headers == HeaderMutation()
    assert passed.body is None


def test_an_unknown_model_whose_name_is_no_header_value_is_not_found() -> None:
    with Playbook(plan("unknown_models: pass")) as envoy:
        envoy.sends(request_headers(CHAT))
        assert envoy.sends(request_body(ask("mod\u00e8le x"))).gets_one(Reject).status == 404
