"""Answer stages in an exchange: what Envoy must grant for them, what cannot pass them, and what is recorded of it."""

import gzip
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from extproc.pipe import AnswerStage, AnswerStageType, StreamEvent, registered
from extproc.protocol.effects import Chunk, Effect, Inspect, Proceed, Reject
from extproc.protocol.messages import Failed, Inspected
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Shared
from tests.pipe.stages import Functions, Holding, said
from tests.records import logged
from tests.transaction.plans import SECRETS, plan

PATH: Final = "/v1/chat/completions"
JSON: Final = ("content-type", b"application/json")
EVENTS: Final = ("content-type", b"text/event-stream")
DUPLEX: Final = BodyMode.FULL_DUPLEX_STREAMED
REPORTING: Final = "pipelines: [{name: p, response: [{use: pii, kinds: [email], action: report}]}]\n"
PIPELINES: Final = pytest.mark.parametrize("pipeline", ["", REPORTING], ids=["no-pipeline", "reporting"])


class Raising(AnswerStage):
    """Fails at once."""

    def event(self, _: StreamEvent) -> Iterator[StreamEvent]:
        """See `AnswerStage.event`."""
        raise RuntimeError("PLANTED")


def marking() -> AnswerStage:
    return Functions(lambda event: [StreamEvent(event.raw.replace(b"hello", b"HELLO"))])


STAGES: Final[dict[str, Callable[[], AnswerStage]]] = {
    "raising": Raising,
    "marking": marking,
    "holding": lambda: Holding(1000),
}


@pytest.fixture(autouse=True)
def plugged() -> Iterator[None]:
    def opening(name: str) -> Any:
        return lambda _options, _facts: STAGES[name]()

    with registered(*(AnswerStageType(name=name, open=opening(name)) for name in STAGES)):
        yield


def stages(use: str, on_failure: str = "block") -> str:
    return f"answer_stages: [{{use: {use}, on_failure: {on_failure}}}]\n"


def asks(envoy: Playbook) -> list[Effect]:
    effects = [*envoy.sends(request_headers(PATH, JSON)).effects]
    if not any(isinstance(each, Reject) for each in effects):
        effects += envoy.sends(request_body(b'{"model":"plain","messages":[]}')).effects
    return effects


def refused(effects: list[Effect]) -> tuple[int, bytes] | None:
    return next(((each.status, each.body) for each in effects if isinstance(each, Reject)), None)


def answered(extra: str, body: bytes, *fields: tuple[str, bytes]) -> tuple[list[Effect], dict[str, Any]]:
    """The effects of a response in the buffered profile, and the log line."""
    with Playbook(plan(extra)) as envoy:
        asks(envoy)
        effects = [*envoy.sends(response_headers(200, *fields)).effects]
        if refused(effects) is None:
            effects += worked(envoy, body, end=True)
        return effects, logged(envoy.leaves())


def worked(envoy: Playbook, data: bytes, *, end: bool = False) -> list[Effect]:
    """The effects of a piece of the response, with those of the work that was handed out for it."""
    effects = [*envoy.sends(response_body(data, end=end)).effects]
    while effects and isinstance(order := effects[-1], Inspect):
        told = Inspected(order.ticket, order.work.run())  # type: ignore[union-attr]
        effects[-1:] = envoy.sends(told).effects
    return effects


# -- what Envoy must grant


@PIPELINES
@pytest.mark.parametrize(("request_mode", "early"), [(BodyMode.BUFFERED, False), (DUPLEX, False), (DUPLEX, True)])
def test_where_envoy_hands_no_response_over_the_request_goes_nowhere(
    request_mode: BodyMode, early: bool, pipeline: str
) -> None:
    compiled = plan(stages("marking") + pipeline)
    with Playbook(compiled, request=request_mode, response=BodyMode.NONE, early=early) as envoy:
        status, body = refused(asks(envoy)) or (0, b"")
        line = logged(envoy.leaves())
    assert (status, b"misconfigured" in body) == (503, True)
    assert (line["misconfigured"], line["decision"]) == ("response_body_mode", "failed")


@PIPELINES
def test_a_stage_that_may_fail_lets_a_response_pass_that_envoy_does_not_hand_over(pipeline: str) -> None:
    with Playbook(plan(stages("marking", "allow") + pipeline), response=BodyMode.NONE) as envoy:
        assert refused(asks(envoy)) is None
        headers = envoy.sends(response_headers(200, EVENTS)).gets_one(Proceed)
        assert headers.modes is None
        assert logged(envoy.leaves())["misconfigured"] == "response_body_mode"


