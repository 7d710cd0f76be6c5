"""Names that an object has twice: readers differ in which member counts, and both ways are read."""

from itertools import pairwise

from extproc.apis.events import documents
from extproc.apis.events.event import Scope
from extproc.apis.events.leaves import document, leaves, text, tokens
from extproc.apis.events.source import EventSource
from extproc.apis.registry import current

_NAME, _OPEN, _CLOSE = 2, 3, 4
_Member = tuple[str, int, int]

_ROOTS = frozenset({"output", "content", "message", "text", "segments"})
"""Members of whole responses in which the texts of a model stand, beside choices: OpenAI's, Anthropic's, Cohere's."""

_BESIDE = frozenset({"annotations", "citations", "logprobs"})
"""Members in them that streams send whole."""


def resolved(data: bytes) -> tuple[bytes, bytes]:
    """The document for a reader that takes the first of members with the same name, and for one that takes the last.

    Each is `data` with blanks in place of the members that do not count, so that all else stays where it was.
    """
    first, last = bytearray(data), bytearray(data)
    for members in _objects(data):
        _drop_later(first, members)
        _drop_earlier(last, members)
    return bytes(first), bytes(last)


def differ(source: EventSource) -> bool:
    """True if readers that take the first and the last of members with the same name have other texts of a model.

    Only texts are looked at that come whole, and that a stream brings in pieces; messages that stand by
    themselves, and errors, have none.
    """
    value = source.value
    if not isinstance(value, dict) or value.get("error") is not None or current().standing_alone(value) is not None:
        return False
    first, last = (_told(data) for data in resolved(source.data))
    return first != last


def _told(data: bytes) -> list[tuple[int, int]]:
    source = blanked(data)
    texts = documents.read(source, {}).texts
    return [(text.start, text.end) for text in texts if _grows(text.path) and documents.tells(text)]


def _grows(path: Scope) -> bool:
    if path[0] == "choices":
        return path[2:3] == ("message",) and _BESIDE.isdisjoint(path)
    return path[0] in _ROOTS and _BESIDE.isdisjoint(path)


def blanked(data: bytes) -> EventSource:
    """A document of which members were blanked."""
    _, value = document(data)
    return EventSource(data, value, leaves(data))


def _objects(data: bytes) -> list[list[_Member]]:
    """The members of each object that has a name twice: name, beginning of the name, end of the value."""
    found: list[list[_Member]] = []
    stack: list[list[_Member]] = []
    for token in tokens(data):
        group = token.lastindex or 0
        if group == _NAME:
            start, end = token.span(1)
            stack[-1].append((text(data[start:end]), start, end))
            continue
        if group == _OPEN:
            stack.append([])
            continue
        if group == _CLOSE:
            members = stack.pop()
            if len({name for name, _, _ in members}) < len(members):
                found.append(members)
        if stack and stack[-1]:
            name, start, _ = stack[-1][-1]
            stack[-1][-1] = (name, start, token.end())
    return found


def _drop_later(data: bytearray, members: list[_Member]) -> None:
    seen: set[str] = set()
    before = 0
    for name, _, end in members:
        if name in seen:
            _blank(data, before, end)
        seen.add(name)
        before = end


def _drop_earlier(data: bytearray, members: list[_Member]) -> None:
    counting = {name: start for name, start, _ in members}
    for (name, start, _), (_, following, _) in pairwise(members):
        if counting[name] != start:
            _blank(data, start, following)


def _blank(data: bytearray, start: int, end: int) -> None:
    data[start:end] = b" " * (end - start)
