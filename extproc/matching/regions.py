"""The stretches of a text in which a match of a rule may begin, by the hits of the fast lane."""

from collections.abc import Iterator, Sequence

from extproc.matching.compiled import UNDERSCORED_MOST, CompiledRule


def regions(
    hits: Sequence[tuple[int, int]], lanes: tuple[CompiledRule, ...], numeric: Sequence[int]
) -> list[tuple[int, int, int]]:
    """The stretches in which to look for each rule's matches: rule, first and last byte at which one may start."""
    if len(hits) == 1:
        number, end = hits[0]
        if number < len(lanes):
            return [(number, end - lanes[number].window, end)]
    ends: dict[int, list[int]] = {}
    for number, end in hits:
        ends.setdefault(number, []).append(end)
    underscored = ends.pop(len(lanes), None)
    regions: list[tuple[int, int, int]] = []
    for number, stops in ends.items():
        window = lanes[number].window
        low, high = stops[0] - window, stops[0]
        for end in stops[1:]:
            if end - window > high:
                regions.append((number, low, high))
                low = end - window
            high = end
        regions.append((number, low, high))
    return regions if underscored is None else [*regions, *_shared(underscored, numeric)]


def _shared(stops: Sequence[int], numeric: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """The same for what stands behind underscores: for each of the rules that are `numeric`."""
    low = high = stops[0]
    for end in stops:
        if end - UNDERSCORED_MOST > high:
            yield from ((number, low - UNDERSCORED_MOST, high) for number in numeric)
            low = end
        high = end
    yield from ((number, low - UNDERSCORED_MOST, high) for number in numeric)
