"""Header fields of the form `value; name=parameter`."""

import re
from functools import lru_cache

from msgspec import Struct

_PARAMETER = re.compile(r';[ \t]*+([^=;, \t"]++)[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^;]*+))', re.DOTALL)
_QUOTED = re.compile(r"\\(.)", re.DOTALL)


REMEMBERED = 64
REMEMBERED_MOST = 64
"""Fields that are remembered, and characters of one: an application uses a few short content-types."""


class FieldValue(Struct, frozen=True):
    """What a field says, in lower case, and its parameters by name in lower case; of a repeated one, the first."""

    value: str
    parameters: dict[str, str]

    @property
    def main(self) -> str:
        """`text` of `text/plain`."""
        return self.value.partition("/")[0]


def parse(field: str) -> FieldValue:
    """Read a content-type, content-disposition or the like. Whatever is none has no value."""
    return _remembered(field) if len(field) <= REMEMBERED_MOST else _parsed(field)


def _parsed(field: str) -> FieldValue:
    value, semicolon, _ = field.partition(";")
    parameters: dict[str, str] = {}
    for found in _PARAMETER.finditer(field, len(value)) if semicolon else ():
        quoted, token = found[2], found[3]
        said = _QUOTED.sub(r"\1", quoted) if quoted is not None else token.strip(" \t")
        parameters.setdefault(found[1].lower(), said)
    return FieldValue(value.strip(" \t").lower(), parameters)


_remembered = lru_cache(REMEMBERED)(_parsed)
