"""The list of all metrics, written from the families themselves; `scripts/docs` puts it into docs/observability.md."""

from collections.abc import Iterator
from typing import Final

from extproc.telemetry.conventions import ALL_BUCKETS, ALL_COUNTERS, ALL_GAUGES, ALL_HISTOGRAMS, BASE
from extproc.telemetry.families import Family

BEGIN: Final = "<!-- metrics: written by scripts/docs -->"
END: Final = "<!-- /metrics -->"


def markdown() -> str:
    """Return the tables of all metrics."""
    return "\n".join([BEGIN, "", *_tables(), END])


def with_metrics(page: str) -> str:
    """Return a page with the tables in the place of those that it has."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + markdown() + after


def _tables() -> Iterator[str]:
    for title, families in (("Counters", ALL_COUNTERS), ("Gauges", ALL_GAUGES), ("Histograms", ALL_HISTOGRAMS)):
        yield f"### {title}\n"
        yield "| metric | labels | meaning |\n|---|---|---|"
        for family in families:
            yield f"| `{family.shown}` | {_labels(family)} | {family.help} |"
        yield ""
    yield "### Buckets\n"
    yield "| histogram | upper bounds |\n|---|---|"
    for family in ALL_HISTOGRAMS:
        bounds = ", ".join(f"{bound:g}" if bound < 1e4 else f"{bound:.0f}" for bound in ALL_BUCKETS[family.name])
        yield f"| `{family.shown}` | {bounds} |"
    yield ""


def _labels(family: Family) -> str:
    names = [name for name in family.labels if name not in BASE]
    shared = ["(the shared ones)"] if len(names) < len(family.labels) else []
    return ", ".join([*shared, *(f"`{name}`" for name in names)])
