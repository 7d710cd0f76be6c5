"""What becomes of an answer, and what is learnt from it."""

import json

import pytest

from extproc.protocol.effects import Chunk, HeaderMutation, Phase, Proceed, Reject
from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.headers import Field
from extproc.protocol.messages import Headers, Side, StreamClosed
from extproc.protocol.modes import BodyMode, ModeOverride
from extproc.testing.playbook import (
    REQUEST_ID,
    Playbook,
    request_body,
    request_headers,
    response_body,
    response_headers,
    response_trailers,
)
from extproc.transaction import Shared
from extproc.transaction.outcome import LIMITED_LEAST
from extproc.transaction.response import CUT_EARLY
from tests.gathered import gathered
from tests.records import logged
from tests.transaction.plans import ROUTED, plan

CHAT = "/v1/chat/completions"
PASSED = Proceed(Side.RESPONSE, Phase.HEADERS, lasting=True)


def ask(envoy: Playbook, model: str) -> Proceed | Reject:
    body = json.dumps({"model": model}).encode()
    envoy.sends(request_headers(CHAT))
    effect = envoy.sends(request_body(body)).effects[0]
    assert isinstance(effect, Proceed | Reject)
    return effect


def test_the_answer_of_a_steered_request_carries_the_contract_s_headers() -> None:
    with Playbook(plan()) as envoy:
        ask(envoy, "renamed")
        answer = envoy.sends(response_headers(200)).gets_one(Proceed)
    assert answer.headers == HeaderMutation(
        (
            ("x-extproc-version", b"1"),
            ("x-extproc-decision", b"allowed"),
            ("x-extproc-model", b"gpt-4o-mini"),
            ("x-extproc-backend", b"hosted"),
        ),
        more=(("x-extproc-request-id", REQUEST_ID),),
    )


def test_what_an_upstream_says_in_our_name_is_removed() -> None:
    with Playbook(plan()) as envoy:
        ask(envoy, "plain")
        answer = envoy.sends(response_headers(200, ("x-extproc-verdict", b"fine"))).gets_one(Proceed)
    assert answer.headers is not None
    assert answer.headers.remove == ("x-extproc-verdict",)


def test_an_answer_to_an_unclaimed_request_passes_untouched() -> None:
    with Playbook(plan(ROUTED), response=BodyMode.NONE) as envoy:
        envoy.sends(request_headers("/elsewhere", method="GET", end=True))
        envoy.sends(response_headers(200)).gets(PASSED)


@pytest.mark.parametrize("mode", [BodyMode.STREAMED, BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL])
def test_a_body_that_nobody_reads_is_not_asked_for(mode: BodyMode) -> None:
    with Playbook(plan(), response=mode) as envoy:
        ask(envoy, "plain")
        answer = envoy.sends(response_headers(200)).gets_one(Proceed)
        assert answer.modes == ModeOverride(BodyMode.BUFFERED, BodyMode.NONE)
        # An Envoy that allows no override sends it all the same.
        envoy.sends(response_body(b"data", end=mode is BodyMode.STREAMED)).gets(
            Proceed(Side.RESPONSE, Phase.BODY, lasting=True)
        )


