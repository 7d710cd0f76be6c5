"""Tags of sealed values: which maker a value is of, written into the value itself.

A tag is stateless, so that it outlives restarts and is read by every replica. It names a maker and nothing else:
whoever writes one by hand chooses among the backends that the policy allows anyway.
"""

import re
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from msgspec import Struct

SealedForm: TypeAlias = Literal["id", "base64"]
"""The form of a sealed value: an identifier, whose tag stands behind it so that its own beginning (`resp_`, `file-`)
stays; or base64, whose tag stands in front. Its length is a multiple of four and its characters are letters, so that
what is base64 before is so afterwards, in both alphabets, and a client may decode and encode it; and a value that comes
in pieces is tagged by its first."""

MARK: Final = "xpby"
"""The beginning of a tag."""

LETTERS: Final = 12
"""Letters of the maker's digest, 56 bits. Only letters, so that no tag looks like a number of somebody's."""

SIZE: Final = len(MARK) + LETTERS
"""Characters of a tag: 16."""

_BEHIND: Final = re.compile(rf"_({MARK}[a-z]{{{LETTERS}}})\Z")
_BEFORE: Final = re.compile(rf"{MARK}[a-z]{{{LETTERS}}}")


class SealTag(Struct, frozen=True):
    """The tag of one maker. `text` has SIZE letters."""

    maker: str
    text: str

    @classmethod
    def of(cls, maker: str) -> "SealTag":
        """Return the tag of a maker, by its label."""
        number, letters = int.from_bytes(sha256(maker.encode()).digest()), ""
        for _ in range(LETTERS):
            number, letter = divmod(number, 26)
            letters += chr(ord("a") + letter)
        return cls(maker, MARK + letters)

    def on(self, value: str, form: SealedForm) -> str:
        """Return a value with the tag; an empty one stays empty."""
        if not value:
            return value
        return f"{value}_{self.text}" if form == "id" else self.text + value


def split(value: str, form: SealedForm) -> tuple[str, str]:
    """Return a value without its tag, and the tag's text, empty if it has none."""
    found = _BEHIND.search(value) if form == "id" else _BEFORE.match(value)
    if found is None:
        return value, ""
    return (value[: found.start()], found[1]) if form == "id" else (value[found.end() :], found[0])


def untagged(path: bytes, tag: bytes) -> bytes:
    """Return a path and its query without a tag behind identifiers."""
    return path.replace(b"_" + tag, b"")
