"""A backend that quotes our credential, and responses that do not come to their end."""

import gzip
import json
import zlib
from collections.abc import Sequence

import pytest

from extproc.protocol.effects import Chunk, Effect, Inspect, Phase, Proceed, Reject
from extproc.protocol.headers import Field
from extproc.protocol.messages import Inspected, Side
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
from extproc.transaction.quoting import ERROR_MAX
from tests.gathered import gathered
from tests.inspection.forms import streams as recorded
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


# -- a credential in parts, in responses that a pipeline reads

SSE: Field = ("content-type", b"text/event-stream")
RESTORING = "pipelines: [{name: p, request: [{use: pii, kinds: [email], action: mask, restore: true}]}]"
CUTTING = "pipelines: [{name: p, response: [{use: size, max_bytes: 1MiB, action: block}]}]"
WATCHING = "pipelines: [{name: p, response: [{use: pii, kinds: [email], action: report}]}]"
SHADOW = "pipelines: [{name: p, response: [{use: pii, kinds: [email], action: mask, mode: shadow}]}]"
CONDITIONAL = "pipelines: [{name: p, response: [{use: pii, kinds: [email], action: mask, when: 'stream == false'}]}]"


RECORDED = recorded()
WAITING = frozenset(
    {
        *("openai_parallel_tools", "openai_text_then_tool", "tools_in_turn", "alibaba", "anthropic_tools", "api tools"),
        *("gemini_tools", "openrouter", "half_emojis", "openai_json", "openai_responses_json", "anthropic_json"),
    }
)
"""Streams with texts that wait for the next event in any case: JSON, signatures, halves of characters."""
READERS = {
    "rules": READING,
    "restore": RESTORING,
    "size": CUTTING,
    "when": CONDITIONAL,
    "report": WATCHING,
    "shadow": SHADOW,
}


def deltas(*texts: str) -> bytes:
    events = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    return b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in events) + b"data: [DONE]\n\n"


def said_by(body: bytes) -> str:
    events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    return "".join(each["choices"][0]["delta"].get("content", "") for each in events)


def streamed(extra: str, pieces: Sequence[bytes], mode: BodyMode = DUPLEX, status: int = 200) -> bytes:
    with Playbook(plan(extra), request=mode, response=mode) as envoy:
        envoy.sends(request_headers(CHAT))
        asking = {"model": "renamed", "stream": True, "messages": [{"role": "user", "content": "I am a@b.de"}]}
        envoy.sends(request_body(json.dumps(asking).encode()))
        effects = [*envoy.sends(response_headers(status, SSE)).effects]
        out = b""
        for piece in (*filter(None, pieces), b""):
            effects = [*envoy.sends(response_body(piece, end=not piece)).effects]
            out += joined(effects, piece)
        record = envoy.leaves()
    assert (record.decision, record.findings, record.failures) in {("allowed", (), ()), ("masked", record.findings, ())}
    return out


def joined(effects: Sequence[Effect], piece: bytes) -> bytes:
    """What the effects let go of a body: a plain Proceed lets the piece pass as it came."""
    return b"".join(
        each.data if isinstance(each, Chunk) else piece if each.body is None else each.body
        for each in effects
        if isinstance(each, Chunk | Proceed)
    )


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, DUPLEX])
@pytest.mark.parametrize("extra", READERS.values(), ids=READERS)
def test_a_credential_in_parts_of_a_streamed_text_is_taken_out(extra: str, mode: BodyMode) -> None:
    key = KEY.decode()
    for at in range(1, len(key)):
        body = streamed(extra, [deltas(f"no key {key[:at]}", f"{key[at:]}.", " Bye")], mode)
        assert said_by(body) == "no key [redacted]. Bye"
    every = [deltas(*f"it is {key}, and {key[:-1]} is none")]
    assert said_by(streamed(extra, every, mode)) == f"it is [redacted], and {key[:-1]} is none"


@PROFILES
def test_a_credential_in_parts_of_a_streamed_error_is_taken_out(
    request_mode: BodyMode, response_mode: BodyMode
) -> None:
    body = deltas(f"no key {KEY[:5].decode()}", f"{KEY[5:].decode()}.")
    for extra in ("", WATCHING, READING):
        with Playbook(plan(extra), request=request_mode, response=response_mode) as envoy:
            asked(envoy, stream=True)
            effects = [*envoy.sends(response_headers(429, SSE)).effects, *envoy.sends(response_body(body)).effects]
        assert said_by(body_of(effects, b"")) == "no key [redacted]."


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, DUPLEX])
@pytest.mark.parametrize("extra", [READING, SHADOW])
def test_events_without_anything_of_a_credential_stay_as_they_came(extra: str, mode: BodyMode) -> None:
    body = deltas("planted words, and ", "a plan", "ted-host thing")
    for pieces in ([body], [body[at : at + 11] for at in range(0, len(body), 11)]):
        assert streamed(extra, pieces, mode) == body


@gathered("mode", [BodyMode.BUFFERED, DUPLEX], parts=2)
@gathered("name", RECORDED)
def test_what_only_watches_changes_no_recorded_stream(name: str, mode: BodyMode) -> None:
    assert streamed(SHADOW, RECORDED[name], mode) == b"".join(RECORDED[name])


