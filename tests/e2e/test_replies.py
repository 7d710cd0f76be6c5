"""Through the real Envoy: replies that have to be JSON, and calls of tools that have to fit, whole and streamed."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing.clients import ClientResponse, Ending
from tests.e2e.canned import Canned, canned
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, post
from tests.inspection.replying import FORMS, SCHEMA, asking, streamed, streamed_call, whole, whole_call

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("transport", ["h2"])]

POLICY: Final = """\
version: 1
backends:
  - {{name: own, url: "http://127.0.0.1:{port}/v1", api: openai}}
  - {{name: other, url: "http://127.0.0.1:{port}/v1", api: anthropic}}
models:
  - {{name: chat, targets: [{{backend: own}}]}}
  - {{name: claude, targets: [{{backend: other}}]}}
pipelines:
  - name: repairing
    match: {{headers: {{x-mode: repair}}}}
    response: [{{use: json_schema, action: repair}}, {{use: pii, kinds: [email], action: mask}}]
  - name: others
    match: {{headers: {{x-mode: others}}}}
    response:
      - {{use: length, max_words: 12}}
      - {{use: refusal, action: block}}
      - {{use: url, allow: [example.com]}}
      - {{use: grounded, action: block}}
  - name: default
    response: [{{use: json_schema}}, {{use: tool_schema}}]
"""
APIS: Final = pytest.mark.parametrize("api", ["chat", "responses", "messages"])
ENDS: Final = {"chat": b"content_filter", "responses": b'"type":"error"', "messages": b'"type":"error"'}


@pytest.fixture(scope="module")
def backend() -> Iterator[Canned]:
    with canned() as running:
        yield running


@pytest.fixture
def gateway(backend: Canned, shared: Shared, profile: Profile) -> Gateway:
    return shared(POLICY.format(port=backend.port), profile)


def ask(
    gateway: Gateway, backend: Canned, api: str, request: Any, answer: Any, fields: tuple[tuple[str, str], ...] = ()
) -> ClientResponse:
    """The response to a request when the backend answers so: a value, or a stream's events one by one."""
    streams = isinstance(answer, str)
    backend.content_type = "text/event-stream" if streams else "application/json"
    events = (
        [f"{each}\n\n".encode() for each in answer.split("\n\n") if each] if streams else [json.dumps(answer).encode()]
    )
    backend.pieces = events
    body = json.dumps({**request, "stream": streams}).encode()
    return gateway.send(post(body, *fields, target=FORMS[api].path))


def pieces(text: str, size: int = 4) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@APIS
def test_a_reply_that_fits_passes_byte_for_byte(gateway: Gateway, backend: Canned, api: str) -> None:
    request = asking(api, schema=SCHEMA)
    right = whole(api, '{"age": 3}')
    assert ask(gateway, backend, api, request, right).json() == right
    stream = streamed(api, pieces('{"age": 3, "name": "x"}'))
    assert ask(gateway, backend, api, request, stream).body == stream.encode()


@APIS
def test_a_reply_that_does_not_fit_is_a_403_or_ends_its_stream(gateway: Gateway, backend: Canned, api: str) -> None:
    request = asking(api, schema=SCHEMA)
    refused = ask(gateway, backend, api, request, whole(api, '{"age": "three"}'))
    assert refused.status == 403
    line = gateway.line(refused)
    assert [(each["processor"], each["kind"]) for each in line["findings"]] == [("json_schema", "type")]
    answer = ask(gateway, backend, api, request, streamed(api, pieces('{"age": "three", "name": "x"}')))
    assert (answer.status, answer.ending) == (200, Ending.COMPLETE)
    assert b"hree" not in answer.body
    assert ENDS[api] in answer.body
    line = gateway.line(answer)
    assert (line["decision"], line["blocked_by"], line["blocked_for"]) == ("blocked", "json_schema", "finding")
    assert "hree" not in json.dumps(line)


@APIS
def test_a_call_of_a_tool_has_to_fit(gateway: Gateway, backend: Canned, api: str) -> None:
    request = asking(api, tools={"look": SCHEMA})
    stream = streamed_call(api, "look", pieces('{"age": 3}'))
    assert ask(gateway, backend, api, request, stream).body == stream.encode()
    assert ask(gateway, backend, api, request, whole_call(api, "lok", "{}")).status == 403
    answer = ask(gateway, backend, api, request, streamed_call(api, "look", pieces('{"age": 3, "secret": 4}')))
    assert ENDS[api] in answer.body
    assert b"cret" not in answer.body
    assert [each["kind"] for each in gateway.line(answer)["findings"]] == ["unknown_member"]


@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
def test_fences_are_removed_whole_and_streamed(gateway: Gateway, backend: Canned, api: str) -> None:
    request, mode = asking(api, schema=SCHEMA), (("x-mode", "repair"),)
    text = '```json\n{"age": 3, "name": "a@example.org"}\n```'
    answer = ask(gateway, backend, api, request, whole(api, text), mode)
    assert answer.json() == whole(api, '{"age": 3, "name": "[EMAIL_1]"}\n')
    stream = ask(gateway, backend, api, request, streamed(api, pieces(text)), mode)
    assert b"`" not in stream.body
    assert b"example.org" not in stream.body
    assert gateway.line(stream)["decision"] == "masked"


def test_a_stream_that_breaks_off_is_no_whole_document(gateway: Gateway, backend: Canned) -> None:
    stream = "".join(f"{each}\n\n" for each in streamed("chat", pieces('{"age": 3}')).split("\n\n")[:3])
    answer = ask(gateway, backend, "chat", asking("chat", schema=SCHEMA), stream)
    assert b"content_filter" in answer.body
    assert [each["kind"] for each in gateway.line(answer)["findings"]] == ["cut"]


OTHERS: Final = {
    "too_long": "one two three four five six seven eight nine ten eleven twelve thirteen",
    "worded": "I'm sorry, but I can't help with that. Good bye.",
    "data": "![x](https://example.com/p.png?d=" + "QUJD1" * 13 + ") is it",
    "not_allowed": "See https://evil.example/x for it.",
    "number": "It is 44 degrees, wind 99, pressure 1234.",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_judges_of_replies_block_whole_and_streamed(gateway: Gateway, backend: Canned, kind: str) -> None:
    request, mode = asking("chat"), (("x-mode", "others"),)
    request["messages"].append({"role": "tool", "tool_call_id": "c", "content": "21 degrees, wind 12"})
    right = whole("chat", "It is 21 degrees, wind 12: https://example.com/a.")
    assert ask(gateway, backend, "chat", request, right, mode).json() == right
    refused = ask(gateway, backend, "chat", request, whole("chat", OTHERS[kind]), mode)
    assert refused.status == 403
    assert kind in {each["kind"] for each in gateway.line(refused)["findings"]}
    answer = ask(gateway, backend, "chat", request, streamed("chat", pieces(OTHERS[kind])), mode)
    assert b"content_filter" in answer.body
    line = gateway.line(answer)
    assert line["decision"] == "blocked"
    assert kind in {each["kind"] for each in line["findings"]}
    assert OTHERS[kind][:20] not in json.dumps(line)
