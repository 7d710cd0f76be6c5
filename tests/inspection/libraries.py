"""What the official client libraries make of a stream: their stream helpers, as an application uses them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel

Seen: TypeAlias = tuple[list[Any], Any, str]
"""Events, the final object, and the error with which the library gives up, as it does with some providers' streams."""

Helper: TypeAlias = Callable[..., Seen]
"""Called with the server's root, without `/v1`, a client for HTTP, which stays open, and what the user says."""

REFUSED = frozenset({"tools_in_turn", "azure", "litellm", "reasoning_without_done", "sample_choices", "sample_parts"})
"""Shapes that servers send and the library gives up on, with or without the gateway."""


class Journey(BaseModel):
    """Arguments of the tool that the shapes call, and the answer in JSON that they give."""

    city: str
    days: int


def _seen(client: Any, stream: Callable[[Any], Any], final: str) -> Seen:
    events: list[Any] = []
    try:
        with stream(client) as opened:
            for event in opened:
                events.append(event.model_dump(mode="json", warnings=False))  # noqa: PERF401  - until it raises
            return events, getattr(opened, final)().model_dump(mode="json", warnings=False), ""
    except Exception as error:  # noqa: BLE001  - whatever it is, it must be the same with the gateway
        return events, None, repr(error)


def _openai(root: str, http: Any) -> Any:
    import openai

    return openai.OpenAI(api_key="k", base_url=f"{root}/v1", max_retries=0, http_client=http)


def _anthropic(root: str, http: Any) -> Any:
    import anthropic

    return anthropic.Anthropic(api_key="k", base_url=root, max_retries=0, http_client=http)


def _user(said: str) -> Any:
    return [{"role": "user", "content": said}]


def chat(root: str, http: Any, said: str = "hi") -> Seen:
    """OpenAI's helper for chats, with a tool that pydantic reads."""
    import openai

    asked = {"messages": _user(said), "tools": [openai.pydantic_function_tool(Journey, name="plan")]}
    return _seen(_openai(root, http), lambda c: c.chat.completions.stream(model="m", **asked), "get_final_completion")


def chat_json(root: str, http: Any, said: str = "hi") -> Seen:
    """The same for an answer that pydantic reads."""
    asked = {"messages": _user(said), "response_format": Journey}
    return _seen(_openai(root, http), lambda c: c.chat.completions.stream(model="m", **asked), "get_final_completion")


def responses(root: str, http: Any, said: str = "hi") -> Seen:
    """OpenAI's helper for responses, with a tool that pydantic reads."""
    import openai

    tool = openai.pydantic_function_tool(Journey, name="plan")["function"]
    asked: Any = {"input": said, "tools": [{"type": "function", **tool}]}
    return _seen(_openai(root, http), lambda c: c.responses.stream(model="m", **asked), "get_final_response")


def responses_json(root: str, http: Any, said: str = "hi") -> Seen:
    """The same for an answer that pydantic reads."""
    asked: Any = {"input": said, "text_format": Journey}
    return _seen(_openai(root, http), lambda c: c.responses.stream(model="m", **asked), "get_final_response")


_TOOL = {"name": "plan", "description": "Plans a journey.", "input_schema": Journey.model_json_schema()}
_THINKING = {"type": "enabled", "budget_tokens": 1024}


def messages(root: str, http: Any, said: str = "hi") -> Seen:
    """Anthropic's helper, with a tool and with thinking."""
    asked: Any = {"model": "c", "max_tokens": 2048, "messages": _user(said), "tools": [_TOOL], "thinking": _THINKING}
    return _seen(_anthropic(root, http), lambda c: c.messages.stream(**asked), "get_final_message")


def beta(root: str, http: Any, said: str = "hi") -> Seen:
    """Anthropic's helper for what is new."""
    asked: Any = {"model": "c", "max_tokens": 2048, "messages": _user(said), "tools": [_TOOL], "thinking": _THINKING}
    return _seen(_anthropic(root, http), lambda c: c.beta.messages.stream(**asked), "get_final_message")


def messages_json(root: str, http: Any, said: str = "hi") -> Seen:
    """Anthropic's helper for an answer that pydantic reads."""
    asked: Any = {"model": "c", "max_tokens": 9, "messages": _user(said), "output_format": Journey}
    return _seen(_anthropic(root, http), lambda c: c.messages.stream(**asked), "get_final_message")


def beta_json(root: str, http: Any, said: str = "hi") -> Seen:
    """The same of what is new."""
    asked: Any = {"model": "c", "max_tokens": 9, "messages": _user(said), "output_format": Journey}
    return _seen(_anthropic(root, http), lambda c: c.beta.messages.stream(**asked), "get_final_message")


_HELPERS: Mapping[str, Sequence[Helper]] = {
    "openai.chat": (chat,),
    "openai.responses": (responses,),
    "anthropic.messages": (messages, beta),
}
_JSON_HELPERS: Mapping[str, Sequence[Helper]] = {
    "openai.chat": (chat_json,),
    "openai.responses": (responses_json,),
    "anthropic.messages": (messages_json, beta_json),
}


def helpers(name: str, dialect: str) -> Sequence[Helper]:
    """The helpers that read the shape with this name."""
    return (_JSON_HELPERS if name.endswith("_json") else _HELPERS)[dialect]


def lean(value: Any) -> Any:
    """Without log probabilities, which leave with the text that they spell."""
    if isinstance(value, dict):
        return {name: lean(each) for name, each in value.items() if name != "logprobs"}
    return [lean(each) for each in value] if isinstance(value, list) else value


def order(events: Sequence[Any]) -> list[str]:
    """The types of the events in their order, runs of one as one; without log probabilities and raw events."""
    kinds = [str(each.get("type")) for each in events]
    kinds = [kind for kind in kinds if kind not in {"chunk", "content_block_delta"} and "logprobs" not in kind]
    return [kind for at, kind in enumerate(kinds) if not at or kinds[at - 1] != kind]
