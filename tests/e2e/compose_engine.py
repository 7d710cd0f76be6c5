"""The container engine of this machine, through its own programs; every call is bounded in time."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

WITHIN: Final = 60.0
"""Seconds for a call that builds nothing."""


class CommandFailed(AssertionError):  # noqa: N818  - named for what it says
    """A program ended with another code than 0; the text holds the end of what it said."""


def run(
    *command: str, within: float = WITHIN, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """What a program writes to standard output. Raises CommandFailed."""
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=within,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}".strip()
        raise CommandFailed(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return done.stdout


def docker(*arguments: str, within: float = WITHIN) -> str:
    """`docker`, with these arguments."""
    return run("docker", *arguments, within=within)


def inspect(name: str) -> dict[str, Any]:
    """What the engine knows of a container."""
    found: list[dict[str, Any]] = json.loads(docker("container", "inspect", name))
    return found[0]


def compose_programs() -> list[tuple[str, ...]]:
    """The generations of Compose that are installed: docker-compose (1.29), docker compose (2)."""
    found: list[tuple[str, ...]] = [("docker-compose",)] if shutil.which("docker-compose") else []
    if shutil.which("docker") and _works("docker", "compose", "version"):
        found.append(("docker", "compose"))
    return found


def missing() -> str | None:
    """What this machine lacks for containers to be built and run; None when nothing."""
    if not shutil.which("docker"):
        return "there is no docker program"
    if not _works("docker", "info"):
        return "no container engine answers `docker info`"
    if not compose_programs():
        return "there is neither docker-compose nor docker compose"
    return None if _works("git", "rev-parse", "HEAD") else "this is no git checkout"


def _works(*command: str) -> bool:
    try:
        run(*command, within=20, folder=Path(__file__).parent)
    except (CommandFailed, subprocess.TimeoutExpired):
        return False
    return True
