"""Base64 in strings: a text that it writes is read; what is none is told apart from text that merely looks like it."""

import binascii
import re
from collections.abc import Mapping

from msgspec import Struct

from extproc.llm.text.passage import Reason

SHORTEST = 64
"""Characters under which base64 is not told from a word: an image or a sound takes more."""

SHORTEST_SIGNED = 16
"""The same where the first bytes are those of a known format: by chance, one word in four millions begins so."""

_HEADER = 256
"""Characters in which the header of a data URL ends: a media type with its parameters."""

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_ALPHABET = str.maketrans("-_", "+/", " \t\r\n")  # the one for URLs, and lines of 76

_SIGNATURES: Mapping[Reason, tuple[bytes, ...]] = {
    "image": (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"),
    "audio": (b"ID3", b"OggS", b"fLaC"),
    "file": (b"%PDF-", b"PK\x03\x04", b"\x1f\x8b"),
}
_RIFF: Mapping[bytes, Reason] = {b"WEBP": "image", b"WAVE": "audio", b"AVI ": "video"}


class Carried(Struct, frozen=True, gc=False):
    """What a string carries. `kind`: what it says itself to be, if it does.

    `text`: what base64 from character `at` on writes, if that is text; `binary`: it writes something else.
    """

    kind: Reason | None
    at: int = 0
    text: str | None = None
    binary: bool = False

    def __repr__(self) -> str:
        return f"Carried({self.kind}, binary={self.binary})"


def carried(string: str) -> Carried:
    """Look into a string that may carry something: a data URL, or base64 alone. Costs about 3 ms for 1 MB."""
    kind, at = _url(string) if string.startswith("data:") else (None, 0)
    octets = None if at is None else _decoded(string[at:])
    if not octets:
        return Carried(kind)
    signed = _signed(octets)
    if kind is None and len(string) < (SHORTEST_SIGNED if signed else SHORTEST):
        return Carried(kind)
    text = None if signed else plain_text(octets)
    return Carried(kind or signed, at or 0, text, text is None)


def _url(string: str) -> tuple[Reason, int | None]:
    """What a data URL says it holds, and the offset of its base64, if it is in that."""
    header, comma, _ = string[5:_HEADER].partition(",")
    media, *parameters = header.lower().split(";")
    return kind_of(media), 5 + len(header) + 1 if comma and "base64" in parameters else None


def kind_of(media_type: str) -> Reason:
    """What a media type, in any case, is called here: everything that is not seen or heard is a file."""
    match media_type.partition("/")[0].strip().lower():
        case "image":
            return "image"
        case "audio":
            return "audio"
        case "video":
            return "video"
    return "file"


def _decoded(payload: str) -> bytes | None:
    """What base64 writes, or None when it is none; the padding may be left out."""
    try:
        try:
            return binascii.a2b_base64(payload, strict_mode=True)
        except binascii.Error:
            bare = payload.translate(_ALPHABET).rstrip("=")
            return binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except ValueError:
        return None


def plain_text(octets: bytes) -> str | None:
    """Bytes as text, if they are text in UTF-8: without control characters, save those for white space."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def _signed(octets: bytes) -> Reason | None:
    """What the first bytes say it is, if they do."""
    if octets.startswith(b"RIFF"):
        return _RIFF.get(octets[8:12], "binary")
    if octets[4:8] == b"ftyp":
        return "video"
    for kind, signatures in _SIGNATURES.items():
        if octets.startswith(signatures):
            return kind
    return None
