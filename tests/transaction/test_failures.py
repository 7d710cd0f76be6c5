"""What failure gets: each cause, on each side, under `block`, `allow` and a stand-in; and that nothing said is told.

Request and answer say `SAID`, of which a processor masks the address if it can. A processor that stands in masks the
name instead, so that what comes out tells who has judged.
"""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import pytest
from msgspec import Struct

from extproc.apis.events.leaves import MAX_TOKENS
from extproc.matching.candidate import BufferMatch
from extproc.matching.scanner import Scanner
from extproc.payload.limits import MAX_DEPTH, MAX_VALUES
from extproc.pipe.pipe import TRIED_BYTES
from extproc.policy import loads
from extproc.protocol.effects import Chunk, Effect, Inspect, Proceed, Reject
from extproc.protocol.headers import Field
from extproc.protocol.messages import Failed, Inspected, Side
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.responses.pending import INLINE_BYTES
from extproc.transaction.responses.streaming import StreamPiece
from tests.gathered import gathered
from tests.records import logged

PLANTED: Final = "planted-marker"
SAID: Final = f"{PLANTED} a@b.de Titan"
GUARDED: Final = f"{PLANTED} a@b.de [GUARD_1]"
"""What a stand-in leaves of it."""
CHAT: Final = "/v1/chat/completions"
OTHER: Final = "/mcp"
"""A path that no dialect claims."""
DUPLEX: Final = BodyMode.FULL_DUPLEX_STREAMED
JSON: Final = ("content-type", b"application/json")
SSE: Final = ("content-type", b"text/event-stream")
FILLER: Final = "word " * (max(INLINE_BYTES, TRIED_BYTES) // 5 + 1)
"""Makes a body, or a piece of a stream, so large that it is judged in a thread."""

BASE: Final = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local}]}]
pipelines:
"""
WORDS: Final = ("block", "allow", "guard")
BOTH: Final = ("block", "allow")
WHERES: Final = ("request", "request in a thread", "answer", "answer in a thread", "stream", "stream in a thread")
BODIES: Final = ("request", "request in a thread", "answer", "answer in a thread")


def plan(side: str, word: str, *, when: str = "", limit: str = "1MiB") -> Plan:
    """A plan whose one processor masks on that side; `word` is what its failures get, and all that cannot be read."""
    condition = f", when: '{when}'" if when else ""
    guard = ", {use: pattern, name: guard, regex: 'Tit[a]n', action: mask}" if word == "guard" else ""
    unread = "allow" if word == "guard" else word
    pipeline = f"""
  - name: p
    {side}: [{{use: pii, kinds: [email], action: mask, on_failure: {word}{condition}}}{guard}]
    body_limit: {limit}
    on_oversize: {unread}
    on_uninspected: {unread}
