"""Texts as a reader sees them: in small letters, without marks, without what is invisible, in plain letters.

A folded text has one code point for each visible one of the original, so that places in it are known there.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from msgspec import Struct

_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff9-\ufffb\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\U000e0000-\U000e0fff]+"
)
"""Code points that show nothing, or only a mark on the letter before them."""

_STYLED: Final = (
    (0x00AA, 0x024F),
    (0x1E00, 0x1EFF),
    (0x2070, 0x209C),
    (0x2100, 0x214F),
    (0x2460, 0x24FF),
    (0x2C60, 0x2C7F),
    (0xFF01, 0xFF5E),
    (0x1D400, 0x1D7FF),
    (0x1F130, 0x1F189),
)
"""Ranges of letters and digits that are others with a mark, a circle or in another style."""

_ALIKE: Final = dict(
    zip(
        "авекмнорстухієѕјԛԝһԁɡьпгԍӏαβεικνορτυχωγηժսոցօիքեոհյԼɑɩʀɴʏʟᴀᴄᴅᴇɪᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜱʙɢʜ",
        "abekmhopctyxiesjqwhdgbnrglabeikvoptuxwyndunqohpenhjlairnylacdeijkmoptuvwzsbgh",
        strict=False,
    )
)
"""Letters of other alphabets that look like Latin ones."""

_MIXED: Final = re.compile(
    "[a-z][\u0250-\u02af\u0370-\u058f\u1d00-\u1d7f\ua731-\ua7ff]|[\u0250-\u02af\u0370-\u058f\u1d00-\u1d7f\ua731-\ua7ff][a-z]"
)
"""A Latin letter beside one of an alphabet that has look-alikes: no language writes so."""

_CIRCLED: Final = 0x1F130, 0x1F150, 0x1F170
"""The first of the squared and circled capitals that have no decomposition."""


class Folded(Struct, frozen=True):
    """A folded text. `places`: where each of its code points stands in the original; None if that is the same place."""

    text: str
    places: Sequence[int] | None = None

    def place(self, index: int) -> int:
        """Return the place in the original; that of the end is behind the last code point."""
        if self.places is None:
            return index
        return self.places[index] if index < len(self.places) else self.places[-1] + 1 if self.places else 0

    def __repr__(self) -> str:
        return f"Folded({len(self.text)} code points)"


def fold(text: str) -> Folded:
    """Return a text in small letters, without marks and invisible code points, styled letters as plain ones."""
    if text.isascii():
        return Folded(text.lower())
    places: list[int] | None = None
    if _INVISIBLE.search(text) is not None:
        places = [place for first, last in _visible(text) for place in range(first, last)]
        text = _INVISIBLE.sub("", text)
    plain = text.translate(_plain()).lower()
    if _MIXED.search(plain) is not None:
        plain = plain.translate(_alike())
    return Folded(plain, places)


def _visible(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for match in _INVISIBLE.finditer(text):
        yield at, match.start()
        at = match.end()
    yield at, len(text)


@cache
def _alike() -> Mapping[int, str]:
    return {ord(other): latin for other, latin in _ALIKE.items()}


@cache
def _plain() -> Mapping[int, str]:
    """Letters by those that they are a form of. Each stays one code point, also in small letters."""
    found = {
        first + offset: chr(ord("a") + offset)
        for first in _CIRCLED
        for offset in range(26)
        if first + offset <= 0x1F189
    }
    for first, last in _STYLED:
        for code in range(first, last + 1):
            plain = "".join(
                each for each in unicodedata.normalize("NFKD", chr(code)) if not unicodedata.combining(each)
            )
            if len(plain) == 1 and plain.isalnum() and len(plain.lower()) == 1:
                found[code] = plain
    return found | {0x0130: "i", 0x0131: "i", 0x00F8: "o", 0x00D8: "o", 0x0142: "l", 0x0141: "l"}
