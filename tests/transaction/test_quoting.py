"""A backend that quotes our credential, and responses that do not come to their end."""

import gzip
import json
from collections.abc import Sequence

import pytest

from extproc.protocol.effects import Chunk, Effect, Phase, Proceed, Reject
from extproc.protocol.headers import Field
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode, ModeOverride
from extproc.testing.playbook import (
    Playbook,
    request_body,
    request_headers,
    response_body,
    response_headers,
    response_trailers,
)
from extproc.transaction.lanes import Lane
from extproc.transaction.responses.quoting import ERROR_MAX
from tests.records import logged
from tests.transaction.plans import SECRETS, plan

CHAT = "/v1/chat/completions"
KEY = SECRETS["hosted"]
DUPLEX = BodyMode.FULL_DUPLEX_STREAMED
PROFILES = pytest.mark.parametrize(
    ("request_mode", "response_mode"),
    [(BodyMode.BUFFERED, BodyMode.BUFFERED), (DUPLEX, DUPLEX)],
    ids=["buffered", "duplex"],
)
QUOTED = b'{"error": {"message": "Incorrect API key provided: ' + KEY + b'."}}'
CLEAN = QUOTED.replace(KEY, b"[redacted]")
JSON: Field = ("content-type", b"application/json")
READING = "pipelines: [{name: p, response: [{use: pii, kinds: [email], action: mask}]}]"


def asked(envoy: Playbook, model: str = "renamed", *, stream: bool = False) -> None:
    envoy.sends(request_headers(CHAT))
    envoy.sends(request_body(json.dumps({"model": model, "stream": stream}).encode()))


def body_of(effects: Sequence[Effect], came: bytes) -> bytes:
    """What the client gets of a response's body."""
    pieces = [each.data for each in effects if isinstance(each, Chunk)]
    whole = [each.body for each in effects if isinstance(each, Proceed) and each.body is not None]
    return b"".join(pieces or whole) or came


@PROFILES
@pytest.mark.parametrize("extra", ["", READING])
@pytest.mark.parametrize(
    ("status", "fields", "came", "goes"),
    [
        (401, (JSON,), QUOTED, CLEAN),
        (401, (JSON, ("content-length", b"%d" % len(QUOTED))), QUOTED, CLEAN),
        (500, (JSON,), b'{"a": "planted\\u002dhosted\\u002Dkey"}', b'{"a": "[redacted]"}'),
        (429, (JSON,), b'{"error": "slow down"}', b'{"error": "slow down"}'),
        (400, (JSON, ("content-encoding", b"gzip")), gzip.compress(QUOTED, mtime=0), CLEAN),
    ],
)
def test_a_credential_in_an_error_is_taken_out(
    status: int,
    fields: tuple[Field, ...],
    came: bytes,
    goes: bytes,
    extra: str,
    request_mode: BodyMode,
    response_mode: BodyMode,
) -> None:
    with Playbook(plan(extra), request=request_mode, response=response_mode) as envoy:
        asked(envoy)
        effects = [*envoy.sends(response_headers(status, *fields)).effects, *envoy.sends(response_body(came)).effects]
        assert body_of(effects, came) == goes
        lengths = [
            dict(each.headers.sets).get("content-length")
            for each in effects
            if isinstance(each, Proceed) and each.headers
        ]
        assert came == goes or b"%d" % len(goes) in lengths
        record = envoy.leaves()
    assert (record.status, record.decision) == (status, "allowed")


@PROFILES
@pytest.mark.parametrize("kind", [b"text/plain", b"text/html; charset=utf-8", b"application/octet-stream", b""])
def test_an_error_of_any_content_type_is_read(kind: bytes, request_mode: BodyMode, response_mode: BodyMode) -> None:
    with Playbook(plan(), request=request_mode, response=response_mode) as envoy:
        asked(envoy)
        effects = [*envoy.sends(response_headers(502, ("content-type", kind))).effects]
        effects += envoy.sends(response_body(b"no " + KEY, end=False)).effects
        effects += envoy.sends(response_trailers()).effects
    assert body_of(effects, b"") == b"no [redacted]"


@PROFILES
@pytest.mark.parametrize("path", ["/v1/files", "/elsewhere"])
def test_an_error_on_a_path_that_nobody_claims_is_read_as_well(
    path: str, request_mode: BodyMode, response_mode: BodyMode
) -> None:
    with Playbook(plan("default_backend: hosted"), request=request_mode, response=response_mode) as envoy:
        envoy.sends(request_headers(path, method="GET", end=True))
        effects = [*envoy.sends(response_headers(401, JSON)).effects, *envoy.sends(response_body(QUOTED)).effects]
    assert body_of(effects, b"") == CLEAN