def test_an_answer_in_full_duplex_is_echoed_piece_by_piece() -> None:
    with Playbook(plan(), response=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        ask(envoy, "plain")
        assert envoy.sends(response_headers(200)).gets_one(Proceed).modes is None
        envoy.sends(response_body(b"one", end=False)).gets(Chunk(Side.RESPONSE, b"one"))
        envoy.sends(response_body(b"", end=False)).gets_nothing()
        envoy.sends(response_body(b"two", end=False)).gets(Chunk(Side.RESPONSE, b"two"))
        envoy.sends(response_trailers(("x", b"1"))).gets(Proceed(Side.RESPONSE, Phase.TRAILERS, lasting=True))


def test_a_second_end_mark_is_not_answered_in_full_duplex() -> None:
    with Playbook(plan(), response=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        ask(envoy, "plain")
        envoy.sends(response_headers(200))
        envoy.sends(response_body(b"one")).gets(Chunk(Side.RESPONSE, b"one", end=True))
        assert envoy.transaction.receive(response_body(b""), 0.0) == ()


def test_an_answer_may_come_before_the_request_has_been_read() -> None:
    with Playbook(plan(ROUTED), request=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers("/v1/files"))
        envoy.sends(request_body(b"some", end=False)).gets(Chunk(Side.REQUEST, b"some"))
        envoy.sends(response_headers(200)).gets(PASSED)
        envoy.sends(request_body(b"more", end=False)).gets(Chunk(Side.REQUEST, b"more"))


def test_a_local_reply_of_a_filter_before_ours_passes_though_its_request_was_never_shown() -> None:
    with Playbook(plan(), response=BodyMode.STREAMED) as envoy:
        envoy.sends(response_headers(401, end=True, details="jwt_authn_access_denied")).gets(PASSED)


def test_a_response_to_a_request_that_was_never_shown_is_refused() -> None:
    with Playbook(plan(), response=BodyMode.STREAMED) as envoy:
        refused = envoy.sends(response_headers(200)).gets_one(Reject)
        assert (refused.status, refused.details) == (503, "extproc_misconfigured_request_header_mode")


def test_a_body_after_the_end_of_the_answer_is_a_violation() -> None:
    envoy = Playbook(plan(ROUTED), response=BodyMode.STREAMED)
    envoy.sends(request_headers("/elsewhere", method="GET", end=True))
    envoy.sends(response_headers(200, end=True))
    with pytest.raises(ProtocolViolation):
        envoy.sends(response_body(b"more"))


# -- health


def one(shared: Shared, answer: Headers, model: str = "chat", now: float = 0.0) -> str:
    """One exchange: asks for `model`, gets `answer`; tells the backend it went to, or the status of a refusal."""
    envoy = Playbook(plan("health: {failures: 2, cooldown: 10s}"), shared, now=now)
    effect = ask(envoy, model)
    if isinstance(effect, Reject):
        return str(effect.status)
    envoy.sends(answer)
    return str(envoy.leaves().backend)


QUOTA = b'{"error": {"code": "insufficient_quota"}}'
UNREACHABLE = (
    "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}"
)


def test_weights_give_their_shares() -> None:
    shared = Shared(0.5)
    backends = [one(shared, response_headers(200)) for _ in range(200)]
    assert abs(backends.count("hosted") - 160) <= 2
    assert abs(backends.count("local") - 40) <= 2


def test_a_target_that_is_down_is_passed_over_and_comes_back_after_the_cooldown() -> None:
    shared = Shared()
    while one(shared, response_headers(503, details=UNREACHABLE)) != "hosted":
        shared = Shared(0.3)
    assert {one(shared, response_headers(200)) for _ in range(20)} == {"local"}
    assert "hosted" in {one(shared, response_headers(200), now=10.1) for _ in range(20)}


def test_when_no_target_is_up_the_fallback_serves_and_the_client_is_told() -> None:
    shared = Shared()
    for _ in range(8):
        one(shared, response_headers(503, details=UNREACHABLE))
    assert {each.backend for each in shared.health.report(0.0)} == {"hosted", "local", "open"}
    shared.health.keep({"hosted", "local"})
    with Playbook(plan(), shared) as envoy:
        ask(envoy, "chat")
        answer = envoy.sends(response_headers(200)).gets_one(Proceed)
        record = envoy.leaves()
    assert answer.headers is not None
    assert dict(answer.headers.set)["x-extproc-decision"] == b"rerouted"
    assert dict(answer.headers.set)["x-extproc-backend"] == b"open"
    assert (record.decision, record.reason) == ("rerouted", "fallback")


def test_when_nothing_is_up_the_client_gets_503_in_its_dialect() -> None:
    shared = Shared()
    outcomes = [one(shared, response_headers(503, details=UNREACHABLE)) for _ in range(12)]
    assert outcomes[-1] == "503"


def test_errors_of_the_backend_itself_need_a_streak() -> None:
    shared = Shared()
    assert one(shared, response_headers(500), "plain") == "local"
    assert one(shared, response_headers(502), "plain") == "local"
    assert one(shared, response_headers(200), "plain") == "503"


@pytest.mark.parametrize(
    "details", ["no_healthy_upstream", "upstream_reset_before_response_started{connection_timeout}"]
)
def test_a_backend_without_a_connection_is_down_at_once(details: str) -> None:
    shared = Shared()
    assert one(shared, response_headers(503, details=details), "plain") == "local"
    assert one(shared, response_headers(200), "plain") == "503"


@pytest.mark.parametrize(
    "details", ["upstream_reset_before_response_started{connection_termination}", "response_timeout"]
)
def test_a_connection_that_ends_without_an_answer_needs_a_streak(details: str) -> None:
    shared = Shared()
    assert one(shared, response_headers(503, details=details), "plain") == "local"
    assert one(shared, response_headers(503, details=details), "plain") == "local"
    assert one(shared, response_headers(200), "plain") == "503"


def test_an_answer_of_the_backend_that_is_no_failure_ends_the_streak_even_if_it_is_an_error() -> None:
    shared = Shared()
    for answer in (response_headers(503), response_headers(401), response_headers(503), response_headers(400)):
        assert one(shared, answer, "plain") == "local"
    assert one(shared, response_headers(200), "plain") == "local"


def limits(*extra: Field, body: bytes = b"") -> Headers:
    return response_headers(429, *extra, end=not body)


@gathered(
    ("answer", "seconds"),
    [
        (limits(), LIMITED_LEAST),
        (limits(("retry-after", b"7")), 7.0),
        (limits(("retry-after", b"0")), LIMITED_LEAST),
        (limits(("retry-after", b"61")), 60.0),
        (limits(("retry-after", b"Wed, 21 Oct 2026 07:28:00 GMT")), LIMITED_LEAST),
        (limits(("retry-after-ms", b"1500"), ("retry-after", b"9")), 1.5),
    ],
)
def test_a_rate_limit_keeps_requests_away_for_as_long_as_it_says(answer: Headers, seconds: float) -> None:
    shared = Shared()
    while one(shared, answer) != "hosted":
        shared = Shared(0.3)
    assert {one(shared, response_headers(200), now=seconds - 0.01) for _ in range(20)} == {"local"}
    assert "hosted" in {one(shared, response_headers(200), now=seconds) for _ in range(20)}


def test_a_rate_limit_does_not_close_the_only_backend_of_a_model() -> None:
    shared = Shared()
    for _ in range(5):
        assert one(shared, limits(("retry-after", b"30")), "plain") == "local"


def test_a_used_up_quota_is_read_in_the_error_and_keeps_requests_away_for_longer() -> None:
    own = plan("health: {quota_cooldown: 5m}")
    shared = Shared()
    for body, seconds in ((b'{"error": {"code": "rate_limit_exceeded"}}', 1.0), (QUOTA, 300.0)):
        with Playbook(own, shared, response=BodyMode.BUFFERED) as envoy:
            ask(envoy, "renamed")
            envoy.sends(response_headers(429))
            envoy.sends(response_body(body))
            envoy.leaves()
        assert [each.seconds for each in shared.health.report(0.0)] == [seconds]


def test_responses_that_begin_late_are_failures_where_the_policy_says_so() -> None:
    for setting, late in (("", 0), ("first_byte: 2s", 1)):
        own, shared = plan(f"health: {{failures: 1, {setting}}}"), Shared()
        for waited in (2.0, 2.1):
            with Playbook(own, shared) as envoy:
                ask(envoy, "plain")
                envoy.now += waited
                envoy.sends(response_headers(200))
        assert [each.why for each in shared.health.report(2.1)] == ["slow"] * late


@gathered(("after", "expected"), [(0.0, "cut"), (CUT_EARLY, "cut"), (CUT_EARLY + 0.1, None)])
def test_responses_that_end_at_once_in_the_middle_are_failures(after: float, expected: str | None) -> None:
    own, shared = plan("health: {failures: 2}"), Shared()
    for _ in range(2):
        with Playbook(own, shared, response=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
            ask(envoy, "plain")
            envoy.sends(response_headers(200))
            envoy.sends(response_body(b"data: x\n\n", end=False))
            envoy.now += after
            envoy.leaves()
    assert [each.why for each in shared.health.report(0.0)] == ([expected] if expected else [])


def test_a_response_that_ends_well_ends_a_row_of_cut_ones() -> None:
    own, shared = plan("health: {failures: 2}"), Shared()
    for end in (False, True, False):
        with Playbook(own, shared, response=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
            ask(envoy, "plain")
            envoy.sends(response_headers(200))
            envoy.sends(response_body(b"data: x\n\n", end=end))
            envoy.leaves()
    assert shared.health.report(0.0) == ()


NOT_ITS_FAULT = [
    response_headers(413, details="request_payload_too_large"),
    response_headers(503, details="upstream_reset_before_response_started{overflow}"),
]


@pytest.mark.parametrize("answer", NOT_ITS_FAULT)
def test_what_is_not_the_backend_s_failure_does_not_count(answer: Headers) -> None:
    shared = Shared()
    for _ in range(5):
        assert one(shared, answer, "plain") == "local"


# -- the record


def test_one_record_tells_of_the_exchange() -> None:
    policy = plan()
    with Playbook(policy, response=BodyMode.FULL_DUPLEX_STREAMED) as envoy:
        envoy.sends(request_headers(CHAT + "?planted=secret", ("authorization", b"planted")))
        envoy.now = 0.25
        envoy.sends(request_body(b'{"model":"renamed","stream":true,"user":"planted"}'))
        envoy.sends(response_headers(200, ("x", b"planted")))
        envoy.sends(response_body(b"planted"))
        envoy.now = 1.5
        record = envoy.leaves()
        assert envoy.transaction.receive(StreamClosed(), 2.0) == ()
    assert logged(record) == {
        "request_id": REQUEST_ID.decode(),
        "dialect": "openai.chat",
        "path": CHAT,
        "model": "renamed",
        "stream": True,
        "decision": "allowed",
        "reason": "only",
        "backend": "hosted",
        "upstream_model": "gpt-4o-mini",
        "status": 200,
        "request_bytes": 50,
        "input_tokens": None,
        "output_tokens": None,
        "cached_input_tokens": None,
        "reasoning_tokens": None,
        "decided_ms": 250.0,
        "duration_ms": 1500.0,
        "policy": policy.digest,
        "first_byte_ms": 250.0,
    }


def test_a_client_that_leaves_before_its_request_was_read_is_told_of() -> None:
    envoy = Playbook(plan())
    envoy.sends(request_headers(CHAT))
    assert envoy.leaves(clean=False).decision == "gone"


def test_an_id_that_envoy_did_not_make_is_not_told() -> None:
    envoy = Playbook(plan())
    message = request_headers(CHAT)
    fields = [(n, b"planted text" if n == "x-request-id" else v) for n, v in message.fields]
    envoy.sends(Headers(Side.REQUEST, type(message.fields)(fields)))
    assert envoy.leaves().request_id == ""
