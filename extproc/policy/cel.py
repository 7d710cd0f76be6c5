"""The CEL library, loaded when the first condition is, and without its command line."""

import sys
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cel.cel import Program  # not from the package: xds-protos brings an empty cel/__init__.py


@cache
def _library() -> ModuleType:
    """The extension module alone: the package around it imports a terminal program, 16 MiB that no worker needs."""
    package = PathFinder.find_spec("cel")
    if package is None:
        raise ModuleNotFoundError("No module named 'cel'", name="cel")
    spec = PathFinder.find_spec("cel.cel", package.submodule_search_locations)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.get("cel.cel")
    if module is None:
        # It can be initialised once in a process, so it is left where an ordinary import finds it.
        module = sys.modules["cel.cel"] = module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def program(text: str) -> "Program":
    """The expression, compiled. Raises ValueError."""
    found: Program = _library().compile(text)
    return found
