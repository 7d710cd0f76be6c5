import io
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from extproc.classify import tokens
from extproc.cli import main
from extproc.server import price_list
from tests.e2e.gateway import ext_proc

GOOD = """\
version: 1
backends:
  - {name: openai, url: https://api.openai.com/v1, api: openai, models: [{name: gpt-4o}]}
  - {name: local, url: http://127.0.0.1:9001/v1, api: openai}
default_backend: none
models:
  - {name: chat, targets: [{backend: openai, model: gpt-4o}], fallback: [{backend: local}]}
"""


def check(tmp_path: Path, text: str) -> tuple[int, Path]:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return main(["check", "-c", str(path)]), path


def test_a_good_policy_is_summed_up_and_exits_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, path = check(tmp_path, GOOD)
    assert code == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        f"{path}: OK",
        "backends: openai (https://api.openai.com/v1), local (http://127.0.0.1:9001/v1)",
        "models: chat",
        "unknown models: reject",
        "default backend: none",
    ]


def test_the_rules_of_a_model_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = "[{name: agents, when: tools > 0, to: [{backend: local}]}, {when: stream, to: [{backend: local}]}]"
    assert check(tmp_path, GOOD + f"  - {{name: auto, targets: [{{backend: local}}], rules: {rules}}}\n")[0] == 0
    assert "models: chat, auto (rules: agents, rule-2)\n" in capsys.readouterr().out
    tried = "strategy: cheapest, canary: {to: {backend: openai, model: next}, share: 5%}"
    assert (
        check(tmp_path, GOOD + f"  - {{name: auto, targets: [{{backend: local}}], {tried}, rules: {rules}}}\n")[0] == 0
    )
    assert "models: chat, auto (cheapest; canary: openai; rules: agents, rule-2)\n" in capsys.readouterr().out


def test_usage_budgets_and_audit_are_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = """
usage: {}
budgets:
  - {name: team, per: tenant, usd: 50, window: month, limits: {acme: 500}}
  - {name: burst, per: {header: x-team}, requests: 600, window: 1m, windows: sliding, mode: shadow}
  - {name: open, per: all, streams: 20}
state: {memory: {file: /var/lib/extproc/budgets}}
audit: {file: /audit.jsonl, stdout: true, capture: masked}
"""
    assert check(tmp_path, GOOD + text)[0] == 0
    assert capsys.readouterr().out.splitlines()[-6:] == [
        "usage: counted by processor; metadata for Envoy: io.envoy.ai_gateway",
        "budget team: 50 usd in each month per tenant (1 with limits of their own)",
        "budget burst: 600 requests in any 1m per x-team (shadow)",
        "budget open: 20 streams for all together",
        "state: file /var/lib/extproc/budgets",
        "audit: file /audit.jsonl, stdout; not signed; without a record: block; request bodies are captured, masked",
    ]


def test_residency_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("name: local,", "name: local, region: eu,", 1)
    assert "region: eu" in text
    assert check(tmp_path, f"{text}residency: [{{name: eu-data, when: tools > 0, regions: [eu]}}]\n")[0] == 0
    assert "residency eu-data: eu\n" in capsys.readouterr().out


def test_no_default_backend_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, GOOD.replace("default_backend: none\n", ""))[0] == 0
    said = capsys.readouterr()
    assert "default backend: none\n" in said.out
    assert "requests on paths of no API get 404" in said.err
    assert check(tmp_path, GOOD.replace("default_backend: none", "default_backend: route"))[0] == 0
    assert "default backend: route\n" in capsys.readouterr().out


def test_every_error_of_a_wrong_policy_is_a_line_on_stderr_and_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, path = check(tmp_path, GOOD.replace("backend: local", "backend: loca") + "cache: []\n")
    assert code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"{path}:7:84: models[0].fallback[0].backend: there is no backend loca (did you mean local?)",
        f"{path}:8:1: cache: cache is not supported by this version (delete it: nothing in it would be done)",
    ]


