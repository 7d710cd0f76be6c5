"""A credential of ours in what a backend says: found however it is spelt, and taken out."""

import re
from typing import Final

from msgspec import Struct

MARK: Final = b"[redacted]"
"""The text that replaces a credential. Neither JSON nor a query string gives it another meaning."""

QUOTED_MIN: Final = 6
"""Characters of a credential that is looked for. Shorter ones stand in any text by chance, and no provider has such."""

_ESCAPES: Final = (b"\\", b"%", b"&", b"\0")
"""With one of these begins every spelling but the plain one. In UTF-16 and UTF-32, NUL stands between characters."""

_BETWEEN: Final = rb"\x00*"


class Quoted(Struct, frozen=True):
    """One credential, made ready to be looked for. Has no rendering: it holds the credential."""

    plain: bytes
    spelt: re.Pattern[bytes]

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

    def __repr__(self) -> str:
        return "Quoted()"


def quoted(credential: bytes) -> Quoted | None:
    """The credential, if it is long enough to be told from other text."""
    if len(credential) < QUOTED_MIN:
        return None
    # One way through for each character: the time is that of the text's length.
    return Quoted(credential, re.compile(_BETWEEN.join(map(_spellings, credential))))


def _escaped(text: bytes) -> bool:
    return any(mark in text for mark in _ESCAPES)


def _spellings(byte: int) -> bytes:
    """One character: plain, as JSON may escape it, percent-encoded, and as a reference in HTML."""
    plain = re.escape(bytes((byte,)))
    ways = [
        plain,
        rb"\\u00(?i:%02x)" % byte,
        rb"%%(?i:%02x)" % byte,
        rb"&#0*%d;" % byte,
        rb"&#[xX]0*(?i:%x);" % byte,
    ]
    if byte in b'/"\\':
        ways.insert(0, rb"\\" + plain)
    return b"(?:" + b"|".join(ways) + b")"
