import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.matching.escapes import _ZEROS, LONGEST, MOST_PARAMETERS, begun, marked, places, plain
from tests.gathered import gathered

ESCAPES = (
    *(
        "\\n",
        "\\t",
        "\\r",
        "\\b",
        "\\0",
        "\\012",
        "\\033",
        "\\x0a",
        "\\u000A",
        "\\U0000000a",
        "%20",
        "%3D",
        "%0a",
        "%2520",
    ),
    *("%u000a", "\x1b[31m", "\x1b[0m", "\x1b[38;2;255;0;0m", "\x1b[2K", "\x1b(B", "\x9b1m"),
    *("\\x1b[31m", "\\033[1;31m", "\\e[0m", "\\u001b[1m", "[31m", "[1;31m"),
)


@gathered("escape", ESCAPES)
def test_an_escape_is_blank_and_what_stands_around_it_stays(escape: str) -> None:
    assert plain(f"key{escape}ghp") == f"key{' ' * len(escape)}ghp"
    assert marked(escape)


@pytest.mark.parametrize("text", ["50% off", "[1] and [a]", "a\\", "%2", "\\\\", "é人😀“”…", "snake_case", "x\u200b"])
def test_a_text_without_escapes_is_the_same_object(text: str) -> None:
    assert plain(text) is text
    assert not marked(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111\u00a01111\u202f1111\u20071111", "4111 1111 1111 1111"),
        ("536\u201122\u20108741", "536-22-8741"),
        ("\uff14\uff11\uff11\uff11", "4111"),
        ("\u0664\u0660\u06f1\u0968 \U0001d7d8\U0001d7d9", "4012 01"),
        ("ann\ufe6bexample\ufe52com", "ann@example.com"),
        ("a\u2013b\u2212c\u2014d", "a-b-c\u2014d"),
    ],
)
def test_separators_and_wide_digits_are_those_of_ascii(text: str, expected: str) -> None:
    assert plain(text) == expected
    assert plain(text * 200) == expected * 200  # another search looks at longer texts
    assert places(text) == []


def test_every_digit_and_small_form_is_the_one_of_ascii() -> None:
    """As Unicode says; also where there are more of them than are replaced one by one."""
    digits = "".join(chr(zero + digit) for zero in _ZEROS for digit in range(10))
    assert plain(digits) == "0123456789" * len(_ZEROS) == "".join(str(unicodedata.digit(each)) for each in digits)
    small = [chr(point) for point in range(0xFE50, 0xFE6C)]
    forms = {each: form for each in small if (form := unicodedata.normalize("NFKC", each)).isascii()}
    assert len(forms) == 22
    assert {each: plain(each) for each in forms} == forms


def test_a_colour_has_so_many_parameters_and_no_more() -> None:
    most = "\x1b[" + "1" * MOST_PARAMETERS + "m"
    assert plain(most) == " " * len(most)
    past = "\x1b[" + "1" * (MOST_PARAMETERS + 1) + "m"
    assert plain(past) == past


@gathered("escape", ESCAPES)
def test_every_beginning_of_an_escape_waits_for_its_end(escape: str) -> None:
    assert len(escape) <= LONGEST
    for size in range(1, len(escape)):
        assert begun(f"key{escape[:size]}") == len("key")


def test_a_letter_behind_a_backslash_may_be_the_first_of_a_name() -> None:
    assert places("a\\nb") == [(1, 3)]
    assert places("CORP\\alice") == []


@given(st.lists(st.sampled_from((*ESCAPES, "a", "1", " ", "\\", "%", "[", "\x1b", "m", "25")), max_size=12), st.data())
def test_any_cutting_gives_the_same_as_the_whole(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cut = data.draw(st.integers(0, len(text)))
    first = begun(text[:cut])
    assert plain(text[:first]) + plain(text[first:]) == plain(text)
    assert len(plain(text)) == len(text)
