"""A later attempt: what its filter makes of the request, what it refuses, and what it learns."""

import gzip
import json
from typing import Any, Final

from msgspec.structs import replace

from extproc.policy import loads
from extproc.protocol.effects import Abort, HeaderMutation, Phase, Proceed, Reject
from extproc.protocol.headers import Field, HeaderMap
from extproc.protocol.messages import Body, Deadline, Headers, Side, StreamClosed
from extproc.protocol.modes import BodyMode, ModeOverride, ProtocolConfig, SendMode
from extproc.protocol.record import AttemptRecord
from extproc.testing.playbook import REQUEST_ID, Playbook, request_body, request_headers, response_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.upstream.attempt import Attempt
from extproc.transaction.upstream.attempts import NAMESPACE, right_cluster
from extproc.transaction.upstream.content import READ_MAX
from tests.gathered import gathered

POLICY: Final = """\
version: 1
backends:
  - {name: one, url: "http://127.0.0.1:1/one/v1", api: openai, credential: {bearer: {env: ONE}}}
  - {name: two, url: "http://127.0.0.1:2/v1", api: openai, credential: {header: x-two-key, env: TWO}}
  - {name: three, url: "http://127.0.0.1:3/v1", api: openai}
  - {name: theirs, url: "http://127.0.0.1:4/v1", api: openai, credential: client}
models:
  - {name: chat, targets: [{backend: one, model: first}], fallback: [{backend: two, model: second}, {backend: three}]}
  - {name: own, targets: [{backend: one}], fallback: [{backend: theirs}]}
health: {failures: 1, cooldown: 1h}
"""
SECRETS: Final = {"one": b"planted-key-one", "two": b"planted-key-two"}
CHAT: Final = "/v1/chat/completions"
BUFFERED: Final = ProtocolConfig(BodyMode.BUFFERED)


def plan(text: str = POLICY) -> Plan:
    return Plan.compile(loads(text, "policy.yaml"), SECRETS)


PLAN: Final = plan()


def first(own: Plan = PLAN, model: str = "chat", shared: Shared | None = None, *fields: Field) -> Proceed:
    """The request's own stream, as an Envoy sees it that is configured for the plan."""
    with Playbook(own, shared, configuration=own.fingerprint) as envoy:
        envoy.sends(request_headers(f"{CHAT}?x=1", *fields))
        return envoy.sends(request_body(json.dumps({"model": model}).encode())).gets_one(Proceed)


def told(opening: Proceed) -> dict[str, Any]:
    assert opening.metadata is not None
    return dict(opening.metadata[NAMESPACE])


def attempt_headers(number: int, metadata: Any, *fields: Field, details: str | None = None) -> Headers:
    """The headers of an attempt, with what the one before it left in them."""
    named = {
        ":method": b"POST",
        ":path": b"/one/v1/chat/completions?x=1",
        ":authority": b"127.0.0.1:1",
        "authorization": b"Bearer planted-key-one",
        "x-request-id": REQUEST_ID,
        "x-envoy-attempt-count": b"%d" % number,
    }
    attributes = {"upstream.request_attempt_count": str(number)}
    if details is not None:
        attributes["response.code_details"] = details
    fields = (*named.items(), *fields)
    return Headers(Side.REQUEST, HeaderMap(fields), False, attributes, BUFFERED, {NAMESPACE: metadata})


def counted(number: str) -> Headers:
    """The headers of an attempt that has this number by what Envoy says."""
    headers = attempt_headers(2, told(first()))
    return replace(headers, attributes={"upstream.request_attempt_count": number})


def attempt(own: Plan = PLAN, backend: str = "two", shared: Shared | None = None) -> Attempt:
    return Attempt(own, shared or Shared(), 0.0, own.fingerprint + b"/" + backend.encode())


def recorded(made: Attempt) -> AttemptRecord:
    (record,) = made.receive(StreamClosed(), 1.0)
    assert isinstance(record, AttemptRecord)
    return record


