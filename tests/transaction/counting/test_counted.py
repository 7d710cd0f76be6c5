"""Responses to requests that an API claims are counted, with or without a pipeline, and pass as they come."""

import gzip
import json
from typing import Any, Final

import pytest

from extproc.policy import loads
from extproc.protocol.effects import Chunk, Proceed
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Lane, Plan
from tests.records import logged
from tests.transaction.plans import plan

COUNTED: Final = "usage: {from: processor, metadata: null}"
COUNTS: Final = {"prompt_tokens": 20, "completion_tokens": 30, "prompt_tokens_details": {"cached_tokens": 4}}
KEYS: Final = ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens")
PROFILES: Final = pytest.mark.parametrize("mode", [BodyMode.NONE, BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
PIPELINES: Final = pytest.mark.parametrize(
    "pipeline",
    ["", *(f"pipelines: [{{name: p, response: [{{use: pii, action: {a}}}]}}]" for a in ("mask", "block", "report"))],
    ids=["none", "mask", "block", "report"],
)
CHAT: Final = "/v1/chat/completions"
JSON: Final = b"application/json"
SSE: Final = b"text/event-stream"


def counted(extra: str = "") -> Plan:
    return plan(f"{COUNTED}\n{extra}")


def event(value: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(value).encode()


def said(text: str) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}}]})


STOP: Final = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
EXTRA: Final = event({"choices": [], "usage": COUNTS})
DONE: Final = b"data: [DONE]\n\n"


class Exchange:
    """One exchange: what it sends on, and its line of the log."""

    def __init__(self, policy: Plan, mode: BodyMode, *, path: str = CHAT, body: bytes | None = None) -> None:
        request = BodyMode.FULL_DUPLEX_STREAMED if mode is BodyMode.FULL_DUPLEX_STREAMED else BodyMode.BUFFERED
        self.envoy = Playbook(policy, request=request, response=mode)
        self.envoy.sends(request_headers(path, ("content-type", JSON)))
        asked = b'{"model":"plain","messages":[{"role":"user","content":"Hello you"}]}' if body is None else body
        self.request = self.envoy.sends(request_body(asked)).effects

    @property
    def onward(self) -> bytes:
        """The request's body as it was changed."""
        chunks = [each.data for each in self.request if isinstance(each, Chunk)]
        bodies = [each.body or b"" for each in self.request if isinstance(each, Proceed)]
        return b"".join(chunks + bodies)

    def answered(self, kind: bytes, *more: tuple[str, bytes], status: int = 200) -> None:
        self.headers = self.envoy.sends(response_headers(status, ("content-type", kind), *more)).effects

    def piece(self, data: bytes, *, end: bool = False) -> bytes:
        """The bytes that go on for a piece."""
        effects = self.envoy.sends(response_body(data, end=end)).effects
        sent = b""
        for each in effects:
            if isinstance(each, Chunk):
                sent += each.data
            elif isinstance(each, Proceed):
                sent += data if each.body is None else each.body
        return sent

    def leaves(self) -> dict[str, Any]:
        return logged(self.envoy.leaves())


