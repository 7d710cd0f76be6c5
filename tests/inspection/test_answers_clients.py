"""The official client libraries see the same events and the same final objects as without the gateway."""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from pydantic import BaseModel

from extproc.inspection.vault import Vault
from tests.apis.events.client import replaced
from tests.inspection.answering import answer, everything, run
from tests.inspection.shapes import SHAPES

Seen: TypeAlias = tuple[list[Any], Any, str]
"""Events, the final object, and the error with which the library gives up, as it does with some providers' streams."""

BOB = "bob@example.org"


class Plan(BaseModel):
    """Arguments of the tool that the shapes call."""

    city: str
    days: int


def _client(data: bytes) -> Any:
    httpx2 = pytest.importorskip("httpx2")
    head = {"content-type": "text/event-stream"}
    return httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, headers=head, content=data)))


def _seen(stream: Any, final: Callable[[Any], Any]) -> Seen:
    events: list[Any] = []
    try:
        with stream as opened:
            for event in opened:
                events.append(event.model_dump(mode="json", warnings=False))  # noqa: PERF401  - until it raises
            return events, final(opened).model_dump(mode="json", warnings=False), ""
    except Exception as error:  # noqa: BLE001  - whatever it is, it must be the same with the gateway
        return events, None, repr(error)


def chat(data: bytes) -> Seen:
    """OpenAI's helper for chats, with a tool that pydantic reads."""
    import openai

    client = openai.OpenAI(api_key="k", base_url="http://x/v1", http_client=_client(data), max_retries=0)
    tools = [openai.pydantic_function_tool(Plan, name="plan")]
    stream = client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "hi"}], tools=tools)
    return _seen(stream, lambda opened: opened.get_final_completion())


def responses(data: bytes) -> Seen:
    """OpenAI's helper for responses."""
    import openai

    client = openai.OpenAI(api_key="k", base_url="http://x/v1", http_client=_client(data), max_retries=0)
    return _seen(client.responses.stream(model="m", input="hi"), lambda opened: opened.get_final_response())


def messages(data: bytes) -> Seen:
    """Anthropic's helper."""
    import anthropic

    client = anthropic.Anthropic(api_key="k", base_url="http://x", http_client=_client(data), max_retries=0)
    stream = client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
    return _seen(stream, lambda opened: opened.get_final_message())


def beta(data: bytes) -> Seen:
    """Anthropic's helper for what is new."""
    import anthropic

    client = anthropic.Anthropic(api_key="k", base_url="http://x", http_client=_client(data), max_retries=0)
    stream = client.beta.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
    return _seen(stream, lambda opened: opened.get_final_message())


HELPERS = {"openai.chat": (chat,), "openai.responses": (responses,), "anthropic.messages": (messages, beta)}
CASES = [(name, helper) for name, (dialect, _) in SHAPES.items() for helper in HELPERS[dialect]]
IDS = [f"{name}-{helper.__name__}" for name, helper in CASES]


REFUSED = {"tools_in_turn", "azure", "litellm", "reasoning_without_done"}
"""Shapes that servers send and the library gives up on, with or without the gateway."""

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # content in parts is none of its types


@pytest.mark.parametrize(("name", "helper"), CASES, ids=IDS)
def test_a_client_sees_the_same_events_and_the_same_final_object(name: str, helper: Callable[[bytes], Seen]) -> None:
    dialect, make = SHAPES[name]
    without = helper(b"".join(make()))
    assert bool(without[2]) is (name in REFUSED)
    assert helper(run(answer(everything(), dialect, Vault()), make())) == without


PLANTED = ((b"San Diego", BOB.encode()), (b"San", b"bob@exam"), (b" Diego", b"ple.org"))


def _planted(raws: list[bytes]) -> list[bytes]:
    """The same events with a value in the place of the city, which is cut over two events in most shapes."""
    for before, after in PLANTED:
        raws = [raw.replace(before, after) for raw in raws]
    return raws


# The others bring no city, or the library gives up before it comes.
MASKED = [
    name for name in SHAPES if name not in {"think_tags", "half_emojis", "gemini_text", "tools_in_turn", "litellm"}
]


@pytest.mark.parametrize("name", MASKED)
def test_a_client_has_the_final_object_with_the_mask_and_no_more_errors(name: str) -> None:
    dialect, make = SHAPES[name]
    raws = _planted(make())
    for helper in HELPERS[dialect]:
        without, got = helper(b"".join(raws)), helper(run(answer(everything(), dialect), raws))
        assert BOB in json.dumps(without)
        assert BOB not in json.dumps(got)
        assert got[2] == without[2]
        expected = replaced(without[1], BOB, "[EMAIL_1]")
        assert _lean(got[1]) == _lean(expected)


def _lean(value: Any) -> Any:
    """Without log probabilities, which leave with the text that they spell."""
    if isinstance(value, dict):
        return {name: _lean(each) for name, each in value.items() if name not in {"logprobs", "parsed_arguments"}}
    return [_lean(each) for each in value] if isinstance(value, list) else value