def test_a_credential_in_pieces_of_a_body_is_found() -> None:
    with Playbook(plan(), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy)
        envoy.sends(response_headers(401, JSON)).gets_nothing()
        for at in range(0, len(QUOTED), 7):
            envoy.sends(response_body(QUOTED[at : at + 7], end=False)).gets_nothing()
        effects = envoy.sends(response_body(b"")).effects
    assert body_of(effects, b"") == CLEAN


@PROFILES
@pytest.mark.parametrize(("status", "told"), [(401, 401), (503, 503), (200, 502), (302, 502)])
def test_a_response_with_a_credential_in_its_headers_is_withheld(
    status: int, told: int, request_mode: BodyMode, response_mode: BodyMode
) -> None:
    with Playbook(plan(), request=request_mode, response=response_mode) as envoy:
        asked(envoy)
        refused = envoy.sends(response_headers(status, ("www-authenticate", b'Bearer e="' + KEY + b'"'))).gets_one(
            Reject
        )
        record = envoy.leaves()
    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (told, "response_withheld")
    assert KEY not in refused.body
    assert (record.reason, record.status) == ("response_withheld", told)


@pytest.mark.parametrize("request_mode", [BodyMode.BUFFERED, DUPLEX])
@pytest.mark.parametrize("mode", [BodyMode.NONE, BodyMode.STREAMED, BodyMode.BUFFERED_PARTIAL])
def test_an_error_whose_body_comes_only_by_an_override_is_withheld(request_mode: BodyMode, mode: BodyMode) -> None:
    """Envoy may ignore an override, and does not say so: the credential would pass."""
    with Playbook(plan(), request=request_mode, response=mode) as envoy:
        asked(envoy)
        refused = envoy.sends(response_headers(401, JSON)).gets_one(Reject)
        record = logged(envoy.leaves())
    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (401, "response_withheld")
    assert record["misconfigured"] == "error_body_mode"


@PROFILES
def test_a_response_whose_headers_were_not_shown_does_not_pass(request_mode: BodyMode, response_mode: BodyMode) -> None:
    """It may be an error that quotes our credential: only its headers say so."""
    with Playbook(plan(), request=request_mode, response=response_mode) as envoy:
        asked(envoy)
        refused = envoy.sends(response_body(QUOTED)).gets_one(Reject)
    assert refused.details == "extproc_misconfigured_response_header_mode"


@pytest.mark.parametrize("size", [ERROR_MAX, ERROR_MAX + 1])
def test_an_error_past_the_limit_is_withheld(size: int) -> None:
    with Playbook(plan()) as envoy:
        asked(envoy)
        envoy.sends(response_headers(500, JSON))
        (effect,) = envoy.sends(response_body(b"x" * size)).effects
    assert isinstance(effect, Reject) == (size > ERROR_MAX)


@pytest.mark.parametrize("coding", [b"gzip", b"unheard-of"])
def test_an_error_that_cannot_be_decoded_is_withheld(coding: bytes) -> None:
    with Playbook(plan()) as envoy:
        asked(envoy)
        envoy.sends(response_headers(418, JSON, ("content-encoding", coding)))
        assert envoy.sends(response_body(b"no gzip")).gets_one(Reject).status == 418


def test_an_error_of_a_backend_without_a_credential_is_not_asked_for() -> None:
    with Playbook(plan()) as envoy:
        asked(envoy, "plain")
        modes = envoy.sends(response_headers(401, JSON)).gets_one(Proceed).modes
        assert modes == ModeOverride(BodyMode.BUFFERED, BodyMode.NONE)


def test_a_response_that_is_no_error_is_not_asked_for() -> None:
    with Playbook(plan()) as envoy:
        asked(envoy)
        modes = envoy.sends(response_headers(200, JSON)).gets_one(Proceed).modes
        assert modes == ModeOverride(BodyMode.BUFFERED, BodyMode.NONE)


def test_an_error_event_in_a_stream_that_is_read_is_cleaned() -> None:
    with Playbook(plan(READING), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, stream=True)
        effects = [*envoy.sends(response_headers(200, ("content-type", b"text/event-stream"))).effects]
        effects += envoy.sends(response_body(b"data: " + QUOTED + b"\n\n", end=False)).effects
        effects += envoy.sends(response_body(b"data: [DONE]\n\n")).effects
    assert body_of(effects, b"") == b"data: " + CLEAN + b"\n\ndata: [DONE]\n\n"


# -- headers that Envoy has set already


