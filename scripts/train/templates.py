"""Templates of training texts: {a|b} is a choice, [a] may be left out, $name one of a list."""

import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

TEXTS: Final = Path(__file__).with_name("texts")

_CHOICE: Final = re.compile(r"\{([^{}]*)\}|\[([^\[\]]*)\]|\$([a-z]+)")
"""The innermost choices come first: what is chosen may hold others."""

DEPTH_MAX: Final = 12
"""Rounds of choices in one template; more is a list that names itself."""


def sections(name: str) -> tuple[Mapping[str, tuple[str, ...]], Iterator[tuple[str, str]]]:
    """Return the lists of a file, and its templates, each with the section that it is in."""
    lists: dict[str, tuple[str, ...]] = {}
    templates: list[tuple[str, str]] = []
    section = ""
    for line in (TEXTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("# "):
            continue
        if (named := re.fullmatch(r"\[([-+a-z_]+)\]", line)) is not None:
            section = named[1]
        elif (defined := re.fullmatch(r"([a-z]+) = (.*)", line)) is not None:
            lists[defined[1]] = tuple(defined[2].split(" | "))
        else:
            templates.append((section, line))
    return lists, iter(templates)


def made(template: str, lists: Mapping[str, tuple[str, ...]], draw: random.Random) -> str:
    """Return a text of a template, chosen by `draw`."""

    def chosen(match: re.Match[str]) -> str:
        choice, optional, name = match[1], match[2], match[3]
        if name is not None:
            return draw.choice(lists[name]) if name in lists else match[0]
        if optional is not None:
            options = str(optional).split("|")
            return draw.choice(options) if draw.random() < 0.5 else ""  # as often as not
        return draw.choice(str(choice).split("|"))

    text = template
    for _ in range(DEPTH_MAX):
        changed = _CHOICE.sub(chosen, text)
        if changed == text:
            break
        text = changed
    return re.sub(r" +", " ", text).replace(" .", ".").replace(" ,", ",").strip()
