"""The list of metrics in the documentation is the list that there is."""

from pathlib import Path

from extproc.telemetry.conventions import ALL_COUNTERS, ALL_GAUGES, ALL_HISTOGRAMS
from extproc.telemetry.listing import with_metrics

PAGE = Path(__file__).parents[2] / "docs/observability.md"


def test_the_page_lists_all_metrics() -> None:
    page = PAGE.read_text()
    assert page == with_metrics(page), "run scripts/docs"
    for family in (*ALL_COUNTERS, *ALL_GAUGES, *ALL_HISTOGRAMS):
        assert f"| `{family.shown}` |" in page


def test_every_picture_of_the_page_is_there() -> None:
    page = PAGE.read_text()
    names = [line.rpartition("(")[2].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert names
    for name in names:
        assert (PAGE.parent / name).is_file(), f"{name}: run scripts/panels"