def test_what_looks_like_a_mistake_is_noted_on_stderr_and_exits_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, path = check(tmp_path, GOOD.replace("model: gpt-4o}", "model: gpt-4}"))
    assert code == 0
    assert capsys.readouterr().err == (
        f"note: {path}:7:53: models[0].targets[0].model: backend openai lists models, but not gpt-4 "
        "(did you mean gpt-4o?)\n"
    )


def test_a_policy_that_is_not_there_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.yaml"
    assert main(["check", "-c", str(path)]) == 2
    assert capsys.readouterr().err == f"{path}:1:1: there is no such file (check the path, or the mount)\n"


def test_every_problem_of_every_kind_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    text = """\
version: 1
backends:
  - {name: a, url: https://a, api: openai, credential: {bearer: {env: NOT_SET}}, tls: {ca: ca.pem}}
models: [{name: m, targets: [{backend: b}]}]
pipelines:
  - name: p
    request:
      - {use: pattern, name: one, regex: '(?=x)y'}
      - {use: secrets, gitleaks: none.toml, allow: {patterns: [fine, '((']}}
    response: [{use: pattern, name: two, regex: '(a'}, {use: pii, colour: red}]
"""
    code, path = check(tmp_path, text)
    assert code == 2
    places = [line.removeprefix(f"{path}:").split(": ")[:2] for line in capsys.readouterr().err.splitlines()]
    assert places == [
        ["note", f"{path}:3:92"],
        ["3:56", "backends[0].credential"],
        ["4:40", "models[0].targets[0].backend"],
        ["8:42", "pipelines[0].request[0].regex"],
        ["9:34", "pipelines[0].request[1].gitleaks"],
        ["9:70", "pipelines[0].request[1].allow.patterns[1]"],
        ["10:49", "pipelines[0].response[0].regex"],
        ["10:67", "pipelines[0].response[1].colour"],
    ]


def test_credentials_are_not_looked_for_if_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    path = tmp_path / "policy.yaml"
    path.write_text(GOOD.replace("api: openai, models", "api: openai, credential: {bearer: {env: NOT_SET}}, models"))
    assert main(["check", "-c", str(path)]) == 2
    assert "NOT_SET is not set" in capsys.readouterr().err
    assert main(["check", "--no-secrets", "-c", str(path)]) == 0


def test_a_policy_is_read_from_stdin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(GOOD.encode())))
    assert main(["check", "-c", "-"]) == 0
    assert capsys.readouterr().out.startswith("<stdin>: OK\n")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"version: 7")))
    assert main(["check", "-c", "-"]) == 2
    assert "<stdin>:1:10: version: " in capsys.readouterr().err


def test_check_without_a_policy_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2
    assert "-c/--config" in capsys.readouterr().err


def test_an_envoy_configuration_is_held_against_the_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, envoy = tmp_path / "policy.yaml", tmp_path / "envoy.yaml"
    path.write_text(GOOD)
    assert main(["envoy", "-c", str(path)]) == 0
    envoy.write_text(capsys.readouterr().out)
    against = ["check", "-c", str(path), "--against", str(envoy)]
    assert main(against) == 0
    assert capsys.readouterr().out.endswith(f"{envoy}: OK for this policy\n")
    path.write_text(GOOD.replace("9001", "9002"))
    assert main(against) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"{path}: OK\n")
    assert "cluster local: it leads to 127.0.0.1:9001, the policy says 127.0.0.1:9002" in err
    assert all(line.startswith(f"{envoy}:") for line in err.splitlines())


def test_a_note_about_an_envoy_configuration_is_no_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_KEY", "planted")
    path, envoy = tmp_path / "policy.yaml", tmp_path / "envoy.yaml"
    keyed = GOOD.replace("api: openai", "api: openai, credential: {bearer: {env: LOCAL_KEY}}", 1)
    path.write_text(f"{keyed}steering: {{retries: none}}\n")
    assert main(["envoy", "-c", str(path)]) == 0
    whole = yaml.safe_load(capsys.readouterr().out)
    del ext_proc(whole)["grpc_service"]["initial_metadata"], ext_proc(whole)["forward_rules"]
    envoy.write_text(yaml.safe_dump(whole))
    assert main(["check", "-c", str(path), "--against", str(envoy)]) == 0
    out, err = capsys.readouterr()
    assert out.endswith(f"{envoy}: OK for this policy\n")
    assert re.fullmatch(rf"note: {re.escape(str(envoy))}:\d+: .*xds\.cluster_name.*\n", err)