def test_envoy_is_told_of_attempts_by_numbers_in_headers_and_the_rest_in_metadata() -> None:
    opening = first()
    assert isinstance(opening.headers, HeaderMutation)
    fields = dict(opening.headers.sets)
    # By their names the backends are one, theirs, three, two.
    assert (fields["x-extproc-retry"], fields["x-extproc-try-1"], fields["x-extproc-try-2"]) == (b"1-3", b"3", b"2")
    assert told(opening)["attempts"] == "one\tfirst\ntwo\tsecond\nthree\tchat"
    assert told(opening)["path"] == f"{CHAT}?x=1"


def test_an_envoy_without_the_plan_s_fingerprint_is_told_of_no_attempt() -> None:
    with Playbook(PLAN) as envoy:
        envoy.sends(request_headers(CHAT))
        opening = envoy.sends(request_body(b'{"model": "chat"}')).gets_one(Proceed)
    assert opening.headers is not None
    assert not [name for name, _ in opening.headers.sets if name.startswith(("x-extproc-try", "x-extproc-retry"))]
    assert "attempts" not in told(opening)


@gathered(
    ("model", "text"),
    [
        ("own", POLICY),  # the second backend would get the client's own key
        ("chat", POLICY + "steering: {retries: none}\n"),
        ("chat", POLICY.replace("{backend: three}]", "{backend: three}], retry: {attempts: 1}")),
    ],
)
def test_what_may_not_be_tried_again_is_planned_for_one_attempt(model: str, text: str) -> None:
    opening = first(plan(text), model)
    assert opening.headers is not None
    assert not [name for name, _ in opening.headers.sets if name.startswith("x-extproc-try")]


def test_a_compressed_body_is_tried_once() -> None:
    with Playbook(PLAN, configuration=PLAN.fingerprint) as envoy:
        envoy.sends(request_headers(CHAT, ("content-encoding", b"gzip")))
        opening = envoy.sends(request_body(gzip.compress(b'{"model": "chat"}'))).gets_one(Proceed)
    assert opening.headers is not None
    assert not [name for name, _ in opening.headers.sets if name.startswith("x-extproc-try")]


def test_an_attempt_sets_all_of_its_own_and_removes_all_that_others_had() -> None:
    made, metadata = attempt(), told(first())
    stray = (("x-team-token", b"client's"), ("x-extproc-try-1", b"3"), ("x-extproc-try-2", b"2"))
    (opening,) = made.receive(attempt_headers(2, metadata, *stray), 0.0)
    assert isinstance(opening, Proceed)
    assert opening.headers is not None
    fields = dict(opening.headers.sets)
    assert (fields[":path"], fields[":authority"]) == (b"/v1/chat/completions?x=1", b"127.0.0.1:2")
    assert fields["x-two-key"] == b"planted-key-two"
    assert fields["x-extproc-try-1"] == b"2", "the next one, whoever counts"
    assert {"authorization", "x-api-key", "cookie", "x-team-token", "x-envoy-attempt-count"} <= set(
        opening.headers.remove
    )
    assert opening.metadata is not None
    assert opening.metadata[NAMESPACE] == {"decision": "rerouted", "backend": "two", "model": "second", "seen": "2"}
    body = b'{"a": 1.50,  "model" : "first" , "n":12345678901234567890}'
    (rewritten,) = made.receive(Body(Side.REQUEST, body, end=True), 0.0)
    assert isinstance(rewritten, Proceed)
    assert rewritten.body == body.replace(b'"first"', b'"second"')
    assert rewritten.headers is not None
    assert dict(rewritten.headers.sets) == {"content-length": b"%d" % len(rewritten.body)}
    assert recorded(made).upstream_model == "second"


