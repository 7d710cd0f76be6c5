"""Findings of a detector, and how overlapping findings become the pieces that are masked."""

from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct


class Span(Struct, frozen=True, gc=False):
    """A find: code points `start` to `end` (exclusive) of a text, its kind, its rule's name, a score from 0 to 1."""

    start: int
    end: int
    kind: str
    rule: str
    score: float


def order(span: Span) -> tuple[int, int, float, str]:
    """The order in which spans are heard: leftmost, then longest, then the surer, then by the rule's name."""
    return span.start, -span.end, -span.score, span.rule


def foremost(spans: Collection[Span], escapes: Sequence[tuple[int, int]]) -> Collection[Span]:
    r"""`spans` without those that begin within an escape if the same rule finds the rest of the same behind it.

    In `\\nann@example.com` the letter of the escape may as well be the first of the address; read plainly, it is not.
    """
    if not escapes:
        return spans
    ends: dict[tuple[str, int], int] = {}
    for span in spans:
        key = span.rule, span.end
        ends[key] = max(ends.get(key, 0), span.start)
    return [
        span
        for span in spans
        if span.start == ends[span.rule, span.end]
        or not any(first < span.start < last <= ends[span.rule, span.end] for first, last in escapes)
    ]


class Distinct(dict[int, Span]):
    """Tells finds that say something new: none that lies within an earlier one of the same owner that is as sure.

    Two rules of a kind may find the same value, the one by its form, the other by the words beside it; and a part of a
    phone number may pass for a number of another kind. Holds the widest find of each owner so far.
    """

    __slots__ = ()

    def new(self, owner: int, span: Span) -> bool:
        """True if the next span of a text (in `order`) is one."""
        widest = self.get(owner)
        if widest is not None and span.end <= widest.end:
            return span.score > widest.score
        self[owner] = span
        return True

    def outdone(self, owner: int, span: Span) -> Span | None:
        """Return the find of another kind at the very place of one that is not `new`, if there is one."""
        widest = self[owner]
        same = (span.start, span.end) == (widest.start, widest.end) and span.kind != widest.kind
        return widest if same else None


class Union(Struct):
    """Turns spans, which may overlap, into pieces that do not: leftmost, then longest.

    What a later span covers beyond an earlier one becomes a piece of its own, so that all that was found is masked and
    no piece is longer than one span. `end`: that of the last piece.
    """

    end: int = 0

    def cut(self, span: Span) -> Span | None:
        """Return what the next span adds, if anything. Over a stream they come in `order`, as in a whole text."""
        start = max(span.start, self.end)
        if span.end <= start:
            return None
        self.end = span.end
        return span if start == span.start else Span(start, span.end, span.kind, span.rule, span.score)


def unite(spans: Iterable[Span]) -> list[Span]:
    """The pieces of one whole text (see Union); `spans` in any order."""
    ordered = list(spans)
    if len(ordered) < 2:
        return ordered  # most texts with a finding have one
    ordered.sort(key=order)
    union, pieces = Union(), list[Span]()
    for span in ordered:
        piece = union.cut(span)
        if piece is not None:
            pieces.append(piece)
    return pieces
