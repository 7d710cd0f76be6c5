"""Checks that a text is JSON, by msgspec, which is strict: what common readers accept besides is let through."""

import codecs
import re
from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import DecodeError, Raw

from extproc.payload.passage import TextLimitError
from extproc.protocol.errors import ClientError

_check = msgspec.json.Decoder(Raw).decode
_check_lines = msgspec.json.Decoder(Raw).decode_lines

# msgspec refuses lone surrogates; half of an emoji cut off by someone's length limit is no reason to leave a text
# unread. A letter stands for each while it checks, and if the backslash was itself escaped, that does no harm.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_LETTER = rb"\\u0061"

# Python and JavaScript's relatives write and read these. Brackets stand for them while msgspec checks: in a string they
# change nothing, and behind a backslash they make no escape.
_NOT_FINITE = re.compile(rb"(?<![\w-])(?:NaN|-?Infinity)(?!\w)")
_NUMBER = rb"[]"

BOM = "\ufeff"
"""The byte order mark, which readers skip at the start of a text."""

_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}")

WHITE = " \t\n\r"
"""JSON's white space."""

_BRACKETS = frozenset(("{}", "[]"))


def read(body: bytes) -> str:
    """The text of a JSON body. The errors are those of `extproc.payload.json.members`.

    Raises:
        ClientError: 400, when it is no JSON text in UTF-8.
        TextLimitError: it is nested so deeply that it cannot even be checked.
    """
    if not body:
        raise ClientError(400, "empty_body", "The request has no body; a JSON object is expected.")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ClientError(400, "invalid_utf8", "The request body is not valid UTF-8.") from None
    if not _is_json(body.removeprefix(codecs.BOM_UTF8)):
        raise ClientError(400, "invalid_json", "The request body is not valid JSON.")
    return text


def start(text: str) -> int:
    """The offset at which the JSON in a text begins."""
    return 1 if text.startswith(BOM) else 0


def is_doubtful(text: str) -> bool:
    """True for a text that is no JSON, and yet begins as JSON and has escapes in it, as lenient readers take them.

    Such readers allow comments, a comma too many, or another document behind the first.
    """
    bare = text.strip(WHITE + BOM)
    return bare.startswith(("{", "[", "/*", "//")) and _ESCAPED.search(bare) is not None and documents(text) == "none"


def documents(text: str) -> Literal["none", "one", "lines"]:
    """Tell whether a string is the text of a JSON object or array, or of one in each of its lines that is not blank.

    Raises:
        TextLimitError: it is nested so deeply that this cannot be told.
    """
    bare = text.removeprefix(BOM).strip(WHITE)
    if not (bare.startswith(("{", "[")) and bare.endswith(("}", "]"))):
        return "none"
    octets = bare.encode("utf-8", "surrogatepass")
    if _is_json(octets):
        return "one"
    lines = bare.split("\n")
    return "lines" if len(lines) > 1 and all(map(_bracketed, lines)) and _is_json(octets, _check_lines) else "none"


def _bracketed(line: str) -> bool:
    bare = line.strip(WHITE)
    return not bare or bare[0] + bare[-1] in _BRACKETS


def _is_json(text: bytes, check: Callable[[bytes], object] = _check) -> bool:
    try:
        try:
            check(text)
        except DecodeError:
            masked = _NOT_FINITE.sub(_NUMBER, _SURROGATE.sub(_LETTER, text))
            if masked == text:
                return False
            check(masked)
    except DecodeError:
        return False
    except RecursionError:
        raise TextLimitError("depth") from None
    return True
