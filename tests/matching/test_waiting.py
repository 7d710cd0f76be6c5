"""A value beside which words may still come is judged again when they have, not with every piece."""

import pytest

from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner
from extproc.matching.window import Window

RIGHT = 12
SCANNER = Scanner.compile([Rule(kind="number", pattern=r"\d{6}", context=("code",), near=(12, RIGHT))])


def _fed(text: str, size: int = 1) -> tuple[str, list[str], int]:
    """What a stream of `text` in pieces gives: its text, its finds, and the most that was held."""
    window = Window(SCANNER)
    out, hits, most = "", list[str](), 0
    for released in [*(window.feed(text[at : at + size]) for at in range(0, len(text), size)), window.finish()]:
        most = max(most, window.held)
        if released is not None:
            out += released.text
            hits += [hit.value for hit in released.hits]
    return out, hits, most


@pytest.mark.parametrize("behind", ["is his code", "is not it at all", "and 654321 is his code, and no more of it"])
def test_words_behind_a_value_tell_of_it_however_the_text_is_cut(behind: str) -> None:
    text = f"so they said: 123456 {behind}"
    whole = [text[each.start : each.end] for each in SCANNER.scan(text)]
    for size in range(1, 9):
        out, hits, most = _fed(text, size)
        assert (out, hits) == (text, whole)
        assert most <= SCANNER.longest_hold + size


def test_a_value_is_judged_when_it_has_come_and_when_the_words_behind_it_have(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[bytes]()
    find = Scanner.find

    def counted(self: Scanner, data: bytes, *of: object, **more: object) -> object:
        if b"123456" in data:
            asked.append(data)
        return find(self, data, *of, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Scanner, "find", counted)
    _fed("a 123456 " + "b c d e f g h i j k ")
    assert len(asked) <= 3


def test_what_comes_behind_a_value_that_is_decided_goes_on_at_once() -> None:
    window = Window(SCANNER)
    window.feed("it was 123456 and so the whole of it went on; ")
    for word in ("they ", "said ", "so ", "of ", "it ", "then "):
        window.feed(word)
        assert window.held <= len(word)


@pytest.mark.parametrize("behind", ["(", ".", ", ", " ", ")(", "\n"])
def test_a_phrase_that_ends_amid_a_word_is_judged(behind: str) -> None:
    """Its first words are of no interest by themselves, and it is no longer in progress once the last one is over."""
    plates = Scanner.compile([Rule(kind="plate", pattern=r"[A-Z]{1,3} [A-Z]{2} \d{4}")])
    text = f"so they said: B MW 1234{behind}and so on"
    window = Window(plates)
    fed = [*(window.feed(char) for char in text), window.finish()]
    assert [hit.value for each in fed if each for hit in each.hits] == ["B MW 1234"]
