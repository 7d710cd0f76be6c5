"""The texts that a text may be read as, besides what it plainly says.

A model reads base64; a filter that looks at the letters alone does not. One pass over a text rules out nearly all ways.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import re2
from msgspec import Struct

from extproc.classify.ways import decoded, spelled
from extproc.classify.ways.decoded import Readings

DEPTH_MAX: Final = 3
"""Encodings within each other that are undone. Beyond, a model gets lost, too."""

VIEWS_MAX: Final = 64
"""Views of one text: each is judged as a text of its own. The longest come first."""

GROWTH: Final = 4
"""Times the length of a text that its views may have together: two ways to read all of it, each within another."""

SHORTEST: Final = 8
"""Code points of a view. An instruction is longer."""

GATES_MEMORY: Final = 64 * 1024 * 1024
"""Bytes for the states of the one pass over a text. With too few for a handful of states it would find nothing."""

WAYS: Final[Sequence[tuple[str, str, Callable[[str], Readings]]]] = (
    ("tags", decoded.TAGS, decoded.tag_runs),
    ("selectors", decoded.SELECTORS, decoded.selector_runs),
    ("base64", decoded.BASE64, decoded.base64_runs),
    ("base32", decoded.BASE32, decoded.base32_runs),
    ("hex", decoded.HEX, decoded.hex_runs),
    ("percent", decoded.PERCENT, decoded.percent_runs),
    ("escapes", decoded.ESCAPES, decoded.escapes),
    ("binary", decoded.BINARY, decoded.binary_runs),
    ("decimal", decoded.DECIMAL, decoded.decimal_runs),
    ("reversed", spelled.REVERSED, spelled.reversed_texts),
    ("rot13", spelled.ROT13, spelled.rotated),
    ("leetspeak", spelled.LEET, spelled.lettered),
    ("split", spelled.SPLIT, spelled.split_runs),
    ("joined", spelled.JOINED, spelled.joined_runs),
    ("markup", spelled.MARKUP, spelled.unmarked),
)
"""Each way: its name, an expression that stands in whatever can be read so, and how it is read."""


def _gates() -> "re2.Set":
    options = re2.Options()
    options.max_mem = GATES_MEMORY
    options.log_errors = False
    gates = re2.Set.SearchSet(options)
    for _, pattern, _ in WAYS:
        gates.Add(pattern)
    gates.Compile()
    return gates


_GATES: Final = _gates()


class View(Struct, frozen=True):
    """A text that another may be read as. `start` and `end` are its place there; `way`: how it is read."""

    text: str
    start: int
    end: int
    way: str

    def __repr__(self) -> str:
        return f"View({self.way}, {self.start}:{self.end})"


def views(text: str) -> Iterator[View]:
    """Yield the texts that a text may be read as, and then those that these may be read as."""
    room = GROWTH * len(text) + SHORTEST
    pending = [View(text, 0, len(text), "")]
    seen = {text}
    for depth in range(DEPTH_MAX):
        found = sorted((each for of in pending for each in _within(of, nested=depth > 0)), key=_longest)
        pending = []
        for each in found:
            if each.text in seen:
                continue
            room -= len(each.text)
            if len(seen) > VIEWS_MAX or room < 0:
                return
            seen.add(each.text)
            pending.append(each)
            yield each


def _longest(view: View) -> int:
    return -len(view.text)


def _within(of: View, *, nested: bool) -> Iterator[View]:
    data = of.text.encode("utf-8", "replace")
    found = _GATES.Match(data)
    if not found:
        return
    sound = data.decode()  # as long, and without halves of surrogate pairs, which RE2 does not take
    for number in sorted(found):
        way, _, read = WAYS[number]
        for start, end, text in read(sound):
            if len(text) >= SHORTEST:
                if nested:
                    yield View(text, of.start, of.end, f"{of.way}+{way}")
                else:
                    yield View(text, start, end, way)
