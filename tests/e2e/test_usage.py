"""Through the real Envoy: the tokens of every exchange, and streams that pass as their providers sent them."""

import gzip
import json
from importlib.util import find_spec
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, Disconnect, End, Ending, ScriptStep, Until
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, Version, post, tagged

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai, credential: {bearer: {env: NORTH_KEY}}}
  - {name: plain, url: $plain/v1, api: openai, sealed_by: north}
  - {name: old, url: $old/v1, api: openai, sealed_by: north, stream_usage: false}
  - {name: claude, url: $claude/v1, api: anthropic, credential: {header: x-api-key, env: CLAUDE_KEY}}
models:
  - {name: chat, targets: [{backend: north}]}
  - {name: plain, targets: [{backend: plain, model: chat}]}
  - {name: old, targets: [{backend: old}]}
  - {name: opus, targets: [{backend: claude, model: claude-opus}]}
usage: {from: processor}
"""
PIPED: Final = POLICY + "pipelines: [{name: p, response: [{use: pii, action: mask}]}]\n"

TEXT: Final = "Tell me about the city of San Diego in a few plain words, please"
MESSAGES: Final = [{"role": "user", "content": TEXT}]
DIALECTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "chat": ("/v1/chat/completions", {"model": "plain", "messages": MESSAGES}),
    "completions": ("/v1/completions", {"model": "plain", "prompt": TEXT}),
    "responses": ("/v1/responses", {"model": "plain", "input": TEXT}),
    "messages": ("/v1/messages", {"model": "opus", "max_tokens": 99, "messages": MESSAGES}),
}


@pytest.fixture(params=[POLICY, PIPED], ids=["alone", "piped"])
def metering(shared: Shared, profile: Profile, request: pytest.FixtureRequest) -> Gateway:
    return shared(request.param, profile)


def ask(gateway: Gateway, name: str, version: Version, do: str = "", **more: Any) -> tuple[ClientResponse, str]:
    """The response in a dialect, and the tag of its request."""
    path, body = DIALECTS[name]
    tag = tagged()
    return gateway.send(post(json.dumps({**body, **more}).encode(), target=path, tag=tag, do=do), version), tag


def straight(gateway: Gateway, tag: str) -> ClientResponse:
    """What the provider sends without a gateway to the request that it got."""
    record = gateway.forwarded(tag)
    return gateway.straight(record, gateway.site.found(tag)[0][0])


def reported(name: str, body: bytes) -> tuple[int, int]:
    """The provider's own numbers in a whole response, or a stream of one."""
    values = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")] or [json.loads(body)]
    found: dict[str, int] = {}
    for each in values:
        for at in (each, each.get("response") or {}, each.get("message") or {}):
            found |= at.get("usage") or {}
    kind = ("prompt", "completion") if name in {"chat", "completions"} else ("input", "output")
    return found[f"{kind[0]}_tokens"], found[f"{kind[1]}_tokens"]


def plain(answer: ClientResponse) -> bytes:
    return gzip.decompress(answer.body) if answer.header("content-encoding") == "gzip" else answer.body


def next_line(gateway: Gateway, before: int) -> dict[str, Any]:
    """The line of the log behind `before` others."""
    assert eventually(lambda: len(gateway.processor.lines()) > before)
    return gateway.processor.lines()[before]