def test_headers_of_the_contract_that_are_there_already_are_not_set_again() -> None:
    """An Envoy of ours sets them by itself: a hundred fields of a provider's are then not too many."""
    ours = (
        ("x-extproc-version", b"1"),
        ("x-extproc-decision", b"allowed"),
        ("x-extproc-model", b"gpt-4o-mini"),
        ("x-extproc-backend", b"hosted"),
        ("x-extproc-request-id", b"7b0d3c1e-8d5f-4a4e-9b43-0c5a1f0e6a11"),
    )
    for fields, changes in (
        (ours, False),
        (ours[1:], True),
        ((*ours, ("x-extproc-verdict", b"fine")), True),
        ((*ours, ours[0]), True),
        ((*ours[:3], ("x-extproc-backend", b"other"), ours[4]), True),
    ):
        with Playbook(plan()) as envoy:
            asked(envoy)
            answer = envoy.sends(response_headers(200, *fields)).gets_one(Proceed)
        assert (answer.headers is not None) == changes


# -- responses that end early


@pytest.mark.parametrize("extra", ["", READING])
@pytest.mark.parametrize("ends", [False, True])
def test_a_response_that_is_cut_is_not_recorded_as_allowed(extra: str, ends: bool) -> None:
    with Playbook(plan(extra), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, "plain", stream=True)
        envoy.sends(response_headers(200, ("content-type", b"text/event-stream")))
        envoy.sends(response_body(b'data: {"a": 1}\n\n', end=False))
        if ends:
            envoy.sends(response_body(b""))
        record = envoy.leaves(clean=False)
    told = ("allowed", "only") if ends else ("cut", "response_cut")
    assert (record.decision, record.reason) == told


@pytest.mark.parametrize(("length", "told"), [(5, "allowed"), (6, "cut"), (None, "cut")])
def test_a_response_whose_whole_length_came_is_not_cut_though_its_end_was_not_shown(
    length: int | None, told: str
) -> None:
    """A client may leave with all that it was promised before Envoy shows the end."""
    fields = [] if length is None else [("content-length", b"%d" % length)]
    with Playbook(plan(), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, "plain")
        envoy.sends(response_headers(200, ("content-type", b"application/json"), *fields))
        envoy.sends(response_body(b"12", end=False))
        envoy.sends(response_body(b"345", end=False))
        assert (envoy.transaction.response_lane is Lane.ECHO) is (length is None)
        record = envoy.leaves(clean=False)
    assert record.decision == told


@pytest.mark.parametrize(
    ("extra", "known", "told"),
    [
        (READING, True, ("gone", "client_gone")),
        (READING, False, ("allowed", "only")),  # an Envoy of which nobody knows what it shows
        ("", False, ("allowed", "only")),
    ],
)
def test_a_client_that_leaves_before_the_response_begins_is_recorded_as_gone(
    extra: str, known: bool, told: tuple[str, str]
) -> None:
    own = plan(extra)
    with Playbook(own, configuration=own.fingerprint if known else b"") as envoy:
        asked(envoy, "plain")
        record = envoy.leaves(clean=False)
    assert (record.decision, record.reason, record.status) == (*told, None)


def test_a_held_response_that_never_ends_is_recorded_as_cut() -> None:
    with Playbook(plan(READING)) as envoy:
        asked(envoy, "plain")
        held = envoy.sends(response_headers(200, JSON)).gets_one(Proceed)
        assert (held.phase, held.modes) == (Phase.HEADERS, None)
        record = envoy.leaves(clean=False)
    assert (record.decision, record.reason) == ("cut", "response_cut")


def test_a_masked_response_that_is_cut_stays_masked_and_says_that_it_was_cut() -> None:
    with Playbook(plan(READING), request=DUPLEX, response=DUPLEX) as envoy:
        asked(envoy, "plain", stream=True)
        envoy.sends(response_headers(200, ("content-type", b"text/event-stream")))
        event = {"choices": [{"index": 0, "delta": {"content": "write to a@example.com now"}}]}
        envoy.sends(response_body(b"data: " + json.dumps(event).encode() + b"\n\n", end=False))
        record = envoy.leaves(clean=False)
    assert (record.decision, record.reason) == ("masked", "response_cut")


@pytest.mark.parametrize("processor", ["action: report", "action: mask, mode: shadow", "action: block, mode: shadow"])
@PROFILES
def test_a_pipeline_that_only_watches_refuses_nothing(
    processor: str, request_mode: BodyMode, response_mode: BodyMode
) -> None:
    watch = f"[{{use: pii, kinds: [email], {processor}}}]"
    own = plan(f"pipelines: [{{name: p, body_limit: 100, request: {watch}, response: {watch}}}]")
    large = json.dumps({"model": "plain", "x": "y" * 200}).encode()
    with Playbook(own, request=request_mode, response=response_mode) as envoy:
        envoy.sends(request_headers(CHAT))
        effects: list[Effect] = [*envoy.sends(request_body(large)).effects]
        effects += envoy.sends(response_headers(200, JSON, ("content-length", b"300"))).effects
        record = envoy.leaves()
    assert not any(isinstance(each, Reject) for each in effects)
    assert logged(record)["uninspected"] == [{"reason": "size", "count": 2}]
    assert Side.RESPONSE in {each.side for each in effects if isinstance(each, Proceed)}
