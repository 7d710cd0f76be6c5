"""Secrets made at random by the formats of their services (`secret_kinds.txt`), in the places where they stand."""

import json
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

_CLASS = re.compile(r"\[([^\]]+)\]\{(\d+)\}")
_RANGE = re.compile(r"(.)-(.)")


class Kind(Struct, frozen=True):
    """A kind of secret: what it is called, in words, and the format of its values."""

    name: str
    words: str
    format: str
    places: str = ""

    @property
    def key(self) -> str:
        """The words as a name in settings."""
        return re.sub(r"\W", "_", self.words)

    def value(self, number: int) -> str:
        """The value with this number, always the same."""
        chance = random.Random(f"{self.name} {number}")
        return _CLASS.sub(lambda of: "".join(chance.choices(_signs(of[1]), k=int(of[2]))), self.format)

    def cut(self, part: Callable[[str], str]) -> str:
        """A value whose random parts are those that `part` returns for their length in signs."""
        return _CLASS.sub(lambda of: part("x" * int(of[2])), self.format)


@cache
def _signs(written: str) -> str:
    spread = _RANGE.sub(lambda of: "".join(map(chr, range(ord(of[1]), ord(of[2]) + 1))), written)
    return "".join(dict.fromkeys(spread))


@cache
def kinds() -> tuple[Kind, ...]:
    """All kinds of the table."""
    lines = Path(__file__).with_name("secret_kinds.txt").read_text("utf-8").splitlines()
    return tuple(Kind(*line.split(" | ")) for line in lines if line and not line.startswith("#"))


def _camel(words: str) -> str:
    first, *rest = re.split(r"\W", words)
    return first + "".join(map(str.capitalize, rest))


PLACES: Final[dict[str, Callable[[Kind, str], str]]] = {
    "words": lambda kind, value: f"Our {kind.words} is {value}",
    "beside": lambda kind, value: f"{kind.words} {value}\n",
    "env": lambda kind, value: f"DEBUG=1\n{kind.key.upper()}={value}\nPORT=80\n",
    "export": lambda kind, value: f'export {kind.key.upper()}="{value}"',
    "json": lambda kind, value: json.dumps({"debug": True, kind.key: value, "port": 80}),
    "json in json": lambda kind, value: json.dumps({"body": json.dumps({kind.key: value})}),
    "yaml": lambda kind, value: f"app:\n  {kind.key}: {value}\n  port: 80\n",
    "header": lambda kind, value: f"Host: a.example\r\nX-{kind.key.title().replace('_', '-')}: {value}\r\n\r\n",
    "python": lambda kind, value: f"{kind.key} = '{value}'  # from the console",
    "go": lambda kind, value: f'\t{_camel(kind.words)} := "{value}"',
    "javascript": lambda kind, value: f"const {_camel(kind.words)} = `{value}`;",
    "java": lambda kind, value: f'private static final String {kind.key.upper()} = "{value}";',
    "php": lambda kind, value: f"    '{kind.key}' => '{value}',",
    "xml": lambda kind, value: f"<{_camel(kind.words)}>{value}</{_camel(kind.words)}>",
    "command": lambda kind, value: f"tool login --{kind.key.replace('_', '-')} {value} --verbose",
    "log": lambda kind, value: f"2026-11-30T18:17:21.123Z [build] + {kind.key.upper()}={value} make\n",
}

SETTINGS: Final = frozenset({"env", "export", "json", "yaml", "python", "java", "php", "log"})
"""Places for names that settings alone have: of these kinds, nobody speaks in words."""

ALIKE: Final[dict[str, Callable[[str], str]]] = {
    "one sign": lambda part: part,
    "to be replaced": lambda part: f"your-{part[:2]}-here",
    "variable": lambda _: "${SECRET}",
    "template": lambda _: "{{ secret }}",
    "left out": lambda _: "...",
    "hidden": lambda part: "*" * len(part),
}
"""What stands in place of the random parts of a value in templates and documentation."""


def places(kind: Kind) -> list[str]:
    """The places where a kind is looked for."""
    return [place for place in PLACES if not kind.places or place in SETTINGS]