"""
    return Plan.compile(loads(BASE + pipeline, "policy.yaml"), {})


class Out(Struct):
    """What came of an exchange: what was said on the side that is judged, and the record."""

    effects: Sequence[Effect]
    sent: bytes
    side: Side
    record: Mapping[str, Any]

    @property
    def refused(self) -> tuple[int, str] | None:
        last = self.effects[-1] if self.effects else None
        return (last.status, last.details) if isinstance(last, Reject) else None

    @property
    def body(self) -> bytes:
        """The body that went on; what was sent, where it went on as it came."""
        assert self.refused is None
        pieces = [
            each.data if isinstance(each, Chunk) else each.body
            for each in self.effects
            if isinstance(each, Chunk | Proceed)
        ]
        known = [piece for piece in pieces if piece is not None]
        return b"".join(known) if known else self.sent

    @property
    def ended(self) -> bool:
        """Whether a stream was ended by us, with an event that says so."""
        last = self.effects[-1]
        return isinstance(last, Chunk) and last.end and b'"error"' in last.data

    def __repr__(self) -> str:
        return f"{list(self.effects)} {dict(self.record)}"


def asked(text: str = SAID, **more: Any) -> bytes:
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": text}], **more}).encode()


def answered(text: str = SAID) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


def streamed(*texts: str) -> bytes:
    events = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts]
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in [*events, last]) + b"data: [DONE]\n\n"


def text_of(body: bytes) -> str:
    """What an answer says, streamed or whole, or what stands in a request."""
    if not body.startswith(b"data: "):
        return body.decode()
    texts: list[str] = []
    for line in body.decode().splitlines():
        if line.startswith('data: {"choices"'):
            texts += [choice["delta"].get("content", "") for choice in json.loads(line[6:])["choices"]]
    return "".join(texts)


def side_of(where: str) -> str:
    return "request" if where.startswith("request") else "response"


class Exchange:
    """One exchange of which one body is judged, here or in a thread, where the first job may fail."""

    def __init__(self, policy: Plan, *, fails: str = "") -> None:
        self._envoy = Playbook(policy, Shared(detailed=True), request=DUPLEX, response=DUPLEX)
        self._fails = fails
        self.handed_out = 0

    def request(self, body: bytes, *fields: Field, path: str = CHAT) -> Out:
        """The request is judged."""
        with self._envoy as envoy:
            effects = [*envoy.sends(request_headers(path, *(fields or (JSON,)))).effects]
            if not effects:
                effects += self._judged(envoy.sends(request_body(body)).effects)
            return self._out(effects, body, Side.REQUEST)

    def answer(self, body: bytes, *fields: Field, status: int = 200) -> Out:
        """An answer that is read whole, or as it comes, is judged."""
        with self._envoy as envoy:
            envoy.sends(request_headers(CHAT, JSON))
            envoy.sends(request_body(asked("hello")))
            effects = [*envoy.sends(response_headers(status, *(fields or (JSON,)))).effects]
            if not any(isinstance(each, Reject) for each in effects):
                effects += self._judged(envoy.sends(response_body(body, end=False)).effects)
                if not any(isinstance(each, Chunk) and each.end for each in effects):
                    effects += self._judged(envoy.sends(response_body(b"")).effects)
            return self._out(effects, body, Side.RESPONSE)

    def _judged(self, effects: Sequence[Effect]) -> list[Effect]:
        found: list[Effect] = []
        for each in effects:
            if isinstance(each, Inspect):
                found += self._work(each)
            else:
                found.append(each)
        return found

    def _work(self, order: Inspect) -> list[Effect]:
        self.handed_out += 1
        reason, self._fails = self._fails, ""
        told: Failed | Inspected = Failed(order.ticket, reason)
        if not reason:
            told = Inspected(order.ticket, order.work.run())  # type: ignore[union-attr]
        assert PLANTED not in repr(order)
        return self._judged(self._envoy.sends(told).effects)

    def _out(self, effects: Sequence[Effect], sent: bytes, side: Side) -> Out:
        record = logged(self._envoy.leaves())
        assert PLANTED not in repr((record, effects))
        out = Out(effects, sent, side, record)
        if out.refused is not None:
            refusal = effects[-1]
            assert isinstance(refusal, Reject)
            assert PLANTED.encode() not in refusal.body
        return out


def judged(where: str, policy: Plan, *, fails: str = "") -> Out:
    """`SAID` on the side that is meant, in a body of the size that is meant."""
    text = f"{FILLER}{SAID}" if "thread" in where else SAID
    exchange = Exchange(policy, fails=fails)
    if where.startswith("request"):
        out = exchange.request(asked(text))
    elif where.startswith("answer"):
        out = exchange.answer(answered(text))
    else:
        out = exchange.answer(streamed(text), SSE)
    assert (exchange.handed_out > 0) == ("thread" in where)
    return out


def expect(out: Out, where: str, word: str, reason: str) -> None:
    """What a failure of the processor comes to, on any side."""
    stood_in = word == "guard"
    assert out.record["failures"] == [{"processor": "pii", "reason": reason, "allowed": word != "block"}], out
    if word == "block":
        if where.startswith("stream"):
            assert out.ended
            assert PLANTED.encode() not in out.body
            assert b"Titan" not in out.body
        else:
            assert out.refused == (503, "extproc_inspection_failed")
        assert (out.record["blocked_by"], out.record["blocked_for"]) == ("pii", "failure")
        assert out.record["decision"] == "blocked"
        return
    assert "blocked_by" not in out.record
    if stood_in:
        assert GUARDED in text_of(out.body), out
        assert out.record["masked"] is True
    else:
        assert out.body == out.sent
        assert out.record["masked"] is False


# -- detectors that raise


def _broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scanner that looks for addresses raises; one of a stand-in does not."""
    find: Callable[..., list[BufferMatch]] = Scanner.find

    def raising(self: Scanner, *given: Any, **more: Any) -> list[BufferMatch]:
        if any(rule.kind == "email" for rule in self.rules):
            raise RuntimeError(SAID)
        return find(self, *given, **more)

    monkeypatch.setattr(Scanner, "find", raising)
    monkeypatch.setattr(Scanner, "plain", lambda *_: 0)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("where", WHERES)
