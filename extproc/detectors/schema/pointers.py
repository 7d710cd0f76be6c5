"""References of a schema into itself: JSON pointers behind `#`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

_NAMES: Final = ("$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor")
_REFERENCES: Final = ("$dynamicRef", "$recursiveRef")
_OLD: Final = ("draft-03", "draft-04")
"""Drafts in which `id` names a schema; it is a usual name of members."""


def leads_elsewhere(schema: object) -> bool:
    """True if a reference may lead somewhere else than its pointer says: a part of the schema has a name of its own."""
    if not isinstance(schema, dict):
        return False
    declared = schema.get("$schema")
    old = isinstance(declared, str) and any(each in declared for each in _OLD)
    names = (*_NAMES, *_REFERENCES, *(("id",) if old else ()))
    return any(
        isinstance(each.get(name), str | bool)
        for each in objects(schema)
        for name in (_REFERENCES if each is schema else names)
    )


def objects(schema: object) -> Iterator[Mapping[str, Any]]:
    """Yield all objects in a schema."""
    due = [schema]
    while due:
        each = due.pop()
        if isinstance(each, dict):
            yield each
            due += each.values()
        elif isinstance(each, list):
            due += each


def within(value: object, pointer: str) -> object:
    """Return what the pointer of a reference leads to; None if it leads nowhere."""
    pointer = unquote(pointer)
    if pointer and not pointer.startswith("/"):
        return None
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name[:9]) < len(value):
            value = value[int(name[:9])]
        else:
            return None
    return value
