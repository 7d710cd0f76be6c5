"""Texts to scan: every rule's examples, glued together by what stands between them in real ones."""

import random
from functools import cache

from hypothesis import strategies as st

from extproc.detectors import pii, secrets
from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span
from extproc.matching.window import Window

RULES: tuple[Rule, ...] = (*pii.RULES, *secrets.RULES)
EXAMPLES = sorted(
    {marked(hit)[0] for rule in RULES for hit in rule.hits} | {miss for rule in RULES for miss in rule.misses}
)
GLUE = (
    " ",
    "\n",
    ", ",
    " and ",
    "-",
    ".",
    "é",
    "人",
    "😀",
    "",
    "1",
    "a",
    ":",
    " my card is ",
    "  ",
    "@",
    "/",
    "\t",
    "\n\n",
)


@cache
def scanner() -> Scanner:
    """All rules of our own. Compiling them takes a second, once a test process."""
    return Scanner.compile(RULES)


@cache
def alone(rule: Rule) -> Scanner:
    """One rule."""
    return Scanner.compile([rule])


def texts(least: int = 1, most: int = 4) -> st.SearchStrategy[str]:
    """Examples in a row with something between them."""
    piece = st.builds(str.__add__, st.sampled_from(EXAMPLES), st.sampled_from(GLUE))
    return st.lists(piece, min_size=least, max_size=most).map("".join)


def pieces(text: str, seed: int) -> list[str]:
    """`text` cut at random places, few or many."""
    source = random.Random(seed)
    cuts = sorted(source.choices(range(len(text) + 1), k=source.choice((1, 2, 5, 20, len(text)))))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def streamed(by: Scanner, parts: list[str]) -> tuple[str, list[Span]]:
    """What a window makes of `parts`: the text and all finds."""
    window = Window(by)
    released = [window.feed(part) for part in parts] + [window.finish()]
    return (
        "".join(each.text for each in released if each),
        [hit.span for each in released if each for hit in each.hits],
    )
