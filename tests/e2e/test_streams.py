"""Through the real Envoy: streams of any API on any path, and events that clients read in two ways."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing.clients import ClientResponse
from tests.apis.events.apis import APIS, joined
from tests.apis.events.client import documents
from tests.apis.events.samples import chat, event, messages
from tests.e2e.canned import Canned, canned
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, post

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("transport", ["h2"])]

POLICY: Final = """\
version: 1
backends:
  - {{name: own, url: "http://127.0.0.1:{port}/v1", api: openai}}
default_backend: own
models:
  - {{name: chat, targets: [{{backend: own}}]}}
pipelines:
  - name: p
    match: {{path: /}}
    request: [{{use: pattern, name: names, regex: 'Titan', action: mask, restore: true}}]
    response: [{{use: pii, kinds: [email, credit_card], action: mask}}]
    content_types: [application/x-ndjson, text/plain]
"""
PIECES: Final = ("Write to maria.gon", "zalez", "@example-mail.org soon. ", "Of [NA", "MES_1] too. ")
PATHS: Final = {
    "transcript": "/v1/audio/transcriptions",
    "thread": "/v1/threads/runs",
    "gemini": "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
    "wrapped": "/v1internal:streamGenerateContent?alt=sse",
    "cohere": "/v2/chat",
    "cohere_first": "/v1/chat",
    "llama": "/completion",
    "ollama": "/api/chat",
    "generated": "/api/generate",
    "tgi": "/generate_stream",
    "completion": "/v1/complete",
}
CHAT: Final = "/v1/chat/completions"


@pytest.fixture(scope="module")
def backend() -> Iterator[Canned]:
    with canned() as running:
        yield running


@pytest.fixture
def streaming(backend: Canned, shared: Shared, profile: Profile) -> Gateway:
    return shared(POLICY.format(port=backend.port), profile)


def ask(
    gateway: Gateway, backend: Canned, target: str, pieces: list[bytes], kind: str = "text/event-stream"
) -> ClientResponse:
    backend.content_type, backend.pieces = kind, pieces
    body = {"model": "chat", "stream": True, "messages": [{"role": "user", "content": "about Titan"}]}
    return gateway.send(post(json.dumps(body).encode(), target=target))


def assert_masked(said: str) -> None:
    assert "Write to [EMAIL_1] soon. " in said
    assert "Of Titan too. " in said
    assert "zalez" not in said


def test_a_value_cut_over_events_is_masked_and_a_placeholder_restored_on_every_path(
    streaming: Gateway, backend: Canned
) -> None:
    for name, path in PATHS.items():
        answer = ask(streaming, backend, path, [event(each) for each in APIS[name](PIECES)])
        assert answer.status == 200
        assert_masked("\n".join(joined(documents(answer.body))))
    for path in ("/openai/deployments/m/chat/completions?api-version=1", "/v1/responses/resp_1?stream=true", CHAT):
        answer = ask(streaming, backend, path, chat(PIECES))
        assert_masked("\n".join(joined(documents(answer.body))))
    answer = ask(streaming, backend, CHAT, messages(PIECES))
    assert_masked("\n".join(joined(documents(answer.body))))


def test_chunks_in_an_array_and_in_lines_are_joined_as_those_in_events_are(streaming: Gateway, backend: Canned) -> None:
    made = [json.dumps(each).encode() for each in APIS["gemini"](PIECES)]
    array = [b"[", *(each + b"\n,\r\n" for each in made[:-1]), made[-1], b"\n]"]
    answer = ask(streaming, backend, "/v1beta/models/g:streamGenerateContent", array, "application/json; charset=UTF-8")
    assert_masked("\n".join(joined(answer.json())))
    lines = [json.dumps(each).encode() + b"\n" for each in APIS["ollama"](PIECES)]
    answer = ask(streaming, backend, "/api/chat", lines, "application/x-ndjson")
    assert_masked("\n".join(joined([json.loads(line) for line in answer.body.splitlines()])))
    answer = ask(streaming, backend, CHAT, chat(PIECES), "text/plain")
    assert_masked("\n".join(joined(documents(answer.body))))


CARD: Final = "card 4012 8888", " 8888 1881 ok"
HALVES: Final = [json.dumps({"choices": [{"index": 0, "delta": {"content": each}}]}).encode() for each in CARD]
TWO_WAYS: Final = {
    "a comma": [b"data: " + each[:-1] + b",}\n\n" for each in HALVES],
    "two documents": [b"data: %s%s\n\n" % (each, each) for each in HALVES],
    "one line end": [b"data: %s\n" % each for each in HALVES],
    "no UTF-8": [b"data: %s\n\n" % each.replace(b"c", b"\xff", 1) for each in HALVES],
    "a name twice": [b'data: {"choices":[],' + each[1:] + b"\n\n" for each in HALVES],
    "no field": [each + b"\n" for each in HALVES],
    "unknown": [event({"note": each}) for each in CARD],
}


def test_what_clients_read_in_two_ways_ends_the_stream_as_uninspected(streaming: Gateway, backend: Canned) -> None:
    for name, pieces in TWO_WAYS.items():
        answer = ask(streaming, backend, CHAT, pieces)
        assert answer.status == 200
        assert b"uninspected_content" in answer.body, name
        assert b"8888 1881" not in answer.body
        line = streaming.line(answer)
        assert line["decision"] == "blocked"
        assert line["uninspected"][0]["reason"] == ("stream" if name == "unknown" else "malformed")
        whole = ask(streaming, backend, CHAT, [pieces[0].removeprefix(b"data: ")], "application/json")
        assert whole.status in ({200} if name in {"no field", "unknown", "one line end"} else {403}), name


def test_events_that_are_whole_documents_and_streams_in_which_nothing_is_found_pass_byte_for_byte(
    streaming: Gateway, backend: Canned
) -> None:
    messages_ = [
        {"jsonrpc": "2.0", "id": at, "result": {"content": [{"type": "text", "text": "to john"}]}} for at in (1, 2)
    ]
    pieces = [event(each, "message") for each in messages_]
    assert ask(streaming, backend, "/mcp", pieces).body == b"".join(pieces)
    for name, path in PATHS.items():
        pieces = [event(each) for each in APIS[name](("One. ", "Two\n", "Three; "))]
        if name != "thread":  # the quotes of its arguments are held back
            assert ask(streaming, backend, path, pieces).body == b"".join(pieces)