def counts(line: dict[str, Any]) -> tuple[int, int]:
    return line["input_tokens"], line["output_tokens"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("do", ["", "gzip", "split-7", "chunked+crlf"], ids=["plain", "gzip", "split", "crlf"])
def test_usage_equals_the_providers_own_numbers(metering: Gateway, version: Version, stream: bool, do: str) -> None:
    for name in DIALECTS:
        answer, tag = ask(metering, name, version, do, stream=stream)
        assert (answer.status, answer.ending) == (200, Ending.COMPLETE)
        line = metering.line(answer)
        assert counts(line) == reported(name, plain(straight(metering, tag))), (name, line)
        assert line["usage_source"] == "provider"
        assert line["decision"] in {"allowed", "masked"}


@pytest.mark.parametrize("do", ["", "split-7", "split-1", "crlf", "trailers"])
@pytest.mark.parametrize("options", [None, {"include_usage": False}, {"include_obfuscation": False}])
def test_the_client_sees_exactly_the_other_bytes_of_the_provider(
    metering: Gateway, version: Version, options: Any, do: str
) -> None:
    for name in ("chat", "completions"):
        asked = {"stream": True} if options is None else {"stream": True, "stream_options": options}
        answer, tag = ask(metering, name, version, do, **asked)
        record = metering.forwarded(tag)
        assert record.json()["stream_options"] == {**(options or {}), "include_usage": True}
        sent = metering.straight(record, metering.site.found(tag)[0][0]).body
        end = b"\r\n\r\n" if "crlf" in do else b"\n\n"
        events = sent.split(end)
        extra = [each for each in events if b'"choices":[]' in each.replace(b" ", b"")]
        assert len(extra) == 1
        assert answer.body == end.join(each for each in events if each not in extra), (name, do)
        assert metering.line(answer)["usage_source"] == "provider"


def test_a_client_that_asks_itself_gets_the_event(metering: Gateway, version: Version) -> None:
    answer, tag = ask(metering, "chat", version, stream=True, stream_options={"include_usage": True})
    assert answer.body == straight(metering, tag).body
    assert counts(metering.line(answer)) == reported("chat", answer.body)


def test_a_backend_that_refuses_stream_options_gets_none_and_is_estimated(metering: Gateway, version: Version) -> None:
    answer, tag = ask(metering, "chat", version, model="old", stream=True)
    assert "stream_options" not in metering.forwarded(tag).json()
    line = metering.line(answer)
    assert line["usage_source"] == "estimated"
    assert 5 < line["input_tokens"] < 40
    assert 5 < line["output_tokens"] < 40


def test_streams_that_clients_leave_are_estimated(metering: Gateway, version: Version) -> None:
    for name in DIALECTS:
        path, body = DIALECTS[name]
        tag, before = tagged(), len(metering.processor.lines())
        asked = json.dumps({**body, "stream": True}).encode()
        steps: list[ScriptStep] = [asked, End(), Until(4000), Disconnect("reset")]
        metering.send(post(steps, target=path, tag=tag, do="events-500, size-8, gap-5ms"), version)
        metering.forwarded(tag)
        line = next_line(metering, before)
        assert line["usage_source"] == "estimated", (name, line)
        assert line["output_tokens"] > 0
        assert line["input_tokens"] > 0


@pytest.fixture
def libraries() -> None:
    if not all(map(find_spec, ("openai", "anthropic"))):
        pytest.skip("a library is missing")


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("version", ["http1"])
def test_official_libraries_see_usage_only_if_they_ask(metering: Gateway, version: Version) -> None:  # noqa: ARG001
    import openai

    with openai.OpenAI(api_key="k", base_url=f"http://127.0.0.1:{metering.port}/v1", max_retries=0) as client:
        for asks in (None, False, True):
            before = len(metering.processor.lines())
            options: Any = openai.omit if asks is None else {"include_usage": asks}
            asked: Any = {"model": "plain", "messages": MESSAGES, "stream": True, "stream_options": options}
            chunks = list(client.chat.completions.create(**asked))
            seen = [chunk.usage for chunk in chunks if chunk.usage is not None]
            assert len(seen) == (asks is True)
            assert all(chunk.choices for chunk in chunks) is not (asks is True)
            assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            line = next_line(metering, before)
            assert line["usage_source"] == "provider"
            if seen:
                assert counts(line) == (seen[0].prompt_tokens, seen[0].completion_tokens)
            metering.site.expected += 1


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("version", ["http1"])
def test_the_library_of_anthropic_sees_the_usage_that_is_recorded(metering: Gateway, version: Version) -> None:  # noqa: ARG001
    import anthropic

    with anthropic.Anthropic(api_key="k", base_url=f"http://127.0.0.1:{metering.port}", max_retries=0) as client:
        before = len(metering.processor.lines())
        with client.messages.stream(model="opus", max_tokens=99, messages=MESSAGES) as stream:  # type: ignore[arg-type]
            final = stream.get_final_message()
        assert counts(next_line(metering, before)) == (final.usage.input_tokens, final.usage.output_tokens)
        metering.site.expected += 1
