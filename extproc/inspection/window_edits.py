"""The changed places of a text that streams: what rules have written, and what detectors that judge windows mask.

Places are those of the text as it came. A mask of a window lies in any number of pieces, and stands in the first of
them. Rules write pieces that follow each other together, and put all that is new into the first of these: only of such
a run as a whole it is known what was written for what.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from extproc.apis.events.shares import common
from extproc.inspection.masking import alone, replacement
from extproc.inspection.stage import CompiledProcessor
from extproc.inspection.vault import Vault
from extproc.matching.span import Span, unite

CHARACTERS: Final = 256
"""Characters of a changed place that count as one more: a page of them takes as much memory as twenty short ones."""


class TextEdit(Struct, frozen=True, gc=False):
    """Another text, `new`, in the place of `start` to `end` (exclusive)."""

    start: int
    end: int
    new: str

    def __repr__(self) -> str:
        return f"TextEdit({self.start}:{self.end})"


class RuledRun(Struct, eq=False):
    """Pieces in a row that rules have written anew. `closed`: there is no more of them.

    `edits`: the changes in it, once it is closed, where somebody masks.
    """

    start: int
    end: int
    said: list[str]
    went: list[str]
    closed: bool = False
    edits: Sequence[TextEdit] = ()

    def close(self, vault: Vault | None) -> None:
        """No more of it comes; `vault` tells the values that placeholders stand for."""
        if not self.closed:
            self.closed = True
            if vault is not None:
                self.edits = _aligned("".join(self.said), "".join(self.went), self.start, vault)
            self.said, self.went = [], []

    def __repr__(self) -> str:
        return f"RuledRun({self.start}:{self.end})"


SamePlace: TypeAlias = tuple[int, int, str, str, str | None]
"""Start, end, kind, processor, and what a guard wants in the place."""


class WindowMask(Struct, frozen=True):
    """A finding that is to be masked. `given`: what a guard wants in its place."""

    span: Span
    processor: CompiledProcessor
    given: str | None = None

    @property
    def same(self) -> SamePlace:
        """The facts that two findings of one place in two windows have in common."""
        return self.span.start, self.span.end, self.span.kind, self.processor.name, self.given

    def __repr__(self) -> str:
        return f"WindowMask({self.processor.name}, {self.span.start}:{self.span.end})"


P = TypeVar("P", TextEdit, RuledRun)


class TextEdits:
    """The changed places of one text: those of rules, those of masks, and the masks that wait for the next window."""

    __slots__ = ("_masks", "_runs", "_waiting", "_weight")

    def __init__(self) -> None:
        self._masks: list[TextEdit] = []  # in their order; none touches another
        self._runs: list[RuledRun] = []
        self._weight = 0
        self._waiting: dict[SamePlace, WindowMask] = {}

    @property
    def count(self) -> int:
        """The number of places that are remembered; long ones count as several."""
        return len(self._masks) + self._weight + len(self._waiting)

    def rule(self, said: str, went: str, start: int) -> RuledRun:
        """Rules have written `went` for the piece `said`, which begins at `start`; return its run."""
        if not (self._runs and not self._runs[-1].closed):
            self._runs.append(RuledRun(start, start, [], []))
        run = self._runs[-1]
        run.said.append(said)
        run.went.append(went)
        run.end = start + len(said)
        self._weight += 1 + len(went) // CHARACTERS
        return run

    def close(self, vault: Vault | None) -> None:
        """Rules have left the piece behind what they wrote last as it was, or there is none."""
        if self._runs and not self._runs[-1].closed:
            self._runs[-1].close(vault)
            if vault is None:
                self._runs.clear()
                self._weight = 0

    def mask(self, mask: WindowMask) -> None:
        """A window has this finding. One that an earlier window had as well is one."""
        self._waiting.setdefault(mask.same, mask)

    def hidden(self, start: int, end: int) -> bool:
        """True if all of a place is masked."""
        at = max(0, bisect_right(self._masks, start, key=_start) - 1)
        while at < len(self._masks) and self._masks[at].start <= start < end:
            start = max(start, self._masks[at].end)
            at += 1
        return start >= end

    def before(self, limit: int) -> int:
        """Return the place up to which text may leave before `limit`: no mask is cut in two."""
        places = [(each.span.start, each.span.end) for each in self._waiting.values() if each.span.start < limit]
        low = high = 0
        for start, end in sorted(places):  # those that overlap are one place
            low, high = (start, end) if start >= high else (low, max(high, end))
        return low if low < limit < high else limit

    def settle(self, limit: int, said: str, low: int, vault: Vault) -> None:
        """Decide what stands in the place of masks before `limit`. `said` is the text from `low` on."""
        due = [each for each in self._waiting.values() if each.span.start < limit]
        if not due:
            return
        self._waiting = {same: each for same, each in self._waiting.items() if each.span.start >= limit}
        renamed = [replace(each, span=_named(each.span, number)) for number, each in enumerate(due)]
        named = {each.span.rule: each for each in renamed}
        given = {name: each.given for name, each in named.items() if each.given is not None}
        for instead in given.values():
            vault.reserve(instead)
        spans = [each.span for each in named.values()]
        own = alone(spans, given)
        for piece in unite(spans):
            start, end = piece.start, piece.end
            new = own.get(piece.rule)
            if new is None or self._ruled(start, end):
                # What the guard wrote may repeat what the rules hide.
                new = replacement(named[piece.rule].processor, vault, piece.kind, said[start - low : end - low])
            self._masks.append(TextEdit(start, end, new))

    def touched(self, start: int, end: int) -> bool:
        """True if something is masked in a place."""
        return bool(_near(self._masks, start, end))

    def written(self, said: str, start: int) -> str:
        """Return what a piece comes to that begins at `start`, and is in no open run."""
        end = start + len(said)
        return _applied(said, start, _united(_near(self._masks, start, end), self._ruled(start, end)))

    def repeated(self, said: str, went: str) -> str:
        """Return what the text comes to where an event repeats all of it. `went`: what rules have written there."""
        if not self._masks:
            return went
        ruled = [edit for each in self._runs for edit in each.edits]
        if _applied(said, 0, ruled) != went:
            ruled = [_difference(said, went, 0)]  # they have read the repetition otherwise
        return _applied(said, 0, _united(self._masks, ruled))

    def _ruled(self, start: int, end: int) -> list[TextEdit]:
        """The edits of rules in a place. An open run is taken for one edit."""
        edits: list[TextEdit] = []
        for run in _near(self._runs, start, end):
            edits += _near(run.edits, start, end) if run.closed else (TextEdit(run.start, run.end, ""),)
        return edits

    @property
    def masked(self) -> bool:
        """True if something was masked for a window."""
        return bool(self._masks)

    def __repr__(self) -> str:
        return f"TextEdits({len(self._masks)}, {len(self._runs)}, {len(self._waiting)})"


def _aligned(said: str, went: str, start: int, vault: Vault) -> list[TextEdit]:
    """Return the edits that make `went` of a text that begins at `start`.

    Where the values are not known that rules have replaced, all from the first character that differs to the last is
    one edit.
    """
    edits: list[TextEdit] = []
    at = written = 0
    for begin, end, value in vault.hidden(went):
        kept = begin - written
        if said[at : at + kept] != went[written:begin] or not said.startswith(value, at + kept):
            return [_difference(said, went, start)]
        at += kept
        edits.append(TextEdit(start + at, start + at + len(value), went[begin:end]))
        at, written = at + len(value), end
    return edits if said[at:] == went[written:] else [_difference(said, went, start)]


def _difference(said: str, went: str, start: int) -> TextEdit:
    """The change that makes `went` of a piece, of a character at least."""
    begin = min(common(said, went), len(said) - 1, len(went))
    most = min(len(said) - 1, len(went)) - begin
    end = min(common(said[::-1], went[::-1]), most)
    return TextEdit(start + begin, start + len(said) - end, went[begin : len(went) - end])


def _near(places: Sequence[P], start: int, end: int) -> Sequence[P]:
    """Those that touch a place, of some that do not touch each other, in their order."""
    first = max(0, bisect_right(places, start, key=_start) - 1)
    return [each for each in places[first : bisect_right(places, end - 1, key=_start)] if each.end > start]


def _start(place: TextEdit | RuledRun) -> int:
    return place.start


def _named(span: Span, number: int) -> Span:
    """The span by a name of its own: two windows may have given theirs the same."""
    return Span(span.start, span.end, span.kind, f"{span.rule}:{number}", span.score)


def _united(masks: Iterable[TextEdit], ruled: Iterable[TextEdit]) -> list[TextEdit]:
    """Return edits that do not overlap: where a mask touches what rules have written, it stands for both."""
    united: list[TextEdit] = []
    masking = False  # whether the last of them is a mask
    every = [*((each, True) for each in masks), *((each, False) for each in ruled)]
    for each, masks_ in sorted(every, key=lambda pair: (pair[0].start, pair[0].end)):
        last = united[-1] if united else None
        if last is None or each.start >= last.end:
            united.append(each)
            masking = masks_
            continue
        new = (last.new if masking else "") + (each.new if masks_ else "")
        if not (masking or masks_):
            new = last.new + each.new
        united[-1] = TextEdit(last.start, max(last.end, each.end), new)
        masking |= masks_
    return united


def _applied(said: str, start: int, edits: Iterable[TextEdit]) -> str:
    """Return a piece that begins at `start` with edits made; what began before it has been written there."""
    parts, at = list[str](), 0
    for each in edits:
        begin, end = each.start - start, min(each.end - start, len(said))
        parts.append(said[at : max(begin, at)])
        if begin >= 0:
            parts.append(each.new)
        at = max(at, end)
    parts.append(said[at:])
    return "".join(parts)
