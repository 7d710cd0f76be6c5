"""Header fields of a part of a form, in the spellings that mail has for them: folded, repeated, encoded."""

import binascii
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from extproc.payload.codec import FIELDS, Codec
from extproc.payload.fieldvalue import FieldValue, known, parse
from extproc.payload.passage import Passage, Reason

_FIELD = re.compile(r"^(content-[a-z-]++)[ \t]*+:(.*)$", re.IGNORECASE | re.MULTILINE)
_FOLD = re.compile(r"(?:\r\n?|\n)[ \t]+")
_WORD = re.compile(r"=\?([^?\s*]++)(?:\*[^?\s]*+)?\?([bBqQ])\?([^?\r\n]*+)\?=")
_BETWEEN = re.compile(r"[ \t\r\n]++")
_CONTROL = re.compile(r'[\x00-\x1f\x7f"]')
_Q = re.compile(r"=([0-9A-Fa-f]{2})")
_CONTINUED = re.compile(r";\s*+[\w.-]++\*\d", re.ASCII)
_EXTENDED = re.compile(r";\s*+([\w.-]++)\*[ \t]*+=[ \t]*+\"?([^';\"\s]*+)'[^'\r\n]*+'([^;\"\r\n]*+)", re.ASCII)
_ESCAPED = re.compile(r'"(?:[^"\\\n]|\\["\\])*+\\[^"\\\n]')
"""A backslash in quotes before anything but a quote: one reader drops it, as in a mail, another keeps it."""

_BARE = re.compile(r";\s*+[\w.-]++\*[ \t]*+=[ \t]*+(?!\"?[^';\"\s]*+'[^'\r\n]*+')", re.ASCII)
_AS_IT_IS = frozenset(("", "7bit", "8bit", "binary"))


class Extended(Struct, frozen=True, gc=False):
    """A parameter in the spelling of RFC 5987, `filename*=utf-8''a%20b`: offsets of its percent-encoded text."""

    name: str
    start: int
    end: int


class Fields(Struct, frozen=True):
    """The header fields of a part. `odd`: the ways in which readers may differ about them."""

    disposition: FieldValue
    kind: FieldValue | None
    extended: Sequence[Extended]
    odd: Sequence[Reason]


def fields(source: str, start: int, end: int) -> Fields:
    """Read the fields from `start` to `end` of a source that has one code point a byte."""
    text = _FOLD.sub(" ", source[start:end].encode("latin-1").decode("utf-8", "surrogateescape")).replace("\r", "\n")
    found: dict[str, str] = {}
    repeated = False
    for field in _FIELD.finditer(text):
        name = field[1].lower()
        repeated = repeated or name in found
        found.setdefault(name, field[2].strip())
    disposition, kind = parse(found.get("content-disposition", "")), found.get("content-type")
    declared = parse(kind) if kind is not None else None
    odd = list[Reason]()
    # Blanks before the first field fold it into nothing for one reader, and mean nothing to another.
    repeated = repeated or disposition.repeated or source.startswith((" ", "\t"), start)
    if repeated or (declared is not None and declared.is_doubtful):
        odd.append("content_type")
    encoded = found.get("content-encoding", "identity").lower() != "identity"
    if encoded or found.get("content-transfer-encoding", "").lower() not in _AS_IT_IS or _CONTINUED.search(text):
        odd.append("encoding")
    if _ESCAPED.search(text):
        odd.append("encoding")
    extended = list(_extended(source, start, end, odd))
    return Fields(disposition, declared, extended, odd)


def _extended(source: str, start: int, end: int, odd: list[Reason]) -> Iterator[Extended]:
    for found in _EXTENDED.finditer(source, start, end):
        if found[2].lower() == "utf-8":
            yield Extended(found[1].lower(), *found.span(3))
        else:
            odd.append("charset")
    if _BARE.search(source, start, end):
        odd.append("charset")  # no charset and language in front, and the text percent-encoded all the same


class _Piece(Struct, frozen=True):
    """A stretch of fields: as it stands (then `word` is False), or encoded words. Offsets in the source."""

    start: int
    end: int
    text: str
    word: bool


def decoded(source: str, start: int, end: int) -> tuple[str, Codec, Sequence[Reason]] | None:
    """The text of fields with their encoded words (RFC 2047) undone, and how it is edited; None if there are none.

    An edit inside of encoded words replaces all of them. The reasons say what could not be undone.
    """
    if source.find("=?", start, end) < 0:
        return None
    odd = list[Reason]()
    pieces = list(_pieces(source, start, end, odd))
    if all(not piece.word for piece in pieces):
        return None if not odd else ("".join(piece.text for piece in pieces), _codec(pieces), odd)
    return "".join(piece.text for piece in pieces), _codec(pieces), odd


def _pieces(source: str, start: int, end: int, odd: list[Reason]) -> Iterator[_Piece]:
    at = start
    for found in _WORD.finditer(source, start, end):
        text = _word(found[1], found[2], found[3], odd)
        if text is None:
            continue
        between = source[at : found.start()]
        if between and not (at > start and _BETWEEN.fullmatch(between)):
            yield _Piece(at, found.start(), between.encode("latin-1").decode("utf-8", "surrogateescape"), word=False)
        yield _Piece(*found.span(), text, word=True)
        at = found.end()
    yield _Piece(at, end, source[at:end].encode("latin-1").decode("utf-8", "surrogateescape"), word=False)


def _word(charset: str, encoding: str, payload: str, odd: list[Reason]) -> str | None:
    """Return what an encoded word says, without quotes and line ends, which would end the field it stands in."""
    codec = known(charset)
    if codec is None:
        odd.append("charset")
        return None
    try:
        octets = _unquoted(payload) if encoding in "qQ" else binascii.a2b_base64(payload + "=" * (-len(payload) % 4))
    except ValueError:
        odd.append("encoding")
        return None
    return _CONTROL.sub(" ", octets.decode(codec, "replace"))


def _unquoted(payload: str) -> bytes:
    return _Q.sub(lambda found: chr(int(found[1], 16)), payload.replace("_", " ")).encode("latin-1")


def _codec(pieces: Sequence[_Piece]) -> Codec:
    def offsets(_: str, passage: Passage, points: Sequence[int]) -> list[int]:  # noqa: ARG001  the only one
        found, done, index = list[int](), 0, 0
        for number, point in enumerate(points):
            while index < len(pieces) - 1 and point > done + len(pieces[index].text):
                done += len(pieces[index].text)
                index += 1
            piece = pieces[index]
            if piece.word:
                # Points come in pairs: an edit begins in front of the words, and ends behind them.
                found.append(piece.end if number % 2 else piece.start)
            else:
                found.append(piece.start + len(piece.text[: point - done].encode("utf-8", "surrogateescape")))
        return found

    return Codec(offsets, FIELDS.write)