def test_a_detector_that_raises(monkeypatch: pytest.MonkeyPatch, where: str, word: str) -> None:
    policy = plan(side_of(where), word)
    _broken(monkeypatch)
    expect(judged(where, policy), where, word, "error")


def test_without_a_failure_all_of_this_would_be_masked() -> None:
    for where in WHERES:
        out = judged(where, plan(side_of(where), "block"))
        assert b"a@b.de" not in out.body
        assert f"{PLANTED} [EMAIL_1] Titan" in text_of(out.body)
        assert "failures" not in out.record


# -- work that was handed out and brought no verdict


@gathered("reason", ["timeout", "overloaded", "error"])
@gathered("word", WORDS)
@gathered("where", ["request in a thread", "answer in a thread"])
def test_a_body_whose_thread_brings_no_verdict(where: str, word: str, reason: str) -> None:
    expect(judged(where, plan(side_of(where), word), fails=reason), where, word, reason)


@pytest.mark.parametrize("reason", ["timeout", "overloaded", "error"])
@pytest.mark.parametrize("word", WORDS)
def test_a_stream_of_which_a_piece_brings_no_verdict_ends_whatever_the_policy_says(word: str, reason: str) -> None:
    # What the thread may still be at work on cannot be told, and neither can what it holds back.
    out = judged("stream in a thread", plan("response", word), fails=reason)
    assert out.ended
    assert PLANTED.encode() not in out.body
    assert json.loads(out.body.split(b"data: ")[1])["error"]["code"] == "inspection_failed"
    assert out.record["failures"] == [{"processor": "p", "reason": reason, "allowed": False}]
    assert (out.record["blocked_by"], out.record["blocked_for"]) == ("p", "failure")


def test_a_stand_in_that_gets_no_answer_either_blocks() -> None:
    with Playbook(plan("request", "guard"), request=DUPLEX) as envoy:
        envoy.sends(request_headers(CHAT, JSON))
        first = envoy.sends(request_body(asked(FILLER + SAID))).gets_one(Inspect)
        again = envoy.sends(Failed(first.ticket, "timeout")).gets_one(Inspect)
        assert again.ticket != first.ticket
        assert again.deadline > 0
        refused = envoy.sends(Failed(again.ticket, "overloaded")).gets_one(Reject)
        assert (refused.status, refused.details) == (503, "extproc_inspection_failed")
        record = logged(envoy.leaves())
    assert record["failures"] == [
        {"processor": "pii", "reason": "timeout", "allowed": True},
        {"processor": "guard", "reason": "overloaded", "allowed": False},
    ]
    assert (record["blocked_by"], record["blocked_for"]) == ("guard", "failure")


# -- conditions that cannot be evaluated

CONDITION: Final = 'headers["x-number"] == "" || int(headers["x-number"]) > 1'


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("where", BODIES)
def test_a_condition_that_cannot_be_evaluated(where: str, word: str) -> None:
    policy = plan(side_of(where), word, when=CONDITION)
    expect(_conditional(where, policy), where, word, "condition")


@pytest.mark.parametrize("word", WORDS)
def test_a_stream_with_a_condition_that_cannot_be_evaluated(word: str) -> None:
    out = _conditional("stream", plan("response", word, when=CONDITION))
    if word != "guard":
        expect(out, "stream", word, "condition")
        return
    # It would have to read beside the others, so that nobody does.
    assert out.ended
    assert PLANTED.encode() not in out.body
    assert (out.record["blocked_by"], out.record["blocked_for"]) == ("guard", "failure")


def _conditional(where: str, policy: Plan) -> Out:
    text = f"{FILLER}{SAID}" if "thread" in where else SAID
    number = ("x-number", PLANTED.encode())
    exchange = Exchange(policy)
    if where.startswith("request"):
        return exchange.request(asked(text), JSON, number)
    with exchange._envoy as envoy:
        envoy.sends(request_headers(CHAT, JSON, number))
        envoy.sends(request_body(asked("hello")))
        streams = where == "stream"
        sent = streamed(text) if streams else answered(text)
        effects = [*envoy.sends(response_headers(200, SSE if streams else JSON)).effects]
        effects += exchange._judged(envoy.sends(response_body(sent)).effects)
        return exchange._out(effects, sent, Side.RESPONSE)


