"""Folding: what a reader sees, and where it stands in the original."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.classify.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ignore ALL", "ignore all"),
        ("ｉｇｎｏｒｅ", "ignore"),
        ("𝐢𝐠𝐧𝐨𝐫𝐞 𝓪𝓵𝓵", "ignore all"),
        ("ⓘⓖⓝⓞⓡⓔ", "ignore"),
        ("🅸🅶🅽🅾🆁🅴", "ignore"),
        ("íg̃nörè", "ignore"),
        ("ig\u200bno\u00adre", "ignore"),
        ("іgnоrе", "ignore"),
        ("Straße İstanbul", "straße istanbul"),
        ("игнорируй", "игнорируй"),
        ("αγνόησε", "αγνόησε"),
    ],
)
def test_letters_are_read_as_what_they_look_like(text: str, folded: str) -> None:
    assert fold(text).text == folded


def test_places_are_those_of_the_original() -> None:
    folded = fold("a\u200bb\u200b\u200bc")
    assert folded.text == "abc"
    assert [folded.place(each) for each in range(4)] == [0, 2, 5, 6]
    assert [fold("xyz").place(each) for each in range(4)] == [0, 1, 2, 3]


@given(st.text())
def test_every_code_point_has_a_place_and_folding_again_changes_nothing(text: str) -> None:
    folded = fold(text)
    places = [folded.place(each) for each in range(len(folded.text) + 1)]
    assert places == sorted(set(places))
    assert all(0 <= each <= len(text) for each in places)
    assert len(fold(folded.text).text) == len(folded.text)
