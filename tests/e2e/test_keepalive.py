"""Through the real Envoy: signs of life reach clients while a model is silent, and the official libraries skip them."""

from importlib.util import find_spec
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Profile
from tests.e2e.conftest import Shared
from tests.e2e.gateway import post

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("transport", ["h2"])]

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai}
  - {name: claude, url: $claude/v1, api: anthropic}
models:
  - {name: m, targets: [{backend: north}]}
  - {name: opus, targets: [{backend: claude}]}
pipelines:
  - {name: p, keepalive: 1s, response: [{use: pii, kinds: [email], action: mask}]}
"""
SLOW: Final = "gap-1600ms+events-2"
COMMENT, PING = b": keep-alive\n\n", b'event: ping\ndata: {"type": "ping"}\n\n'


def ask(model: str) -> bytes:
    return b'{"model":"%s","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}' % model.encode()


def test_clients_get_signs_of_life_between_events_and_nothing_else_changes(shared: Shared, profile: Profile) -> None:
    gateway = shared(POLICY, profile)
    for model, path, sign in (("m", "/v1/chat/completions", COMMENT), ("opus", "/v1/messages", PING)):
        plain = gateway.send(post(ask(model), target=path, do="events-2", tag=f"plain-{model}"))
        gateway.forwarded(f"plain-{model}")
        answer = gateway.send(post(ask(model), target=path, do=SLOW, tag=f"slow-{model}"))
        gateway.forwarded(f"slow-{model}")
        assert answer.complete
        assert answer.body.count(sign) >= 3
        assert len(answer.body.replace(sign, b"")) == len(plain.body)


@pytest.mark.skipif(not all(map(find_spec, ("openai", "httpx2", "anthropic"))), reason="a library is missing")
def test_official_libraries_skip_them(shared: Shared, profile: Profile) -> None:
    import anthropic
    import openai

    gateway = shared(POLICY, profile)
    root = f"http://127.0.0.1:{gateway.port}"
    asked: Any = [{"role": "user", "content": "x"}]

    def chat(do: str) -> str:
        gateway.site.expected += 1
        with openai.OpenAI(api_key="k", base_url=f"{root}/v1", max_retries=0) as client:
            stream = client.chat.completions.create(
                model="m", messages=asked, stream=True, extra_headers={"x-provider-do": do}
            )
            return "".join(each.choices[0].delta.content or "" for each in stream if each.choices)

    def message(do: str) -> str:
        gateway.site.expected += 1
        with (
            anthropic.Anthropic(api_key="k", base_url=root, max_retries=0) as client,
            client.messages.stream(
                model="opus", max_tokens=9, messages=asked, extra_headers={"x-provider-do": do}
            ) as stream,
        ):
            stream.until_done()
            return stream.get_final_text()

    for asks in (chat, message):
        assert asks(SLOW) == asks("events-2")
