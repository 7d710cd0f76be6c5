"""Escapes whose beginning was given out when a text paused, and whose character turned out to be part of a value."""

from string import hexdigits

AROUND = "around"
"""Stands for the beginning of an escape in the text around, with which the next character is written."""

OTHER = "*"
"""Written in the place of a character that nobody may see."""

_OTHERS = ("002a", "000f", "000e")
_DIGITS = ("0030", "0031")
_LETTERS = ("0061", "0062")
"""The same for what may be a digit of a number or of an escape, and stays one."""

_SIGNS = frozenset('"\\')
_OPENING = 2  # characters before the digits of an escape, which cannot be others


def begun(torn: str) -> int:
    """The characters of an escape that stay: those that were given out, and a sign of which a part was."""
    own = len(torn.removesuffix(AROUND))
    return own + (torn.endswith(AROUND) and own < _OPENING)


def other_end(begun: str, said: str) -> str | None:
    """The end of an escape that `begun` begins, so that it means something else than `said`; None if there is none."""
    digits = begun[_OPENING:]
    if not all(digit in hexdigits for digit in digits):
        return None
    likes = _DIGITS if said.isdigit() else _LETTERS if said in hexdigits else ()
    for other in (*likes, *_OTHERS):
        end: str = other[len(digits) :]
        char = chr(int(digits + end, 16))
        if end and char.isprintable() and char not in _SIGNS and char != said:
            return f"u{end}" if len(begun) < _OPENING else end
    return None
