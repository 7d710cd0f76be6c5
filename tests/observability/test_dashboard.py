"""The dashboard: each query of each panel has data in a real Prometheus that reads the running product."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from extproc.testing import eventually
from tests.observability.running import DEPLOYED, observed

DASHBOARD: Final = json.loads((DEPLOYED / "dashboard.json").read_text())

AI_GATEWAY: Final = (
    "sum(gen_ai_server_request_duration_seconds_count)",
    'sum(gen_ai_client_token_usage_sum{gen_ai_token_type=~"input|output"})',
    "histogram_quantile(0.95, sum(rate(gen_ai_server_time_to_first_token_seconds_bucket[15s])) by (le))",
    "histogram_quantile(0.95, sum(rate(gen_ai_server_time_per_output_token_seconds_bucket[15s])) by (le))",
    "histogram_quantile(0.99, sum(rate(gen_ai_server_request_duration_seconds_bucket[15s])) by (le))",
    (
        "sum by (gen_ai_original_model, gen_ai_response_model, gen_ai_provider_name) "
        "(gen_ai_server_request_duration_seconds_count)"
    ),
    (
        'sum(gen_ai_server_request_duration_seconds_count{error_type!=""}) '
        "/ sum(gen_ai_server_request_duration_seconds_count)"
    ),
    "sum by (gen_ai_request_model, gen_ai_token_type) (gen_ai_client_token_usage_token_sum)",
)
"""What dashboards for Envoy AI Gateway ask, in its newer and its older names."""


def panels() -> Iterator[dict[str, Any]]:
    return (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def test_the_dashboard_is_one_that_grafana_can_import() -> None:
    assert {each["name"] for each in DASHBOARD["__inputs"]} == {"DS_PROMETHEUS"}
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        assert panel["targets"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${DS_PROMETHEUS}"


@pytest.mark.envoy
@pytest.mark.services
def test_every_query_of_every_panel_has_data_from_the_running_product() -> None:
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    with observed(8.0) as (prometheus, envoy):
        empty: list[str] = []

        def whole() -> bool:
            empty[:] = [query for query in (*queries, *AI_GATEWAY) if not _has_data(prometheus.at_once(query))]
            return not empty

        assert eventually(whole, 60.0), "\n".join(["without data:", *empty])
        tenants = {each["metric"]["tenant"] for each in prometheus.at_once("extproc_tenant_requests_total")}
        assert tenants >= {"acme", "globex", "initech"}
        page = envoy.processor.metrics()
        assert "ann.lee" not in page
        assert "made-up" not in page
        firing = prometheus.ask("alerts")["alerts"]
        assert any(each["labels"]["alertname"] == "ExtprocReloadFailed" for each in firing)


def _has_data(series: list[dict[str, Any]]) -> bool:
    """True if a query returned a number: not nothing, and not the quantile of nothing."""
    return any(each["value"][1] != "NaN" for each in series)