# -- what is too large


@gathered("over", [0, 1])
@gathered("word", BOTH)
@gathered("path", [CHAT, OTHER])
@gathered("declared", [True, False])
def test_a_request_over_the_limit(declared: bool, path: str, word: str, over: int) -> None:
    body = asked(SAID.ljust(1024 + over - len(asked(""))))
    assert len(body) == 1024 + over
    fields = (JSON, ("content-length", b"%d" % len(body))) if declared else (JSON,)
    out = Exchange(plan("request", word, limit="1KiB")).request(body, *fields, path=path)
    if not over:
        assert b"[EMAIL_1]" in out.body
    elif word == "block":
        assert out.refused == (413, "extproc_request_too_large")
        assert (out.record["blocked_by"], out.record["blocked_for"]) == ("p", "oversize")
        assert out.record["decision"] == "blocked"
    else:
        assert out.body == body
        assert out.record["uninspected"] == [{"reason": "size", "count": 1}]


@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize("word", BOTH)
@pytest.mark.parametrize("declared", [True, False])
def test_an_answer_over_the_limit(declared: bool, word: str, over: int) -> None:
    body = answered(SAID.ljust(1024 + over - len(answered(""))))
    fields = (JSON, ("content-length", b"%d" % len(body))) if declared else (JSON,)
    out = Exchange(plan("response", word, limit="1KiB")).answer(body, *fields)
    if not over:
        assert b"[EMAIL_1]" in out.body
    elif word == "block":
        assert out.refused == (502, "extproc_response_too_large")
        assert (out.record["blocked_by"], out.record["blocked_for"]) == ("p", "oversize")
    else:
        assert out.body == body
        assert out.record["uninspected"] == [{"reason": "size", "count": 1}]


# -- encodings

UNKNOWN: Final = (b"lzma", asked())
DAMAGED: Final = (b"gzip", gzip.compress(asked())[:-9] + b"xxxxxxxxx")
CUT: Final = (b"gzip", gzip.compress(asked())[:-9])
BOMB: Final = (b"gzip", gzip.compress(b'"' + b" " * 3_000_000 + b'"', mtime=0))
ENCODED: Final = {"unknown": UNKNOWN, "damaged": DAMAGED, "cut": CUT, "bomb": BOMB}


@pytest.mark.parametrize("word", BOTH)
@pytest.mark.parametrize("cause", ENCODED)
def test_a_request_that_cannot_be_decoded_is_refused_on_a_path_whose_model_has_to_be_read(
    cause: str, word: str
) -> None:
    coding, body = ENCODED[cause]
    out = Exchange(plan("request", word)).request(body, JSON, ("content-encoding", coding))
    refusal = {"unknown": (415, "extproc_unsupported_encoding"), "bomb": (413, "extproc_request_too_large")}
    assert out.refused == refusal.get(cause, (400, "extproc_malformed_encoding"))


@pytest.mark.parametrize("word", BOTH)
@pytest.mark.parametrize("cause", ENCODED)
def test_a_request_that_cannot_be_decoded_on_a_path_that_nobody_claims(cause: str, word: str) -> None:
    coding, body = ENCODED[cause]
    out = Exchange(plan("request", word)).request(body, JSON, ("content-encoding", coding), path=OTHER)
    if word == "allow":
        assert out.body == body
        assert out.record["uninspected"] == [{"reason": "size" if cause == "bomb" else "encoding", "count": 1}]
        (first, *_) = out.effects
        assert isinstance(first, Proceed)
        assert first.headers is None or "content-encoding" not in first.headers.remove
    elif cause == "bomb":
        assert out.refused == (413, "extproc_request_too_large")
    else:
        assert out.refused == (403, "extproc_uninspected_content")
        assert (out.record["blocked_by"], out.record["blocked_for"]) == ("p", "uninspected")
        assert out.record["uninspected"] == [{"reason": "encoding", "count": 1}]