def of(line: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(line[key] for key in KEYS)


@PROFILES
@PIPELINES
def test_a_document_is_counted(mode: BodyMode, pipeline: str) -> None:
    if pipeline and mode is BodyMode.NONE:
        pytest.skip("such an Envoy hands no responses to pipelines")
    body = json.dumps({"choices": [{"index": 0, "message": {"content": "hello"}}], "usage": COUNTS}).encode()
    for codings, encoded in ((), body), ((("content-encoding", b"gzip"),), gzip.compress(body)):
        exchange = Exchange(counted(pipeline), mode)
        exchange.answered(JSON, *codings)
        exchange.piece(encoded, end=True)
        line = exchange.leaves()
        assert of(line) == (20, 30, 4, None)
        assert line["usage_source"] == "provider"


@PROFILES
@PIPELINES
def test_a_stream_is_counted_and_passes_as_it_came(mode: BodyMode, pipeline: str) -> None:
    if pipeline and mode is BodyMode.NONE:
        pytest.skip("such an Envoy hands no responses to pipelines")
    asks = b'{"model":"plain","stream":true,"stream_options":{"include_usage":true},"messages":[]}'
    exchange = Exchange(counted(pipeline), mode, body=asks)
    exchange.answered(SSE)
    pieces = [said("hello "), said("there")[:20], said("there")[20:], EXTRA, DONE]
    sent = b"".join(exchange.piece(each) for each in pieces) + exchange.piece(b"", end=True)
    assert sent == b"".join(pieces)
    line = exchange.leaves()
    assert of(line) == (20, 30, 4, None)
    assert line["decision"] == "allowed"


@PROFILES
@PIPELINES
@pytest.mark.parametrize("size", [1, 17, 10_000])
def test_the_event_that_was_asked_for_is_taken_out_of_the_stream(mode: BodyMode, pipeline: str, size: int) -> None:
    if pipeline and mode is BodyMode.NONE:
        pytest.skip("such an Envoy hands no responses to pipelines")
    exchange = Exchange(counted(pipeline), mode, body=b'{"model":"plain","stream":true,"messages":[]}')
    assert json.loads(exchange.onward)["stream_options"] == {"include_usage": True}
    exchange.answered(SSE)
    answer = said("hello ") + said("there") + STOP
    body = answer + EXTRA + DONE
    sent = b"".join(exchange.piece(body[at : at + size]) for at in range(0, len(body), size))
    assert sent + exchange.piece(b"", end=True) == answer + DONE
    assert of(exchange.leaves()) == (20, 30, 4, None)


@PROFILES
def test_a_response_that_ends_early_is_recorded_as_cut(mode: BodyMode) -> None:
    asks = b'{"model":"plain","stream":true,"stream_options":{"include_usage":true},"messages":[]}'
    for kind, body, length in ((SSE, asks, None), (JSON, None, b"20"), (JSON, None, b"3")):
        exchange = Exchange(counted(), mode, body=body)
        exchange.answered(kind, *(() if length is None else (("content-length", length),)))
        exchange.piece(b"{} ")
        assert exchange.leaves()["decision"] == ("allowed" if length == b"3" else "cut")


@PROFILES
def test_a_stream_whose_client_leaves_is_estimated_at_every_event(mode: BodyMode) -> None:
    words = [f" word{number}" for number in range(30)]
    counts = []
    for left in range(1, len(words)):
        exchange = Exchange(counted(), mode, body=b'{"model":"plain","stream":true,"messages":[{"content":"Hello"}]}')
        exchange.answered(SSE)
        for word in words[:left]:
            exchange.piece(said(word))
        line = exchange.leaves()
        assert line["usage_source"] == "estimated"
        assert line["decision"] == "cut"
        assert line["input_tokens"] > 0
        counts.append(line["output_tokens"])
    assert counts == sorted(counts)
    assert 0 < counts[0] < counts[-1]


def test_what_the_provider_reported_of_the_input_stays_if_the_stream_is_cut() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 77, "output_tokens": 1}}}
    exchange = Exchange(counted(), BodyMode.NONE, path="/v1/messages", body=b'{"model":"claude","stream":true}')
    exchange.answered(SSE)
    exchange.piece(event(start))
    for number in range(20):
        delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": f" several words {number}"}}
        exchange.piece(event(delta))
    line = exchange.leaves()
    assert line["input_tokens"] == 77
    assert line["usage_source"] == "estimated"
    assert 60 <= line["output_tokens"] <= 100


def test_errors_and_responses_of_envoy_are_never_estimated() -> None:
    cases = ((500, "via_upstream"), (429, "via_upstream"), (503, "upstream_reset"), (200, "direct_response"))
    for status, details in cases:
        exchange = Exchange(counted(), BodyMode.NONE)
        fields = ("content-type", JSON)
        exchange.envoy.sends(response_headers(status, fields, details=details))
        if status != 503 and details == "via_upstream":
            exchange.piece(b'{"error":{"message":"no"}}', end=True)
        line = exchange.leaves()
        assert of(line) == (None, None, None, None)
        assert "usage_source" not in line


