"""Through the real Envoy: a stream that its backend ends too soon, or that breaks, is no clean end for any client."""

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing.clients import Ending
from tests.apis.events.samples import chat, messages, responses
from tests.e2e.canned import Canned, canned
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, post

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("transport", ["h2"])]

BACKENDS: Final = """\
version: 1
backends:
  - {{name: own, url: "http://127.0.0.1:{port}/v1", api: openai}}
  - {{name: other, url: "http://127.0.0.1:{port}/v1", api: anthropic}}
models:
  - {{name: m, targets: [{{backend: own}}]}}
  - {{name: c, targets: [{{backend: other}}]}}
"""
POLICIES: Final = {
    "masking": BACKENDS + "pipelines: [{{name: p, response: [{{use: pii, kinds: [email], action: mask}}]}}]\n",
    "watching": BACKENDS + "pipelines: [{{name: p, response: [{{use: pii, kinds: [email], action: report}}]}}]\n",
    "held": BACKENDS + "pipelines: [{{name: p, response: [{{use: injection, threshold: 0.99, action: block}}]}}]\n",
}
PIECES: Final = ("Write to ", "somebody ", "soon. ")
DIALECTS: Final = {
    "chat": ("/v1/chat/completions", chat),
    "responses": ("/v1/responses", responses),
    "messages": ("/v1/messages", messages),
}
MESSAGE: Final = "The backend's response ended before it was complete."


@pytest.fixture(scope="module")
def backend() -> Iterator[Canned]:
    with canned() as running:
        yield running


def ask(gateway: Gateway, path: str) -> Any:
    model = "c" if path.endswith("messages") else "m"
    body = f'{{"model":"{model}","stream":true,"input":"x","messages":[{{"role":"user","content":"x"}}]}}'
    return gateway.send(post(body.encode(), target=path))


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_stream_that_ends_too_soon_ends_in_the_dialects_error(
    policy: str, shared: Shared, profile: Profile, backend: Canned
) -> None:
    gateway = shared(POLICIES[policy].format(port=backend.port), profile)
    for path, make in DIALECTS.values():
        pieces = make(PIECES)
        backend.content_type, backend.pieces = "text/event-stream", pieces
        whole = ask(gateway, path)
        assert (whole.status, whole.ending, whole.body) == (200, Ending.COMPLETE, b"".join(pieces))
        backend.pieces = pieces[:3]
        cut = ask(gateway, path)
        assert (cut.status, cut.ending) == (200, Ending.COMPLETE)
        assert cut.body.startswith(b"".join(pieces[:3]))
        assert MESSAGE.encode() in cut.body
        line = gateway.line(cut)
        assert (line["decision"], line["reason"]) == ("cut", "response_unfinished")
        backend.pieces = []
        assert MESSAGE.encode() in ask(gateway, path).body


@pytest.mark.skipif(not all(map(find_spec, ("openai", "httpx2", "anthropic"))), reason="a library is missing")
@pytest.mark.parametrize("policy", ["masking", "watching"])
def test_official_libraries_raise_that_error(policy: str, shared: Shared, profile: Profile, backend: Canned) -> None:
    import anthropic
    import openai

    gateway = shared(POLICIES[policy].format(port=backend.port), profile)
    root = f"http://127.0.0.1:{gateway.port}"
    asked: Any = [{"role": "user", "content": "x"}]

    def chatting() -> Sequence[Any]:
        with openai.OpenAI(api_key="k", base_url=f"{root}/v1", max_retries=0) as client:
            return list(client.chat.completions.create(model="m", messages=asked, stream=True))

    def speaking() -> Sequence[Any]:
        with anthropic.Anthropic(api_key="k", base_url=root, max_retries=0) as client:
            return list(client.messages.create(model="c", max_tokens=9, messages=asked, stream=True))

    tried: list[tuple[Callable[[], Sequence[Any]], Callable[..., list[bytes]], type[Exception]]] = [
        (chatting, chat, openai.APIError),
        (speaking, messages, anthropic.APIError),
    ]
    backend.content_type = "text/event-stream"
    for asks, make, error in tried:
        backend.pieces = make(PIECES)
        assert asks()
        backend.pieces = make(PIECES)[:3]
        with pytest.raises(error, match="ended before it was complete"):
            asks()


def test_a_backend_that_breaks_off_is_a_torn_connection_and_a_whole_body_an_error(
    shared: Shared, profile: Profile
) -> None:
    """Envoy resets the client's stream by itself: the processor is told of the end, and cannot add anything."""
    gateway = shared(DROPPING, profile)
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"a b c d e f g h"}]}'
    streamed = gateway.send(post(body, do="cut-3+gap-30ms", tag="cut"))
    assert (streamed.status, streamed.ending in {Ending.TRUNCATED, Ending.RESET}) == (200, True)
    gateway.forwarded("cut")
    assert gateway.line(streamed)["decision"] == "cut"
    whole = gateway.send(post(body.replace(b"true", b"false"), do="cut-3", tag="whole"))
    gateway.forwarded("whole")
    assert (whole.status, whole.ending) == (502, Ending.COMPLETE)
    assert whole.json()["error"]["code"] == "bad_upstream"


DROPPING: Final = """\
version: 1
backends: [{name: north, url: $north/v1, api: openai}]
models: [{name: m, targets: [{backend: north}]}]
health: {failures: 10000}
pipelines: [{name: p, response: [{use: pii, kinds: [email], action: mask}]}]
"""
