"""What every test shares: the profile `fast` or `deep`, chosen by EXTPROC_PROFILE."""

import gc
import os
import shutil
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
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
"""Compiled databases that a worker keeps: more than the default run has sets of patterns, 10 to 500 KB each."""

SHELF: Final = BYTECODE.with_name("shelf")
"""The folder in which the workers of a run leave databases for each other: all rules take four seconds otherwise."""

SHELVED_MOST: Final = 4096
"""Databases from which on a run clears the shelf: a run has a few hundred sets of patterns, and rules change."""

RULES_KEPT: Final = 4096
"""Compiled rules that a worker keeps: of our own there are 308, of one source of another scanner a few hundred."""

PROFILE = os.environ.get("EXTPROC_PROFILE", "fast")

# `fast` is for every commit: few examples, and the same ones each time, so that a red run is red again.
settings.register_profile("fast", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("deep", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(PROFILE)


def pytest_configure() -> None:
    """Compile each rule once per process, and each set of patterns once for all: hundreds of policies use the same few.

    What is kept never changes: each pass over a text has a state of its own. Scanners and plans are made anew by each
    test, and a refusal is raised anew.
    """
    from extproc.matching import compiled, databases

    if "PYTEST_XDIST_WORKER" not in os.environ:
        if SHELF.is_dir() and len([*SHELF.iterdir()]) > SHELVED_MOST:
            shutil.rmtree(SHELF)
        SHELF.mkdir(parents=True, exist_ok=True)

    compile_patterns = databases.compiled

    @lru_cache(DATABASES_KEPT)
    def kept(patterns: tuple[tuple[int, bytes], ...]) -> "Database":
        return _shelved(dict(patterns), compile_patterns)

    def database(patterns: Mapping[int, bytes]) -> "Database":
        return kept(tuple(patterns.items()))

    databases.compiled = database
    compiled._compiled = lru_cache(RULES_KEPT)(compiled._compiled)


def _shelved(patterns: Mapping[int, bytes], made_by: Callable[[Mapping[int, bytes]], "Database"]) -> "Database":
    """The database that another worker or an earlier run left, as a processor would take it from its store."""
    import hyperscan

    from extproc.matching import databases

    file = SHELF / databases.name_of(patterns)
    with suppress(FileNotFoundError):
        if found := databases._loaded(file.read_bytes()):
            return found
    made = made_by(patterns)
    draft = SHELF / f"{os.getpid()}.draft"
    draft.write_bytes(hyperscan.dumpb(made))
    draft.rename(file)
    return made


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
    """Leaves out `deep`, `docker`, `services` and `measured` tests, unless the profile or the command line asks."""
    if config.getoption("-m"):
        return
    left = ("measured",) if PROFILE == "deep" else ("deep", "docker", "services", "measured")
    out = [item for item in items if not {mark.name for mark in item.iter_markers()}.isdisjoint(left)]
    if out:
        config.hook.pytest_deselected(items=out)
        gone = set(out)
        items[:] = [item for item in items if item not in gone]
