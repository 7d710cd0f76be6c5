"""What every test shares: the profile `fast` or `deep`, chosen by EXTPROC_PROFILE."""

import gc
import os
import sys
from collections.abc import Generator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from hyperscan import Database

BYTECODE: Final = Path(__file__).parent.parent / ".pytest_cache" / "bytecode"
"""Where compiled modules are kept if the environment wants none beside the sources."""

# A run starts hundreds of processes. Each of them would compile the whole package, which takes longer than its test.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(BYTECODE)
    sys.dont_write_bytecode = False

# Nor would each of them compile all rules again, or leave them in the home of who runs the tests.
os.environ["EXTPROC_CACHE_DIR"] = str(BYTECODE.with_name("databases"))

DATABASES_KEPT: Final = 512
"""Compiled databases that a run keeps: more than the default run has sets of patterns, 10 to 500 KB each."""

PROFILE = os.environ.get("EXTPROC_PROFILE", "fast")

# `fast` is for every commit: few examples, and the same ones each time, so that a red run is red again.
settings.register_profile("fast", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("deep", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(PROFILE)


def pytest_configure() -> None:
    """Compile each set of patterns once per process: tests use the same few rules in hundreds of policies.

    A database never changes, and each pass over a text has a scanner of its own. Only its making is kept here: rules,
    scanners and plans are made anew by each test, and a refusal is raised anew.
    """
    from extproc.matching import databases

    compile_patterns = databases.compiled

    @lru_cache(DATABASES_KEPT)
    def kept(patterns: tuple[tuple[int, bytes], ...]) -> "Database":
        return compile_patterns(dict(patterns))

    def database(patterns: Mapping[int, bytes]) -> "Database":
        return kept(tuple(patterns.items()))

    databases.compiled = database


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Three workers for two cores (`-n auto`): a third of a run is waiting, mostly for processes that tests start."""
    cores = yield
    return cores if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else -(-3 * cores // 2)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector off what is collected: it would look through 14,000 tests each time that it runs."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is marked `deep`, `docker` or `measured`, unless the profile or the command line asks for it."""
    if config.getoption("-m"):
        return
    left = ("measured",) if PROFILE == "deep" else ("deep", "docker", "measured")
    out = [item for item in items if not {mark.name for mark in item.iter_markers()}.isdisjoint(left)]
    if out:
        config.hook.pytest_deselected(items=out)
        gone = set(out)
        items[:] = [item for item in items if item not in gone]
