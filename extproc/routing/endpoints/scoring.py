"""Scores of endpoints, from 0 to 1: each scorer looks at all candidates at once."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from extproc.policy.endpoints import EndpointPool
from extproc.routing.endpoints.book import EndpointBook, EndpointState, MetricsSample

SPREAD_LEAST: Final = 8.0
"""Requests by which the busiest endpoint differs from the idlest at least for the full score: an engine computes many
requests together, so that one or two more cost next to nothing."""


class Scene(Struct, frozen=True):
    """The input of scorers: the candidates, their metrics as far as they count, and the request's blocks."""

    book: EndpointBook
    candidates: Sequence[EndpointState]
    samples: Sequence[MetricsSample | None]
    blocks: Sequence[int]
    measured: bool
    """True if the metrics of endpoints are read at all."""


Scores: TypeAlias = list[float]


def scores(
    pool: EndpointPool, book: EndpointBook, candidates: Sequence[EndpointState], blocks: Sequence[int], now: float
) -> Scores:
    """Return the weighted mean of the pool's scorers for each candidate."""
    if pool.metrics is None:
        samples: list[MetricsSample | None] = [None] * len(candidates)
    else:
        oldest = now - pool.metrics.stale_after
        taken = [each.sample for each in candidates]
        samples = [sample if sample is not None and sample.at >= oldest else None for sample in taken]
    scene = Scene(book, candidates, samples, blocks, pool.metrics is not None)
    total = sum(each.weight for each in pool.scoring)
    found = [0.0] * len(candidates)
    for scorer in pool.scoring:
        share = scorer.weight / total
        found = [so_far + share * score for so_far, score in zip(found, _SCORERS[scorer.use](scene), strict=True)]
    return found


def least_busy(scene: Scene) -> Scores:
    """Fewer requests at the endpoint are better: those that it reports and those sent since, else those sent by us."""
    if not scene.measured:
        return _fewer([each.open for each in scene.candidates])
    pairs = zip(scene.candidates, scene.samples, strict=True)
    return _fewer(
        [None if sample is None else max(sample.waiting + sample.running + each.since, 0.0) for each, sample in pairs]
    )


def queue(scene: Scene) -> Scores:
    """Fewer waiting requests are better; without metrics the endpoint is as bad as the worst."""
    return _fewer([None if sample is None else sample.waiting for sample in scene.samples])


def kv_cache(scene: Scene) -> Scores:
    """More free room in the key-value cache is better; without metrics there is none, unless nobody has any."""
    used = [None if sample is None else sample.kv_cache for sample in scene.samples]
    if all(each is None for each in used):
        return [1.0] * len(used)
    return [0.0 if each is None else 1.0 - each for each in used]


def prefix(scene: Scene) -> Scores:
    """More of the prompt sent there before is better."""
    blocks = len(scene.blocks)
    matched = scene.book.prefixes.matched(scene.blocks, [each.address for each in scene.candidates]) if blocks else {}
    if not matched:
        return [0.0] * len(scene.candidates)
    return [matched.get(each.address, 0) / blocks for each in scene.candidates]


def _fewer(loads: Sequence[float | None]) -> Scores:
    """1 for the fewest, 0 for the most; 0 for those of which nothing is known, unless that is all."""
    known = [load for load in loads if load is not None]
    if not known:
        return [1.0] * len(loads)
    least = min(known)
    spread = max(max(known) - least, SPREAD_LEAST)
    return [0.0 if load is None else 1.0 - (load - least) / spread for load in loads]


_SCORERS: Final[dict[str, Callable[[Scene], Scores]]] = {
    "least_busy": least_busy,
    "queue": queue,
    "kv_cache": kv_cache,
    "prefix": prefix,
}
