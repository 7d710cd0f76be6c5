"""Token streams of llama.cpp, Ollama, TGI and Anthropic's old completions."""

from collections.abc import Mapping
from typing import Any, Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.asked import Asked, AskedReading
from extproc.apis.families import openai_asked
from extproc.apis.roles import KeyPath, PassageRole, at, in_message
from extproc.apis.token_streams import events, replies
from extproc.apis.usage import ReportedUsage, reported, tokens

_MARKS = (b'"eval_count"', b'"prompt_eval_count"', b'"tokens_predicted"', b'"tokens_evaluated"', b'"generated_tokens"')
"""Bytes of an event that reports usage."""


def _usage(value: Mapping[str, object]) -> ReportedUsage | None:
    """Return the usage in an event or a body. TGI counts the prompt in streams alone.

    llama.cpp's `tokens_cached` is all that its cache holds in the end; `cache_n` is what it did not have to read again.
    """
    if "details" in value:
        return reported(
            ReportedUsage(tokens(value, "details", "input_length"), tokens(value, "details", "generated_tokens"))
        )
    if "tokens_evaluated" in value or "tokens_predicted" in value:
        cached = tokens(value, "timings", "cache_n")
        return reported(ReportedUsage(tokens(value, "tokens_evaluated"), tokens(value, "tokens_predicted"), cached))
    return reported(ReportedUsage(tokens(value, "prompt_eval_count"), tokens(value, "eval_count")))


_ASKED: Final = frozenset({"prompt", "suffix", "inputs", "input_prefix", "input_suffix", "input_extra"})
"""Members in which the whole question stands: a template may have put any role into it, but nothing tells which."""


def _role_of(keys: KeyPath, value: object) -> PassageRole:
    """Return the role of the text at a place in a body for these APIs."""
    match keys[:2]:
        case ["messages", int(place)]:
            return in_message(at(value, "messages", place), keys[2:])
        case ["system" | "template", *_]:
            return "system"
        case ["tools", *_]:
            return "tool_definition"
        case [str(name), *_] if name in _ASKED:
            return "user"
    return "other"


def _asked_of(value: Mapping[str, Any]) -> Asked | None:
    """Read a request; None if it asks nothing. Ollama's `format` is `json` or a schema."""
    if _ASKED.isdisjoint(value) and "messages" not in value:
        return None
    reading = AskedReading()
    wanted = value.get("format")
    if wanted is None:
        openai_asked.ask_output(reading, value)
    else:
        reading.ask(None if wanted == "json" else wanted, strict=True)
    return openai_asked.offered(reading, value)


TOKENS: Final = Api(
    name="tokens",
    events=ApiEvents(events.known, events.read),
    usage=_usage,
    usage_marks=_MARKS,
    role_of=_role_of,
    asked=_asked_of,
    reply=replies.read_reply,
)
