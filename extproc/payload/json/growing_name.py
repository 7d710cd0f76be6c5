"""The name of a member in JSON that comes in pieces."""

import copy

from extproc.payload.names import KNOWN
from extproc.payload.parts import Part, Readers, Segment

MAX_NAME = max(map(len, KNOWN))
"""Characters of a member's name that are kept until it ends: a longer one is none of an API."""


class GrowingName:
    """Reads the name of a member: it is text if no API gives it."""

    __slots__ = ("_part", "_readers", "text")

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._part: Part | None = None
        self.text = ""

    @property
    def held(self) -> int:
        """See `Part`."""
        return len(self.text) if self._part is None else self._part.held

    @property
    def pending(self) -> int:
        """See `Part`."""
        return len(self.text) if self._part is None else 0

    def feed(self, text: str) -> list[Segment]:
        """See `Part`."""
        if self._part is not None:
            return self._part.feed(text)
        self.text += text
        if len(self.text) <= MAX_NAME:
            return []
        self._part, held, self.text = self._readers.plain("", "name"), self.text, ""
        return self._part.feed(held)

    def finish(self) -> list[Segment]:
        """See `Part`."""
        if self._part is not None:
            return self._part.finish()
        if self.text in KNOWN:
            return [(self.text, None)]
        return self._readers.whole(self.text, "", "name") if self.text else []

    def settled(self) -> Part:
        """See `Part`."""
        return self

    def copied(self, readers: Readers) -> "GrowingName":
        """See `Part`."""
        other: GrowingName = copy.copy(self)
        other._readers = readers
        if self._part is not None:
            other._part = self._part.copied(readers)
        return other

    def given(self, *, torn: bool = False) -> None:
        """See `Part`."""
        if self._part is not None:
            self._part.given(torn=torn)
