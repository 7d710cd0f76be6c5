"""Text parts of a whole body of which the first is JSON that is cut short: read together, as a client reads them."""

from collections.abc import Mapping, Sequence

from extproc.inspection.adjoining import crossing
from extproc.inspection.answers.joints import JoinedJson, JointHit, known, places
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span
from extproc.payload.chains import Chain, JsonChain
from extproc.payload.json.wellformed import BOM, WHITE
from extproc.protocol.meter import Meter


def crossing_parts(
    scanner: Scanner, texts: Sequence[str], chain: Chain, own: Mapping[int, Sequence[Span]], meter: Meter
) -> list[tuple[int, Span]]:
    """See `adjoining.crossing`, also for JSON that is cut over the parts.

    There a finding may lie behind the boundary as a whole: only the joined text says with which escapes.
    """
    said = chain.said if isinstance(chain, JsonChain) else texts[chain[0]]
    if said.lstrip(WHITE + BOM)[:1] in {"{", "["}:
        joined = JoinedJson(scanner, meter)
        joined.feed(said)
        if joined.amid:
            return _crossing_json(joined, said, texts, chain, own)
    return crossing(scanner, texts, chain, own, meter) if len(chain) > 1 else []


def _crossing_json(
    joined: JoinedJson, said: str, texts: Sequence[str], chain: Chain, own: Mapping[int, Sequence[Span]]
) -> list[tuple[int, Span]]:
    """Read the other parts behind the first; `said` is that."""
    outlined = isinstance(chain, JsonChain)
    numbers = [-1, *chain] if isinstance(chain, JsonChain) and not chain.cut else [*chain]
    raws = [said, *(texts[number] for number in numbers[1:])]
    hits: list[JointHit] = []
    for raw in raws[1:]:
        hits += joined.cross() + joined.feed(raw)
    hits += joined.finish()
    alone = [(span.kind, texts[number][span.start : span.end]) for number in chain for span in own.get(number, ())]
    new = [each for each in hits if not known(each.hit, alone)]
    return [_placed(texts, numbers, raws, each, outlined=outlined) for each in new]


def _placed(
    texts: Sequence[str], numbers: Sequence[int], raws: Sequence[str], hit: JointHit, *, outlined: bool
) -> tuple[int, Span]:
    """The text in which a finding of the joined reading begins, and its place from there."""
    (first, start), (last, end) = places(raws, hit, outlined=outlined)
    if numbers[first] < 0:  # nothing of that part could be masked
        first, start = 1, 0
    end += sum(len(texts[number]) for number in numbers[first:last])
    span = hit.hit.span
    return numbers[first], Span(start, max(start + 1, end), span.kind, span.rule, span.score)
