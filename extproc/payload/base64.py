"""Strings that carry something: data URLs and base64. The text in them is read, and all else is told from text."""

import binascii
import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from extproc.payload.binary import plain_text
from extproc.payload.fieldvalue import known
from extproc.payload.passage import Reason

SHORTEST = 64
"""Characters under which base64 is not told from a word, unless the shape around it says base64."""

SHORTEST_SIGNED = 16
"""The same where the first bytes are those of a known format: by chance, one word in four millions begins so."""

# A URL parser drops control characters and blanks before a URL, and tabs and line ends anywhere in it.
_URL = re.compile(r"[\x00-\x20]*+d[\t\r\n]*+a[\t\r\n]*+t[\t\r\n]*+a[\t\r\n]*+:", re.IGNORECASE)
_USUAL = re.compile(r"data:[\w.+/-]*+(?:;charset=[\w-]++)?;base64,", re.ASCII)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\";,\s]*)", re.IGNORECASE)
_ALPHABET = str.maketrans("-_", "+/", " \t\r\n")  # the one for URLs, and lines of 76

_SIGNATURES: Mapping[Reason, tuple[bytes, ...]] = {
    "image": (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"),
    "audio": (b"ID3", b"OggS", b"fLaC"),
    "file": (b"%PDF-", b"PK\x03\x04", b"\x1f\x8b"),
}
_RIFF: Mapping[bytes, Reason] = {b"WEBP": "image", b"WAVE": "audio", b"AVI ": "video"}


class Carried(Struct, frozen=True, gc=False):
    """The content of a string. `kind`: the kind that the string itself states, if it does.

    `text`: the text that the string encodes from character `at` on in base64, or in `percent` encoding; `binary`: it
    encodes something else. `short`: it is a word, unless the shape around it says base64. `garbled`: it is none of
    this, although a lenient decoder may decode it to something. `header`: the URL says more than a media type.
    """

    kind: Reason | None
    at: int = 0
    text: str | None = None
    binary: bool = False
    short: bool = False
    garbled: bool = False
    percent: bool = False
    header: bool = False

    def __repr__(self) -> str:
        return f"Carried({self.kind}, binary={self.binary})"


def is_url(string: str) -> bool:
    """True for a data URL."""
    return _URL.match(string) is not None


def carried(string: str) -> Carried:
    """Look into a string that may carry something: a data URL, or base64 alone. Costs about 3 ms for 1 MB."""
    found = _URL.match(string)
    if found is not None:
        return _url(string, found.end())
    octets = _decoded(string)
    if not octets:
        return Carried(None, garbled=bool(string))
    signed = _signed(octets)
    short = len(string) < (SHORTEST_SIGNED if signed else SHORTEST)
    text = None if signed else plain_text(octets)
    return Carried(None if short else signed, 0, text, text is None, short=short)


def _url(string: str, start: int) -> Carried:
    """Look into a data URL, whose header begins at `start`."""
    comma = string.find(",", start)
    header = string[start:comma] if comma >= 0 else string[start:]
    media, *parameters = header.lower().split(";")
    kind = kind_of(media)
    if comma < 0:
        return Carried(kind)
    charset = _CHARSET.search(header)
    readable = charset is None or known(charset[1]) is not None
    if "base64" in map(str.strip, parameters):
        return _base64(string, comma + 1, kind, readable=readable)
    if "%" not in string:
        return Carried(kind, binary=not readable, short=True)
    text = plain_text(_unquoted(string)) if readable else None
    return Carried(kind, 0, text, text is None, percent=True, short=text is None)


def _base64(string: str, at: int, kind: Reason, *, readable: bool) -> Carried:
    payload = string[at:]
    octets = _decoded(_unquoted(payload).decode("latin-1") if "%" in payload else payload)
    header = _USUAL.match(string) is None
    if not octets:
        return Carried(kind, binary=bool(payload), short=True, header=header)
    signed = _signed(octets)
    text = plain_text(octets) if readable and not signed else None
    return Carried(kind, at, text, text is None, header=header)


def _unquoted(text: str) -> bytes:
    # A lone surrogate stays one: what it stands in is no text then.
    return unquote_to_bytes(text.encode("utf-8", "surrogatepass"))


def kind_of(media_type: str) -> Reason:
    """Return what a media type, in any case, is called here: everything that is not seen or heard is a file."""
    match media_type.partition("/")[0].strip().lower():
        case "image":
            return "image"
        case "audio":
            return "audio"
        case "video":
            return "video"
    return "file"


def _decoded(payload: str) -> bytes | None:
    """Return what base64 writes, or None when it is none; the padding may be left out."""
    try:
        try:
            return binascii.a2b_base64(payload, strict_mode=True)
        except binascii.Error:
            bare = payload.translate(_ALPHABET).rstrip("=")
            return binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except ValueError:
        return None


def _signed(octets: bytes) -> Reason | None:
    """Return what the first bytes say it is, if they do."""
    if octets.startswith(b"RIFF"):
        return _RIFF.get(octets[8:12], "binary")
    if octets[4:8] == b"ftyp":
        return "video"
    for kind, signatures in _SIGNATURES.items():
        if octets.startswith(signatures):
            return kind
    return None