def test_the_last_attempt_takes_the_numbers_out_and_sets_a_length_although_nothing_changes() -> None:
    made = attempt(backend="three")
    (opening,) = made.receive(attempt_headers(3, told(first())), 0.0)
    assert isinstance(opening, Proceed)
    assert opening.headers is not None
    assert {"x-extproc-try-1", "x-extproc-try-2", "x-two-key", "authorization"} <= set(opening.headers.remove)
    body = b'{"model": "chat"}'
    (rewritten,) = made.receive(Body(Side.REQUEST, body, end=True), 0.0)
    assert isinstance(rewritten, Proceed)
    assert rewritten.body is None
    assert rewritten.headers is not None
    assert rewritten.headers.sets == (("content-length", b"17"),), "the attempt before may have left another's"


OTHER: Final = plan(POLICY.replace("model: second", "model: changed"))
"""Another policy, for which Envoy need not be configured anew."""


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in told(first()).items() if name not in names}


@gathered(
    ("made", "message", "reason"),
    [
        (attempt(), attempt_headers(2, without("attempts")), "attempt_unknown"),
        (attempt(), attempt_headers(2, without("policy")), "attempt_unknown"),
        (attempt(), attempt_headers(2, {}), "attempt_unknown"),
        (attempt(), attempt_headers(2, {**told(first()), "path": f"{CHAT}\u20ac"}), "attempt_unknown"),
        (attempt(), attempt_headers(2, {**told(first()), "attempts": "one\ta\ntwo\tb\nnone\tc"}), "attempt_unplanned"),
        (attempt(), attempt_headers(2, {**told(first()), "attempts": "one\ta\ntwo\t\nthree\tc"}), "attempt_unplanned"),
        (
            attempt(),
            attempt_headers(2, {**told(first()), "attempts": "one\ta\ntwo\tb" + "\n" * 9}),
            "attempt_unplanned",
        ),
        (attempt(), counted("\u00b2"), "attempt_unplanned"),
        (attempt(), counted("9" * 5000), "attempt_unplanned"),
        (attempt(backend="three"), attempt_headers(2, told(first())), "attempt_unplanned"),
        (attempt(backend="one"), attempt_headers(1, told(first())), "attempt_unplanned"),
        (attempt(), attempt_headers(3, told(first())), "attempt_unplanned"),
        (attempt(), attempt_headers(4, told(first())), "attempt_unplanned"),
        (attempt(), attempt_headers(0, told(first())), "attempt_unplanned"),
        (
            attempt(backend="theirs"),
            attempt_headers(2, {**told(first()), "attempts": "one\tfirst\ntheirs\tx"}),
            "attempt_unplanned",
        ),
        (attempt(OTHER), attempt_headers(2, told(first())), "attempt_policy_changed"),
        (
            Attempt(PLAN, Shared(), 0.0, b"3-0123456789abcdef/two"),
            attempt_headers(2, told(first())),
            "misconfigured_configuration",
        ),
    ],
)
def test_an_attempt_that_nobody_planned_under_this_policy_is_refused(
    made: Attempt, message: Headers, reason: str
) -> None:
    (refused,) = made.receive(message, 0.0)
    assert isinstance(refused, Reject)
    assert (refused.status, refused.details) == (503, f"extproc_{reason}")
    assert b"planted" not in refused.body
    assert made.receive(Body(Side.REQUEST, b"{}", end=True), 0.0) == ()
    record = recorded(made)
    assert (record.decision, record.reason, record.request_id) == ("refused", reason, REQUEST_ID.decode())


def test_policies_are_told_apart_by_anything_they_say_and_by_nothing_else() -> None:
    assert PLAN.fingerprint == OTHER.fingerprint
    assert PLAN.digest != OTHER.digest
    assert PLAN.digest == plan().digest


def test_the_failures_before_an_attempt_count_for_the_backends_that_failed() -> None:
    for details, number, backend, seen, expected in (
        (None, 2, "two", None, {("one", "first"): "failing"}),
        ("via_upstream", 2, "two", None, {("one", "first"): "retried"}),
        (None, 3, "three", None, {("one", "first"): "failing", ("two", "second"): "failing"}),
        ("via_upstream", 3, "three", "2", {("two", "second"): "retried"}),
    ):
        shared = Shared()
        metadata = {**told(first()), **({"seen": seen} if seen else {})}
        attempt(backend=backend, shared=shared).receive(attempt_headers(number, metadata, details=details), 0.0)
        assert {(each.backend, each.model): each.why for each in shared.health.report(0.0)} == expected


