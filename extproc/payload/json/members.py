"""The places of a JSON object's members in its bytes, found without building the values.

Every value is checked and measured by msgspec in C and then stepped over, so a body is parsed once. An object that
gives a name twice is refused: readers disagree on which one counts (most take the last, some the first), so we could
route by one model and the upstream serve another.
"""

import codecs
import re
from collections.abc import Iterator

from msgspec import DecodeError, Raw, ValidationError
from msgspec.json import Decoder

from extproc.protocol.errors import ClientError

MAX_MEMBERS = 256
"""Members of the top-level object. The longest documented request has about 40 parameters; a bound keeps the walk,
which is Python a member, under a millisecond."""

SMALL = 64 * 1024
"""Bytes up to which msgspec slices all members at once. That is faster for the usual body, but costs about 200 bytes of
memory a member before we can count them: 2 MiB at this size, 1 GiB for a hostile body of 32 MiB. Larger bodies are
walked member by member instead (about 3 µs each), which stops at `MAX_MEMBERS`."""

UTF8_SLICE = 64 * 1024
"""Bytes decoded at a time to check UTF-8; the text is dropped, so a body never costs its text's memory again."""

WHITE = b" \t\n\r"
"""JSON's white space (RFC 8259, section 2)."""

Span = tuple[int, int]
"""Offsets of a value's first byte and of the one past it; after the end there may be white space that belongs to it."""

Splice = tuple[int, int, int]
"""Bytes of a body, from the first to the one past the last, that were replaced; and how many stand there instead."""

_OBJECT = Decoder(dict[str, Raw])
_VALUE = Decoder(Raw)
_TEXT = Decoder(str)

_BLANK = re.compile(rb"[ \t\n\r]*+")
_NAME = re.compile(rb'[ \t\n\r]*+[{,][ \t\n\r]*+"[^"\\]*+(?:\\.[^"\\]*+)*+"[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL)
_CLOSING = re.compile(rb"[ \t\n\r]*+\}")

# What stands before the value of a common member when no white space does: comparing is faster than matching.
_COMMON = {
    name: b'"%s":' % name.encode()
    for name in (
        "model", "messages", "stream", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stream_options",
        "tools", "tool_choice", "response_format", "n", "seed", "stop", "user", "metadata", "system", "prompt", "input",
        "instructions", "reasoning", "store", "thinking", "max_output_tokens", "encoding_format",
    )
}  # fmt: skip

COMMON = _COMMON.keys()
"""Names that are what they look like, for those who look at the others more closely."""

# msgspec says where a value ends only in words. A change of its words stops the program here; one of its way of
# counting (it gives the offset behind the byte it means) is taken up by measuring it.
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)$")


def _trailing(data: bytes | memoryview) -> int | None:
    """Check the value at the start of `data`; the number by which msgspec means the first byte behind it, if any.

    Raises:
        DecodeError: no valid value stands there.
    """
    try:
        _VALUE.decode(data)
    except DecodeError as error:
        trailing = _TRAILING.search(str(error))
        if trailing is None:
            raise
        return int(trailing[1])
    return None


_COUNTED_FROM = (_trailing(b"0,") or 0) - 1


def members(body: bytes) -> dict[str, Span]:
    """The span of every member of the object that `body` is.

    Escapes of lone surrogates are malformed here, as they are for OpenAI and Anthropic. Nesting is bounded by the
    interpreter's guard of its own stack: about 1,000 levels on Python 3.11, less than 10,000 on later ones.

    Cost, in parses by `msgspec.json.Decoder(dict[str, Raw])`: 7 for a 300-byte chat body, 1.2 for 1 MB and for 30 MB of
    ASCII, 1.1 for 100,000 messages; 2.4 with an emoji a line and 3.4 for dense non-ASCII text, whose UTF-8 is checked.

    Raises:
        ClientError: 400, when the body is no JSON object in UTF-8, or has a member twice, or too many.
    """
    if not body:
        raise ClientError(400, "empty_body", "The request has no body; a JSON object is expected.")
    if not body.isascii():
        check_utf8(body)
    try:
        return _walk(body) if len(body) > SMALL else _found(body, _OBJECT.decode(body))
    except ValidationError:
        raise _no_object() from None
    except DecodeError:
        raise _malformed() from None
    except RecursionError:
        raise ClientError(400, "nesting_too_deep", "The request body is nested too deeply.") from None


def elements(body: bytes, most: int) -> tuple[Span, ...] | None:
    """Return the span of every element of the array that `body` is; None if it has more than `most`.

    About 3 µs an element, and no memory for those that are not looked at. UTF-8 is not checked.

    Raises:
        ClientError: 400, if the body is no JSON array.
    """
    spans: list[Span] = []
    try:
        at = _opened(body, b"[")
        view = memoryview(body)
        more = body[at : at + 1] != b"]"
        while more:
            if len(spans) == most:
                return None
            end = _next(view, at, b",]")
            spans.append((at, end))
            more = body[end] == b","[0]
            at = _skip(body, end + 1) if more else end
        if _skip(body, at + 1) < len(body):
            raise _malformed()
    except DecodeError:
        raise _malformed() from None
    except RecursionError:
        raise ClientError(400, "nesting_too_deep", "The request body is nested too deeply.") from None
    return tuple(spans)


