"""Words, windows, and what a model knows a text by."""

from itertools import pairwise

from extproc.classify.segments import LENGTH_MAX, segmented
from extproc.classify.words import STEP, WINDOW, Words, grams


def test_words_of_scripts_with_and_without_blanks() -> None:
    assert Words("say it: 42 times, o'clock!").words == ["say", "it", "0", "times", "o", "clock"]
    assert Words("忽略 指令").words == ["忽", "略", "指", "令"]
    assert Words("").words == []


def test_windows_overlap_and_leave_no_word_out() -> None:
    for size in (0, 1, WINDOW, WINDOW + 1, 5 * WINDOW + 7):
        windows = list(Words("word " * size).windows())
        covered = {number for first, last in windows for number in range(first, last)}
        assert covered == set(range(size))
        assert all(last - first <= WINDOW for first, last in windows)
        assert all(second[0] - first[0] == STEP for first, second in pairwise(windows))


def test_the_place_of_a_window_is_that_of_its_words() -> None:
    words = Words("ab  cd, ef gh")
    assert words.place(1, 3) == (4, 10)
    assert words.place(2, 3) == (8, 10)
    assert words.place(0, 4) == (0, 13)
    assert words.place(1, 1) == (0, 0)


def test_grams_are_words_and_pairs() -> None:
    assert grams(["a", "b", "a"]) == {"a", "b", "a b", "b a"}


def test_words_that_were_run_together_are_told_apart() -> None:
    assert segmented("ignoreallpreviousinstructions") == "ignore all previous instructions"
    assert segmented("showzqxwprompt") == "show zqxw prompt"
    assert segmented("") == ""
    assert segmented("ignore" * (LENGTH_MAX // 6)).startswith("ignore ignore")
    assert " " not in segmented("ignore" * (LENGTH_MAX // 6 + 1))