def test_numbers_that_are_none_count_for_no_attempt_that_is_known() -> None:
    for number in ("\u00b2", "9" * 5000, "-1"):
        shared = Shared()
        metadata = {**told(first()), "seen": number, "spoilt": number}
        (onward,) = attempt(shared=shared).receive(attempt_headers(2, metadata), 0.0)
        assert isinstance(onward, Proceed)
        assert [each.backend for each in shared.health.report(0.0)] == ["one"]


def answered(number: int, cluster: str, status: int = 200, details: str = "via_upstream") -> Headers:
    plain = response_headers(status, end=True, details=details)
    told = {**plain.attributes, "xds.cluster_name": cluster, "upstream.request_attempt_count": str(number)}
    return Headers(Side.RESPONSE, plain.fields, True, told)


def test_the_response_is_that_of_the_last_attempt() -> None:
    shared = Shared()
    with Playbook(PLAN, shared, configuration=PLAN.fingerprint) as envoy:
        envoy.sends(request_headers(CHAT))
        envoy.sends(request_body(b'{"model": "chat"}'))
        answer = envoy.sends(answered(2, "two:retry")).gets_one(Proceed)
        record = envoy.leaves()
    assert answer.headers is not None
    assert dict(answer.headers.sets)["x-extproc-backend"] == b"two"
    assert dict(answer.headers.sets)["x-extproc-decision"] == b"rerouted"
    assert (record.backend, record.upstream_model, record.attempts, record.tried) == ("two", "second", 2, ("one",))
    assert shared.health.report(0.0) == (), "the attempt's own stream told of the failure"


def test_where_no_attempt_s_filter_ran_the_response_tells_of_all_failures() -> None:
    shared = Shared()
    with Playbook(PLAN, shared, configuration=PLAN.fingerprint) as envoy:
        envoy.sends(request_headers(CHAT))
        envoy.sends(request_body(b'{"model": "chat"}'))
        details = "upstream_reset_before_response_started{remote_connection_failure}"
        envoy.sends(answered(2, "two:retry", 503, details))
        envoy.leaves()
    assert {(each.backend, each.model) for each in shared.health.report(0.0)} == {("one", "first"), ("two", "")}


@gathered(
    ("number", "cluster"),
    [(2, "three:retry"), (2, "two"), (2, "one"), (1, "two:retry"), (3, "two:retry"), (4, "three:retry"), (9, "one")],
)
def test_a_response_of_another_cluster_than_the_attempt_s_is_withheld(number: int, cluster: str) -> None:
    with Playbook(PLAN, configuration=PLAN.fingerprint) as envoy:
        envoy.sends(request_headers(CHAT))
        envoy.sends(request_body(b'{"model": "chat"}'))
        refused = envoy.sends(answered(number, cluster)).gets_one(Reject)
    assert refused.details == "extproc_misconfigured_steering"


def test_the_right_cluster_of_an_attempt() -> None:
    opening = first()
    assert opening is not None
    (steering,) = [
        each for each in PLAN.steerings.values() if each.planned is not None and "?x=1" in str(each.metadata)
    ][:1]
    clusters = [right_cluster("one", steering.planned, number) for number in range(5)]
    assert clusters == [None, "one", "two:retry", "three:retry", None]
    assert right_cluster("one", None, 2) is None


def test_an_attempt_that_is_never_decided_ends_as_an_error() -> None:
    made = attempt()
    assert made.deadline == PLAN.limits.request_timeout
    (ended,) = made.receive(Deadline(), made.deadline)
    assert isinstance(ended, Abort)
    assert recorded(made).reason == "exchange_timeout"


READING: Final = plan(POLICY.replace("{backend: three}]", "{backend: three}], retry: {on: [context_length]}"))


