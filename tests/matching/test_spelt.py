"""Characters that are spelt out change nothing of what is found, whole and in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.matching.escapes import begun
from extproc.matching.ignorable import Ignored, hidden
from extproc.matching.spelt import MOST_SPELT, character, spelt
from tests.gathered import gathered
from tests.inspection.texts import pieces, scanner, streamed, texts

AT = (
    "&#64;",
    "&#x40;",
    "&#X00040;",
    "&#064;",
    "&amp;#64;",
    "&commat;",
    "%40",
    "%2540",
    "%25252540",
    "\\u0040",
    "\\x40",
    "\\u{40}",
    "\\u{000040}",
    "\\U00000040",
)
BLANKS = (
    "&nbsp;",
    "&#160;",
    "&#xA0;",
    "&#32;",
    "&amp;nbsp;",
    "%20",
    "%2520",
    "%C2%A0",
    "%25C2%25A0",
    "\\u00a0",
    "\\x20",
    "\\u{a0}",
    "\\U00000020",
)
DASHES = ("&#45;", "&#8209;", "&ndash;", "&hyphen;", "%2D", "%252d", "\\u002D", "\\u{2d}", "\\u2011")
LONGEST = "&amp;amp;amp;amp;#x000040;"


def ways(char: str) -> tuple[str, ...]:
    number = ord(char)
    return (
        f"&#{number};",
        f"&#x{number:x};",
        f"%{number:02x}",
        f"%25{number:02X}",
        f"\\u{number:04x}",
        f"\\x{number:02X}",
        f"\\u{{{number:x}}}",
        f"\\U{number:08x}",
    )


@pytest.mark.parametrize(
    ("value", "char", "spellings"),
    [
        ("ann@example.com", "@", AT),
        ("4012 8888 8888 1881", " ", BLANKS),
        ("4012-8888-8888-1881", "-", DASHES),
        ("GB69 PMNJ 1891 3943 4307 45", " ", BLANKS),
    ],
)
def test_a_value_is_found_with_what_is_spelt_out_in_it(value: str, char: str, spellings: tuple[str, ...]) -> None:
    (kind,) = {span.kind for span in scanner().scan(value)} & {"email", "credit_card", "iban"}
    for each in spellings:
        odd = f"it is {value.replace(char, each)} now"
        found = [odd[span.start : span.end] for span in scanner().scan(odd) if span.kind == kind]
        assert found[0] == value.replace(char, each)
        for cut in range(1, len(odd)):
            assert streamed(scanner(), [odd[:cut], odd[cut:]]) == (odd, scanner().scan(odd))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("?dob=12%2F03%2F1985&open=1", "12%2F03%2F1985"),
        ("mac=01%3A23%3a45%253A67%3A89%3AAB&x", "01%3A23%3a45%253A67%3A89%3AAB"),
        ("?tel=%28415%29%20666-7777&x", "%28415%29%20666-7777"),
        (r"to ann\100example\056com now", r"ann\100example\056com"),
    ],
)
def test_encoded_values_are_found_whole_and_in_pieces(text: str, value: str) -> None:
    found = scanner().scan(text)
    assert value in {text[span.start : span.end] for span in found}
    assert streamed(scanner(), list(text)) == (text, found)


@pytest.mark.parametrize("way", range(len(ways("a"))))
def test_a_value_may_be_spelt_out_all_over(way: int) -> None:
    odd = "".join(ways(char)[way] for char in "ann@example.com")
    text = f"to {odd} now"
    assert (3, 3 + len(odd), "email") in {(span.start, span.end, span.kind) for span in scanner().scan(text)}
    assert streamed(scanner(), list(text)) == (text, scanner().scan(text))


def test_a_character_that_nobody_sees_may_be_spelt_out() -> None:
    text = "to ann&shy;@exa&#8203;mple.com now"
    assert [text[span.start : span.end] for span in scanner().scan(text)] == ["ann&shy;@exa&#8203;mple.com"]


@gathered(
    "text",
    [
        *("AT&T", "a && b", "?a=1&b=2", "don&#39;t", "&quot;&amp;&lt;&#x3C;&#x27;", "a&nbsp;b", "a&#160;b", "&#;"),
        *("a%20b", "100%", "%d items", "a%3Db%2Fc%0A", "1\\n2", "C:\\users\\new", "\\d+", "1&#123456789"),
    ],
)
def test_markup_and_the_usual_escapes_are_not_undone(text: str) -> None:
    assert not spelt(text)
    assert not hidden(text)
    assert Ignored().bare(text) == text


@pytest.mark.parametrize(
    ("said", "char"),
    [
        *(("&#128512;", "😀"), ("&#0;", " "), ("&#xD800;", " "), ("&#x110000;", " "), ("&#9999999;", " ")),
        *((LONGEST, "@"), ("&#64", "@"), ("\\u2011", "\u2011"), ("&nbsp;", " ")),
    ],
)
def test_each_stands_for_one_character(said: str, char: str) -> None:
    assert character(said) == char
    assert len(said) <= MOST_SPELT
    assert Ignored().bare(f"1{said}-") == f"1{char}-"


@gathered("said", [*AT, *BLANKS, *DASHES, LONGEST])
def test_every_beginning_waits_for_its_end(said: str) -> None:
    for size in range(1, len(said)):
        assert begun(f"1{said[:size]}") == 1


@given(texts(), st.sampled_from((1, 2, 5, 20)), st.integers(0, 5), st.integers(0, 1 << 30))
def test_any_cutting_gives_the_same(text: str, every: int, way: int, seed: int) -> None:
    odd = "".join(
        ways(char)[way] if number % every == 0 and char.isascii() else char for number, char in enumerate(text)
    )
    assert streamed(scanner(), pieces(odd, seed)) == (odd, scanner().scan(odd))


@given(
    st.lists(st.sampled_from((*AT, *BLANKS, *DASHES, *"a1@. &;#%2x\\u", "amp;", "\u00ad", "❤")), max_size=20),
    st.integers(0, 1 << 30),
)
def test_any_cutting_of_noise_gives_the_same(parts: list[str], seed: int) -> None:
    text = "".join(parts)
    assert streamed(scanner(), pieces(text, seed)) == (text, scanner().scan(text))
