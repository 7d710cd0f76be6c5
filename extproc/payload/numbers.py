"""Numbers of JSON as they are read again: `4.5e3` is 4500."""

import re
from decimal import Decimal

from extproc.payload.limits import MAX_EXACT, MAX_EXPONENT, SHORT

_WITH_EXPONENT = re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d{1,3}", re.ASCII)


SHORTEST = len("1e6")
"""Characters of the shortest number that may be someone's."""

_LONG = re.compile(rf"-?\d{{{SHORT + 1}}}", re.ASCII)


def telling(number: str) -> str:
    """Return what a number says, if it has so many digits that it may be someone's; else an empty text."""
    said = _written_out(number) if "e" in number or "E" in number else number
    if _LONG.match(said):
        return said
    return number if said is not number and _LONG.match(number) else ""


def _written_out(number: str) -> str:
    """Return the digits of a number with an exponent, as another reader may write them; any other as it stands."""
    if len(number) > MAX_EXACT or _WITH_EXPONENT.fullmatch(number) is None:
        return number
    exact = Decimal(number)
    if not exact or abs(exact.adjusted()) > MAX_EXPONENT:
        return number
    digits = format(exact, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
