"""JSON that is cut over parts of one message, read as one text: what lies over a boundary, or only says something so.

A part that begins as JSON and ends amid it leaves its strings open: what follows is escaped as deep as they stand. One
reader joins whole bodies and streams, so that a value which is spelt with escapes is found in both. See 0083.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from extproc.detectors.naming import spelled
from extproc.inspection.answers.watch import Watch, watch
from extproc.inspection.led import leading
from extproc.matching.scanner import Scanner
from extproc.matching.window import Hit, Released
from extproc.payload import Kind, TextLimitError, read_string
from extproc.payload.json.growing import GrowingJson
from extproc.payload.json.growing_string import GrowingString
from extproc.payload.json.hints import Told
from extproc.payload.json.written import IN_STRING, meaning
from extproc.payload.limits import MAX_OPENED
from extproc.payload.parts import Keys, Part, Readers, Segment
from extproc.protocol.meter import Meter

TAIL: Final = 1024
"""Characters of a text in front of a boundary that are read again behind it; see `adjoining.BESIDE`."""

STRETCH: Final = 64
"""Characters that are read at once where a place is looked for."""

MOST_ESCAPED: Final = 64
"""Characters of an escape: within four documents `\\\\u0040` has twenty."""

_ESCAPE: Final = re.compile(r"\\+(?:u[0-9a-fA-F]{4}|.)\Z", re.DOTALL)

JOINT_STEPS: Final = 4
"""Steps of a meter for each text in the joined JSON, beside those of looking for findings in it."""


class JointHit(Struct, frozen=True):
    """A finding in the joined reading: in which of its texts, and from where to where; `hit` has the value.

    `edge`: how much of that text stands in front of the boundary. `token`: it is judged when it ends, as a number is.
    """

    text: int
    start: int
    end: int
    edge: int
    hit: Hit
    token: bool


class JointText:
    """One text in such JSON. It gives all back as it came, and keeps its end for the part that may follow."""

    held = pending = 0

    __slots__ = ("_edge", "_from", "_kind", "_readers", "_watch", "name", "number", "size", "tail", "token")

    def __init__(self, readers: "JointReaders", name: str, kind: Kind, number: int) -> None:
        self._readers = readers
        self.name = name
        self._kind: Kind = kind
        self._watch: Watch | None = None
        self._edge = self._from = 0
        self.number = number
        self.size = 0
        self.tail = ""
        self.token = False

    def feed(self, text: str) -> list[Segment]:
        """See `Part`."""
        self.size += len(text)
        self.tail = (self.tail + text)[-TAIL:]
        self._readers.open = self
        self._readers.sizes[self.number] = self.size
        if self._watch is not None:
            self._hear(self._watch.feed(text))
        return [(text, None)]

    def finish(self) -> list[Segment]:
        """See `Part`."""
        if self._watch is not None:
            self._hear(self._watch.finish())
            self._watch = None
        self._readers.open = None
        return []

    def settled(self) -> "JointText":
        """See `Part`."""
        return self

    def copied(self, readers: Readers) -> "JointText":
        """See `Part`. It looks at nothing until a boundary has come."""
        assert isinstance(readers, JointReaders), "nobody else joins parts"
        return readers.taken(self.tail, self.size, self.name, self._kind, self.number)

    def given(self, *, torn: bool = False) -> None:
        """See `Part`; nothing is given out here."""

    def cross(self) -> None:
        """A part ends while this text is open: from here on it is looked at, with what is in front."""
        if self._watch is None and self._readers.scanner is not None:
            self._edge, self._from = self.size, self.size - len(self.tail)
            plain = self._kind == "text"
            words = spelled(self.name) if plain else ""
            lead = leading(self.name) if plain and not self._from else ""
            readers = self._readers
            self._watch = watch(readers.scanner, holds=True, name=words, lead=lead, meter=readers.meter)
            if self.tail:
                self._hear(self._watch.feed(self.tail))

    def _hear(self, released: Released | None) -> None:
        for hit in () if released is None else released.hits:
            start, end = hit.span.start + self._from, hit.span.end + self._from
            if end > self._edge:
                edge = max(self._edge, self._readers.pending if self.token else 0)
                self._readers.found.append(JointHit(self.number, start, end, edge, hit, self.token))


class JointReaders:
    """Makes the readers of such texts. `scanner`: None looks at nothing. `open`: the text that came last and goes on.

    `pending`: characters of a number, or of another text that is judged when it ends, in front of the boundary.
    `sizes`: how much of each text has come, by its number.
    """

    __slots__ = ("count", "crossed", "found", "meter", "open", "pending", "scanner", "sizes")

    def __init__(self, scanner: Scanner | None, meter: Meter | None) -> None:
        self.scanner = scanner
        self.meter = meter or Meter()
        self.open: JointText | None = None
        self.found: list[JointHit] = []
        self.sizes: dict[int, int] = {}
        self.pending = 0
        self.crossed = False
        self.count = 0

    def cross(self, reader: Part) -> None:
        """A part ends here."""
        self.crossed = True
        self.pending = reader.pending
        if self.open is not None:
            self.open.cross()

    def taken(self, tail: str, size: int, name: str, kind: Kind, number: int = 0) -> JointText:
        """Return the reader of a text of which something was read elsewhere."""
        text = JointText(self, name, kind, number)
        text.tail, text.size = tail, size
        self.open = text
        self.count = max(self.count, number + 1)
        return text

    def following(self, others: "JointReaders") -> None:
        """Go on numbering texts where `others` are."""
        self.count, self.sizes = others.count, dict(others.sizes)
        self.crossed, self.pending = others.crossed, others.pending

    def plain(self, name: str, kind: Kind = "text") -> JointText:
        """See `Readers`."""
        self.meter.spend(JOINT_STEPS)
        text = JointText(self, name, kind, self.count)
        self.count += 1
        if self.crossed:
            text.cross()
        return text

    def whole(self, text: str, name: str, kind: Kind = "text") -> list[Segment]:
        """See `Readers`."""
        reader = self.plain(name, kind)
        reader.token = True
        reader.feed(text)
        reader.finish()
        self.pending = 0
        return [(text, None)]

    def string(self, keys: Keys, name: str, level: int) -> Part:
        """See `Readers`."""
        return GrowingString(self, keys, name, level)

    def carried(self, text: str, keys: Keys, level: int, *, whole: bool) -> list[Segment]:
        """See `Readers`."""
        try:
            document = read_string(text, keys, nested=level > 0) if whole and self.crossed else None
        except TextLimitError:
            document = None
        for each in () if document is None else document.passages:
            self.whole(each.text, each.name, each.kind)
        return [(text, None)]

    def told(self, text: str, keys: Keys, level: int, before: Told) -> None:
        """See `Readers`; whoever reads the parts one by one is told."""

    def unread(self, reason: str) -> None:
        """See `Readers`; the same."""


class JoinedJson:
    """Parts that are one JSON text, read together. `scanner`: None where only places are asked for."""

    __slots__ = ("_reader", "_readers")

    def __init__(self, scanner: Scanner | None, meter: Meter | None, reader: Part | None = None) -> None:
        self._readers = JointReaders(scanner, meter)
        self._reader = GrowingString(self._readers) if reader is None else reader.copied(self._readers)

    @property
    def amid(self) -> bool:
        """True if the parts so far leave the document open."""
        return isinstance(self._reader, GrowingString | GrowingJson) and self._reader.amid

    @property
    def sizes(self) -> dict[int, int]:
        """See `JointReaders`."""
        return self._readers.sizes

    @property
    def front(self) -> tuple[str, str]:
        """The end of the text that is open, and the name of its member."""
        open_ = self._readers.open
        return ("", "") if open_ is None else (open_.tail, open_.name)

    def feed(self, text: str) -> list[JointHit]:
        """Return the findings that are decided once more of a part has come."""
        self._reader.feed(text)
        return self._told()

    def cross(self) -> list[JointHit]:
        """Take note that a part ends here, and another begins."""
        self._readers.cross(self._reader)
        return self._told()

    def finish(self) -> list[JointHit]:
        """Return the rest of them: no part follows."""
        self._reader.finish()
        return self._told()

    def copied(self, scanner: Scanner | None) -> "JoinedJson":
        """Return another that has read the same, for a part that may follow."""
        other = JoinedJson(scanner, self._readers.meter, self._reader)
        other._readers.following(self._readers)
        return other

    def _told(self) -> list[JointHit]:
        readers = self._readers
        found, readers.found = readers.found, []
        return found


def known(hit: Hit, own: Iterable[tuple[str, str]]) -> bool:
    """True if a finding says no more than one of a part by itself, or only makes it longer. `own`: kinds and values."""
    said = _plainly(hit.value)
    return any(kind == hit.span.kind and _plainly(value) in said for kind, value in own)


def _plainly(value: str) -> str:
    """A value without the escapes that it is written with, however deep."""
    for _ in range(MAX_OPENED):
        if "\\" not in value:
            break
        value = "".join([meaning(each.lastgroup, each[0]) for each in IN_STRING.finditer(value)])
    return value


def places(raws: Sequence[str], hit: JointHit, *, outlined: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first and the last place of a finding: each the number of a part, and how far into it.

    `outlined`: the first part has texts of its own; a place in it is then one in the text of the finding.
    """
    if hit.edge and outlined:
        start = 0, 0 if hit.token else hit.start
    else:
        start = _place(raws, hit.text, hit.start, outlined=outlined)
        start = start[0], _begin(raws[start[0]], start[1])
    part, at = _place(raws, hit.text, hit.end - 1, outlined=outlined)
    return start, (part, min(at + (not hit.token), len(raws[part])))


def _begin(raw: str, at: int) -> int:
    """Where the escape begins that ends at a place, if one does."""
    found = _ESCAPE.search(raw, max(0, at - MOST_ESCAPED), at + 1)
    return at if found is None else found.start()


def _place(raws: Sequence[str], text: int, offset: int, *, outlined: bool) -> tuple[int, int]:
    """Where a character of a text is said: the part, and the place of the last character that says it."""
    joined = JoinedJson(None, None)
    for part, raw in enumerate(raws):
        if part:
            joined.cross()
        if outlined and not part:
            joined.feed(raw)
            continue
        for begin in range(0, len(raw), STRETCH):
            before = joined.copied(None)
            joined.feed(raw[begin : begin + STRETCH])
            if joined.sizes.get(text, 0) > offset:
                for at in range(begin, min(begin + STRETCH, len(raw))):
                    before.feed(raw[at])
                    if (size := before.sizes.get(text, 0)) > offset:
                        return part, max(0, at - (size - 1 - offset))
    return len(raws) - 1, len(raws[-1])
