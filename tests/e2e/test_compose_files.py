"""compose.yaml, Dockerfile and envoy/compose as they are written: what needs no engine to be checked."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.cli import main
from extproc.server.files import load
from tests.e2e.compose_engine import compose_programs, run
from tests.e2e.compose_project import ROOT, SERVICES

FOLDER = ROOT / "envoy" / "compose"
GENERATE = "--endpoint processor:9000 --workers 2 --host 0.0.0.0 --access-log /dev/stdout"
"""How envoy.yaml is made from policy.yaml; docs/docker.md tells operators the same."""

# What is used: all of it in the schema of docker-compose 1.29.2, none of it obsolete in Compose v2. `name`, `include`,
# `develop`, `start_interval` and `depends_on.required` came with v2, `version` and `links` stayed behind with v1.
TOP = {"services", "networks"}
SERVICE = {
    "build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image", "networks",
    "ports", "read_only", "restart", "security_opt", "stop_grace_period", "user", "volumes",
}  # fmt: skip
BUILD = {"context", "target", "args"}
HEALTHCHECK = {"test", "interval", "timeout", "retries"}
NETWORK = {"internal"}

BUILDKIT = re.compile(
    r"^#\s*syntax=|<<-?\s*['\"]?\w+|^\s*(?:RUN|COPY|ADD)\s.*--(?:mount|link|chmod|parents|exclude|checksum|network|security)\b",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    """compose.yaml with its anchors resolved, which is YAML's business and the same in both generations."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return document


def test_every_word_of_the_compose_file_is_known_to_both_generations_of_compose(written: dict[str, Any]) -> None:
    assert {key for key in written if not key.startswith("x-")} == TOP
    assert tuple(sorted(written["services"])) == SERVICES
    for service in written["services"].values():
        assert service.keys() <= SERVICE
        assert service.get("build", {}).keys() <= BUILD
        assert service["healthcheck"].keys() == HEALTHCHECK
        assert all(needed.keys() == {"condition"} for needed in service.get("depends_on", {}).values())
    assert all(network.keys() <= NETWORK for network in written["networks"].values())


def test_variables_are_written_in_the_one_form_that_both_generations_replace_alike() -> None:
    text = (ROOT / "compose.yaml").read_text()
    dollars = re.findall(r"\$\$|\$\{[A-Z_]+:-[^{}$]+\}|\$", re.sub(r"(?m)(^|\s)#.*$", "", text))
    assert "$" not in dollars, "a dollar is ${NAME:-default}, or $$ for one that is meant"
    variables = {found[2:].partition(":-")[0] for found in dollars if found != "$$"}
    assert variables == {"BASE", "ENVOY_IMAGE", "EXTPROC_CONFIG", "EXTPROC_IMAGE", "EXTPROC_PORT", "HOSTED_API_KEY"}
    described = (ROOT / "docs" / "docker.md").read_text()
    assert all(f"`{name}`" in described for name in variables), "docs/docker.md says what each is for"


def test_every_service_is_hardened_and_only_what_is_healthy_is_built_upon(written: dict[str, Any]) -> None:
    for service in written["services"].values():
        assert service["user"] == "65532:65532"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    upon = written["services"]["envoy"]["depends_on"]
    assert upon == {name: {"condition": "service_healthy"} for name in SERVICES if name != "envoy"}


def test_envoy_alone_has_a_port_on_this_machine_and_on_its_loopback(written: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in written["services"].items() if "ports" in service}
    assert ports == {"envoy": ["127.0.0.1:${EXTPROC_PORT:-8080}:8080"]}
    leads_out = {name for name, service in written["services"].items() if "edge" in service["networks"]}
    assert leads_out == {"envoy"}
    assert written["networks"] == {"edge": {}, "control": {"internal": True}, "providers": {"internal": True}}


def test_the_processor_is_reached_by_envoy_alone_for_it_answers_everybody(written: dict[str, Any]) -> None:
    networks = {name: set(service["networks"]) for name, service in written["services"].items()}
    assert "--insecure-listen" in written["services"]["processor"]["command"]
    assert {name for name, joined in networks.items() if joined & networks["processor"]} == {"envoy", "processor"}


def test_the_official_images_are_the_defaults_and_their_tags_say_a_version(written: dict[str, Any]) -> None:
    services = written["services"]
    assert services["envoy"]["image"] == "${ENVOY_IMAGE:-envoyproxy/envoy:v1.40.0}"
    base = services["processor"]["build"]["args"]["BASE"].removeprefix("${BASE:-").removesuffix("}")
    assert f"ARG BASE={base}\n" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("text", ["# syntax=docker/dockerfile:1", "RUN --mount=type=cache x", "RUN cat <<EOF"])
def test_what_only_buildkit_reads_is_recognised(text: str) -> None:
    assert BUILDKIT.search(f"FROM scratch\n{text}\n")


def test_the_dockerfile_is_plain_enough_for_the_legacy_builder() -> None:
    assert BUILDKIT.search((ROOT / "Dockerfile").read_text()) is None


def test_the_compose_file_is_valid_for_the_compose_that_is_installed(tmp_path: Path) -> None:
    programs = compose_programs()
    if not programs:
        pytest.skip("there is neither docker-compose nor docker compose")
    (tmp_path / "compose.yaml").write_text((ROOT / "compose.yaml").read_text())
    for program in programs:
        read = yaml.safe_load(run(*program, "-f", "compose.yaml", "config", folder=tmp_path))
        assert tuple(sorted(read["services"])) == SERVICES
        assert read["services"]["envoy"]["image"] == "envoyproxy/envoy:v1.40.0"


def test_the_compose_envoy_is_what_is_generated_for_its_policy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(FOLDER)
    assert main(["envoy", "-c", "policy.yaml", *GENERATE.split()]) == 0
    anew = f"make it anew: cd envoy/compose && extproc envoy -c policy.yaml {GENERATE} >envoy.yaml"
    assert yaml.safe_load((FOLDER / "envoy.yaml").read_text()) == yaml.safe_load(capsys.readouterr().out), anew
    assert GENERATE in (ROOT / "docs" / "docker.md").read_text()


def test_the_policy_names_the_services_that_the_compose_file_has(written: dict[str, Any]) -> None:
    backends = load(FOLDER / "policy.yaml").backends
    assert {backend.address.host for backend in backends} <= written["services"].keys()
    served = {name: written["services"][name]["entrypoint"] for name in (b.address.host for b in backends)}
    assert all(str(backend.address.port) in served[backend.address.host] for backend in backends)
