"""Files are opened by the shell alone; import-linter sees sockets, clocks and threads, and not this."""

import ast
import tomllib
from pathlib import Path

import pytest

from tests.gathered import gathered

ROOT = Path(__file__).parent.parent
TOUCHING = frozenset({
    "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "touch",
    "stat", "is_file", "is_dir", "exists", "iterdir", "glob", "rglob",
})  # fmt: skip
"""Methods of paths that look at a file system, called or handed on."""


def pure_rooms() -> list[str]:
    """The rooms of the contract on purity."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (pure,) = (each for each in contracts if each["name"].startswith("the core is pure"))
    return [str(room) for room in pure["source_modules"]]


def touches(source: str) -> list[str]:
    """The calls in a module that look at a file system."""
    return [name for node in ast.walk(ast.parse(source)) if (name := _touching(node))]


def _touching(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and _opens(node):
        return "open"
    return node.attr if isinstance(node, ast.Attribute) and node.attr in TOUCHING else ""


def _opens(call: ast.Call) -> bool:
    """True for `open(...)`, and for a method of that name that is given what a file's mode could be, or nothing."""
    if isinstance(call.func, ast.Name):
        return call.func.id == "open"
    texts = all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in call.args)
    bare = isinstance(call.func, ast.Attribute) and call.func.attr == "open"
    return bare and texts and all(each.arg in {"mode", "encoding", "buffering"} for each in call.keywords)


@gathered("room", pure_rooms())
def test_no_pure_room_touches_a_file(room: str) -> None:
    folder = ROOT / room.replace(".", "/")
    sources = [path for path in folder.rglob("*.py") if "pb" not in path.parts]
    assert sources
    found = {str(path.relative_to(ROOT)): touches(path.read_text()) for path in sources}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "path.open('rb')",
        "path.open()",
        "path.open(mode='rb')",
        "Path('x').read_text()",
        "path.write_bytes(b'')",
        "map(Path.is_file, [])",
    ],
)
def test_a_module_that_touches_a_file_is_seen(source: str) -> None:
    assert touches(source)


def test_all_rooms_below_the_server_are_pure() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["name"].startswith("rooms:"))
    below = layers[layers.index("extproc.server") + 1 :]
    assert {room for layer in below for room in layer.split(" | ")} == set(pure_rooms())
