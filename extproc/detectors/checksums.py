"""Check digits: each function takes the text of a hit, separators and all, and says whether it checks out."""

import re
import string
from collections.abc import Callable
from itertools import cycle

_GROUP = re.compile("[0-9]+")
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
# Tables for bytes.translate, which is ten times as fast as going over a text: a digit's value, and twice the value.
_VALUES = bytes(max(0, byte - 48) % 10 for byte in range(256))
_DOUBLED = bytes(sum(divmod(2 * value, 10)) % 10 for value in range(256))

_NUMBERS = {char: str(int(char, 36)) for char in string.digits + string.ascii_letters}
"""The digits of each letter or digit in `mod97`."""

_VERHOEFF_TIMES = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_VERHOEFF_TURN = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)


def digits(text: str) -> list[int]:
    """The decimal digits of `text`, in order."""
    return list(_values(text))


def numerals(text: str) -> str:
    """The same as a text."""
    return text.encode("ascii", "ignore").translate(None, _NO_DIGITS).decode()


def _values(text: str) -> bytes:
    return text.encode("ascii", "ignore").translate(_VALUES, _NO_DIGITS)


def leading(text: str, valid: Callable[[str], object], usual: int) -> int:
    """The length of the longest beginning of `text` that is `valid`: all of it, or up to the end of a group of digits.

    0 if there is none. What follows a number may look like one more group of it: then there are more than `usual`
    digits, and fewer are not tried.
    """
    if valid(text):
        return len(text)
    if len(text) <= usual or len(numerals(text)) <= usual:
        return 0
    ends = [group.end() for group in _GROUP.finditer(text)]
    return next((end for end in reversed(ends) if end < len(text) and valid(text[:end])), 0)


def weighted(numbers: list[int], weights: tuple[int, ...]) -> int:
    """The sum of the products of `numbers` and `weights`, as far as both go."""
    return sum(number * weight for number, weight in zip(numbers, weights, strict=False))


def luhn(text: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right doubled, its digits added; the sum ends in 0."""
    numbers = _values(text)
    return (sum(numbers[-1::-2]) + sum(numbers[-2::-2].translate(_DOUBLED))) % 10 == 0


def mod97(text: str) -> int:
    """ISO/IEC 7064 mod 97-10 of letters (A = 10) and digits."""
    return int("".join(map(_NUMBERS.__getitem__, text))) % 97


def mod11_10(numbers: list[int]) -> bool:
    """ISO/IEC 7064 mod 11,10, the last number being the check digit."""
    product = 10
    for number in numbers[:-1]:
        product = ((number + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == numbers[-1]


def verhoeff(text: str) -> bool:
    """Verhoeff's dihedral check, the last digit being the check digit."""
    check = 0
    for digit, turn in zip(reversed(_values(text)), cycle(_VERHOEFF_TURN)):
        check = _VERHOEFF_TIMES[check][turn[digit]]
    return check == 0
