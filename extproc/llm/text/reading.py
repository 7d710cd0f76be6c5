"""What reading a body gathers, and the documents that it opens inside of strings."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from extproc.llm.text.carried import carried
from extproc.llm.text.codec import JSON, VERBATIM, Codec
from extproc.llm.text.media import Candidate, settle
from extproc.llm.text.passage import Holder, Passage, TextLimitError, Uninspected
from extproc.llm.text.wellformed import WHITE, documents

MAX_VALUES = 128 * 1024
"""Values of a body, those of the documents in its strings among them: 16 bytes each in 2 MiB, the default body limit,
where requests in use have some hundreds. Reading so many takes about 0.1 s and 25 MB."""

MAX_DEPTH = 128
"""Arrays and objects around a value. Schemas of tools come to 40; the interpreter's own bound is near 1,000."""

MAX_OPENED = 8
"""Documents inside each other's strings. Tool calls that hold tool calls come to 4; every level doubles the escapes,
and costs a reading of all that is left."""


class Source(Struct, frozen=True, gc=False):
    """A text in which passages stand: the body (then `outer` is None), or a document in the string `outer`.

    The document is the text of `outer`, or what that writes in base64 from character `base64_at` on.
    """

    text: str
    codec: Codec
    outer: Passage | None = None
    base64_at: int | None = None

    def __repr__(self) -> str:
        return f"Source({len(self.text)} code points)"


class Reading:
    """What has been read so far. `budget` is how many values may follow; every reader takes one from it for each."""

    __slots__ = ("_candidates", "_level", "_walk", "budget", "passages", "sources")

    def __init__(self, walk: "Walk", limit: int = MAX_VALUES) -> None:
        self._walk = walk
        self._level = 0
        self._candidates: list[Candidate] = []
        self.budget = iter(range(limit))
        self.passages: list[Passage] = []
        self.sources: list[Source] = []

    def add(self, source: Source) -> int:
        """The number of a new source."""
        self.sources.append(source)
        return len(self.sources) - 1

    def open(self, *, carrier: bool) -> None:
        """Look into the passage added last for a document. `carrier`: its name is one for images, sounds and files."""
        passage = self.passages[-1]
        if carrier or passage.text.startswith("data:"):
            found = carried(passage.text)
            self._candidates.append(Candidate(passage, found, len(self.passages) - 1))
            if found.binary:
                return
            if found.text is not None:
                source = self.add(Source(found.text, VERBATIM, passage, found.at))
                place = (passage.within, passage.key)
                passage = Passage(found.text, "text", place, None, source, 0, len(found.text))
                self.passages.append(passage)
        if (how := documents(passage.text)) != "none":
            self._nest(passage, lines=how == "lines")

    def settle(self) -> tuple[Sequence[Passage], Sequence[Uninspected]]:
        """The passages that are text, and what is named instead."""
        return settle(self.passages, self._candidates) if self._candidates else (self.passages, ())

    def _nest(self, passage: Passage, *, lines: bool) -> None:
        """Put what the JSON in a passage, the last one, says in its place; lines of it are like items of an array."""
        if self._level == MAX_OPENED:
            raise TextLimitError("nesting")
        self._level += 1
        self.passages.pop()
        source = self.add(Source(passage.text, JSON, passage))
        place = (passage.within, passage.key)
        if lines:
            at, end, index = 0, len(passage.text.rstrip(WHITE)), 0
            while at < end:
                at = self._walk(passage.text, (place, None), index, source, self, at)
                index += 1
        else:
            self._walk(passage.text, place, None, source, self, 0)
        self._level -= 1


Walk: TypeAlias = Callable[[str, Holder, int | None, int, Reading, int], int]
"""See `extproc.llm.text.walk`, which needs this room, and so cannot be imported here."""
