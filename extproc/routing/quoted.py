"""A credential of ours in what a backend says: found however it is spelt, and taken out."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from extproc.matching.hyperscan import Fast
from extproc.matching.keyforms import FOR_URLS, form_least, in_base64, middle, part_least
from extproc.policy.credentials import REDACTED

MARK: Final = REDACTED.encode()
"""The text that replaces a credential, as bytes."""

QUOTED_MIN: Final = 6
"""Characters of a credential that is looked for. Shorter ones stand in any text by chance, and no provider has such."""

_NAMED: Final = {
    b"&": b"amp",
    b'"': b"quot",
    b"'": b"apos",
    b"<": b"lt",
    b">": b"gt",
    b"/": b"sol",
    b"+": b"plus",
    b"=": b"equals",
}
"""References in HTML that have names."""

_BETWEEN: Final = rb"\x00*"

SPELT_MOST: Final = 16
"""Bytes of a character, however it is spelt, as far as pieces are joined: `\\u002d` in UTF-16 has 12."""

_SPELLING: Final = b"\\%&#;\0" + b"0123456789abcdefABCDEFuxX" + b"".join(_NAMED.values())
"""Bytes of which spellings consist."""

_BEGUN: Final = re.compile(
    rb"(?:\\(?:\x00*u(?:\x00*[0-9a-fA-F]){0,3})?|%(?:25)*[0-9a-fA-F]?|&(?:#(?:[0-9]*|[xX][0-9a-fA-F]*)|[a-z]*))\x00*\Z"
)
"""The beginning of a spelling, at the end of a piece."""


class KeyForm(Struct, frozen=True):
    """One way to write a credential, of which a part is looked for. Has no rendering.

    `folded`: letters count in either case, and `text` has small ones. `least`: characters that are taken for a part of
    it. `signs`: parts of it, one of which stands in whatever has so many, each with its offset.
    """

    text: bytes
    folded: bool
    least: int
    signs: tuple[tuple[int, bytes], ...]

    def spans(self, said: bytes) -> Iterator[tuple[int, int]]:
        """Yield the places of parts of the credential. `said`: in small letters where these count for all."""
        for offset, sign in self.signs:
            at = said.find(sign)
            while at >= 0:
                start, end = self._around(said, at, offset, len(sign))
                if end - start >= self.least:
                    yield start, end
                at = said.find(sign, max(at + 1, end - len(sign) + 1))

    def _around(self, said: bytes, at: int, offset: int, size: int) -> tuple[int, int]:
        text, start, end = self.text, at, at + size
        while offset and start and said[start - 1] == text[offset - 1]:
            offset, start = offset - 1, start - 1
        last = offset + end - start
        while last < len(text) and end < len(said) and said[end] == text[last]:
            last, end = last + 1, end + 1
        return start, end

    def __repr__(self) -> str:
        return "KeyForm()"


class Quoted(Struct, frozen=True):
    """One credential, made ready to be looked for. Has no rendering: it holds the credential.

    `forms`: ways to write it of which parts are looked for, too. `characters`: each of its characters, `inside`: the
    bytes of which it may consist, and `run`: all that a piece may end with as the beginning of such a part. `signs`
    looks for those of the forms: in one pass, as some twelve would take three times as long.
    """

    plain: bytes
    spelt: re.Pattern[bytes]
    forms: tuple[KeyForm, ...]
    characters: tuple[re.Pattern[bytes], ...]
    inside: bytes
    run: bytes
    signs: Fast

    def found(self, text: bytes) -> bool:
        """True if `text` holds the credential in any spelling, or a part of it."""
        return bool(self._spans(text))

    def cleaned(self, text: bytes) -> bytes:
        """`text` without the credential; the very same object where it does not hold it."""
        spans = self._spans(text)
        if not spans:
            return text
        parts, at = list[bytes](), 0
        for start, end in spans:
            parts += (text[at:start], MARK)
            at = end
        return b"".join((*parts, text[at:]))

    def begun(self, text: bytes) -> int:
        """The place from which the end of `text` may be the beginning of the credential, or the length of `text`."""
        size = len(text)
        if not text or text[-1] not in self.inside:
            return size  # as pieces of most streams end, with a line feed
        first = max(len(text.rstrip(self.inside)), size - SPELT_MOST * len(self.plain))
        spans = self._spans(text)
        for found in self.spelt.finditer(text) if spans else ():
            first = max(first, found.end())
        cut = _BEGUN.search(text, first)
        last = size if cut is None else cut.start()
        starts = (each.start() for each in self.characters[0].finditer(text, first) if self._goes_on(text, each))
        at = min(last, next(starts, size), self._part_begun(text))
        return next((start for start, end in spans if start < at < end), at)

    def _spells(self, text: bytes) -> bool:
        return self.plain in text or (_escaped(text) and self.spelt.search(text) is not None)

    def _spans(self, text: bytes) -> list[tuple[int, int]]:
        """The places of the credential and of its parts; those that overlap are one."""
        spells, signs = self._spells(text), self.signs.hits(text)
        if not (spells or signs):
            return []
        found = [each.span() for each in self.spelt.finditer(text)] if spells else []
        small = text.lower()
        for form in self.forms if signs else ():
            found += form.spans(small if form.folded else text)
        spans: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if spans and start < spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))
        return spans

    def _part_begun(self, text: bytes) -> int:
        """The place from which the end of `text` may be the beginning of a part of the credential, in any form."""
        at = len(text)
        while at and text[at - 1 :].lower() in self.run:
            at -= 1
        return at

    def _goes_on(self, text: bytes, found: re.Match[bytes]) -> bool:
        """True if the credential's first character is `found` and those behind it are in all that is left of `text`."""
        at = found.end()
        for each in self.characters[1:]:
            while text[at : at + 1] == b"\0":
                at += 1
            if at == len(text) or _BEGUN.match(text, at) is not None:
                return True
            more = each.match(text, at)
            if more is None:
                return False
            at = more.end()
        return False

    def __repr__(self) -> str:
        return "Quoted()"


