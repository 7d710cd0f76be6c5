"""Fixed texts in streams: found however they are cut, and nothing else waits."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.patterns import literals
from extproc.matching.literals import LiteralScanner
from extproc.matching.window import Window

VALUES = ("sk-abab-9", "sk-ab", "aba", "ä€😀x")


def scanner(*values: str) -> LiteralScanner:
    return LiteralScanner.of(literals("k", values, words=False), values)


def read(pieces: list[str], *values: str) -> tuple[str, list[tuple[int, int]], list[int]]:
    """The text that left, the places of findings, and what was held after each piece."""
    window, held = Window(scanner(*values)), list[int]()
    released = []
    for piece in pieces:
        released.append(window.feed(piece))
        held.append(window.held)
    released.append(window.finish())
    passed = [each for each in released if each is not None]
    found = [(hit.span.start, hit.span.end) for each in passed for hit in each.hits]
    return "".join(each.text for each in passed), found, held


@given(st.lists(st.text("sk-ab9 ä€😀x\n", max_size=4), max_size=12), st.sets(st.sampled_from(VALUES), min_size=1))
def test_any_cuts_give_what_the_whole_gives(pieces: list[str], values: set[str]) -> None:
    text = "".join(pieces)
    told, found, _ = read(pieces, *values)
    assert told == text
    assert found == [(each.start, each.end) for each in scanner(*values).scan(text)]


def test_only_what_may_be_a_beginning_is_held() -> None:
    held = read(["words and s", "uch", " sk-", "xsk-a", "b", "y ", "planted"], "sk-abc-9")[2]
    assert held == [1, 0, 3, 4, 5, 0, 0]


@pytest.mark.parametrize("size", [1, 7])
def test_prose_is_held_no_longer_than_a_value_is(size: int) -> None:
    text = "".join(random.Random(3).choices("sk-ab ", k=5000))
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    held = read(pieces, "sk-ab-ab-1")[2]
    assert max(held) < len("sk-ab-ab-1")
    assert 0 in held
