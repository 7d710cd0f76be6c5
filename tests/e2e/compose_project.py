"""compose.yaml, started from a clean checkout under a name of its own, and what can be asked of its containers."""

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from extproc.testing import eventually
from extproc.testing.provider import RecordedRequest, read_records
from tests.e2e.compose_engine import docker, inspect, run

ROOT: Final = Path(__file__).parents[2]
SERVICES: Final = ("envoy", "processor", "provider-hosted", "provider-local")

BUILD_WITHIN: Final = 600.0
UP_WITHIN: Final = 120.0
HEALTHY_WITHIN: Final = 60.0
"""Seconds; six are usual for all of it, on a machine with nothing else to do."""

_RECORDS: Final = """\
from http.client import HTTPConnection
connection = HTTPConnection("127.0.0.1", 9100, timeout=5)
connection.request("GET", "/_records")
print(connection.getresponse().read().decode())
"""


def checkout(folder: Path) -> Path:
    """A clean checkout of the last commit in a new folder: nothing that is not committed takes part."""
    packed = folder.with_suffix(".tar")
    run("git", "archive", "--output", str(packed), "HEAD", folder=ROOT)
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder


@dataclass(frozen=True, slots=True)
class Project:
    """One use of compose.yaml. `program` is the Compose that is used, `environment` what its variables are set to."""

    name: str
    folder: Path
    program: Sequence[str]
    environment: Mapping[str, str]

    def compose(self, *arguments: str, within: float = UP_WITHIN) -> str:
        """Compose, with these arguments; what it writes to standard output."""
        command = (*self.program, "-p", self.name, *arguments)
        return run(*command, within=within, folder=self.folder, environment=self.environment)

    def container(self, service: str) -> str:
        """The id of a service's container, which may have ended."""
        labels = (f"com.docker.compose.project={self.name}", f"com.docker.compose.service={service}")
        filters = [word for label in labels for word in ("--filter", f"label={label}")]
        return docker("ps", "--all", "--quiet", *filters).strip()

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container."""
        return inspect(self.container(service))

    def execute(self, service: str, *command: str, user: str | None = None) -> str:
        """What a program in a service's container says; as another user if told so. Raises CommandFailed."""
        return docker("exec", *(("--user", user) if user else ()), self.container(service), *command)

    def healthy(self, service: str) -> bool:
        """Whether a service's health check says so before long."""
        container = self.container(service)

        def now() -> bool:
            return bool(inspect(container)["State"]["Health"]["Status"] == "healthy")

        return eventually(now, HEALTHY_WITHIN)

    @property
    def port(self) -> int:
        """The port on this machine that leads to Envoy."""
        return int(self.inspect("envoy")["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"])

    def records(self, service: str) -> list[RecordedRequest]:
        """What a stand-in provider was sent."""
        return read_records(self.execute(service, "python", "-c", _RECORDS).encode())

    def leftovers(self) -> list[str]:
        """Containers, networks and volumes of this project."""
        label = f"label=com.docker.compose.project={self.name}"
        kinds = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        return [one for kind in kinds for one in docker(*kind, "--quiet", "--filter", label).split()]


@contextmanager
def running(project: Project) -> Iterator[Project]:
    """Builds and starts a project; what fails within gets the end of the containers' logs as a note."""
    try:
        project.compose("build", "processor", within=BUILD_WITHIN)  # the providers have the same image
        project.compose("up", "--detach")
        yield project
    except BaseException as error:
        error.add_note(project.compose("logs", "--no-color", "--tail", "30"))
        raise
    finally:
        project.compose("down", "--volumes", "--remove-orphans")


def status(text: str) -> dict[str, str]:
    """/proc/PID/status as names and values."""
    rows = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in rows}


def packages(project: Project) -> set[str]:
    """The names of the Python distributions in the processor's image."""
    program = "import json; from importlib.metadata import distributions as d; print(json.dumps([x.name for x in d()]))"
    return set(json.loads(project.execute("processor", "python", "-c", program)))
