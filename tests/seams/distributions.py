"""Tiny distributions as an installer leaves them: a package, and a folder with its metadata beside it."""

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from extproc.ext import GROUP

HERE: Final = Path(__file__).parent
PROJECT: Final = HERE / "acme_pyproject.toml"

Groups = Mapping[str, Mapping[str, str]]


def install(folder: Path, name: str, groups: Groups, modules: Mapping[str, str], version: str = "1.0") -> None:
    """Leave a distribution in a folder that is, or will be, on the path of modules."""
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{point} = {value}" for point, value in points.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)


def install_one(folder: Path, name: str, source: str, value: str = "IT", group: str = GROUP) -> None:
    """Leave a distribution with one module and one entry point that names `value` in it."""
    module = name.replace("-", "_")
    install(folder, name, {group: {"it": f"{module}:{value}"}}, {module: source})


def install_acme(folder: Path) -> None:
    """Leave the distribution of `tests.seams.acme` in a folder."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    install(folder, project["name"], project["entry-points"], {}, project["version"])
    shutil.copytree(HERE / "acme", folder / "acme", ignore=shutil.ignore_patterns("__pycache__"))
