"""Text parts of one message that stand side by side: many a provider and template makes one text of them.

So a value may be cut over two parts. Each part is judged by itself, and what lies over a boundary in the joined text is
found as well. See `docs/decisions/0083`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final

from msgspec import Struct

from extproc.matching.scanner import Scanner
from extproc.matching.span import Span
from extproc.payload.chains import Chain
from extproc.protocol.meter import Meter

BESIDE: Final = 1024
"""Characters on each side of a boundary that are read together: the longest values but private keys and signed tokens,
whose beginnings are found by themselves. Parts of twice as many are read only near their ends once more, so that a
request of large parts costs no more."""

NEAR: Final = 256
"""Characters behind a boundary up to which the text in front of it may tell what something is: a word, or a name that
a secret is assigned to."""

BLANK: Final = "*"
"""Stands in a part that a mask would leave empty: Anthropic refuses such parts."""


class JoinedParts(Struct, frozen=True):
    """Parts that are read together: their numbers, what is read of each, and where that begins in the part."""

    numbers: Sequence[int]
    texts: Sequence[str]
    starts: Sequence[int]


def crossing(
    scanner: Scanner, texts: Sequence[str], chain: Chain, own: Mapping[int, Sequence[Span]], meter: Meter | None = None
) -> list[tuple[int, Span]]:
    """The findings that lie over a boundary, or that are told by what stands in front of one.

    Each has the number of the text in which it begins; the span counts from there and may end in a later text. `own`:
    what is found in the texts themselves. A finding that only makes one of these longer is none: it is the end of a
    value, and another text that happens to follow. Raises as `Scanner.scan` does.
    """
    found: list[tuple[int, Span]] = []
    for run in _runs(texts, chain):
        ends = [*accumulate(map(len, run.texts))]
        for span in scanner.scan("".join(run.texts), meter=meter):
            first, last = bisect_right(ends, span.start), bisect_right(ends, span.end - 1)
            if not last or (first == last and span.start - ends[first - 1] >= NEAR):
                continue
            begins = [end - len(text) for end, text in zip(ends, run.texts, strict=True)]
            places = [
                (number, span.start - begin + start, span.end - begin + start)
                for number, begin, start in zip(run.numbers, begins, run.starts, strict=True)
            ][first : last + 1]
            if not any(_grows(own.get(number, ()), span.kind, start, end) for number, start, end in places):
                number, start, end = places[0]
                found.append((number, Span(start, end, span.kind, span.rule, span.score)))
    return found


def _grows(own: Iterable[Span], kind: str, start: int, end: int) -> bool:
    return any(each.kind == kind and each.start < end and each.end > start for each in own)


def _runs(texts: Sequence[str], chain: Chain) -> Iterable[JoinedParts]:
    """Cut a chain where a part is so long that its ends have nothing to do with each other."""
    numbers, read, starts = [chain[0]], [texts[chain[0]][-BESIDE:]], [max(0, len(texts[chain[0]]) - BESIDE)]
    for _, number in pairwise(chain):
        text = texts[number]
        numbers.append(number)
        starts.append(0)
        if len(text) <= 2 * BESIDE:
            read.append(text)
            continue
        read.append(text[:BESIDE])
        yield JoinedParts(numbers, read, starts)
        numbers, read, starts = [number], [text[-BESIDE:]], [len(text) - BESIDE]
    if len(numbers) > 1:
        yield JoinedParts(numbers, read, starts)


def parted(begins: Sequence[int], chain: Chain, start: int, end: int) -> Iterable[tuple[int, int, int]]:
    """Yield the parts of a span of a chain's joined text: the number of the text, and the places in it.

    `begins`: where each text begins in the joined one, and where the last ends.
    """
    for place in range(bisect_right(begins, start) - 1, len(chain)):
        begin, limit = begins[place], begins[place + 1]
        if begin >= end:
            return
        if limit > begin:
            yield chain[place], max(start - begin, 0), min(end, limit) - begin