def refusal(status: int, *fields: Field, reads: Plan = READING, number: int = 1) -> Headers:
    """A response's headers as the first message of a filter that reads errors."""
    named = ((":status", b"%d" % status), *fields)
    metadata = told(first(reads))
    attributes = {"upstream.request_attempt_count": str(number)}
    return Headers(Side.RESPONSE, HeaderMap(named), False, attributes, ProtocolConfig(), {NAMESPACE: metadata})


TOO_LONG: Final = b'{"error": {"code": "context_length_exceeded"}}'


@gathered(
    ("message", "body", "reason"),
    [
        (refusal(400), TOO_LONG, "context_length"),
        (refusal(413), b'{"error": {"message": "Prompt is too long: 9 tokens"}}', "context_length"),
        (refusal(400, ("content-encoding", b"gzip")), gzip.compress(TOO_LONG), "context_length"),
        (refusal(400, ("content-encoding", b"gzip")), TOO_LONG, None),
        (refusal(400, ("content-encoding", b"rot13")), TOO_LONG, None),
        (refusal(400), b'{"error": {"code": "content_filter"}}', None),
        (refusal(400), TOO_LONG + b" " * READ_MAX, None),
        (refusal(400), b"", None),
    ],
)
def test_an_error_that_the_policy_names_is_told_to_envoy(message: Headers, body: bytes, reason: str | None) -> None:
    made = attempt(READING, "one")
    (opening,) = made.receive(message, 0.0)
    assert isinstance(opening, Proceed)
    assert opening.modes == ModeOverride(BodyMode.NONE, BodyMode.BUFFERED, response_headers=SendMode.SEND)
    (answer,) = made.receive(Body(Side.RESPONSE, body, end=True), 0.0)
    assert isinstance(answer, Proceed)
    assert answer.body is None
    if reason is None:
        assert answer.headers is None
    else:
        assert answer.headers == HeaderMutation(set=(("x-extproc-retriable", reason.encode()),))
        assert answer.metadata == {NAMESPACE: {"spoilt": "1"}}
    record = recorded(made)
    assert (record.attempt, record.backend, record.decision, record.reason) == (1, "one", "read", reason)


@gathered("message", [refusal(200), refusal(401), refusal(503), refusal(400, reads=PLAN)])
def test_all_else_passes_unread(message: Headers) -> None:
    made = attempt(READING, "one")
    (opening,) = made.receive(message, 0.0)
    assert opening == Proceed(Side.RESPONSE, Phase.HEADERS, lasting=True)


def test_an_attempt_that_failed_by_what_the_request_says_is_no_failure_of_the_backend() -> None:
    shared = Shared()
    metadata = {**told(first(READING)), "spoilt": "1"}
    attempt(READING, shared=shared).receive(attempt_headers(2, metadata, details="via_upstream"), 0.0)
    assert shared.health.report(0.0) == ()


@gathered(
    ("now", "others"),
    [
        (plan(POLICY.replace("model: second", "model: other")), {}),  # a policy with another name for the model
        (Plan.compile(loads(POLICY), {"one": b"planted-new", "two": b"planted-newer"}, generation="2"), {}),
        (plan(POLICY.replace('127.0.0.1:2/v1"', '127.0.0.1:9/v1"')), {}),  # Envoy is configured anew for that
    ],
)
def test_an_attempt_goes_on_under_the_plan_of_its_request_whichever_is_in_force(
    now: Plan, others: dict[str, Plan]
) -> None:
    others |= {PLAN.version: PLAN}
    made = Attempt(now, Shared(), 0.0, PLAN.fingerprint + b"/two", others.get)
    opened = made.receive(attempt_headers(2, told(first())), 0.0)
    assert isinstance(opened[0], Proceed)
    assert opened[0].headers is not None
    assert ("x-two-key", b"planted-key-two") in opened[0].headers.sets
    (went,) = made.receive(Body(Side.REQUEST, b'{"model": "chat"}', end=True), 0.0)
    assert isinstance(went, Proceed)
    assert went.body == b'{"model": "second"}'
    assert recorded(made).policy == PLAN.digest
