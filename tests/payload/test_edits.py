"""What edits write, and that every other byte stays: against a reckoning by the spelling of each character."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from extproc.payload import Document, Edit
from tests.payload.texts import CHARS, bodies, opened, spelt, strings, token

Spelling = list[tuple[str, str]]
WRITTEN = st.sampled_from(["", "x", "[EMAIL_1]", 'é"\\\n', "😀"])


@st.composite
def edits(draw: st.DrawFn, length: int) -> list[Edit]:
    """Edits of a text of this length, in any order."""
    cuts = sorted(draw(st.lists(st.integers(0, length), max_size=6)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return draw(st.permutations([(start, end, draw(WRITTEN)) for start, end in dict(pairs).items()]))


def written(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def outward(spelling: Spelling, wanted: list[Edit], base: int) -> list[Edit]:
    """Edits of a string's characters as edits of the text in which its token begins at `base`."""
    offsets = [base + 1]
    for _, spelled in spelling:
        offsets.append(offsets[-1] + len(spelled))
    return [(offsets[start], offsets[end], written(text)) for start, end, text in wanted]


def applied(text: str, wanted: list[Edit]) -> str:
    for start, end, instead in sorted(wanted, reverse=True, key=lambda edit: edit[:2]):
        text = text[:start] + instead + text[end:]
    return text


@given(st.lists(strings(), min_size=1, max_size=4), st.integers(0, 2), st.data())
def test_an_edit_changes_the_characters_it_names_and_no_other_spelling_at_any_depth(
    spellings: list[Spelling], depth: int, data: st.DataObject
) -> None:
    assume(all(opened("".join(char for char, _ in spelling)) is None for spelling in spellings))
    text, wanted, raw = "[", dict[int, list[Edit]](), list[Edit]()
    for index, spelling in enumerate(spellings):
        wanted[index] = data.draw(edits(len(spelling)))
        raw += outward(spelling, wanted[index], len(text))
        text += token(spelling) + (" ]" if index == len(spellings) - 1 else ", ")
    for _ in range(depth):
        spelling = [(char, data.draw(spelt(char))) for char in text]
        raw = outward(spelling, raw, 1)
        text = f"[{token(spelling)}]"
    document = Document.read(text.encode())
    assert document.edit(wanted) == applied(text, raw).encode()


@given(bodies(), st.data())
def test_an_edited_body_reads_as_its_edited_texts(body: bytes, data: st.DataObject) -> None:
    document = Document.read(body)
    texts = [passage.text for passage in document.passages]
    wanted: dict[int, list[Edit]] = {}
    for index, text in enumerate(texts):
        if document.passages[index].kind != "number" and data.draw(st.booleans()):
            start = data.draw(st.integers(0, len(text)))
            edit = (start, data.draw(st.integers(start, len(text))), "zq")
            wanted[index] = [edit]
            texts[index] = applied(text, [edit])
            assume(opened(texts[index]) is None)
    again = Document.read(document.edit(wanted))
    assert [passage.text for passage in again.passages] == texts


@given(bodies())
def test_without_edits_the_body_is_the_same_object(body: bytes) -> None:
    document = Document.read(body)
    assert document.edit({}) is body
    assert document.edit({index: [] for index in range(len(document.passages))}) is body


@given(bodies(), st.data())
def test_a_passage_stands_in_the_string_of_the_body_that_its_place_names(body: bytes, data: st.DataObject) -> None:
    document = Document.read(body)
    assume(document.passages)
    index = data.draw(st.integers(0, len(document.passages) - 1))
    passage = document.passages[index]
    start = data.draw(st.integers(0, len(passage.text)))
    end = data.draw(st.integers(start, len(passage.text)))
    [place] = document.places(index, [(start, end)])
    if passage.source == 0:
        assert (place.pointer, place.start, place.end) == (passage.pointer, start, end)
        return
    assert passage.pointer.startswith(place.pointer + "#")
    assert 0 <= place.start <= place.end


def test_the_place_of_what_is_in_a_document_in_a_string_is_in_that_string() -> None:
    inner = json.dumps({"city": 'near "Aix"', "code": 12345678, "also": json.dumps(["😀 Aix"])})
    document = Document.read(json.dumps([{"arguments": inner}]).encode())
    for text, written in (('"Aix"', '\\"Aix\\"'), ("12345678", "12345678"), ("Aix", "Aix")):
        index = max(index for index, passage in enumerate(document.passages) if text in passage.text)
        start = document.passages[index].text.index(text)
        [place] = document.places(index, [(start, start + len(text))])
        assert place.pointer == "/0/arguments"
        assert inner[place.start : place.end] == written


@pytest.mark.parametrize("wrong", [[(0, 2, ""), (1, 3, "")], [(2, 1, "")], [(-1, 1, "")], [(0, 4, "")], [(4, 4, "")]])
def test_edits_that_overlap_or_lie_outside_are_an_error(wrong: list[Edit]) -> None:
    document = Document.read(b'["abc"]')
    with pytest.raises(ValueError, match="overlap or lie outside"):
        document.edit({0: wrong})


def test_edits_may_touch_and_insert() -> None:
    document = Document.read(b'["abc"]')
    assert document.edit({0: [(1, 2, "X"), (0, 1, "Y"), (2, 2, "-"), (3, 3, "!")]}) == b'["YX-c!"]'


@pytest.mark.parametrize(
    ("body", "edited"),
    [
        ('{"n": 4111111111111111 }', '{"n": 0 }'),
        ('{"n":"[4111111111111111]"}', '{"n":"[0]"}'),
    ],
)
def test_a_masked_number_becomes_another_number(body: str, edited: str) -> None:
    document = Document.read(body.encode())
    index = next(index for index, passage in enumerate(document.passages) if passage.kind == "number")
    assert document.edit({index: [(0, 12, "****")]}).decode() == edited


def test_half_of_a_pair_of_surrogates_is_written_as_an_escape() -> None:
    document = Document.read(b'["a\\ud83d", "[\\"b\\"]"]')
    edited = document.edit({0: [(0, 1, "\ude00")], 1: [(0, 1, "\ud83d")]})
    assert edited == b'["\\ude00\\ud83d", "[\\"\\\\ud83d\\"]"]'


@given(st.lists(CHARS, max_size=6))
def test_big_integers_odd_white_space_and_escapes_survive_an_edit_beside_them(name: list[str]) -> None:
    odd = '{"id" :12345678901234567890123, "\\u0061":1.0E+2,"a":"\\/\\u00e9",\t"'
    key = json.dumps("".join(name))[1:-1]
    body = odd + key + '": "secret"}'
    document = Document.read(body.encode())
    index = len(document.passages) - 1
    assert document.passages[index].text == "secret"
    assert document.edit({index: [(0, 6, "*")]}).decode() == odd + key + '": "*"}'


def test_many_places_are_found_at_once_in_any_order_and_overlapping() -> None:
    inner = json.dumps(["\n" * 3 + "abc"])
    document = Document.read(json.dumps([inner]).encode())
    spans = [(3, 6), (0, 1), (0, 6), (4, 4)]
    places = document.places(0, spans)
    assert [inner[place.start : place.end] for place in places] == ["abc", "\\n", "\\n\\n\\nabc", ""]
    assert {place.pointer for place in places} == {"/0"}
    assert "/0" not in repr(places)