@pytest.mark.parametrize("word", BOTH)
@pytest.mark.parametrize("cause", ENCODED)
def test_an_answer_that_cannot_be_decoded(cause: str, word: str) -> None:
    coding, body = ENCODED[cause]
    out = Exchange(plan("response", word, limit="8MiB")).answer(body, JSON, ("content-encoding", coding))
    size = cause == "bomb"
    assert out.record["uninspected"] == [{"reason": "size" if size else "encoding", "count": 1}]
    if word == "allow":
        assert out.body == body
        (first, *_) = out.effects
        assert isinstance(first, Proceed)
        assert first.headers is None or "content-encoding" not in first.headers.remove
    elif size:
        assert out.refused == (502, "extproc_response_too_large")
        refusal = out.effects[-1]
        assert isinstance(refusal, Reject)
        assert b"256 times as large as its compressed form" in refusal.body
    else:
        assert out.refused == (403, "extproc_uninspected_content")
        assert (out.record["blocked_by"], out.record["blocked_for"]) == ("p", "uninspected")


def test_a_stream_that_cannot_be_decoded_ends_where_it_may_not_pass() -> None:
    whole = gzip.compress(streamed("hello", SAID))
    middle = len(whole) // 2
    damaged = whole[:middle] + b"\xff" * 20 + whole[middle + 20 :]
    out = Exchange(plan("response", "block")).answer(damaged, SSE, ("content-encoding", b"gzip"))
    assert out.ended
    assert out.record["uninspected"] == [{"reason": "encoding", "count": 1}]
    assert out.record["blocked_for"] == "uninspected"


@pytest.mark.parametrize("word", BOTH)
def test_a_stream_in_an_encoding_that_nobody_knows(word: str) -> None:
    out = Exchange(plan("response", word)).answer(streamed(SAID), SSE, ("content-encoding", b"lzma"))
    assert out.record["uninspected"] == [{"reason": "encoding", "count": 1}]
    if word == "allow":
        assert out.body == out.sent
    else:
        assert out.refused == (403, "extproc_uninspected_content")
        assert (out.record["blocked_by"], out.record["blocked_for"]) == ("p", "uninspected")


# -- what is no text, or too much of it


def _deep(depth: int) -> bytes:
    return b'{"x":' * (depth - 1) + b"[]" + b"}" * (depth - 1)


def _many(values: int) -> bytes:
    return b"[" + b",".join([b'""'] * (values - 1)) + b"]"


UNREAD: Final[Mapping[str, tuple[bytes, Field, str]]] = {
    "malformed": (b'{"text": "' + SAID.encode(), JSON, "malformed"),
    "malformed, large": (b'{"text": "' + FILLER.encode() + SAID.encode(), JSON, "malformed"),
    "too deep": (_deep(MAX_DEPTH + 1), JSON, "complexity"),
    "too many values": (_many(MAX_VALUES + 1), JSON, "complexity"),
    "no known type": (b"\x00\xff\xfe" + SAID.encode(), ("content-type", b"application/x-unheard-of"), "content_type"),
    "an image": (b"\x89PNG\r\n\x1a\n\x00\xff", ("content-type", b"image/png"), "image"),
}


@pytest.mark.parametrize("word", BOTH)
@pytest.mark.parametrize("cause", UNREAD)
def test_a_request_that_cannot_be_read_on_a_path_that_nobody_claims(cause: str, word: str) -> None:
    body, kind, reason = UNREAD[cause]
    exchange = Exchange(plan("request", word))
    out = exchange.request(body, kind, path=OTHER)
    assert (exchange.handed_out > 0) == (len(body) > INLINE_BYTES)
    assert out.record["uninspected"] == [{"reason": reason, "count": 1}]
    if word == "allow":
        assert out.body == _as_text(body, reason)
    else:
        assert out.refused == (403, "extproc_uninspected_content")
        assert (out.record["blocked_by"], out.record["blocked_for"]) == ("p", "uninspected")


def _as_text(body: bytes, reason: str) -> bytes:
    """What goes on of it: what is no JSON is read as the text that it is."""
    return body.replace(b"a@b.de", b"[EMAIL_1]") if reason == "malformed" else body


@pytest.mark.parametrize("word", BOTH)
@pytest.mark.parametrize("cause", [cause for cause in UNREAD if UNREAD[cause][1] is JSON])
def test_an_answer_that_cannot_be_read(cause: str, word: str) -> None:
    body, _, reason = UNREAD[cause]
    out = Exchange(plan("response", word)).answer(body)
    assert out.record["uninspected"] == [{"reason": reason, "count": 1}]
    if word == "allow":
        assert out.body == _as_text(body, reason)
    else:
        assert out.refused == (403, "extproc_uninspected_content")
        assert (out.record["blocked_by"], out.record["blocked_for"]) == ("p", "uninspected")


