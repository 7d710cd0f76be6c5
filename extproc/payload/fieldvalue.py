"""Header fields of the form `value; name=parameter`."""

import re
from functools import lru_cache

from msgspec import Struct

_PARAMETER = re.compile(r';[ \t]*+([^=;, \t"]++)[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^;]*+))', re.DOTALL)
_QUOTED = re.compile(r"\\(.)", re.DOTALL)


_ODD = re.compile(r"[,\s]")

REMEMBERED = 64
REMEMBERED_MOST = 64
"""Fields that are remembered, and characters of one: an application uses a few short content-types."""


class FieldValue(Struct, frozen=True):
    """A field's value in lower case, and its parameters by name in lower case; of a repeated one, the first.

    `repeated`: a parameter is given twice, and readers differ in which of its values counts.
    """

    value: str
    parameters: dict[str, str]
    repeated: bool = False

    @property
    def is_doubtful(self) -> bool:
        """True for a content-type that readers may understand differently."""
        extended = any("*" in name for name in self.parameters)
        odd = _ODD.search(self.value) is not None
        return self.repeated or extended or odd or (self.main == "multipart" and not self.boundary)

    @property
    def boundary(self) -> str:
        """The boundary of a body in parts, or nothing."""
        return self.parameters.get("boundary", "")

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
    repeated = False
    for found in _PARAMETER.finditer(field, len(value)) if semicolon else ():
        quoted, token = found[2], found[3]
        said = _QUOTED.sub(r"\1", quoted) if quoted is not None else token.strip(" \t")
        repeated = parameters.setdefault(found[1].lower(), said) != said or repeated
    return FieldValue(value.strip(" \t").lower(), parameters, repeated)


_remembered = lru_cache(REMEMBERED)(_parsed)


_UTF8 = frozenset(("", "utf-8", "utf8", "us-ascii", "ascii", "unicode-1-1-utf-8"))
_LATIN = frozenset(("latin-1", "latin1", "iso-8859-1", "iso8859-1", "iso_8859-1", "l1", "windows-1252", "cp1252"))


def known(charset: str) -> str | None:
    """The name of Python's codec for a charset, if text in it is read here.

    ASCII is read as UTF-8, of which it is a part, and Windows-1252 as Latin-1, from which it differs in quotes and
    dashes only; every byte has a character then, so nothing goes lost in between.
    """
    name = charset.strip().lower()
    if name in _UTF8:
        return "utf-8"
    return "latin-1" if name in _LATIN else None
