"""Files that the operator names, opened here and nowhere below; and a folder for the length of the program."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from extproc.policy import Draft, Policy, PolicyError, Problem, drafted
from extproc.policy.document import TEXT_MAX
from extproc.policy.signals import Vocabulary

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  - a folder with a name that nobody can guess is made there


def read_file(path: Path, most: int) -> bytes:
    """Return the first bytes of a file, at most that many. Raises OSError."""
    with path.open("rb") as file:
        return file.read(most)


def load(path: Path, signals: Vocabulary | None = None) -> Policy:
    """Return the policy in a file; see `policy.loads`. Raises PolicyError with every problem."""
    return draft(path, signals).loaded().policy


def draft(path: Path, signals: Vocabulary | None = None) -> Draft:
    """Return what a policy file says; see `policy.loads`. Raises PolicyError if it cannot be opened or is no YAML."""
    return drafted(text(path), str(path), path.parent, signals)


def text(path: Path) -> bytes:
    """Return the bytes of a policy file, one more than it may have at most. Raises PolicyError."""
    try:
        return read_file(path, TEXT_MAX + 1)
    except (OSError, ValueError) as error:
        raise PolicyError((Problem(str(path), 1, 1, "", *_unopened(error)),)) from None


def _unopened(error: OSError | ValueError) -> tuple[str, str]:
    """Return what is wrong with the path of a file, and how to fix it."""
    match error:
        case FileNotFoundError():
            return "there is no such file", "check the path, or the mount"
        case IsADirectoryError():
            return "this is a directory", "name the file in it"
        case PermissionError():
            return "the file may not be read", "give read permission to the user that runs extproc"
        case OSError():
            return f"the file cannot be read: {error.strerror}", "check the path and the disk"
        case _:
            return "this is not the path of a file", "check the path"


def private_place(environ: Mapping[str, str]) -> str:
    """Return a folder that nobody else can guess, for the length of the program. It is not made yet."""
    shared = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else tempfile.gettempdir()
    return str(Path(environ.get("XDG_RUNTIME_DIR") or shared, f"extproc-{secrets.token_hex(16)}"))


def forget(place: str) -> None:
    """Remove that folder, if it was made."""
    shutil.rmtree(place, ignore_errors=True)