def test_a_body_without_its_headers_is_refused() -> None:
    with Playbook(plan(stages("marking"))) as envoy:
        asks(envoy)
        assert envoy.sends(response_body(b"{}")).gets_one(Reject).status == 503


def test_a_stream_is_guarded_until_envoy_has_shown_that_it_took_the_override() -> None:
    with Playbook(plan(stages("marking")), Shared()) as envoy:
        asks(envoy)
        headers = envoy.sends(response_headers(200, EVENTS)).gets_one(Proceed)
        assert headers.modes is not None
        assert headers.modes.response_body is DUPLEX
        first = envoy.sends(response_body(said("hello"), end=False)).gets_one(Chunk)
        assert (first.guard, first.data) == (True, said("HELLO"))
        assert logged(envoy.leaves())["misconfigured"] == "mode_override"


# -- a credential of ours, in parts


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, DUPLEX])
@PIPELINES
def test_a_credential_in_parts_is_taken_out_where_stages_alone_change_the_response(
    pipeline: str, mode: BodyMode
) -> None:
    key = SECRETS["hosted"].decode()
    for at in range(1, len(key)):
        pieces = [said("hello, no key "), said(f"is {key[:at]}"), said(f"{key[at:]} here"), b"data: [DONE]\n\n"]
        assert streamed(stages("marking") + pipeline, pieces, mode) == (
            said("HELLO, no key ") + said("is [redacted]") + said(" here") + pieces[-1]
        )


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, DUPLEX])
@PIPELINES
def test_what_stages_leave_passes_as_they_leave_it(pipeline: str, mode: BodyMode) -> None:
    pieces = [said("hello, pl"), said("anet"), said("plan"), b"data: [DONE]\n\n"]
    passed = b"".join(pieces).replace(b"hello", b"HELLO")
    assert streamed(stages("marking") + pipeline, pieces, mode) == passed


def streamed(extra: str, pieces: list[bytes], mode: BodyMode) -> bytes:
    with Playbook(plan(extra), request=mode, response=mode) as envoy:
        envoy.sends(request_headers(PATH, JSON))
        envoy.sends(request_body(b'{"model":"renamed","messages":[]}'))
        envoy.sends(response_headers(200, EVENTS))
        effects = [each for piece in pieces for each in worked(envoy, piece)]
        effects += worked(envoy, b"", end=True)
    return b"".join(each.data for each in effects if isinstance(each, Chunk))


# -- what cannot pass


@PIPELINES
@pytest.mark.parametrize(
    ("fields", "body", "reason"),
    [
        ((JSON, ("content-encoding", b"rot13")), b"{}", "encoding"),
        ((EVENTS, ("content-encoding", b"rot13")), said("a"), "encoding"),
        (((EVENTS[0], b"text/event-stream; charset=utf-7"),), said("a"), "charset"),
        ((JSON, ("content-length", b"2097153")), b"x" * 2097153, "size"),
        ((JSON,), b"x" * 2097153, "size"),
        ((JSON, ("content-encoding", b"gzip")), gzip.compress(b"x" * 2097153), "size"),
        ((JSON, ("content-encoding", b"gzip")), b"no gzip", "encoding"),
    ],
)
def test_what_cannot_pass_a_stage_is_refused_unless_it_may_fail(
    fields: tuple[tuple[str, bytes], ...], body: bytes, reason: str, pipeline: str
) -> None:
    effects, line = answered(stages("marking") + pipeline, body, *fields)
    assert [found[0] for found in [refused(effects)] if found] == [502]
    assert line["failures"] == [{"processor": "marking", "reason": reason, "allowed": False}]
    assert (line["blocked_by"], line["blocked_for"]) == ("marking", "stage")
    effects, line = answered(stages("marking", "allow") + pipeline, body, *fields)
    assert refused(effects) is None
    assert [each for each in effects if isinstance(each, Proceed) and each.body is not None] == []
    assert line["failures"] == [{"processor": "marking", "reason": reason, "allowed": True}]


@PIPELINES
def test_a_json_response_of_the_limits_size_passes_the_stage(pipeline: str) -> None:
    body = b'{"a":"hello"}'.ljust(2 * 1024 * 1024)
    effects, _ = answered(stages("marking") + pipeline, body, JSON)
    assert [each.body for each in effects if isinstance(each, Proceed) and each.body is not None] == [
        body.replace(b"hello", b"HELLO")
    ]