@gathered("mode", [BodyMode.BUFFERED, DUPLEX], parts=2)
@gathered("name", sorted(RECORDED.keys() - WAITING))
def test_what_only_watches_lets_every_event_go_at_once_that_ends_in_nothing_of_a_credential(
    name: str, mode: BodyMode
) -> None:
    """Although the rules that watch would hold back nearly every last word."""
    events = RECORDED[name]
    with Playbook(plan(SHADOW, hosted=b"Zq-hosted", claude=b"Zq-claude"), request=mode, response=mode) as envoy:
        asked(envoy, stream=True)
        envoy.sends(response_headers(200, SSE))
        for event in events:
            effects = [*envoy.sends(response_body(event, end=False)).effects]
            assert joined(effects, event) == event
        envoy.sends(response_body(b""))


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, DUPLEX])
def test_only_an_event_whose_text_ends_as_a_credential_begins_waits(mode: BodyMode) -> None:
    first, second, third, done = deltas("it is", " so pla", "in").split(b"\n\n")[:4]
    with Playbook(plan(SHADOW), request=mode, response=mode) as envoy:
        asked(envoy, stream=True)
        envoy.sends(response_headers(200, SSE))
        out = []
        for event in (first, second, third, done):
            effects = [*envoy.sends(response_body(event + b"\n\n", end=False)).effects]
            out.append(joined(effects, event + b"\n\n"))
        envoy.sends(response_body(b""))
    assert out == [first + b"\n\n", b"", second + b"\n\n" + third + b"\n\n", done + b"\n\n"]


def test_any_cuts_of_a_stream_with_a_credential_in_parts_give_the_same() -> None:
    body = deltas(f"no key {KEY[:5].decode()}", f"{KEY[5:].decode()}.")
    whole = streamed(READING, [body])
    assert KEY not in whole
    for at in range(0, len(body), 7):
        assert streamed(READING, [body[:at], body[at:]]) == whole


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, DUPLEX])
def test_a_credential_that_is_cut_by_pieces_of_a_watched_response_is_taken_out(mode: BodyMode) -> None:
    body = b'data: {"error": "no such key: ' + KEY + b'"}\n\ndata: [DONE]\n\n'
    for at in range(1, len(body)):
        with Playbook(plan(WATCHING), request=mode, response=mode) as envoy:
            asked(envoy, stream=True)
            envoy.sends(response_headers(200, SSE))
            out = b""
            for piece in (body[:at], body[at:]):
                out += joined([*envoy.sends(response_body(piece, end=False)).effects], piece)
            out += joined([*envoy.sends(response_body(b"")).effects], b"")
        assert out == body.replace(KEY, b"[redacted]")


def watched(body: bytes, kind: Field, mode: BodyMode, coding: bytes, step: int) -> tuple[bytes, Sequence[Effect]]:
    """What the client gets of a response that comes encoded and is only watched, and the reply to its headers."""
    with Playbook(plan(WATCHING), request=mode, response=mode) as envoy:
        asked(envoy, stream=True)
        headers = [*envoy.sends(response_headers(200, kind, ("content-encoding", coding))).effects]
        out = b""
        for at in range(0, len(body), step):
            piece = body[at : at + step]
            out += joined(looked(envoy, piece, end=False), piece)
        out += joined(looked(envoy, b"", end=True), b"")
    return out, headers


def looked(envoy: Playbook, piece: bytes, *, end: bool) -> list[Effect]:
    """What a piece comes to, once it was looked at in a thread."""
    effects = [*envoy.sends(response_body(piece, end=end)).effects]
    for order in [each for each in effects if isinstance(each, Inspect)]:
        effects += envoy.sends(Inspected(order.ticket, order.work.run())).effects  # type: ignore[union-attr]
    return effects


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, DUPLEX])
@pytest.mark.parametrize("kind", [JSON, SSE], ids=["json", "events"])
def test_a_credential_in_a_watched_response_that_comes_encoded_is_taken_out(kind: Field, mode: BodyMode) -> None:
    plain = QUOTED if kind is JSON else deltas(f"no key {KEY[:5].decode()}", f"{KEY[5:].decode()}.")
    once = gzip.compress(plain, mtime=0)
    for body, coding in (
        (once, b"gzip"),
        (gzip.compress(once, mtime=0), b"gzip, gzip"),
        (zlib.compress(plain), b"deflate"),
    ):
        for step in (1, 7, len(body)):
            out, headers = watched(body, kind, mode, coding, step)
            assert out == CLEAN if kind is JSON else said_by(out) == "no key [redacted]."
            (reply,) = headers
            assert isinstance(reply, Proceed)
            assert reply.headers is not None
            assert {"content-encoding", "content-length"} <= {*reply.headers.remove}


@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, DUPLEX])
@pytest.mark.parametrize(
    ("body", "ends"),
    [
        (b"no gzip at all", True),
        (gzip.compress(b" " * 1024 * 1024, mtime=0), False),
        (gzip.compress(b" " * (1024 * 1024 + 1), mtime=0), True),
    ],
    ids=["damaged", "at the limit", "past it"],
)
def test_a_watched_response_that_cannot_be_searched_ends(body: bytes, ends: bool, mode: BodyMode) -> None:
    with Playbook(plan(WATCHING), request=mode, response=mode) as envoy:
        asked(envoy)
        envoy.sends(response_headers(200, JSON, ("content-encoding", b"gzip")))
        effects = [*envoy.sends(response_body(body, end=False)).effects]
    assert any(isinstance(each, Reject) for each in effects) is ends


@PROFILES
def test_a_credential_in_parts_of_a_stream_that_comes_whole_is_taken_out(
    request_mode: BodyMode, response_mode: BodyMode
) -> None:
    body = deltas(f"no key {KEY[:5].decode()}", f"{KEY[5:].decode()}.")
    with Playbook(plan(READING), request=request_mode, response=response_mode) as envoy:
        asked(envoy)
        effects = [*envoy.sends(response_headers(200, JSON)).effects, *envoy.sends(response_body(body)).effects]
    assert said_by(body_of(effects, body)) == "no key [redacted]."
