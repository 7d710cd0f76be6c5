"""A checkout is held against another one by ratios of which less than 1 is better."""

import pytest

from scripts.benchmarks.against import WORSE, Ratio, table


@pytest.mark.parametrize(
    ("figure", "here", "there", "best", "worse"),
    [
        ("cpu_us_per_event", (12.0, 11.0), (10.0, 10.0), 1.1, True),
        ("cpu_us_per_event", (12.0, 10.0), (10.0, 10.0), 1.0, False),
        ("cpu_us_per_event", (10.0 * WORSE,), (10.0,), WORSE, False),
        ("requests_per_s", (1000.0, 800.0), (1000.0, 1250.0), 1.25, True),
        ("added_ms_p99", (3.0,), (1.0,), 3.0, False),
    ],
)
def test_a_figure_is_worse_if_the_best_rounds_and_most_rounds_say_so(
    figure: str, here: tuple[float, ...], there: tuple[float, ...], best: float, worse: bool
) -> None:
    ratio = Ratio(figure, "all-rules", here, there)
    assert ratio.of_best == pytest.approx(best)
    assert ratio.worse is worse
    assert ("WORSE" in table([ratio])) is worse
