"""Through the real Envoy: the words of the user choose the backend, however the API spells them and however long."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.e2e.gateway import Gateway, gateway, site

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai, credential: {bearer: {env: NORTH_KEY}}}
  - {name: south, url: $south/v1, api: openai}
  - {name: private, url: $private/openai/v1, api: openai}
default_backend: none
intents:
  code: [fix this function, why does this code fail, write a python script, debug my program]
  billing: [why was my card charged twice, send me the invoice, how do I get a refund]
  scorer: words
models:
  - name: auto
    rules:
      - {name: programming, when: 'intent == "code"', to: [{backend: north, model: coder}]}
      - {name: german, when: 'language == "de"', to: [{backend: private, model: deutsch}]}
      - {name: hard, when: 'difficulty > 0.6', to: [{backend: north, model: large}]}
    targets: [{backend: south, model: small}]
recorded_signals: [intent, language, difficulty]
limits: {request_timeout: 20s, drain_timeout: 5s}
"""
CODE: Final = "Please fix this function, my code fails."
GERMAN: Final = "Was ist die Hauptstadt von Frankreich, und wie viele Menschen leben dort?"
HARD: Final = (
    "A plaintiff sued the defendant for negligence after a collision. The statute bars recovery where the plaintiff was"
    " more than half at fault. Which of the following arguments is most likely to succeed on appeal?"
)


@pytest.fixture(scope="module")
def one() -> Iterator[Gateway]:
    with site(POLICY, "h2") as running, gateway(running, "buffered") as found:
        yield found


def chat(text: str, *before: Mapping[str, Any]) -> bytes:
    turns = [*before, {"role": "user", "content": [{"type": "text", "text": text}]}]
    return json.dumps({"model": "auto", "messages": turns}).encode()


def led(of: Gateway, provider: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """The model that the provider was asked for, and the log line; everything is as after any test then."""
    of.site.begin()
    answer, record = of.ask(body, "http1", provider=provider)
    line = of.line(answer)
    of.check()
    model: str = json.loads(record.body)["model"]
    return model, line


def test_what_the_user_says_last_chooses_the_backend(one: Gateway) -> None:
    asked = ({"role": "user", "content": CODE}, {"role": "assistant", "content": "Which function do you mean?"})
    model, line = led(one, "north", chat(CODE))
    assert (model, line["rule"], line["signals"]["intent"]) == ("coder", "programming", "code")
    model, line = led(one, "private", chat(GERMAN, *asked))
    assert (model, line["rule"], line["signals"]["language"]) == ("deutsch", "german", "de")
    model, line = led(one, "north", chat(HARD))
    assert (model, line["rule"], line["signals"]["intent"]) == ("large", "hard", "none")
    assert line["signals"]["difficulty"] > 0.6
    model, line = led(one, "south", chat("Hello, how are you?"))
    assert (model, line.get("rule")) == ("small", None)


def test_a_long_prompt_is_told_by_its_beginning_in_a_thread(one: Gateway) -> None:
    model, line = led(one, "north", chat(f"{CODE}\n{'x = 1  ' * 60_000}"))
    assert (model, line["rule"]) == ("coder", "programming")
