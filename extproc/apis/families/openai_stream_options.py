"""`stream_options.include_usage`: how OpenAI's chat and completions are asked for the usage of a stream."""

from typing import Any, Final

import msgspec

from extproc.apis.request import ODD, Request
from extproc.apis.seals.tree import Edit
from extproc.payload.json.members import WHITE, members
from extproc.protocol.errors import ClientError

_NAME: Final = "include_usage"
_ASKED: Final = b'"include_usage":true'
_OFF: Final = frozenset({b"false", b"null"})
_decode: Final = msgspec.json.Decoder().decode


def ask_usage(body: bytes, asked: Request) -> Edit | None:
    """Return the edit of a body that has the stream report usage.

    None if the client asked for it itself, and where a backend will refuse the member or nobody knows how it reads it:
    such a body goes on as it came.
    """
    if not asked.stream or asked.options is ODD:
        return None
    if asked.options is None:
        at = body.index(b"{") + 1
        return (at, at, b'"stream_options":{%b},' % _ASKED)  # other members follow: `stream`, for one
    start, end = asked.options
    value = body[start:end].rstrip(WHITE)
    end = start + len(value)
    if value == b"null":
        return (start, end, b"{%b}" % _ASKED)
    return _within(value, start, end) if value.startswith(b"{") else None


def _within(value: bytes, start: int, end: int) -> Edit | None:
    """Return the edit of an object of options."""
    try:
        spans = members(value)
    except ClientError:
        return _written_anew(value, start, end)
    if any(each.casefold() == _NAME for each in spans.keys() - {_NAME}):
        return None
    at = spans.get(_NAME)
    if at is None:
        return (start + 1, start + 1, _ASKED + (b"," if spans else b""))
    given = value[at[0] : at[1]].rstrip(WHITE)
    return (start + at[0], start + at[0] + len(given), b"true") if given in _OFF else None


def _written_anew(value: bytes, start: int, end: int) -> Edit | None:
    """Return the edit of options that have a member twice, of which the last one counts."""
    options: dict[str, Any] = _decode(value)
    given = options.get(_NAME)
    if given is not None and given is not False:
        return None
    return (start, end, msgspec.json.encode(options | {_NAME: True}))