def _found(body: bytes, values: dict[str, Raw]) -> dict[str, Span]:
    """Walk over all values at once, and find where each lies.

    msgspec keeps the last of a repeated name in the place of the first. So with a repetition either some value is not
    where the walk looks for it (a number may be the beginning of another: then no comma follows it), or members are
    left over at the end.
    """
    if len(values) > MAX_MEMBERS:
        raise _too_many()
    spans: dict[str, Span] = {}
    at, begins, common = 0, body.startswith, _COMMON.get
    for name, value in values.items():
        lead = common(name)
        start = at + 1 + len(lead) if lead is not None and begins(lead, at + 1) else 0
        if not (start and begins(value, start)):
            # Step over a comma (or the opening brace), a name, a colon, and white space wherever it may stand.
            found = _NAME.match(body, at)
            if found is None or not begins(value, found.end()):
                raise _repeated()
            start = found.end()
        at = start + len(value)
        spans[name] = (start, at)
    if spans and _CLOSING.match(body, at) is None:
        raise _repeated()
    return spans


def check_utf8(body: bytes) -> None:
    """Refuse what is not UTF-8: msgspec does not look inside the strings it steps over. Raises ClientError."""
    view, size, at = memoryview(body), len(body), 0
    try:
        while at < size:
            at += codecs.utf_8_decode(view[at : at + UTF8_SLICE], "strict", at + UTF8_SLICE >= size)[1]
    except UnicodeDecodeError:
        raise ClientError(400, "invalid_utf8", "The request body is not valid UTF-8.") from None


def _walk(body: bytes) -> dict[str, Span]:
    """One member after the other, remembering the spans only."""
    at = _opened(body)
    view = memoryview(body)
    spans: dict[str, Span] = {}
    more = body[at : at + 1] != b"}"
    while more:
        name, start = _name(body, view, at)
        at = _next(view, start, b",}")
        if name in spans:
            raise _repeated()
        if len(spans) == MAX_MEMBERS:
            raise _too_many()
        spans[name] = (start, at)
        more = body[at] == b","[0]
        if more:
            at = _skip(body, at + 1)
    if _skip(body, at + 1) < len(body):
        raise _malformed()
    return spans


def items(body: bytes, span: Span) -> Iterator[Span]:
    """Yield the bytes of each item of the array at `span`, which is valid JSON; no white space belongs to them.

    Costs about 3 µs an item and one parse.
    """
    at, view = _skip(body, span[0] + 1), memoryview(body)[: span[1]]
    more = body[at : at + 1] != b"]"
    while more:
        behind = _next(view, at, b",]")
        yield at, at + len(body[at:behind].rstrip(WHITE))
        more = body[behind] == b","[0]
        at = _skip(body, behind + 1)


def _opened(body: bytes, bracket: bytes = b"{") -> int:
    """The offset behind the opening bracket and the white space after it."""
    at = _skip(body, 0)
    if body[at : at + 1] == bracket:
        return _skip(body, at + 1)
    _VALUE.decode(body)
    raise _no_object()


def _name(body: bytes, view: memoryview, at: int) -> tuple[str, int]:
    """The name at `at`, and the offset of its value."""
    if body[at : at + 1] != b'"':
        raise _malformed()
    colon = _next(view, at, b":")
    return _TEXT.decode(view[at:colon]), _skip(body, colon + 1)


def _next(view: memoryview, start: int, wanted: bytes) -> int:
    """Check the value at `start` and give the offset of what follows it, which must be one of `wanted`."""
    trailing = _trailing(view[start:])
    if trailing is None:
        raise _malformed()  # the body ends with the value
    at = start + trailing - _COUNTED_FROM
    if view[at] not in wanted:
        raise _malformed()
    return at


def _skip(body: bytes, at: int) -> int:
    """The offset of the first byte from `at` on that is not white space."""
    blank = _BLANK.match(body, at)
    assert blank is not None, "it matches no bytes, too"
    return blank.end()


def _no_object() -> ClientError:
    return ClientError(400, "invalid_json", "The request body must be a JSON object.")


def _malformed() -> ClientError:
    return ClientError(400, "invalid_json", "The request body is not valid JSON.")


def _repeated() -> ClientError:
    return ClientError(400, "repeated_member", "The request body has a member of the same name twice.")


def _too_many() -> ClientError:
    return ClientError(400, "too_many_members", f"The request body has more than {MAX_MEMBERS} members.")
