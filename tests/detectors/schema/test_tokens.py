"""The fast way through long strings finds the character that the expression finds."""

import pytest

from extproc.detectors.schema.tokens import CHARS, LONG, plain


@pytest.mark.parametrize("size", [LONG - 1, LONG, LONG * 4])
@pytest.mark.parametrize("letter", ["a", "“", "\ud83d", "\U0001f600"])
def test_a_string_ends_where_the_expression_says(letter: str, size: int) -> None:
    assert plain(letter * size) == size
    for special in ('"', "\\", "\x00", "\x1f", '\x01"', '"\x01', '\\"'):
        for at in (0, size // 2, size - len(special)):
            piece = letter * at + special + letter * (size - at - len(special))
            assert plain(piece) == CHARS(piece).end() == at


@pytest.mark.parametrize("harmless", ["\x20", "\x7f", "\x85", "\u2028"])
def test_other_space_and_controls_are_part_of_a_string(harmless: str) -> None:
    assert plain(harmless * LONG) == LONG
