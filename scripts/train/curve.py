"""The picture of cost against quality: what calls of the strong model recover, in plain SVG."""

from collections.abc import Iterator, Sequence
from typing import Final

from scripts.train.questions import Question, apgr, recovered

WIDTH, HEIGHT, MARGIN = 360, 240, 48
"""The size of a panel, and the room around it for its words, in pixels."""

POINTS: Final = 100
"""Points of a curve."""

STRONG, CHANCE, AXIS, WORDS = "#0b62a4", "#8a8a8a", "#444444", "#222222"
"""Colours of the model's curve, of calls by chance, of axes and of words. They show on white, which is drawn below."""

_TICKS: Final = (0, 25, 50, 75, 100)


def drawn(every: Sequence[Question], scores: Sequence[float]) -> str:
    """Return the picture: a panel for each source, by scores of models that have not seen the questions."""
    sources = list(dict.fromkeys(each.source for each in every))
    panel, height = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{panel * len(sources)}" height="{height}"',
        f'viewBox="0 0 {panel * len(sources)} {height}" font-family="sans-serif" font-size="12" role="img"',
        'aria-label="Share of the gap in accuracy that is recovered, by share of calls to the strong model">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, source in enumerate(sources):
        own = [(each.gain, score) for each, score in zip(every, scores, strict=True) if each.source == source]
        curve = recovered([gain for gain, _ in own], [score for _, score in own])
        lines.append(f'<g transform="translate({number * panel + MARGIN} {MARGIN})">')
        lines += _panel(source.upper(), curve)
        lines.append("</g>")
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(title: str, curve: Sequence[float]) -> Iterator[str]:
    top = max(1.0, *curve) * 1.02
    yield f'<text x="0" y="-16" fill="{WORDS}" font-size="14">{title}: APGR {apgr(curve):.3f}</text>'
    for tick in _TICKS:
        across, down = tick / 100 * WIDTH, HEIGHT - tick / 100 / top * HEIGHT
        yield f'<path d="M{across:.1f} 0V{HEIGHT}M0 {down:.1f}H{WIDTH}" stroke="#dddddd" fill="none"/>'
        yield f'<text x="{across:.1f}" y="{HEIGHT + 16}" fill="{AXIS}" text-anchor="middle">{tick} %</text>'
        yield f'<text x="-6" y="{down + 4:.1f}" fill="{AXIS}" text-anchor="end">{tick} %</text>'
    yield f'<path d="M0 0V{HEIGHT}H{WIDTH}" stroke="{AXIS}" fill="none"/>'
    yield f'<path d="M0 {HEIGHT}L{WIDTH} {HEIGHT - HEIGHT / top:.1f}" stroke="{CHANCE}" stroke-dasharray="4 4"/>'
    places = [round(number * (len(curve) - 1) / POINTS) for number in range(POINTS + 1)]
    way = "L".join(
        f"{place / (len(curve) - 1) * WIDTH:.1f} {HEIGHT - curve[place] / top * HEIGHT:.1f}" for place in places
    )
    yield f'<path d="M{way}" stroke="{STRONG}" stroke-width="2" fill="none"/>'
    middle = WIDTH / 2
    yield f'<text x="{middle}" y="{HEIGHT + 36}" fill="{WORDS}" text-anchor="middle">calls to the strong model</text>'
    yield (
        f'<text transform="translate(-40 {HEIGHT / 2}) rotate(-90)" fill="{WORDS}" text-anchor="middle">'
        "gap in accuracy recovered</text>"
    )
