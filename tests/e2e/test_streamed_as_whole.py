"""Through the real Envoy: streamed and whole responses are judged alike."""

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing.clients import ClientResponse
from tests.apis.events.client import documents
from tests.apis.events.samples import choice, chunk, event
from tests.e2e.canned import Canned, canned
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, post
from tests.payload.shapes import PNG

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("transport", ["h2"])]

POLICY: Final = """\
version: 1
backends:
  - {{name: own, url: "http://127.0.0.1:{port}/v1", api: openai}}
models:
  - {{name: chat, targets: [{{backend: own}}]}}
pipelines:
  - name: p
    match: {{path: /}}
    request: [{{use: pattern, name: names, regex: 'Project "Titan"', action: mask, restore: true}}]
    response:
      - {{use: pii, kinds: [email, credit_card], action: mask}}
      - {{use: pattern, name: key, regex: 'AKIA[0-9A-Z]{{16}}', action: block}}
"""
EMAIL: Final = "jane.doe@example.com"
CARD: Final = "4012 8888 8888 1881"
KEY: Final = "AKIAZ7XQ4HNRTW2LPYKM"
SEALED: Final = base64.b64encode(bytes(range(128, 256))).decode()
CHAT: Final = "/v1/chat/completions"


@pytest.fixture(scope="module")
def backend() -> Iterator[Canned]:
    with canned() as running:
        yield running


@pytest.fixture
def gateway(backend: Canned, shared: Shared, profile: Profile) -> Gateway:
    return shared(POLICY.format(port=backend.port), profile)


def ask(gateway: Gateway, backend: Canned, answer: Any, target: str = CHAT) -> ClientResponse:
    """The answer to a request when the backend answers so: an object, or the events of a stream."""
    streams = isinstance(answer, list)
    backend.content_type = "text/event-stream" if streams else "application/json"
    backend.pieces = answer if streams else [json.dumps(answer).encode()]
    body = {"model": "chat", "input": "x", "messages": [{"role": "user", "content": 'about Project "Titan"'}]}
    return gateway.send(post(json.dumps({**body, "stream": streams}).encode(), target=target))


def streamed(text: str, *steps: Any, step: int = 5) -> list[bytes]:
    """A chat that brings a text in pieces, at a path in its deltas."""

    def delta(piece: str) -> dict[str, Any]:
        value: Any = piece
        for name in reversed(steps or ("content",)):
            value = [{"index": 0, **value}] if name == 0 else {name: value}
        return dict(value)

    pieces = [chunk([choice(delta(text[at : at + step]))]) for at in range(0, len(text), step)]
    return [*pieces, chunk([choice({}, finish="stop")]), event("[DONE]")]


def said(answer: ClientResponse) -> str:
    """The text of a stream's deltas, in content or in arguments."""
    found = ""
    for each in documents(answer.body):
        for one in each["choices"] if isinstance(each, dict) and "choices" in each else ():
            delta = one["delta"]
            found += delta.get("content") or ""
            found += "".join(call["function"]["arguments"] for call in delta.get("tool_calls", ()))
    return found


def named(gateway: Gateway, answer: ClientResponse) -> list[str]:
    """The reasons for which something was not inspected."""
    return [each["reason"] for each in gateway.line(answer)["uninspected"]]


LOGPROBS: Final = [{"token": EMAIL[:8], "bytes": list(EMAIL[:8].encode())}, {"token": EMAIL[8:], "bytes": None}]
WHOLE: Final = {
    CHAT: {"choices": [{"index": 0, "message": {"content": EMAIL}, "logprobs": {"content": LOGPROBS}}]},
    "/v1/completions": {"choices": [{"text": EMAIL, "logprobs": {"tokens": [EMAIL[:8], EMAIL[8:]]}}]},
    "/v1/responses": {"output": [{"content": [{"type": "output_text", "text": EMAIL, "logprobs": LOGPROBS}]}]},
}


@pytest.mark.parametrize("target", WHOLE)
def test_log_probabilities_of_a_masked_text_are_taken_away(gateway: Gateway, backend: Canned, target: str) -> None:
    answer = ask(gateway, backend, WHOLE[target], target)
    assert answer.status == 200
    assert b"[EMAIL_1]" in answer.body
    assert b"jane" not in answer.body
    assert b"logprobs" in answer.body


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("steps", [("content",), ("tool_calls", 0, "function", "arguments")], ids=["content", "tools"])
def test_json_in_streamed_text_is_opened_as_in_a_whole_response(
    gateway: Gateway, backend: Canned, steps: tuple[Any, ...], depth: int
) -> None:
    text, wanted = f"Card:\n{CARD} for [NAMES_1]", 'Card:\n[CREDIT_CARD_1] for Project "Titan"'
    for _ in range(depth):
        text, wanted = json.dumps({"note": text}), json.dumps({"note": wanted})
    answer = ask(gateway, backend, streamed(text, *steps))
    assert (answer.status, said(answer)) == (200, wanted)
    whole = ask(gateway, backend, {"choices": [{"index": 0, "message": {"content": text}}]})
    assert whole.json()["choices"][0]["message"]["content"] == wanted


def test_a_value_behind_an_escape_in_json_ends_a_stream(gateway: Gateway, backend: Canned) -> None:
    answer = ask(gateway, backend, streamed(json.dumps({"body": json.dumps({"note": f"key:\n{KEY}"})})))
    assert KEY.encode() not in answer.body
    assert b"content_filter" in answer.body
    assert gateway.line(answer)["decision"] == "blocked"


IMAGES: Final = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}, "index": 0}]


def test_an_image_is_refused_in_both_forms_and_named_alike(gateway: Gateway, backend: Canned) -> None:
    whole = ask(gateway, backend, {"choices": [{"message": {"content": "", "images": IMAGES}}]})
    events = [chunk([choice({"content": "", "images": IMAGES})]), chunk([choice({}, finish="stop")]), event("[DONE]")]
    stream = ask(gateway, backend, events)
    assert whole.status == 403
    assert PNG.encode() not in stream.body
    assert b'"error"' in stream.body
    assert named(gateway, whole) == named(gateway, stream) == ["image"]


def test_an_empty_sound_hides_nothing_and_sealed_reasoning_passes(gateway: Gateway, backend: Canned) -> None:
    detail = {"type": "reasoning.encrypted", "data": SEALED, "id": "rs_1", "format": "openai-responses-v1", "index": 0}
    empty = {"id": "", "data": "", "expires_at": 0, "transcript": ""}
    message = {"role": "assistant", "content": "4", "audio": empty, "reasoning_details": [detail]}
    whole = ask(gateway, backend, {"choices": [{"index": 0, "message": message}]})
    assert (whole.status, whole.json()["choices"][0]["message"]) == (200, message)
    events = [chunk([choice({"content": "4 ", "audio": empty, "reasoning_details": [detail]})])]
    events += [chunk([choice({}, finish="stop")]), event("[DONE]")]
    stream = ask(gateway, backend, events)
    assert said(stream) == "4 "
    assert SEALED.encode() in stream.body
    assert named(gateway, whole) == named(gateway, stream) == ["encrypted"]