@pytest.mark.parametrize("content", [None, b"\xff", b"{a: ["])
def test_an_envoy_configuration_that_cannot_be_read_exits_2(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, envoy = tmp_path / "policy.yaml", tmp_path / "envoy.yaml"
    path.write_text(GOOD)
    if content is not None:
        envoy.write_bytes(content)
    assert main(["check", "-c", str(path), "--against", str(envoy)]) == 2
    assert str(envoy) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("every", "spare", "noted"),
    [
        ("200 characters", "{use: pii, name: spare, kinds: [email]}", True),
        ("200 tokens", "{use: pii, name: spare, kinds: [email]}", False),
        ("200 tokens", "{use: size, name: spare, max_bytes: 1}", True),
        ("200 characters", "{use: webhook, name: spare, url: 'http://127.0.0.1:9'}", False),
    ],
)
def test_a_stand_in_that_cannot_judge_windows_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], every: str, spare: str, noted: bool
) -> None:
    guard = f"{{use: webhook, url: 'http://127.0.0.1:9', every: {every}, on_failure: spare}}"
    code, _ = check(tmp_path, f"{GOOD}pipelines:\n  - name: p\n    response:\n      - {guard}\n      - {spare}\n")
    err = capsys.readouterr().err
    assert code == 0, err
    assert ("on_failure: spare may need more text than a window has: if webhook fails, a stream ends" in err) is noted


def test_conditions_on_the_processors_own_fields_and_on_unknown_kinds_are_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whens = {
        'headers["x-extproc-model"] == "a"': "the field x-extproc-model is the processor's own",
        'headers["x-gateway-model"] == "a"': "the field x-gateway-model is the processor's own",
        'findings.exists(f, f.kind == "emial")': "no finding has the kind emial (did you mean email?)",
        'findings.exists(f, "emial" != f.kind)': "no finding has the kind emial",
        'findings.exists(f, f.kind in ["email", "fone"])': "no finding has the kind fone",
        'size(findings) > 0 && findings[0].kind == "mial"': "no finding has the kind mial",
        'findings.exists(f, f.kind == "email" || f.kind == "github-token" || f.kind == "own" || f.kind == "bytes")': "",
        'findings.exists(f, f.processor == "emial")': "",
        'headers["x-team"] == "emial"': "",
    }
    for when, note in whens.items():
        text = (
            f"{GOOD}steering: {{model_header: x-gateway-model}}\n"
            "pipelines:\n  - name: p\n    request:\n      - {use: pattern, name: own, regex: 'PRJ-', action: report}\n"
            f"      - {{use: pii, action: mask, when: '{when}'}}\n"
        )
        code, path = check(tmp_path, text)
        err = capsys.readouterr().err
        assert code == 0
        assert (f"note: {path}:13:" in err) == bool(note), err
        assert note in err


def test_a_match_on_a_field_of_the_processor_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = check(tmp_path, GOOD + "pipelines: [{name: p, match: {headers: {x-extproc-cluster: a}}, request: []}]\n")
    assert code == 0
    assert "the field x-extproc-cluster is the processor's own" in capsys.readouterr().err


@pytest.mark.parametrize("here", [True, False])
def test_prices_that_are_not_known_and_extras_that_are_missing_are_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    monkeypatch.setattr(price_list, "installed", lambda: here)
    monkeypatch.setattr(tokens, "installed", lambda: here)
    assert check(tmp_path, GOOD + "prices: {}\nrecorded_signals: [input_tokens]\n")[0] == 0
    said = capsys.readouterr().err
    assert ("the price of gpt-4o at backend openai is not known" in said) is not here
    assert "the price of chat at backend local is not known" in said
    assert ("the public price list is not installed here" in said) is not here
    assert ("input_tokens is an estimate here" in said) is not here
    capsys.readouterr()
    assert check(tmp_path, GOOD)[0] == 0
    assert capsys.readouterr().err == ""
