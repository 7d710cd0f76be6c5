"""A credential in parts, in responses that a pipeline reads, is taken out."""

import gzip
import json
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from functools import cache

import pytest

from extproc.matching.keyforms import PART_LEAST
from extproc.matching.literals import BEGUN_LEAST
from extproc.protocol.effects import Chunk, Effect, Inspect, Proceed, Reject
from extproc.protocol.headers import Field
from extproc.protocol.messages import Inspected
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import (
    Playbook,
    request_body,
    request_headers,
    response_body,
    response_headers,
)
from tests.gathered import gathered
from tests.inspection.forms import streams as recorded
from tests.transaction.plans import plan
from tests.transaction.test_quoting import CHAT, CLEAN, DUPLEX, JSON, KEY, PROFILES, QUOTED, READING, asked, body_of

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
planned = cache(plan)


def deltas(*texts: str) -> bytes:
    events = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    return b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in events) + b"data: [DONE]\n\n"


def said_by(body: bytes) -> str:
    events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    return "".join(each["choices"][0]["delta"].get("content", "") for each in events)


def streamed(
    extra: str, pieces: Sequence[bytes], mode: BodyMode = DUPLEX, status: int = 200, **secrets: bytes
) -> bytes:
    with Playbook(planned(extra, **secrets), request=mode, response=mode) as envoy:
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
    every = [deltas(*f"it is {key}, and {key[:9]} is none")]
    assert said_by(streamed(extra, every, mode)) == f"it is [redacted], and {key[:9]} is none"


LONG = b"sk-proj-Ab3dEf9hIjKlMn0pQrStUvWxYz0123456789-xyz"
QUOTES = {
    "capitals": LONG.upper(),
    "a part": LONG[9 : 9 + PART_LEAST],
    "a part in small letters": LONG[8:-5].lower(),
    "hexadecimal, cut": LONG.hex().upper().encode()[:-9],
    "base64 of more": b64encode(b"Bearer " + LONG),
    "base64 for URLs": urlsafe_b64encode(b"~~" + LONG),
}
AROUND = 18
"""Characters of base64 that stand for what is around the key, too."""


@pytest.mark.parametrize("extra", [READING, SHADOW], ids=["rules", "shadow"])
def test_a_part_of_a_credential_in_any_form_is_taken_out_however_events_cut_it(extra: str) -> None:
    for name, quote in QUOTES.items():
        said = quote.decode()
        ways = [[said[at : at + size] for at in range(0, len(said), size)] for size in (1, 5)]
        ways += [[said[:at], said[at:]] for at in (1, 2, 3, len(said) - 1)]
        # What only watches holds nothing back for one or two characters from the middle, which may have left then.
        middle = extra is SHADOW and name.startswith("a part")
        for pieces in ways:
            told = said_by(streamed(extra, [deltas("no key ", *pieces, " there")], hosted=LONG))
            left = told.removeprefix("no key ").removesuffix(" there").replace("[redacted]", "", 1)
            assert "[redacted]" in told, (name, pieces)
            assert len(left) < (AROUND if "base64" in name else BEGUN_LEAST if middle else 1), (name, pieces)


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
    body = deltas("planted words, and ", "a plan", "ted-h thing")
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
