"""Through the real Envoy: streams in which nothing is masked reach the client byte for byte, and its own library."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Profile
from tests.e2e.canned import Canned, canned
from tests.e2e.conftest import Shared
from tests.e2e.gateway import KEYS, Gateway, post
from tests.inspection.shapes import SEALED, SHAPES

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("transport", ["h2"])]

POLICY: Final = """\
version: 1
backends:
  - {{name: own, url: "http://127.0.0.1:{port}/v1", api: openai, credential: {{bearer: {{env: NORTH_KEY}}}}}}
  - {{name: other, url: "http://127.0.0.1:{port}/v1", api: anthropic, credential: {{bearer: {{env: NORTH_KEY}}}}}}
default_backend: own
models:
  - {{name: m, targets: [{{backend: own}}]}}
  - {{name: c, targets: [{{backend: other}}]}}
pipelines:
  - name: p
    match: {{path: /}}
    response: [{{use: pii, kinds: [email, phone, credit_card, iban], action: mask}}]
"""
PATHS: Final = {
    "openai.chat": ("/v1/chat/completions", "m"),
    "openai.responses": ("/v1/responses", "m"),
    "anthropic.messages": ("/v1/messages", "c"),
}
HI: Final = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def backend() -> Iterator[Canned]:
    with canned() as running:
        yield running


@pytest.fixture
def streaming(backend: Canned, shared: Shared, profile: Profile) -> Gateway:
    return shared(POLICY.format(port=backend.port), profile)


def test_every_shape_reaches_the_client_byte_for_byte(streaming: Gateway, backend: Canned) -> None:
    for name, (dialect, make) in SHAPES.items():
        backend.pieces = make()
        target, model = PATHS[dialect]
        body = {"model": model, "stream": True, "max_tokens": 9, "input": "hi", "messages": HI}
        answer = streaming.send(post(json.dumps(body).encode(), target=target))
        assert (answer.status, answer.body) == (200, b"".join(backend.pieces)), name


def test_gemini_with_signatures_reaches_the_client_byte_for_byte(streaming: Gateway, backend: Canned) -> None:
    parts: list[dict[str, Any]] = [
        {"functionCall": {"name": "plan", "args": {"city": "York"}}, "thoughtSignature": SEALED},
        {"text": "", "thoughtSignature": SEALED},
    ]
    said = [{"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}]} for part in parts]
    said.append({"candidates": [{"finishReason": "STOP", "index": 0}]})
    backend.pieces = [f"data: {json.dumps(each)}\r\n\r\n".encode() for each in said]
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}).encode()
    answer = streaming.send(post(body, target="/v1beta/models/g:streamGenerateContent?alt=sse"))
    assert (answer.status, answer.body) == (200, b"".join(backend.pieces))


def test_a_mask_is_written_where_the_value_was(streaming: Gateway, backend: Canned) -> None:
    raws = SHAPES["openai_parallel_tools"][1]()
    backend.pieces = [raw.replace(b'"San"', b'"bob@exam"').replace(b" Diego", b"ple.org") for raw in raws]
    body = {"model": "m", "stream": True, "messages": HI}
    answer = streaming.send(post(json.dumps(body).encode(), target="/v1/chat/completions"))
    calls: dict[int, str] = {}
    for line in answer.body.splitlines():
        if line.startswith(b"data: {"):
            for call in json.loads(line[6:])["choices"][0]["delta"].get("tool_calls", ()):
                assert call["index"] == max(calls, default=0) or call["index"] not in calls, (
                    "no call goes on behind another"
                )
                calls[call["index"]] = calls.get(call["index"], "") + call["function"]["arguments"]
    assert [json.loads(arguments) for arguments in calls.values()] == [{"city": "[EMAIL_1]", "days": 12}] * 2


def test_a_value_that_goes_on_behind_a_finish_reason_ends_the_stream(streaming: Gateway, backend: Canned) -> None:
    def piece(text: str, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
        return b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"

    backend.pieces = [piece("card 4111 1111 11", "length"), piece("11 1111 "), piece("now", "stop")]
    answer = streaming.send(post(json.dumps({"model": "m", "stream": True, "messages": HI}).encode()))
    assert answer.status == 200
    assert b"uninspected_content" in answer.body
    assert b'"11 1111 ' not in answer.body


def test_a_credential_that_the_backend_quotes_in_two_events_does_not_reach_the_client(
    streaming: Gateway, backend: Canned
) -> None:
    key = KEYS["NORTH_KEY"]
    said = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in (f"no key {key[:6]}", key[6:], "!")]
    raw = b"".join(f"data: {json.dumps(each)}\n\n".encode() for each in said) + b"data: [DONE]\n\n"
    for backend.pieces in ([raw], [raw[at : at + 9] for at in range(0, len(raw), 9)]):
        answer = streaming.send(post(json.dumps({"model": "m", "stream": True, "messages": HI}).encode()))
        events = [json.loads(line[6:]) for line in answer.body.splitlines() if line.startswith(b"data: {")]
        assert "".join(each["choices"][0]["delta"]["content"] for each in events) == "no key [redacted]!"


def test_the_libraries_read_a_stream_of_the_gateway(streaming: Gateway, backend: Canned) -> None:
    openai, anthropic = pytest.importorskip("openai"), pytest.importorskip("anthropic")
    root = f"http://127.0.0.1:{streaming.port}"
    backend.pieces = SHAPES["openai_text"][1]()
    chats: Any = openai.OpenAI(api_key="k", base_url=f"{root}/v1", max_retries=0)
    with chats, chats.chat.completions.stream(model="m", messages=HI) as stream:
        said = stream.get_final_completion()
    assert said.choices[0].message.content == "The plan is simple:\ngo to San Diego."
    assert said.usage.total_tokens == 12
    backend.pieces = SHAPES["anthropic_citations"][1]()
    messages: Any = anthropic.Anthropic(api_key="k", base_url=root, max_retries=0)
    with messages, messages.messages.stream(model="c", max_tokens=9, messages=HI) as stream:
        assert stream.get_final_text() == "The plan is simple:\ngo to San Diego." * 2
