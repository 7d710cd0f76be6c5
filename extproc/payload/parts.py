"""Readers of texts that come in pieces, which give them back in pieces, some of them with something else to write."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from extproc.payload.passage import Kind

if TYPE_CHECKING:
    from extproc.payload.json.hints import ObjectHints, Told

Segment: TypeAlias = tuple[str, str | None]
"""A stretch of a text and the text to write in its place; None where it stays."""


class Keys(NamedTuple):
    """The name of the member whose value a string is, and that of the object which holds it; empty for items of arrays.

    `beside`: that object, in a text that is JSON.
    """

    key: str
    holder: str
    beside: "ObjectHints | None" = None


class Part(Protocol):
    """Reads one text that comes in pieces. The stretches of all its pieces, put together, are the text."""

    @property
    def held(self) -> int:
        """Characters that came and are in no piece yet."""

    @property
    def pending(self) -> int:
        """Characters that came of a number, a name or base64, which is read when it ends."""

    def feed(self, text: str) -> list[Segment]:
        """The pieces that are decided once `text` has come."""

    def finish(self) -> list[Segment]:
        """The rest of the pieces, now that the text has ended."""

    def settled(self) -> "Part":
        """The reader that goes on with the text: this one, or that which the text was found to need."""

    def copied(self, readers: "Readers") -> "Part":
        """Another that has read the same, and asks `readers` for what follows; it tells what would be said now."""

    def given(self, *, torn: bool = False) -> None:
        """Take note that all text so far was given out as if the text had ended here; it goes on.

        `torn`: so was the beginning of the escape that the next character is written with. That character stays.
        """


class Readers(Protocol):
    """Makes the readers of the texts that a text turns out to consist of."""

    def plain(self, name: str, kind: Kind = "text") -> Part:
        """A reader of a text that stands as it is. `name`: that of the nearest member that holds it."""

    def whole(self, text: str, name: str, kind: Kind = "text") -> list[Segment]:
        """The pieces of a whole text that stands as it is."""

    def string(self, keys: Keys, name: str, level: int) -> Part:
        """A reader of a string; `level`: the documents in strings around it."""

    def carried(self, text: str, keys: Keys, level: int, *, whole: bool) -> list[Segment]:
        """The pieces of a text that may be a data URL or base64; not `whole`: it is the beginning of one too long."""

    def told(self, text: str, keys: Keys, level: int, before: "Told") -> None:
        """Take note that more is known about what holds a string, of which `text` is the beginning.

        `before`: what was known when all of it was given out.
        """

    def unread(self, reason: str) -> None:
        """Something in a text cannot be read."""


def written(pieces: Iterable[Segment]) -> str:
    """The text that pieces come to."""
    return "".join([text if new is None else new for text, new in pieces])


def told(part: Part, text: str) -> list[Segment]:
    """All pieces of a whole text."""
    return part.feed(text) + part.finish()
