"""A request's contents as the stand-in provider reads them, whatever the dialect."""

import json
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from extproc.testing.provider.orders import Orders


class ProviderError(Exception):
    """A request that no provider would take. `code` is a short word, the text is fixed."""

    def __init__(self, status: int, code: str, text: str, param: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.param = param


class Question(Struct, frozen=True):
    """The question. `tool` is the tool to call, or empty; `inputs` are the texts to embed.

    Tokens are words here: a count that a reader can check by eye.
    """

    model: str
    text: str = ""
    prompt_tokens: int = 0
    stream: bool = False
    include_usage: bool = False
    tool: str = ""
    inputs: tuple[str, ...] = ()
    base64: bool = False
    dimensions: int = 8


def decode(body: bytes) -> dict[str, Any]:
    """The body as a JSON object with a model in it.

    Raises:
        ProviderError: it is not that.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise ProviderError(400, "invalid_json", "the body is not JSON") from None
    if not isinstance(document, dict):
        raise ProviderError(400, "invalid_json", "the body is not a JSON object")
    if not isinstance(document.get("model"), str) or not document["model"]:
        raise ProviderError(400, "missing_model", "you must provide a model parameter", "model")
    return document


def read(document: dict[str, Any], orders: Orders) -> Question:
    """The question in a body of any dialect; each has its texts under names of its own."""
    messages = _messages(document)
    texts = [text for _, text in messages]
    options = document.get("stream_options")
    return Question(
        model=document["model"],
        text=next((text for role, text in reversed(messages) if role == "user" and text), ""),
        prompt_tokens=sum(words(text) for text in texts),
        stream=document.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        tool=_tool(document, orders),
        inputs=tuple(text for role, text in messages if role == "user"),
        base64=document.get("encoding_format") == "base64",
        dimensions=_dimensions(document.get("dimensions")),
    )


def words(text: str) -> int:
    """The tokens of a text."""
    return len(text.split())


def _messages(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Roles and texts, in order, of chat messages, a prompt, an input; system texts first."""
    found = [("system", _text(document[key])) for key in ("system", "instructions") if key in document]
    found += [_message(item) for key in ("messages", "input", "prompt") for item in _items(document.get(key))]
    return found


def _items(value: Any) -> list[Any]:
    if isinstance(value, list):
        # One prompt as a list of tokens; several are a list of lists.
        return ["" for _ in value[:1]] if value and isinstance(value[0], int) else value
    return [] if value is None else [value]


def _message(item: Any) -> tuple[str, str]:
    if isinstance(item, dict):
        role = item.get("role", "")
        return (role if isinstance(role, str) else ""), _text(item.get("content"))
    return "user", _text(item)


def _text(value: Any) -> str:
    """A string, or the text parts of a list of parts; a lone surrogate cannot be sent back and becomes `?`."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return ""


def _tool(document: dict[str, Any], orders: Orders) -> str:
    names = list(_tool_names(document.get("tools")))
    match document.get("tool_choice"):
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return name
        case "required" | {"type": "any" | "required"}:
            return next(iter(names), "")
    return next(iter(names), "lookup") if orders.tool else ""


def _tool_names(tools: Any) -> Iterable[str]:
    for tool in tools if isinstance(tools, list) else []:
        match tool:
            case {"function": {"name": str(name)}} | {"name": str(name)}:
                yield name


def _dimensions(value: Any) -> int:
    return value if isinstance(value, int) and 1 <= value <= 4096 else 8
