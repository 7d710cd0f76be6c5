"""Texts that an expression matches: what the fast lane is asked for when it is built."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from extproc.matching.expression import Alt, Assert, Chars, Group, Node, Ranges, Repeat, Seq

VARIANTS: Final = 3
"""Texts for each expression: other options, other characters, another number of repetitions."""

_USUAL: Final = ((0x30, 0x39), (0x61, 0x7A), (0x41, 0x5A), (0x20, 0x7E))
"""Digits and letters, which a sample has if it may."""


BESIDE: Final = "words and more of them. "
"""Stands around a sample: where the fast lane is at fault, it finds what stands at the beginning of a text."""

MOST_BEGUN: Final = 3
"""Beginnings of one sample."""


def probes(node: Node, edge: str = " ") -> Sequence[bytes]:
    """Return texts with a sample between other words, behind `edge`."""
    return [f"\n{BESIDE * 4}{edge}{sample(node, each)} {BESIDE}".encode() for each in range(VARIANTS)]


def begun(node: Node) -> Sequence[bytes]:
    """Return texts that end with the beginning of a sample, up to a space in it."""
    found: list[bytes] = []
    for variant in range(VARIANTS):
        text = sample(node, variant)
        blanks = (at for at, char in enumerate(text) if char in " \n")
        found += [f"\n{BESIDE * 4} {text[: at + 1]}".encode() for at in islice(blanks, MOST_BEGUN)]
    return found


def sample(node: Node, variant: int) -> str:
    """Return a text that `node` matches, but for what its places (`b`, `^`, ...) ask for."""
    match node:
        case Chars(ranges=ranges):
            return _char(ranges, variant)
        case Assert():
            return ""
        case Group(item=item):
            return sample(item, variant)
        case Seq(items=items):
            return "".join([sample(item, variant) for item in items])
        case Alt(options=options):
            return sample(options[variant % len(options)], variant)
        case Repeat(item=item, low=low, high=high):
            times = low + variant if high is None else min(low + variant, high)
            return sample(item, variant) * times


def _char(ranges: Ranges, variant: int) -> str:
    for low, high in _USUAL[variant % VARIANTS :] + _USUAL:
        for first, last in ranges:
            if first <= high and last >= low:
                return chr(min(max(first, low) + variant, last, high))
    return chr(ranges[0][0]) if ranges else ""
