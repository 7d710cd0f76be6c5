"""House rules of names and files: a class name is defined once, and no file is a sliver."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def modules() -> list[Path]:
    """The modules of the project that are written by hand."""
    return [path for path in sorted((ROOT / "extproc").rglob("*.py")) if "pb" not in path.parts]


def classes(tree: ast.Module) -> list[str]:
    """The names of the classes that a module defines, nested and private ones included."""
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def aliases(tree: ast.Module) -> set[str]:
    """The names of the types that a module makes of others: `Name: TypeAlias = ...`."""
    annotated = [node for node in tree.body if isinstance(node, ast.AnnAssign)]
    return {ast.unparse(node.target) for node in annotated if ast.unparse(node.annotation) == "TypeAlias"}


def repeated(sources: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The class names that are defined more than once, or that an alias has, too; with their modules."""
    found: dict[str, list[str]] = {}
    named: dict[str, list[str]] = {}
    for path, source in sources:
        tree = ast.parse(source)
        for name in classes(tree):
            found.setdefault(name, []).append(path)
        for name in aliases(tree):
            named.setdefault(name, []).append(path)
    every = {name: [*paths, *named.get(name, ())] for name, paths in found.items()}
    return {name: paths for name, paths in every.items() if len(paths) > 1}


def test_a_class_name_is_defined_once() -> None:
    sources = [(str(path.relative_to(ROOT)), path.read_text()) for path in modules()]
    assert len(sources) > 100
    assert repeated(sources) == {}


@pytest.mark.parametrize(
    "sources",
    [
        ("class Stream: ...", "class Stream: ..."),
        ("class Stream: ...\nclass Stream: ...",),
        ("class _Stream: ...", "def f():\n    class _Stream: ..."),
        ("class Stream: ...", "Stream: TypeAlias = int | str"),
    ],
)
def test_a_name_that_is_defined_twice_is_seen(sources: tuple[str, ...]) -> None:
    assert repeated((str(number), source) for number, source in enumerate(sources))


def test_names_that_are_only_used_are_no_definitions() -> None:
    assert (
        repeated([("one", "class Stream: ..."), ("other", "from one import Stream\nopened: Stream | None = None")])
        == {}
    )


LEAST_LINES = 25
"""Lines of a file, below which its one idea belongs beside another: a reader opens fewer files."""

SHORT_FILES = {"__main__.py", "enums.py", "lanes.py"}
"""Files that may be shorter: the module that is run, and enumerations."""
SHORT_FOLDERS = {"words"}
"""Folders of them: a table of words for each language, so that its speakers find their own."""


def test_no_file_is_a_sliver() -> None:
    files = [path for path in modules() if path.name not in {"__init__.py", *SHORT_FILES}]
    files = [path for path in files if path.parent.name not in SHORT_FOLDERS]
    assert [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) < LEAST_LINES] == []