class QuotedInPieces:
    """Takes a credential out of a body that comes in pieces. Any cuts give the same bytes, put together.

    What may be the beginning of the credential is held back at the end of a piece.
    """

    __slots__ = ("_held", "_quoted")

    def __init__(self, quoted: Quoted) -> None:
        self._quoted = quoted
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return what goes on once `data` has come; the very same object if nothing is held or taken out."""
        if self._held:
            data, self._held = self._held + data, b""
        at = self._quoted.begun(data)
        if at < len(data):
            data, self._held = data[:at], data[at:]
        return self._quoted.cleaned(data)

    def finish(self) -> bytes:
        """Return what was still held back."""
        held, self._held = self._held, b""
        return self._quoted.cleaned(held)


def quoted(credential: bytes) -> Quoted | None:
    """The credential, if it is long enough to be told from other text."""
    if len(credential) < QUOTED_MIN:
        return None
    # One way through for each character: the time is that of the text's length.
    spellings = [_spellings(byte) for byte in credential]
    forms = _forms(credential)
    run = b"\0".join(form.text.lower() for form in forms)
    return Quoted(
        credential,
        re.compile(_BETWEEN.join(spellings)),
        forms,
        tuple(map(re.compile, spellings)),
        bytes({*credential, *run, *run.upper(), *_SPELLING}),
        run,
        _fast([sign for form in forms for _, sign in form.signs]),
    )


def _fast(signs: Sequence[bytes]) -> Fast:
    """A search for texts, with letters in either case. They are of a credential, so that it is stored nowhere."""
    patterns = [b"(?i)" + b"".join(rb"\x%02x" % byte for byte in sign) for sign in signs]
    return Fast(dict(enumerate(patterns)), private=range(len(patterns)))


def _forms(credential: bytes) -> tuple[KeyForm, ...]:
    small, size = credential.lower(), len(credential)
    least = part_least(size)
    step = (least + 1) // 2
    plain = KeyForm(small, True, least, tuple((at, small[at : at + step]) for at in range(0, size - step + 1, step)))
    return (plain, _middle(credential.hex().encode(), folded=True), *(_middle(each) for each in _encoded(credential)))


def _middle(text: bytes, *, folded: bool = False) -> KeyForm:
    """A form of which two thirds are looked for, but PART_LEAST at least: they have the third in the middle."""
    return KeyForm(text, folded, form_least(len(text)), ((len(text) // 3, middle(text)),))


def _encoded(credential: bytes) -> tuple[bytes, ...]:
    """The credential in base64, also in the alphabet for URLs, and in JSON that escapes a slash."""
    found = list[bytes]()
    for each in in_base64(credential):
        found += (each, each.translate(FOR_URLS), each.replace(b"/", rb"\/"))
    return tuple(dict.fromkeys(found))


def _escaped(text: bytes) -> bool:
    """True if a spelling but the plain one may be in `text`: in UTF-16 and UTF-32, NUL stands between characters.

    Written out, as it is asked for every piece.
    """
    return b"\\" in text or b"%" in text or b"&" in text or b"\0" in text


def _spellings(byte: int) -> bytes:
    """One character: plain, as JSON may escape it, percent-encoded, and as a reference in HTML."""
    plain = re.escape(bytes((byte,)))
    ways = [
        plain,
        rb"\\u00(?i:%02x)" % byte,
        rb"%%(?:25)*(?i:%02x)" % byte,
        rb"&#0*%d;" % byte,
        rb"&#[xX]0*(?i:%x);" % byte,
    ]
    if plain_name := _NAMED.get(bytes((byte,))):
        ways.append(rb"&%s;" % plain_name)
    if byte in b'/"\\':
        ways.insert(0, rb"\\" + plain)
    if byte in b"\\%&":
        # As itself it is the beginning of other spellings, which go first: nobody steps back between characters.
        ways.append(ways.pop(ways.index(plain)))
    return b"(?:" + b"|".join(ways) + b")"
