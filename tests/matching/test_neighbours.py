"""A value is found whatever stands beside it, but for what it is joined to."""

import pytest

from extproc.detectors import pii, secrets
from extproc.matching.rule import Rule, marked
from extproc.matching.span import Span, unite
from tests.conftest import PROFILE
from tests.gathered import gathered
from tests.inspection.texts import RULES, scanner, streamed

ESCAPES = (
    *("\\n", "\\t", "\\r\\n", "\\\\n", "%20", "%3D", "%2520", "\\u000a", "\\x0a", "&#10;", "&nbsp;"),
    *("\x1b[31m", "\x1b[0m", "\x1b[1;31m", "\x1b(B", "\\x1b[31m", "\\033[31m", "[31m"),
)
SEPARATORS = ("_", "\u00a0", "\u202f", "\u2009", "\n", "\r\n", "(", "[", '"', "'", "`", "|", ";", " ", "\t", "人")
OF_IDENTIFIERS = ("phone-dialled-abroad", "phone-spoken-of")
"""Behind an underscore they are parts of identifiers."""


def _values() -> list[tuple[Rule, str]]:
    """The first example of each rule whose find is its whole match and needs no words beside it."""
    rules = [rule for rule in RULES if rule.group == 0 and not rule.context]
    return [(rule, text[slice(*spans[0])]) for rule in rules for text, spans in [marked(rule.hits[0])]]


VALUES = _values()


def _whole(found: list[Span], start: int, end: int) -> bool:
    return any(span.start <= start and span.end >= end for span in found)


@gathered(("rule", "value"), [pytest.param(*each, id=each[0].title) for each in VALUES], parts=2)
def test_a_value_is_found_whole_between_escapes_brackets_and_separators(rule: Rule, value: str) -> None:
    for beside in (*ESCAPES, *SEPARATORS):
        if beside in {"_", "|"} and rule.title in {*OF_IDENTIFIERS, "facebook-app-token"}:
            continue
        text = f"log: key{beside}{value}{beside}"
        start = len(f"log: key{beside}")
        assert _whole(scanner().scan(text), start, start + len(value)), beside


@gathered(("rule", "value"), [pytest.param(*each, id=each[0].title) for each in VALUES])
def test_a_value_behind_an_underscore_is_found_where_its_text_ends(rule: Rule, value: str) -> None:
    if rule.title in {*OF_IDENTIFIERS, "facebook-app-token"}:
        pytest.skip("there it is a part of an identifier")
    text = f"key_{value}"
    assert _whole(scanner().scan(text), 4, len(text))
    for texts in ([text, "more"], ["more", text], [text, text]):
        found = dict(scanner().scan_all(texts))
        assert all(_whole(found[number], 4, len(text)) for number, each in enumerate(texts) if each == text)
    for size in (1, 5):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert _whole(streamed(scanner(), pieces)[1], 4, len(text))


BESIDE = ("\\n", "%20", "\\u000a", "\x1b[31m", "_", "\u00a0")


@pytest.mark.parametrize("beside", BESIDE)
def test_a_stream_finds_the_same_between_them(beside: str) -> None:
    # By default each value stands between two of one kind; `deep` has every third value between two of each.
    chosen = VALUES[BESIDE.index(beside) :: len(BESIDE)] if PROFILE == "fast" else VALUES[::3]
    text = "".join(f"log: key{beside}{value}{beside} " for _, value in chosen)
    whole = (text, scanner().scan(text))
    assert whole[1]
    for size in (1, 7):
        assert streamed(scanner(), [text[at : at + size] for at in range(0, len(text), size)]) == whole


@gathered(("rule", "value"), [pytest.param(*each, id=each[0].title) for each in VALUES])
def test_a_value_that_is_joined_to_letters_and_digits_is_not_found_by_its_rule(rule: Rule, value: str) -> None:
    if not rule.before or value[0].isalnum() is False or rule.title in {"email", "url"}:
        pytest.skip("it may begin anywhere, or does not begin with a letter")
    text = f"Qz9{value}"
    assert not any(span.rule == rule.title and span.start == len("Qz9") for span in scanner().scan(text))


CARDS = (
    ("4012 8888 8888 1881 123", "4012 8888 8888 1881"),
    ("4012-8888-8888-1881-123", "4012-8888-8888-1881"),
    ("4012\u00a08888\u00a08888\u00a01881\u00a0123", "4012\u00a08888\u00a08888\u00a01881"),
    ("4012 8888 8888 1881 1234", "4012 8888 8888 1881"),
    ("4012888888881881 123", "4012888888881881"),
    ("my card is 4012 8888 8888 1881 12 25", "4012 8888 8888 1881"),
    ("3782 822463 10005 123", "3782 822463 10005"),
)


@pytest.mark.parametrize(("text", "card"), CARDS)
def test_a_card_is_a_card_whatever_digits_follow_it(text: str, card: str) -> None:
    start = text.index(card)
    assert _whole([span for span in scanner().scan(text) if span.kind == "credit_card"], start, start + len(card))


GROUPS = (
    ("credit_card", "4111 1111 1111 1111"),
    ("iban", "GB69 PMNJ 1891 3943 4307 45"),
    ("phone", "+44 20 7123 4567"),
    ("us_ssn", "078 05 1123"),
    ("uk_nhs", "943 476 5919"),
    ("in_aadhaar", "3123 4567 8909"),
    ("fr_nir", "2 55 08 14 168 025 38"),
)


@gathered("space", ["\u00a0", "\u202f", "\u2009", "\u2007"])
@gathered(("kind", "value"), GROUPS, ids=[kind for kind, _ in GROUPS])
def test_spaces_that_do_not_break_part_groups(kind: str, value: str, space: str) -> None:
    text = "é " + value.replace(" ", space) + " x"
    found = [span for span in scanner().scan(text) if span.kind == kind]
    assert _whole(found, 2, 2 + len(value))
    assert streamed(scanner(), list(text)) == (text, scanner().scan(text))


@pytest.mark.parametrize("dash", ["\u2010", "\u2011", "\u2012", "\u2013", "\u2212", "\uff0d"])
def test_dashes_of_typesetters_part_groups(dash: str) -> None:
    for kind, value in (("us_ssn", "536-22-8741"), ("credit_card", "4012-8888-8888-1881"), ("phone", "415-555-2671")):
        assert kind in {span.kind for span in scanner().scan(value.replace("-", dash))}


def test_an_address_behind_an_escape_begins_behind_it() -> None:
    (found,) = unite(span for span in scanner().scan("key\\nann@example.com") if span.kind == "email")
    assert (found.start, found.end) == (5, 20)
    (found,) = unite(span for span in scanner().scan("CORP\\alice@example.com") if span.kind == "email")
    assert (found.start, found.end) == (5, 22)


def test_every_kind_has_a_value_or_a_word_it_needs() -> None:
    tested = {rule.kind for rule, _ in VALUES}
    assert {rule.kind for rule in (*pii.RULES, *secrets.RULES) if rule.group == 0 and not rule.context} == tested
