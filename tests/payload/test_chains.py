"""Parts of one text: a reader of all of a body and one that only glimpses at it tell the same."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from extproc.payload import Document, glimpse
from extproc.payload.chains import chains

TEXTS = st.sampled_from(["", "some words"])
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "input_text", "image_url"]),
        "text": st.sampled_from(["", "a", "some words"]),
        "cache_control": st.just({"type": "ephemeral"}),
        "content": st.lists(st.fixed_dictionaries({"text": st.just("inner")}), max_size=3),
    },
)


@st.composite
def parts(draw: st.DrawFn) -> list[Any]:
    """Parts whose members come in any order."""
    made = draw(st.lists(PARTS, max_size=4))
    return [dict(draw(st.permutations(list(each.items())))) for each in made]


@given(st.lists(st.one_of(st.just("text"), parts(), st.lists(PARTS | TEXTS, max_size=4)), min_size=1, max_size=3))
def test_both_readers_tell_the_same_parts(contents: list[Any]) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": each} for each in contents]}).encode()
    glimpsed = glimpse(body)
    document = Document.read(body)
    assert glimpsed is not None
    texts, _, chained = glimpsed
    assert texts == [each.text for each in document.passages]
    assert chained is None or list(chained) == chains(document.passages, document.sources)


def test_parts_as_clients_write_them_are_told_at_a_glimpse() -> None:
    several = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]
    body = {"model": "m", "system": several, "messages": [{"role": "user", "content": [*several, *several]}]}
    glimpsed = glimpse(json.dumps(body).encode())
    assert glimpsed is not None
    texts, _, chained = glimpsed
    assert chained is not None
    assert [[texts[number] for number in each] for each in chained] == [["a", "b"], ["a", "b", "a", "b"]]
