"""The alert and recording rules, as Prometheus's own promtool judges them: each fires when it is to, and else not."""

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from extproc.telemetry.conventions import ALL_COUNTERS, ALL_GAUGES, ALL_HISTOGRAMS

FOLDER: Final = Path(__file__).parents[2] / "deploy/observability"
MINUTES: Final = 40
"""The time at which alerts are looked at: past the longest wait of any of them."""

RISING: Final = "0+60x60"
STILL: Final = "7+0x60"

FIRES: Final[dict[str, dict[str, str]]] = {
    "ExtprocDown": {'up{job="extproc",instance="a"}': "0+0x60"},
    "ExtprocNoWorkerReady": {'extproc_workers{instance="a",state="ready"}': "0+0x60"},
    "ExtprocWorkersRestart": {'extproc_worker_restarts_total{instance="a"}': "0+1x60"},
    "ExtprocMisconfiguredEnvoy": {'extproc_misconfigured_total{instance="a",what="forward_rules"}': RISING},
    "ExtprocProtocolViolations": {'extproc_protocol_violations_total{instance="a"}': RISING},
    "ExtprocReloadFailed": {'extproc_reloads_total{instance="a",result="failed"}': "0+1x60"},
    "ExtprocErrors": {
        'gen_ai_server_request_duration_seconds_count{ai_backend="north",error_type="503"}': "0+6x60",
        'gen_ai_server_request_duration_seconds_count{ai_backend="north",error_type=""}': RISING,
    },
    "ExtprocBackendDown": {'extproc_backend_down{backend="north",model="gpt"}': "1+0x60"},
    "ExtprocProcessorFails": {
        'extproc_inspection_failures_total{processor="corp",reason="timeout",outcome="blocked"}': RISING
    },
    "ExtprocUninspected": {'extproc_uninspected_total{reason="image"}': RISING},
    "ExtprocSlow": {
        'extproc_exchange_added_seconds_bucket{instance="a",le="0.25"}': STILL,
        'extproc_exchange_added_seconds_bucket{instance="a",le="1.0"}': RISING,
        'extproc_exchange_added_seconds_bucket{instance="a",le="+Inf"}': RISING,
    },
    "ExtprocLoopLag": {'extproc_loop_lag_seconds{instance="a"}': "0.3+0x60"},
    "ExtprocUnpriced": {'extproc_unpriced_total{backend="north",model="gpt"}': RISING},
    "ExtprocLabelsOverflow": {'extproc_label_overflow_total{label="tenant"}': RISING},
    "ExtprocBudgetRefuses": {'extproc_budget_refused_total{budget="team",unit="usd",shadow="false"}': RISING},
    "ExtprocAuditLost": {'extproc_audit_records_total{instance="a",outcome="lost"}': RISING},
    "ExtprocTelemetryLost": {'extproc_otlp_total{instance="a",signal="traces",result="dropped"}': RISING},
}
"""Each alert, with the series for which it fires."""

QUIET: Final = {
    'up{job="extproc",instance="a"}': "1+0x60",
    'extproc_workers{instance="a",state="ready"}': "2+0x60",
    'extproc_worker_restarts_total{instance="a"}': STILL,
    'extproc_misconfigured_total{instance="a",what="forward_rules"}': STILL,
    'extproc_protocol_violations_total{instance="a"}': STILL,
    'extproc_reloads_total{instance="a",result="failed"}': STILL,
    'extproc_reloads_total{instance="a",result="ok"}': RISING,
    'gen_ai_server_request_duration_seconds_count{ai_backend="north",error_type="503"}': "0+1x60",
    'gen_ai_server_request_duration_seconds_count{ai_backend="north",error_type="blocked"}': RISING,
    'gen_ai_server_request_duration_seconds_count{ai_backend="north",error_type=""}': RISING,
    'extproc_backend_down{backend="north",model="gpt"}': "0+0x60",
    'extproc_inspection_failures_total{processor="corp",reason="timeout",outcome="blocked"}': STILL,
    'extproc_uninspected_total{reason="image"}': STILL,
    'extproc_exchange_added_seconds_bucket{instance="a",le="0.25"}': RISING,
    'extproc_exchange_added_seconds_bucket{instance="a",le="+Inf"}': RISING,
    'extproc_loop_lag_seconds{instance="a"}': "0.01+0x60",
    'extproc_unpriced_total{backend="north",model="gpt"}': STILL,
    'extproc_label_overflow_total{label="tenant"}': STILL,
    'extproc_budget_refused_total{budget="team",unit="usd",shadow="true"}': RISING,
    'extproc_audit_records_total{instance="a",outcome="written"}': RISING,
    'extproc_otlp_total{instance="a",signal="traces",result="exported"}': RISING,
}
"""A gateway with which nothing is wrong."""


def rules() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)


def series(of: dict[str, str]) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in of.items()]


def fired(name: str) -> dict[str, Any]:
    """A test of one rule: that it fires, whatever its labels are."""
    query = f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) > 0'
    expected = {"expr": query, "eval_time": f"{MINUTES}m", "exp_samples": [{"labels": "{}", "value": 1}]}
    return {"interval": "1m", "input_series": series(FIRES[name]), "promql_expr_test": [expected]}


@pytest.mark.services
def test_promtool_takes_the_files() -> None:
    done = promtool("check", "rules", str(FOLDER / "alerts.yaml"), str(FOLDER / "rules.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    done = promtool("check", "config", str(FOLDER / "prometheus.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.services
def test_each_alert_fires_when_it_is_to_and_none_while_nothing_is_wrong(tmp_path: Path) -> None:
    none = [{"expr": "ALERTS", "eval_time": f"{at}m", "exp_samples": []} for at in (10, MINUTES)]
    quiet = {"interval": "1m", "input_series": series(QUIET), "promql_expr_test": none}
    whole = {
        "rule_files": [str(FOLDER / "alerts.yaml")],
        "evaluation_interval": "1m",
        "tests": [*(fired(name) for name in FIRES), quiet],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(whole))
    done = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.services
def test_the_older_name_of_a_metric_has_its_values(tmp_path: Path) -> None:
    given = {'gen_ai_client_token_usage_sum{gen_ai_token_type="input"}': "5+0x10"}
    asked = {
        "expr": "gen_ai_client_token_usage_token_sum",
        "eval_time": "5m",
        "exp_samples": [{"labels": 'gen_ai_client_token_usage_token_sum{gen_ai_token_type="input"}', "value": 5}],
    }
    whole = {
        "rule_files": [str(FOLDER / "rules.yaml")],
        "tests": [{"interval": "1m", "input_series": series(given), "promql_expr_test": [asked]}],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(whole))
    done = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_and_says_what_is_wrong() -> None:
    found = rules()
    assert found.keys() == FIRES.keys()
    for rule in found.values():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_alerts_are_about_metrics_that_there_are() -> None:
    names = {family.shown for family in (*ALL_COUNTERS, *ALL_GAUGES, *ALL_HISTOGRAMS)}
    for rule in rules().values():
        for word in re.findall(r"\b(?:extproc|gen_ai)_[a-z_]+(?=[{\[ )]|$)", _without_labels(rule["expr"])):
            assert word.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") in names, word


def _without_labels(query: str) -> str:
    """A query without the lists of labels that it is grouped by."""
    return re.sub(r"(?:by|without) \([^)]*\)", "", query)
