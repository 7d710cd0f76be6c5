"""Rules whose gates are tried only where a word that they need stands in the text (`cued`)."""

import pytest

from extproc.detectors import pii
from extproc.matching.regions import MOST_NAMES, Cued
from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from extproc.matching.window import Window
from tests.gathered import gathered
from tests.inspection.texts import streamed

CODE = Rule(
    kind="code", pattern=r"\d{3}", context=("code", "cipher"), near=(20, 12), named=True, cued=True, hits=(), misses=()
)
PLAIN = Rule(kind="code", pattern=r"\d{3}", context=("code", "cipher"), near=(20, 12), named=True, hits=(), misses=())
SCANNER = Scanner.compile([CODE])
CUED = [pytest.param(rule, id=rule.title) for rule in pii.RULES if rule.cued]


def found(text: str, name: str | None = None) -> list[str]:
    return [text[each.start : each.end] for each in SCANNER.scan(text, name)]


TEXTS = (
    "code 123",
    "123 is my code",
    "the code, then 123 and 456",
    "code" + " " * 19 + "123",
    "code" + " " * 21 + "123",
    "encode 123",
    "123",
    "code\n123",
    "cipher 7, 123\n\n456 code",
    "x 123 y 456 z",
    "secretCode=123",
)


@pytest.mark.parametrize("text", TEXTS)
def test_it_finds_what_the_same_rule_finds_that_is_not_cued(text: str) -> None:
    expected = [text[each.start : each.end] for each in Scanner.compile([PLAIN]).scan(text)]
    assert found(text) == expected


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_stream_finds_the_same_also_where_the_word_comes_later_or_has_left(text: str, size: int) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert streamed(SCANNER, pieces) == (text, SCANNER.scan(text))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("123", ["123"]),
        ('"123"', ["123"]),
        (" 123 456", ["123"]),
        ("no 123", []),
        ("   123", []),
        ("no code 123", ["123"]),
    ],
)
def test_the_name_of_a_member_tells_of_the_value_with_which_its_text_begins(value: str, expected: list[str]) -> None:
    assert found(value, "pin code") == expected
    window = Window(SCANNER, name="pin code")
    released = [window.feed(char) for char in value] + [window.finish()]
    assert [hit.value for each in released if each for hit in each.hits] == expected


def test_several_texts_have_their_own_words() -> None:
    texts = ["the code is here", "123", "code 456", "7"]
    assert [(number, [each.start for each in spans]) for number, spans in SCANNER.scan_all(texts)] == [(2, [5])]


def test_hits_count_where_a_word_of_their_rule_stands() -> None:
    regions = SCANNER._regions
    assert list(regions.hits(b"x 123 456\n")) == []
    assert [end for _, end in regions.hits(b"x 123 code\n")] == [6]
    assert [end for _, end in regions.hits(b"x 123\n", None, b"\ncode x 123\n", 6)] == [6]
    assert [end for _, end in regions.hits(b"x 123\n", whole=False)] == [6]
    assert list(regions.hits(b"\n123\n")) == [], "the name of a member tells by itself"


def test_a_name_tells_of_its_own_text_among_several() -> None:
    names = [None, "pin code", "code", None, "code"]
    texts = ["a", "123", "no 456", "789", "  12 and 345"]
    scanned = SCANNER.scan_all(texts, names.__getitem__)
    assert [(number, [each.start for each in spans]) for number, spans in scanned] == [(1, [0])]
    assert scanned == [
        (number, spans) for number, text in enumerate(texts) if (spans := SCANNER.scan(text, names[number]))
    ]


def test_names_that_clients_invent_fill_no_memory() -> None:
    cued = Cued(dict(enumerate(SCANNER._lanes)))
    for number in range(MOST_NAMES):
        cued.named(f"code {number}")
    assert len(cued._named) == MOST_NAMES
    assert cued.named("code") == (0,)
    assert len(cued._named) == 1


@gathered("rule", CUED)
def test_every_value_has_a_digit_and_its_name_tells_it(rule: Rule) -> None:
    text, spans = marked(rule.hits[0])
    value = text[slice(*spans[0])]
    assert any(map(str.isdigit, value))
    alone = Scanner.compile([rule])
    names = (
        *("account number", "bank account", "routing number", "cvv", "card expiry", "driver license", "license plate"),
        *("vin", "imei", "age", "latitude", "address", "zip code", "itin", "ein", "npi", "mbi", "dea"),
    )
    telling = [name for name in names if alone.tells(name)]
    assert telling
    assert [each.start for each in alone.scan(value, telling[0])][:1] == [0]
    assert alone.scan(value) == []
