from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.cli import main
from extproc.gateway.process import validate

POLICY = """\
version: 1
backends:
  - {name: openai, url: http://127.0.0.1:9000/v1, api: openai, credential: {bearer: {env: A_KEY_THAT_IS_NOT_SET}}}
  - {name: claude, url: http://127.0.0.1:9001/v1, api: anthropic}
models:
  - {name: chat, targets: [{backend: openai}]}
"""

Output = pytest.CaptureFixture[str]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def printed(capsys: Output, policy: Path, *options: str) -> Any:
    assert main(["envoy", "-c", str(policy), *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return yaml.safe_load(out)


@pytest.mark.envoy
@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
def test_what_is_printed_is_a_configuration_that_envoy_takes(policy: Path, profile: str, capsys: Output) -> None:
    validate(printed(capsys, policy, "--profile", profile, "--workers", "2", "--access-log", "/dev/stdout"))


def test_the_comment_says_what_to_do_next(policy: Path, capsys: Output) -> None:
    main(["envoy", "-c", str(policy), "--workers", "2", "--port", "8081"])
    comment = [line for line in capsys.readouterr().out.splitlines() if line.startswith("#")]
    assert f"#   extproc serve -c {policy} --listen unix:/run/extproc.sock --workers 2" in comment
    assert "#   curl http://localhost:8081/v1/models" in comment


def test_no_credential_is_read(policy: Path, capsys: Output) -> None:
    assert "A_KEY_THAT_IS_NOT_SET" not in str(printed(capsys, policy))


def test_each_worker_is_an_endpoint(policy: Path, capsys: Output) -> None:
    made = printed(capsys, policy, "--endpoint", "unix:/run/a.sock", "--endpoint", "10.0.0.1:9000", "--workers", "2")
    [endpoints] = made["static_resources"]["clusters"][0]["load_assignment"]["endpoints"]
    assert [entry["endpoint"]["address"] for entry in endpoints["lb_endpoints"]] == [
        {"pipe": {"path": "/run/a.sock"}},
        {"pipe": {"path": "/run/a.sock.1"}},
        {"socket_address": {"address": "10.0.0.1", "port_value": 9000}},
        {"socket_address": {"address": "10.0.0.1", "port_value": 9001}},
    ]


def test_clients_and_the_admin_port_are_met_on_the_loopback_unless_told_otherwise(policy: Path, capsys: Output) -> None:
    made = printed(capsys, policy)
    assert made["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9901}
    [listener] = made["static_resources"]["listeners"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 8080}
    assert "admin" not in printed(capsys, policy, "--admin", "none")


def test_tls_to_the_processor_is_put_in(policy: Path, capsys: Output) -> None:
    made = printed(capsys, policy, "--endpoint", "p:1", "--processor-ca", "/ca.pem", "--processor-name", "p")
    assert made["static_resources"]["clusters"][0]["transport_socket"]["typed_config"]["sni"] == "p"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--endpoint", "nonsense"], "is not an address"),
        (["--endpoint", "unix:relative.sock"], "a path is absolute here"),
        (["--workers", "0"], "--workers is between 1 and 256"),
        (["--workers", "257"], "--workers is between 1 and 256"),
        (["--port", "65536"], "--port is between 0 and 65535"),
        (["--admin", "unix:/run/admin"], "--admin takes host:port or none"),
        (["--processor-ca", "/ca.pem"], "needs --processor-ca and --processor-name"),
        (
            ["--processor-ca", "/ca.pem", "--processor-name", "p", "--processor-key", "/key.pem"],
            "takes a certificate and its key",
        ),
    ],
)
def test_wrong_options_are_named_and_nothing_is_printed(
    policy: Path, options: Sequence[str], said: str, capsys: Output
) -> None:
    assert main(["envoy", "-c", str(policy), *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_a_wrong_policy_is_told_line_by_line(policy: Path, capsys: Output) -> None:
    policy.write_text(POLICY.replace("backend: openai", "backend: opnai"))
    assert main(["envoy", "-c", str(policy)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{policy}:6" in err
