"""Bounds of what a text may demand of the exact matchers, and the steps that it counts as."""

from extproc.matching.escapes import PLAINED_A_STEP, begins

LEAST_LOOKS, MOST_LOOKS = 1 << 16, 1 << 20
"""Bounds of the number of matches judged in a text: as many as it has bytes, but no fewer and no more than these.

One takes about 3 us: 0.2 s and 3.5 s. The densest of honest texts, tables of numbers of three digits, have half a match
per byte (540 per KiB), those of four 390, lists of payment cards 155, of addresses or telephone numbers 40 to 110,
whole files of assigned secrets 60. Beyond the bound are expressions like `.*x.*` on large texts, and somebody who wants
to keep a thread busy.
"""

STEPS_A_LOOK = 10
"""Steps of a meter that a match counts as: 6 µs for one whose digits are added up, and what becomes of a finding."""

BYTES_A_STEP = 8
"""The same for bytes of a match of which only a part is wanted: RE2 takes 130 ns a byte to tell which."""

ESCAPE_STEPS = 2
"""The same for what begins an escape: 2 µs to read it and to know its place."""

STEPS_AT_ONCE = 64
"""Steps that matches take until they are counted on the meter, together."""

BYTES_A_LOOK = 64
"""A match of which only a part is wanted counts as one more look for each so many of its bytes."""

JOINED_MOST = 16 * 1024
"""Characters of several texts together that are looked at in one pass first. Most have nothing in them, and a pass for
each would cost more than its text; of large ones the passes themselves are the cost."""


class TooManyCandidatesError(Exception):
    """A text is so full of what looks like a find that judging all of it would take too long. It was not judged."""


def escape_steps(text: str) -> int:
    """The steps of reading a text without its escapes, beside those of looking at it."""
    return ESCAPE_STEPS * begins(text) + len(text) // PLAINED_A_STEP


def most_looks(size: int) -> int:
    """Return how many matches are judged in a text of `size` bytes."""
    return min(max(size, LEAST_LOOKS), MOST_LOOKS)
