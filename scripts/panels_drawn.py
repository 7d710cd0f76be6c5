"""Pictures of the dashboard's panels, drawn from what a real Prometheus answers: no Grafana is part of it.

`scripts/panels [--seconds 90]` starts Envoy, the processor, stand-in providers and Prometheus, lets traffic pass, asks
each query of deploy/observability/dashboard.json, and writes one SVG for each row of the dashboard to docs/pictures.
"""

import argparse
import html
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tests.observability.running import DEPLOYED, Prometheus, observed

ROOT: Final = Path(__file__).parents[1]
PICTURES: Final = ROOT / "docs/pictures"

WIDTH: Final = 480
HEIGHT: Final = 250
GAP: Final = 12
LEFT, RIGHT, TOP, BOTTOM = 58, 10, 34, 62
"""The margins of a panel's plot, in pixels: for its scale, its title and its legend."""

COLUMNS: Final = 2
LEGEND_MAX: Final = 6
COLOURS: Final = ("#3274d9", "#e0752d", "#3f9142", "#a352cc", "#c4162a", "#0a9396", "#8f6b00", "#6b7280")


class Line(Struct, frozen=True):
    """One series: what it is called, and its points (seconds ago, value)."""

    name: str
    points: list[tuple[float, float]]


class Drawn(Struct, frozen=True):
    """A panel with what was answered to its queries."""

    title: str
    unit: str
    lines: list[Line]


def rows() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return the rows of the dashboard, with their panels."""
    found: list[tuple[str, list[dict[str, Any]]]] = []
    for panel in json.loads((DEPLOYED / "dashboard.json").read_text())["panels"]:
        if panel["type"] == "row":
            found.append((panel["title"], []))
        else:
            found[-1][1].append(panel)
    return iter(found)


def answered(prometheus: Prometheus, panel: dict[str, Any], seconds: float) -> Drawn:
    """Ask the queries of a panel."""
    lines = [
        Line(_named(target["legendFormat"], series["metric"]), list(_points(series["values"])))
        for target in panel["targets"]
        for series in prometheus.over(target["expr"], seconds)
    ]
    lines = [line for line in lines if line.points]
    lines.sort(key=lambda line: -max(value for _, value in line.points))
    return Drawn(panel["title"], panel["fieldConfig"]["defaults"]["unit"], lines)


def _named(form: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        form = form.replace("{{" + name + "}}", value)
    return form


def _points(values: Iterable[tuple[float, str]]) -> Iterator[tuple[float, float]]:
    for at, value in values:
        number = float(value)
        if math.isfinite(number):
            yield at, number


def written(value: float, unit: str) -> str:
    """A number of the scale as people read it."""
    if unit == "s":
        return f"{value * 1e6:.0f} µs" if value < 1e-3 else f"{value * 1e3:.3g} ms" if value < 1 else f"{value:.3g} s"
    if unit == "currencyUSD":
        return f"${value:.3g}"
    return (f"{value:,.0f}" if value >= 1000 else f"{value:.3g}") + ("/s" if unit == "reqps" else "")


def panel_svg(drawn: Drawn, x: int, y: int) -> Iterator[str]:
    """Draw one panel at a place."""
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    points = [point for line in drawn.lines for point in line.points]
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    most = max(value for _, value in points) or 1.0
    yield f'<g transform="translate({x},{y})">'
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" rx="4" fill="#fff" stroke="#ddd"/>'
    yield f'<text x="12" y="21" font-size="14" font-weight="bold">{html.escape(drawn.title)}</text>'
    for part in range(5):
        at = TOP + high - high * part / 4
        yield f'<path d="M{LEFT} {at:.1f}h{wide}" stroke="#eee"/>'
        label = written(most * part / 4, drawn.unit)
        yield f'<text x="{LEFT - 6}" y="{at + 4:.1f}" font-size="10" text-anchor="end" fill="#555">{label}</text>'
    yield f'<text x="{LEFT}" y="{TOP + high + 11}" font-size="9" fill="#777">{last - first:.0f} s ago</text>'
    yield f'<text x="{WIDTH - RIGHT}" y="{TOP + high + 11}" font-size="9" text-anchor="end" fill="#777">now</text>'
    for number, line in enumerate(drawn.lines):
        scaled = [
            (LEFT + wide * (at - first) / ((last - first) or 1), TOP + high - high * value / most)
            for at, value in line.points
        ]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in scaled)
        colour = COLOURS[number % len(COLOURS)]
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
    yield from _legend(drawn.lines)
    yield "</g>"


def _legend(lines: list[Line]) -> Iterator[str]:
    for number, line in enumerate(lines[:LEGEND_MAX]):
        x, y = LEFT + (number % 3) * 138, HEIGHT - BOTTOM + 24 + (number // 3) * 16
        name = line.name if len(line.name) <= 21 else line.name[:20] + "…"
        yield f'<rect x="{x}" y="{y - 8}" width="9" height="9" fill="{COLOURS[number % len(COLOURS)]}"/>'
        yield f'<text x="{x + 13}" y="{y}" font-size="11" fill="#333">{html.escape(name)}</text>'
    if len(lines) > LEGEND_MAX:
        y = HEIGHT - BOTTOM + 24 + 32
        yield f'<text x="{LEFT}" y="{y}" font-size="10" fill="#777">and {len(lines) - LEGEND_MAX} more</text>'


def row_svg(title: str, panels: list[Drawn]) -> str:
    """Draw a row of the dashboard."""
    lines = math.ceil(len(panels) / COLUMNS)
    wide = COLUMNS * WIDTH + (COLUMNS + 1) * GAP
    high = lines * HEIGHT + (lines + 1) * GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}">',
        '<g font-family="DejaVu Sans, Helvetica, Arial, sans-serif">',
        f"<title>{html.escape(title)}: drawn from the answers of a Prometheus, not a screenshot of Grafana</title>",
        f'<rect width="{wide}" height="{high}" fill="#f4f5f7"/>',
    ]
    for number, drawn in enumerate(panels):
        x = GAP + (number % COLUMNS) * (WIDTH + GAP)
        y = GAP + (number // COLUMNS) * (HEIGHT + GAP)
        parts += panel_svg(drawn, x, y)
    return "\n".join([*parts, "</g></svg>", ""])


def main() -> None:
    """Draw all rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=90.0, help="of traffic (default: %(default)s)")
    seconds = parser.parse_args().seconds
    PICTURES.mkdir(parents=True, exist_ok=True)
    with observed(seconds) as (prometheus, _):
        drawn = {title: [answered(prometheus, panel, seconds) for panel in panels] for title, panels in rows()}
    empty = [each.title for panels in drawn.values() for each in panels if not each.lines]
    if empty:
        raise SystemExit(f"no answer to the queries of: {', '.join(empty)}; nothing is drawn")
    for title, panels in drawn.items():
        path = PICTURES / f"{title.lower().replace(' ', '-')}.svg"
        path.write_text(row_svg(title, panels))
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
