"""What every test shares: the profile `fast` or `deep`, chosen by EXTPROC_PROFILE."""

import os
import sys
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

BYTECODE: Final = Path(__file__).parent.parent / ".pytest_cache" / "bytecode"
"""Where compiled modules are kept if the environment wants none beside the sources."""

# A run starts hundreds of processes. Each of them would compile the whole package, which takes longer than its test.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(BYTECODE)
    sys.dont_write_bytecode = False

PROFILE = os.environ.get("EXTPROC_PROFILE", "fast")

# `fast` is for every commit: few examples, and the same ones each time, so that a red run is red again.
settings.register_profile("fast", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("deep", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is marked `deep`, `docker` or `measured`, unless the profile or the command line asks for it."""
    if config.getoption("-m"):
        return
    left = ("measured",) if PROFILE == "deep" else ("deep", "docker", "measured")
    out = [item for item in items if any(item.get_closest_marker(name) for name in left)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if not any(item.get_closest_marker(name) for name in left)]
