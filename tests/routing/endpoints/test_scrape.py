"""The numbers on a page of vLLM's metrics."""

from extproc.routing.endpoints import MetricsSample
from extproc.routing.endpoints.scrape import read_metrics
from tests.gathered import gathered

REQUESTS = 'vllm:num_requests_running{model_name="m"} 3.0\nvllm:num_requests_waiting{model_name="m"} 2\n'


@gathered(
    ("page", "found"),
    [
        (REQUESTS, (2, 3, None)),
        (REQUESTS + 'vllm:kv_cache_usage_perc{model_name="a}b"} 2.5e-1\n', (2, 3, 0.25)),
        (REQUESTS + "vllm:gpu_cache_usage_perc 0.5 1700000000\n", (2, 3, 0.5)),
        (REQUESTS + "vllm:kv_cache_usage_perc 0.1\nvllm:gpu_cache_usage_perc 0.5\n", (2, 3, 0.1)),
        (
            REQUESTS * 2 + 'vllm:kv_cache_usage_perc{engine="0"} 0.1\nvllm:kv_cache_usage_perc{engine="1"} 0.7\n',
            (4, 6, 0.7),
        ),
        (REQUESTS.replace("\n", "\r\n"), (2, 3, None)),
        (REQUESTS + "vllm:num_requests_waiting_by_reason 9\nxvllm:num_requests_waiting 9\n", (2, 3, None)),
        (REQUESTS + "vllm:kv_cache_usage_perc 1.7\n", (2, 3, 1.0)),
        (REQUESTS + "vllm:kv_cache_usage_perc NaN\nvllm:num_requests_waiting -1\n", (2, 3, None)),
        ("# vllm:num_requests_running 1\nvllm:num_requests_waiting 1\n", None),
        ("", None),
        ("\x00\xff" * 1000, None),
        ("vllm:num_requests_running 1e308\nvllm:num_requests_waiting 1e308\n", None),
        ("vllm:num_requests_running 1\n" + "vllm:num_requests_waiting 1e308\n" * 2, None),
        ("vllm:num_requests_running 1e999\nvllm:num_requests_waiting 1\n", None),
    ],
)
def test_requests_are_added_over_engines_and_the_fullest_cache_counts(
    page: str, found: tuple[float, float, float | None] | None
) -> None:
    expected = None if found is None else MetricsSample(*found, 7.0)
    assert read_metrics(page.encode("latin-1"), 7.0) == expected
