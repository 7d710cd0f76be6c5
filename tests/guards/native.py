"""The guard in another language that the documentation shows, as a process."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

EXAMPLE: Final = Path(__file__).parents[2] / "docs/examples/guard-node/guard.mjs"


@contextmanager
def example() -> Iterator[int]:
    """The documentation's guard, running; gives its port."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the example of a guard in another language is not run")
    process = subprocess.Popen([node, str(EXAMPLE), "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()
