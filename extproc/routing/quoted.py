"""A credential of ours in what a backend says: found however it is spelt, and taken out."""

import re
from base64 import b64encode
from typing import Final

from msgspec import Struct

from extproc.policy.credentials import REDACTED

MARK: Final = REDACTED.encode()
"""The text that replaces a credential, as bytes."""

QUOTED_MIN: Final = 6
"""Characters of a credential that is looked for. Shorter ones stand in any text by chance, and no provider has such."""

_ESCAPES: Final = (b"\\", b"%", b"&", b"\0")
"""With one of these begins every spelling but the plain one. In UTF-16 and UTF-32, NUL stands between characters."""

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


class Quoted(Struct, frozen=True):
    """One credential, made ready to be looked for. Has no rendering: it holds the credential.

    `encoded`: how it looks in base64, wherever in the encoded text it begins. `characters`: each of its characters, and
    `inside`: the bytes of which it may consist.
    """

    plain: bytes
    spelt: re.Pattern[bytes]
    encoded: tuple[bytes, ...]
    characters: tuple[re.Pattern[bytes], ...]
    inside: bytes

    def found(self, text: bytes) -> bool:
        """True if `text` holds the credential in any spelling."""
        if self.plain in text:
            return True
        return _escaped(text) and self.spelt.search(text) is not None

    def cleaned(self, text: bytes) -> bytes:
        """`text` without the credential; the very same object where it does not hold it."""
        if not _escaped(text):
            return text.replace(self.plain, MARK) if self.plain in text else text
        return self.spelt.sub(MARK, text) if self.found(text) else text

    def decoded_and_cleaned(self, text: bytes) -> bytes:
        """Do the same, in base64 as well: for a body that is looked at once."""
        text = self.cleaned(text)
        for each in self.encoded:
            if each in text:
                text = text.replace(each, MARK)
        return text

    def begun(self, text: bytes) -> int:
        """The place from which the end of `text` may be the beginning of the credential, or the length of `text`."""
        size = len(text)
        if not text or text[-1] not in self.inside:
            return size  # as pieces of most streams end, with a line feed
        first = max(len(text.rstrip(self.inside)), size - SPELT_MOST * len(self.plain))
        for found in self.spelt.finditer(text) if self.found(text) else ():
            first = max(first, found.end())
        cut = _BEGUN.search(text, first)
        last = size if cut is None else cut.start()
        starts = (each.start() for each in self.characters[0].finditer(text, first) if self._goes_on(text, each))
        return min(last, next(starts, size))

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
        return held


def quoted(credential: bytes) -> Quoted | None:
    """The credential, if it is long enough to be told from other text."""
    if len(credential) < QUOTED_MIN:
        return None
    # One way through for each character: the time is that of the text's length.
    spellings = [_spellings(byte) for byte in credential]
    return Quoted(
        credential,
        re.compile(_BETWEEN.join(spellings)),
        _encoded(credential),
        tuple(map(re.compile, spellings)),
        bytes({*credential, *_SPELLING}),
    )


def _encoded(credential: bytes) -> tuple[bytes, ...]:
    """The characters of base64 that the credential alone decides, for each place in a group of three bytes."""
    found = list[bytes]()
    for before in range(3):
        written = b64encode(bytes(before) + credential)
        sure = written[(before * 8 + 5) // 6 : (before + len(credential)) * 8 // 6]
        # The alphabet for URLs, and JSON that escapes a slash.
        found += (sure, sure.translate(_FOR_URLS), sure.replace(b"/", rb"\/"))
    return tuple(dict.fromkeys(found))


_FOR_URLS: Final = bytes.maketrans(b"+/", b"-_")


def _escaped(text: bytes) -> bool:
    return any(mark in text for mark in _ESCAPES)


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
