"""Messages of a server, and what is taken out of them: tools of a list, and messages that may not pass.

Every message with a list of tools counts, whatever request its id names: a client takes it for the answer to that.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from extproc.apis.mcp.message import MESSAGE, invalid, spellings, spelt, text
from extproc.payload.json.members import Span, check_utf8, elements, members

MAX_TOOLS: Final = 4096
"""Tools in one message; servers with a few hundred divide them into pages."""

MAX_MESSAGES: Final = 1024
"""Messages in one event or body: 16 times what a client may send at once."""

TOOLS: Final = "tools"

REQUESTS: Final = "inputRequests"
"""The server's requests in a result, by names of its own, as the protocol's revision 2026-07-28 has them."""

_RESULT: Final = spellings(TOOLS, REQUESTS)
_TOOL: Final = spellings("name", "title", "description", "inputSchema", "outputSchema", "annotations")
_METHOD: Final = spellings("method")

KeepsTool: TypeAlias = Callable[[str, bytes], bool]
"""True if a tool stays in the list. It is given the tool's name, and its JSON object."""

Passes: TypeAlias = Callable[[str], bool]
"""True if a message with this method may go to the client."""


class Cuts(Struct, frozen=True):
    """Spans of a document that go. `whole`: nothing of it may stay."""

    spans: tuple[Span, ...]
    whole: bool = False


_NOTHING: Final = Cuts(())
_ALL: Final = Cuts((), whole=True)


def cuts(document: bytes, keeps: KeepsTool, passes: Passes) -> Cuts:
    """Return what goes of a document: a message, or an array of messages.

    Raises:
        ClientError: it could be read in two ways where it matters, or is beyond a limit.
    """
    if not document.isascii():
        check_utf8(document)
    if document.lstrip(b" \t\r\n")[:1] != b"[":
        found = _of_message(document, keeps, passes)
        return _ALL if found is None else Cuts(tuple(found)) if found else _NOTHING
    messages = elements(document, MAX_MESSAGES)
    if messages is None:
        raise invalid("The response has too many messages.")
    spans: list[Span] = []
    stays: list[bool] = []
    for start, end in messages:
        found = _of_message(document[start:end], keeps, passes)
        stays.append(found is not None)
        spans += [(start + first, start + last) for first, last in found or ()]
    if messages and not any(stays):
        return _ALL
    return Cuts(tuple(sorted([*spans, *_runs(messages, stays)])))


def without(document: bytes, spans: tuple[Span, ...]) -> bytes:
    """Return a document without these spans, which are in order and do not overlap."""
    parts: list[bytes] = []
    at = 0
    for start, end in spans:
        parts.append(document[at:start])
        at = end
    return b"".join((*parts, document[at:]))


def listed(result: bytes) -> tuple[tuple[str, bytes], ...] | None:
    """Return the tools that the result of a message lists, by name; None if it lists none. Raises ClientError."""
    found = _tools(result, _members(result))
    if found is None:
        return None
    start, spans = found
    return tuple(_tool(result[start + first : start + last]) for first, last in spans)


def _of_message(message: bytes, keeps: KeepsTool, passes: Passes) -> list[Span] | None:
    """Return the spans of a message that go; None if it goes as a whole."""
    spans = members(message)
    spelt(spans, MESSAGE)
    if "method" in spans and not passes(_method(message, spans)):
        return None
    if "result" not in spans:
        return []
    at, end = spans["result"]
    result = message[at:end]
    inner = _members(result)
    _check_requests(result, inner, passes)
    found = _tools(result, inner)
    if found is None:
        return []
    start, tools = found
    stays = [keeps(*_tool(message[at + start + first : at + start + last])) for first, last in tools]
    return [(at + start + first, at + start + last) for first, last in _runs(tools, stays)]


def _members(result: bytes) -> Mapping[str, Span]:
    """Return the members of a result; none if it is no object."""
    if result[:1] != b"{":
        return {}
    spans = members(result)
    spelt(spans, _RESULT)
    return spans


def _tools(result: bytes, spans: Mapping[str, Span]) -> tuple[int, tuple[Span, ...]] | None:
    """Return where the list of tools begins in a result, and its elements' spans from there."""
    if TOOLS not in spans:
        return None
    start, end = spans[TOOLS]
    found = elements(result[start:end], MAX_TOOLS)
    if found is None:
        raise invalid("The list of tools is too long.")
    return start, found


def _check_requests(result: bytes, spans: Mapping[str, Span], passes: Passes) -> None:
    """Refuse a result that asks the client for something that may not be asked. The rest says nothing without it."""
    if REQUESTS not in spans:
        return
    requests = _value(result, spans[REQUESTS])
    for start, end in members(requests).values():
        request = requests[start:end]
        asked = members(request)
        spelt(asked, _METHOD)
        if "method" not in asked or not passes(_method(request, asked)):
            raise invalid("The result asks for what is not available here.")


def _method(message: bytes, spans: Mapping[str, Span]) -> str:
    method = text(_value(message, spans["method"]))
    if method is None:
        raise invalid("The method of a message is a text.")
    return method


def _tool(raw: bytes) -> tuple[str, bytes]:
    spans = members(raw)
    spelt(spans, _TOOL)
    name = text(_value(raw, spans["name"])) if "name" in spans else None
    if name is None:
        raise invalid("A tool has a name.")
    return name, raw


def _value(raw: bytes, span: Span) -> bytes:
    return raw[span[0] : span[1]]


def _runs(spans: tuple[Span, ...], stays: list[bool]) -> list[Span]:
    """Return what has to go of an array for some of its elements to go, with the commas that belong to them."""
    found: list[Span] = []
    count = len(spans)
    at = 0
    while at < count:
        if stays[at]:
            at += 1
            continue
        to = next((place for place in range(at, count) if stays[place]), count)
        if to < count:
            found.append((spans[at][0], spans[to][0]))
        elif at:
            found.append((spans[at - 1][1], spans[-1][1]))
        else:
            found.append((spans[0][0], spans[-1][1]))
        at = to
    return found