@pytest.mark.parametrize("make", [_deep, _many])
def test_what_is_just_not_too_much_is_read(make: Callable[[int], bytes]) -> None:
    body = make(MAX_DEPTH if make is _deep else MAX_VALUES)
    out = Exchange(plan("request", "block")).request(body, JSON, path=OTHER)
    assert out.body == body
    assert "uninspected" not in out.record


@pytest.mark.parametrize("word", BOTH)
def test_an_answer_of_another_type(word: str) -> None:
    out = Exchange(plan("response", word)).answer(SAID.encode(), ("content-type", b"text/html"))
    assert out.record["uninspected"] == [{"reason": "content_type", "count": 1}]
    if word == "allow":
        assert out.body == out.sent
    else:
        assert out.refused == (403, "extproc_uninspected_content")


@pytest.mark.parametrize("word", BOTH)
def test_a_part_of_a_request_that_is_an_image(word: str) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": [image]}]}).encode()
    out = Exchange(plan("request", word)).request(body)
    assert out.record["uninspected"] == [{"reason": "image", "count": 1}]
    if word == "allow":
        assert out.body == body
    else:
        assert out.refused == (403, "extproc_uninspected_content")
        assert (out.record["blocked_by"], out.record["blocked_for"]) == ("p", "uninspected")


def _complex(values: int) -> bytes:
    return b'data: {"id": [%s]}\n\n' % b",".join([b"0"] * values)


@pytest.mark.parametrize("word", BOTH)
def test_a_stream_with_an_event_of_too_many_values(word: str) -> None:
    sent = streamed("hello ")[:-14] + _complex(MAX_TOKENS) + streamed("later")
    out = Exchange(plan("response", word)).answer(sent, SSE)
    assert out.record["uninspected"] == [{"reason": "complexity", "count": 1}]
    if word == "allow":
        assert out.body == sent
    else:
        assert out.ended
        assert b"later" not in out.body
        assert out.record["blocked_for"] == "uninspected"


# -- what is told of an end


def test_a_stream_that_ends_because_it_cannot_be_read_says_so_and_names_its_pipeline() -> None:
    sent = streamed("hello ")[:-14] + _complex(MAX_TOKENS)
    out = Exchange(plan("response", "block")).answer(sent, SSE)
    assert (out.record["blocked_by"], out.record["blocked_for"]) == ("p", "uninspected")
    assert b'"uninspected_content"' in out.body


def test_a_stream_that_ends_because_a_detector_failed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = plan("response", "block")
    _broken(monkeypatch)
    assert b'"inspection_failed"' in judged("stream", policy).body


def test_an_encoded_stream_that_is_damaged_gives_no_encoded_bytes_to_a_client_who_was_told_of_none() -> None:
    whole = gzip.compress(streamed(*(f"number {number} " for number in range(2000))))
    middle = len(whole) // 2
    damaged = whole[:middle] + b"\xff" * 20 + whole[middle + 20 :]
    with Playbook(plan("response", "allow"), request=DUPLEX, response=DUPLEX) as envoy:
        envoy.sends(request_headers(CHAT, JSON))
        envoy.sends(request_body(asked("hello")))
        envoy.sends(response_headers(200, SSE, ("content-encoding", b"gzip")))
        for at in range(0, len(damaged), 1000):
            for order in envoy.sends(response_body(damaged[at : at + 1000], end=False)).effects:
                assert isinstance(order, Inspect)
                work = cast("StreamPiece", order.work)
                for chunk in envoy.sends(Inspected(order.ticket, work.run())).effects:
                    assert isinstance(chunk, Chunk)
                    assert chunk.data.isascii()


def test_what_a_thread_made_of_a_piece_has_no_rendering_that_shows_it() -> None:
    with Playbook(plan("response", "block"), request=DUPLEX, response=DUPLEX) as envoy:
        envoy.sends(request_headers(CHAT, JSON))
        envoy.sends(request_body(asked("hello")))
        envoy.sends(response_headers(200, SSE))
        order = envoy.sends(response_body(streamed(FILLER + SAID))).gets_one(Inspect)
        told = Inspected(order.ticket, order.work.run())  # type: ignore[union-attr]
        envoy.sends(told)
        envoy.leaves()
    assert PLANTED not in repr(told)
