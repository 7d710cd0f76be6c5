"""What is told of a user's words: how much a strong model is worth for them, and their language."""

import pytest

from extproc.signals.difficulty import difficulty
from extproc.signals.language import ENDS, language
from tests.gathered import gathered

EASY = "hi, how are you?"
CASE = (
    "A plaintiff sued the defendant for negligence after a collision. The statute bars recovery where the plaintiff was"
    " more than half at fault. Which of the following arguments is most likely to succeed on appeal?"
)


def test_difficulty_is_a_share_and_the_same_each_time() -> None:
    assert difficulty("") == difficulty("?!") == 0
    assert 0 <= difficulty(EASY) < 0.3
    assert 0.6 < difficulty(CASE) <= 1
    assert difficulty(CASE) == difficulty(CASE.upper())


@gathered(
    ("code", "text"),
    [
        ("en", "Where is my order?"),
        ("de", "Hallo, wie geht es dir?"),
        ("fr", "Bonjour, comment ça va ?"),
        ("ja", "注文はどこにありますか"),
        ("en", f"Where is my order {'0123456789abcdef' * 8}?"),
        ("en", "Where is this? https://example.com/wo-ist-meine-bestellung-bitte"),
    ],
)
def test_the_language_of_a_text_is_told(code: str, text: str) -> None:
    assert language(text) == code


@pytest.mark.parametrize("text", ["", "ok", "42 + 17 = ?", "👍👍👍👍", "ᚠᚢᚦᚨᚱᚲ ᚷᚹᚺᚾᛁᛃ"])
def test_what_is_of_no_known_language_is_unknown(text: str) -> None:
    assert language(text) == "unknown"


def test_both_ends_of_a_long_text_tell_its_language() -> None:
    middle = "0" * (10 * ENDS)
    assert language(f"Bitte fasse das hier für mich zusammen: {middle}") == "de"
    assert language(f"{middle} Bitte fasse das hier für mich zusammen") == "de"
