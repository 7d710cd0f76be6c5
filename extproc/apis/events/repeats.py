"""Names that an object has twice: readers differ in which member counts, and both ways are read."""

from itertools import pairwise

from extproc.apis.events.leaves import TOKEN, text

_NAME, _OPEN, _CLOSE = 2, 3, 4
_Member = tuple[str, int, int]


def resolved(data: bytes) -> tuple[bytes, bytes]:
    """The document for a reader that takes the first of members with the same name, and for one that takes the last.

    Each is `data` with blanks in place of the members that do not count, so that all else stays where it was.
    """
    first, last = bytearray(data), bytearray(data)
    for members in _objects(data):
        _drop_later(first, members)
        _drop_earlier(last, members)
    return bytes(first), bytes(last)


def _objects(data: bytes) -> list[list[_Member]]:
    """The members of each object that has a name twice: name, beginning of the name, end of the value."""
    found: list[list[_Member]] = []
    stack: list[list[_Member]] = []
    for token in TOKEN.finditer(data):
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