def test_other_types_pass_by_the_stage() -> None:
    for kind in (b"text/html", b"audio/mpeg", b""):
        effects, line = answered(stages("raising"), b"hello", ("content-type", kind))
        assert refused(effects) is None
        assert "failures" not in line


# -- failures


@PIPELINES
def test_a_stage_that_fails_on_a_document_refuses_it_in_the_apis_words(pipeline: str) -> None:
    effects, line = answered(stages("raising") + pipeline, b'{"a":"hello"}', JSON)
    status, body = refused(effects) or (0, b"")
    assert (status, b"response_not_processed" in body, b"PLANTED" in body) == (502, True, False)
    assert (line["decision"], line["reason"]) == ("blocked" if pipeline else "rejected", "response_not_processed")
    assert (line["blocked_by"], line["blocked_for"]) == ("raising", "stage")
    assert line["failures"] == [{"processor": "raising", "reason": "error", "allowed": False}]


@PIPELINES
def test_a_stage_that_fails_in_a_stream_ends_it_with_an_error(pipeline: str) -> None:
    effects, line = answered(stages("raising") + pipeline, said("hello"), EVENTS)
    (chunk,) = (each for each in effects if isinstance(each, Chunk))
    assert b"response_not_processed" in chunk.data
    assert b"hello" not in chunk.data
    assert (line["decision"], line["reason"], line["blocked_by"]) == ("blocked", "answer_cut", "raising")


@PIPELINES
@pytest.mark.parametrize("fields", [JSON, EVENTS])
def test_a_stage_that_may_fail_is_left_out(fields: tuple[str, bytes], pipeline: str) -> None:
    body = said("hello") + b"data: [DONE]\n\n" if fields is EVENTS else b'{"a":"hello"}'
    effects, line = answered(stages("raising", "allow") + pipeline, body, fields)
    changed = [each.body for each in effects if isinstance(each, Proceed) and each.body is not None]
    chunks = b"".join(each.data for each in effects if isinstance(each, Chunk))
    assert (changed, chunks) == ([], body if fields is EVENTS else b"")
    assert line["failures"] == [{"processor": "raising", "reason": "error", "allowed": True}]
    assert line["decision"] == "allowed"


@PIPELINES
@pytest.mark.parametrize("on_failure", ["block", "allow"])
def test_a_document_that_takes_too_long_goes_on_only_if_the_stage_allows_it(on_failure: str, pipeline: str) -> None:
    with Playbook(plan(stages("marking", on_failure) + pipeline)) as envoy:
        asks(envoy)
        envoy.sends(response_headers(200, JSON))
        order = envoy.sends(response_body(b'{"a":"hello"}'.ljust(500_000))).gets_one(Inspect)
        (effect,) = envoy.sends(Failed(order.ticket, "timeout")).effects
        line = logged(envoy.leaves())
    allowed = on_failure == "allow"
    assert isinstance(effect, Proceed if allowed else Reject)
    assert {"processor": "marking", "reason": "timeout", "allowed": allowed} in line["failures"]
    assert line.get("blocked_by") == (None if allowed else "marking")


@pytest.mark.parametrize("on_failure", ["block", "allow"])
def test_a_stream_whose_piece_takes_too_long_ends(on_failure: str) -> None:
    with Playbook(plan(stages("marking", on_failure))) as envoy:
        asks(envoy)
        envoy.sends(response_headers(200, EVENTS))
        order = envoy.sends(response_body(said("hello" * 1000), end=False)).gets_one(Inspect)
        chunk = envoy.sends(Failed(order.ticket, "timeout")).gets_one(Chunk)
        line = logged(envoy.leaves())
    assert chunk.end
    assert b"response_not_processed" in chunk.data
    assert (line["decision"], line["blocked_by"], line["blocked_for"]) == ("blocked", "marking", "stage")


# -- what stages keep is counted


def test_what_a_stage_keeps_counts_among_held_bodies() -> None:
    shared = Shared()
    shared.overridden.add(b"")
    compiled = plan(stages("holding") + "limits: {request_body: 1KiB, held_bodies: 100KiB}\n")
    piece = said("x" * 400)
    with Playbook(compiled, shared) as envoy:
        asks(envoy)
        envoy.sends(response_headers(200, EVENTS))
        most = 100 * 1024 // len(piece)
        for _ in range(most):
            assert worked(envoy, piece) == []
        assert shared.held == most * len(piece)
        (last,) = worked(envoy, piece)
        assert isinstance(last, Chunk)
        assert (last.end, b"overloaded" in last.data) == (True, True)
        assert shared.held == 0
        envoy.leaves()
