"""The folder of state that lasts as long as the program."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  - a folder with a name that nobody can guess is made there


def private_place(environ: Mapping[str, str]) -> str:
    """Return a folder that nobody else can guess, for the length of the program. It is not made yet."""
    shared = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else tempfile.gettempdir()
    return str(Path(environ.get("XDG_RUNTIME_DIR") or shared, f"extproc-{secrets.token_hex(16)}"))


def forget(place: str) -> None:
    """Remove that folder, if it was made."""
    shutil.rmtree(place, ignore_errors=True)
