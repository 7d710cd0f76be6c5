"""The results of reading a body, and the documents that it opens inside of strings."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from extproc.payload.base64 import carried, is_url
from extproc.payload.binary import is_binary
from extproc.payload.codec import JSON, VERBATIM, Codec
from extproc.payload.json.hints import ObjectHints
from extproc.payload.json.prefix import spots
from extproc.payload.json.wellformed import BOM, WHITE, documents, is_doubtful, start
from extproc.payload.limits import MAX_OPENED, MAX_PREFIXES, MAX_VALUES
from extproc.payload.media import MediaCandidate, settle
from extproc.payload.names import TOKENS, carries, folded, is_own
from extproc.payload.passage import Holder, Passage, TextLimitError, Uninspected, ValuePlace, keys_of
from extproc.protocol.meter import Meter

STRETCH = 64
"""Values that are counted on a meter together."""

STEPS_A_VALUE = 1
"""Steps of a meter that a value counts as: 0.5 µs to walk over, and as much to keep and to look at."""

OPENING = frozenset(map(chr, range(33))) | frozenset("{[dD" + BOM)
"""The first characters of strings that may hold a document: JSON, or a data URL."""


TOKEN_LISTS = 3
"""Lists around a token: a prompt is a list of them, several prompts are a list of lists."""


class TextSource(Struct, frozen=True, gc=False):
    """A text in which passages stand: the body (then `outer` is None), or a document in the string `outer`.

    The document is the text of `outer`, or what that writes in base64 from character `at` on, or in `percent` encoding.
    """

    text: str
    codec: Codec
    outer: Passage | None = None
    at: int | None = None
    percent: bool = False

    def __repr__(self) -> str:
        return f"TextSource({len(self.text)} code points)"


class Reading:
    """The results of reading so far. `budget` has one item per value that may follow; every reader takes one for each.

    `probabilities`: the containers that may spell a text again: their place, the offset of their bracket, their source.
    """

    __slots__ = (
        "_candidates",
        "_level",
        "_prefixes",
        "_walk",
        "budget",
        "named",
        "passages",
        "probabilities",
        "sources",
    )

    def __init__(self, walk: "Walk", limit: "Limit" = MAX_VALUES) -> None:
        self._walk = walk
        self._level = 0
        self._prefixes = MAX_PREFIXES
        self._candidates: list[MediaCandidate] = []
        self.budget: Iterator[int] = iter(range(limit)) if isinstance(limit, int) else limit
        self.named: list[Uninspected] = []
        self.passages: list[Passage] = []
        self.sources: list[TextSource] = []
        self.probabilities: list[tuple[ValuePlace, int, int]] = []

    def add(self, source: TextSource) -> int:
        """The number of a new source."""
        self.sources.append(source)
        return len(self.sources) - 1

    def open(self, *, carrier: bool) -> None:
        """Look into the passage added last for a document. `carrier`: its name is one for images, sounds and files."""
        passage = self.passages[-1]
        if carrier or is_url(passage.text):
            self._carried(passage)
        else:
            self._document(passage)

    def tokens(self, place: Holder) -> None:
        """Name the member that holds a number at `place`, in a list or two, if numbers there are a text."""
        for _ in range(TOKEN_LISTS - 1):
            if not isinstance(place, tuple) or not isinstance(place[1], int):
                break
            place = place[0]
        if isinstance(place, tuple) and folded(str(place[1])) in TOKENS and is_own(keys_of(place)):
            last = self.named[-1] if self.named else None
            if last is None or last.within is not place[0] or last.key != place[1]:
                self.named.append(Uninspected(*place, "tokens"))

    def distrust(self, passage: Passage) -> None:
        """Name a text that is said to be one and may be something else, or read otherwise."""
        if is_binary(passage.text):
            self.named.append(Uninspected(passage.within, passage.key, "binary"))
        elif is_doubtful(passage.text):
            self.named.append(Uninspected(passage.within, passage.key, "malformed"))

    def settle(self) -> tuple[Sequence[Passage], Sequence[Uninspected]]:
        """The passages that are text, and what is named instead."""
        if not self._candidates:
            return self.passages, self.named
        passages, named = settle(self.passages, self._candidates)
        return passages, (*self.named, *named)

    def _carried(self, passage: Passage) -> None:
        """Look into a string that may carry something; what it carries follows it among the passages."""
        found = carried(passage.text)
        slot, index = len(self._candidates), len(self.passages) - 1
        self._candidates.append(MediaCandidate(passage, found, index, index + 1))
        if found.header and (found.binary or found.text is not None):
            self.passages.append(replace(passage, text=passage.text[: found.at]))
        if found.text is not None:
            source = self.add(TextSource(found.text, VERBATIM, passage, found.at, found.percent))
            place = (passage.within, passage.key)
            inner = Passage(found.text, "text", place, None, source, 0, len(found.text))
            self.passages.append(inner)
            self._document(inner)
        elif not found.binary or found.short:
            self._document(passage)
        self._candidates[slot] = MediaCandidate(passage, found, index, len(self.passages))

    def _document(self, passage: Passage) -> None:
        """Open the passage added last if it is a document."""
        if (how := documents(passage.text)) != "none":
            self._nest(passage, lines=how == "lines")
        elif passage.text.lstrip(WHITE + BOM)[:1] in {"{", "["}:
            self._begin(passage)

    def _nest(self, passage: Passage, *, lines: bool) -> None:
        """Put what the JSON in a passage, the last one, says in its place; lines of it are like items of an array."""
        if self._level == MAX_OPENED:
            raise TextLimitError("nesting")
        self._level += 1
        self.passages.pop()
        source = self.add(TextSource(passage.text, JSON, passage))
        place = (passage.within, passage.key)
        if lines:
            at, end, index = start(passage.text), len(passage.text.rstrip(WHITE)), 0
            while at < end:
                at = self._walk(passage.text, (place, None), index, source, self, at)
                index += 1
        else:
            self._walk(passage.text, place, None, source, self, start(passage.text))
        self._level -= 1

    def _spend(self, values: int) -> None:
        """Takes as many values from the budget. Raises TextLimitError."""
        if len(list(islice(self.budget, values))) < values:
            raise TextLimitError("values")

    def _begin(self, passage: Passage) -> None:
        """Put the texts of the JSON that a passage, the last one, begins with in its place, and what follows it."""
        found = spots(passage.text, passage.name, self._prefixes, self._spend)
        if found is None:
            return
        begun, at, name = found
        self._prefixes -= at
        self.passages.pop()
        source, rest = (
            self.add(TextSource(passage.text, JSON, passage)),
            self.add(TextSource(passage.text, VERBATIM, passage)),
        )
        place: ValuePlace = ((passage.within, passage.key), None)
        self._level += 1
        places: dict[int, ValuePlace] = {}
        for spot in begun:
            self._spend(1)
            key, holder, beside = spot.keys
            if beside is None:
                within = place if spot.name == passage.name else (place, spot.name)
            else:
                within = _place(beside, place, places)
            self.passages.append(Passage(spot.text, spot.kind, within, key or 0, source, spot.start, spot.end))
            carrier = carries(key or holder)
            if spot.kind == "text" and self._level <= MAX_OPENED and (carrier or spot.text[:1] in OPENING):
                self.open(carrier=carrier)
        self._level -= 1
        if at < len(passage.text):
            own = place if name == passage.name else (place, name)
            self.passages.append(Passage(passage.text[at:], "text", *own, rest, at, len(passage.text)))


def _place(beside: ObjectHints, document: ValuePlace, known: dict[int, ValuePlace]) -> ValuePlace:
    """The place of an object in a document that is cut short; the same object has one place. `known`: by identity."""
    found = known.get(id(beside))
    if found is None:
        around = beside.around
        found = document if around is None else (_place(around, document, known), beside.key or 0)
        known[id(beside)] = found
    return found


Limit: TypeAlias = int | Iterator[int]
"""The number of values that may be read, or an iterator that gives one item for each; see `metered`."""


def metered(meter: Meter, limit: int = MAX_VALUES) -> Iterator[int]:
    """A limit that is none beyond what `meter` has left, or asks it now and then, where that is much.

    A call for each value would be felt; what has few steps left is over soon, and counts afterwards.
    """
    if meter.left < limit:
        return iter(range(meter.left))
    return chain.from_iterable(_stretches(meter, limit))


def _stretches(meter: Meter, limit: int) -> Iterator[range]:
    for counted in range(0, limit, STRETCH):
        meter.spend(STRETCH * STEPS_A_VALUE)
        yield range(min(STRETCH, limit - counted))


Walk: TypeAlias = Callable[[str, Holder, int | None, int, Reading, int], int]
"""See `extproc.payload.json.walk`, which needs this room, and so cannot be imported here."""
