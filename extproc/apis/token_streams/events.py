"""Events that bring one text, token by token: of llama.cpp, Ollama, TGI, and Anthropic's old completions."""

from collections.abc import Callable, Mapping

from extproc.apis.events import growing
from extproc.apis.events.event import Channel, Scope
from extproc.apis.events.source import EventReading, EventSource, PathPattern, Uses, is_index, pattern

USES: Uses = {
    ("type",): "fixed",
    ("id",): "fixed",
    ("log_id",): "fixed",
    ("model",): "fixed",
    ("remote_model",): "fixed",
    ("remote_host",): "fixed",
    ("created_at",): "fixed",
    ("done_reason",): "fixed",
    ("stop_reason",): "fixed",
    ("stop_type",): "fixed",
    ("message", "role"): "fixed",
    ("details", "finish_reason"): "fixed",
}

_GROWING: frozenset[PathPattern] = frozenset(
    {
        ("content",),  # llama.cpp
        ("reasoning_content",),
        ("message", "content"),  # Ollama
        ("message", "thinking"),
        ("response",),
        ("thinking",),
        ("token", "text"),  # TGI
        ("completion",),  # Anthropic
    }
)

_WHOLE = frozenset(
    {
        "prompt",
        "generation_settings",
        "stopping_word",
        "stop",
        "probs",
        "top_logprobs",
        "top_probs",
        "tool_calls",
        "generated_text",
        "top_tokens",
        "details",
    }
)
"""Members whose texts come whole."""

_RECURRING = frozenset({"tool_calls"})
"""Those of them that several events may bring. Alternatives to a token are no part of any text."""

_SHAPES: tuple[Callable[[Mapping[str, object]], bool], ...] = (
    lambda value: isinstance(value.get("content"), str) and isinstance(value.get("stop"), bool),
    lambda value: isinstance(value.get("done"), bool) and ("message" in value or "response" in value),
    lambda value: isinstance(value.get("token"), dict) and "generated_text" in value,
    lambda value: value.get("type") == "completion" and isinstance(value.get("completion"), str),
)


def known(value: Mapping[str, object]) -> bool:
    """True if an event has the shape of one of these APIs."""
    return any(shape(value) for shape in _SHAPES)


def read(source: EventSource) -> EventReading:
    """An event of one of these APIs; `source.value` is an object. Several prompts at once are told by `index`."""
    value = source.value
    assert isinstance(value, dict)
    # TGI numbers its tokens by `index`.
    given = None if "token" in value else value.get("index")
    at = given if is_index(given) else 0

    def channel(path: Scope) -> Channel | None:
        place = pattern(path)
        return Channel((at, *(step for step in place if step != "*"))) if place in _GROWING else None

    ends = ((),) if _over(value) else _thought(value, at)
    return growing.read(source, USES, channel, whole=_WHOLE, recurring=_RECURRING, ends=ends)


def _thought(value: Mapping[str, object], at: int) -> tuple[Scope, ...]:
    """The thoughts, which end where the answer begins."""
    message = value.get("message")
    said = (value.get("content"), value.get("response"), message.get("content") if isinstance(message, dict) else None)
    if not any(said):
        return ()
    return (at, "thinking"), (at, "reasoning_content"), (at, "message", "thinking")


def _over(value: Mapping[str, object]) -> bool:
    ended = value.get("done") is True or (value.get("stop") is True and "index" not in value)
    return ended or value.get("generated_text") is not None or value.get("stop_reason") is not None