def test_an_error_that_reports_usage_is_counted() -> None:
    exchange = Exchange(counted(), BodyMode.NONE)
    exchange.answered(JSON, status=500)
    exchange.piece(json.dumps({"error": {}, "usage": COUNTS}).encode(), end=True)
    assert of(exchange.leaves())[:2] == (20, 30)


def test_a_rejected_request_has_no_usage() -> None:
    exchange = Exchange(counted(), BodyMode.NONE, body=b'{"model":"unknown","messages":[]}')
    assert of(exchange.leaves()) == (None, None, None, None)


@pytest.mark.parametrize("source", ["none", "envoy"])
def test_nothing_is_asked_or_read_where_the_processor_does_not_count(source: str) -> None:
    policy = plan(f"usage: {{from: {source}}}")
    assert not policy.needs.metered
    exchange = Exchange(policy, BodyMode.NONE, body=b'{"model":"plain","stream":true,"messages":[]}')
    (unchanged,) = exchange.request
    assert isinstance(unchanged, Proceed)
    assert unchanged.body is None
    exchange.answered(SSE)
    assert exchange.envoy.transaction.response_lane is Lane.PASS
    assert of(exchange.leaves()) == (None, None, None, None)


def test_pieces_that_are_shown_give_the_same_counts_as_messages() -> None:
    for mode, lane in ((BodyMode.NONE, Lane.TAP), (BodyMode.FULL_DUPLEX_STREAMED, Lane.TAP_ECHO)):
        exchange = Exchange(counted(), mode)
        exchange.answered(SSE)
        decider = exchange.envoy.transaction
        assert decider.response_lane is lane
        assert decider.tap is not None
        for each in (said("hello"), EXTRA, DONE):
            assert decider.tap(each) is not False
        exchange.piece(b"", end=True)
        assert of(exchange.leaves()) == (20, 30, 4, None)


def test_a_piece_with_the_event_is_no_piece_that_passes() -> None:
    exchange = Exchange(counted(), BodyMode.NONE, body=b'{"model":"plain","stream":true,"messages":[]}')
    exchange.answered(SSE)
    tap = exchange.envoy.transaction.tap
    assert tap is not None
    assert tap(said("hello"))
    assert tap(STOP) is False
    assert exchange.piece(STOP) == STOP
    assert tap(EXTRA) is False
    assert exchange.piece(EXTRA) == b""
    assert tap(DONE[:5]) is False
    assert exchange.piece(DONE[:5]) == b""
    assert exchange.piece(DONE[5:]) == DONE
    assert of(exchange.leaves())[:2] == (20, 30)


def test_an_api_that_reports_nothing_is_not_read() -> None:
    body = b'{"model":"claude","messages":[]}'
    exchange = Exchange(counted(), BodyMode.NONE, path="/v1/messages/count_tokens", body=body)
    exchange.answered(JSON)
    assert exchange.envoy.transaction.response_lane is Lane.PASS


def test_a_backend_that_takes_no_stream_options_is_not_asked() -> None:
    policy = Plan.compile(
        loads(
            """
            version: 1
            backends: [{name: old, url: "http://127.0.0.1:9001/v1", api: openai, stream_usage: false}]
            models: [{name: plain, targets: [{backend: old}]}]
            """,
            "policy.yaml",
        ),
        {},
    )
    exchange = Exchange(policy, BodyMode.NONE, body=b'{"model":"plain","stream":true,"messages":[]}')
    (unchanged,) = exchange.request
    assert isinstance(unchanged, Proceed)
    assert unchanged.body is None


def test_a_damaged_encoding_fails_nothing() -> None:
    exchange = Exchange(counted(), BodyMode.NONE)
    exchange.answered(SSE, ("content-encoding", b"gzip"))
    assert exchange.piece(b"no gzip") == b"no gzip"
    assert exchange.piece(b"at all", end=True) == b"at all"
    assert exchange.leaves()["decision"] == "allowed"
