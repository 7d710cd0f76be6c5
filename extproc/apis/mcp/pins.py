"""Pins: the hash of a tool as a model is shown it."""

import json
from hashlib import sha256
from typing import Any, Final

PINNED: Final = ("annotations", "description", "inputSchema", "outputSchema", "title")
"""Members of a tool that count. Others, such as icons, are shown to people or to nobody."""

_WHOLE: Final = 2**53
"""Numbers from here on have no fractions, and are written in different ways."""


class UnpinnableError(ValueError):
    """Raised for a tool that two readers could read in two ways."""


def pin(tool: bytes) -> str:
    """Return the SHA-256, in hexadecimal, of a tool's canonical form. `tool` is its JSON object.

    The canonical form has the members of `PINNED` that are there, names sorted at every depth, no white space, no
    escapes that JSON does not demand, and whole numbers without a fraction; in UTF-8.

    Raises:
        UnpinnableError: an object in it has a member twice, or it cannot be written so.
    """
    try:
        value = json.loads(tool, object_pairs_hook=_once, parse_float=_number, parse_constant=_refused)
        if not isinstance(value, dict):
            raise UnpinnableError("a tool is an object")
        kept = {name: value[name] for name in PINNED if name in value}
        canonical = json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return sha256(canonical.encode()).hexdigest()
    except (ValueError, TypeError, RecursionError):
        raise UnpinnableError("the tool has no canonical form") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member is repeated")
    return found


def _number(written: str) -> int | float:
    number = float(written)
    return int(number) if number.is_integer() and abs(number) < _WHOLE else number


def _refused(word: str) -> float:
    raise ValueError(word)
