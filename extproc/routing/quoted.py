"""A credential of ours in what a backend says: found however it is spelt, and taken out."""

import re
from base64 import b64encode
from typing import Final

from msgspec import Struct

MARK: Final = b"[redacted]"
"""The text that replaces a credential. Neither JSON nor a query string gives it another meaning."""

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


class Quoted(Struct, frozen=True):
    """One credential, made ready to be looked for. Has no rendering: it holds the credential.

    `encoded`: how it looks in base64, wherever in the encoded text it begins.
    """

    plain: bytes
    spelt: re.Pattern[bytes]
    encoded: tuple[bytes, ...]

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

    def __repr__(self) -> str:
        return "Quoted()"


def quoted(credential: bytes) -> Quoted | None:
    """The credential, if it is long enough to be told from other text."""
    if len(credential) < QUOTED_MIN:
        return None
    # One way through for each character: the time is that of the text's length.
    return Quoted(credential, re.compile(_BETWEEN.join(map(_spellings, credential))), _encoded(credential))


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
    return b"(?:" + b"|".join(ways) + b")"
