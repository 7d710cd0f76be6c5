"""Vectors of words: texts are alike whose words are, and what is refused when a table is loaded."""

import hashlib
import math
import zlib

import msgspec
import pytest

from extproc.classify import vectors
from extproc.classify.linear import ModelError
from extproc.classify.vectors import WordVectors, dump
from tests.gathered import gathered

TABLE = {"invoice": [7, 1], "bill": [6, 1], "python": [-1, 7], "code": [0, 6]}


def loaded(data: bytes) -> WordVectors:
    return WordVectors.load(data, hashlib.sha256(data).hexdigest())


def test_a_vector_is_the_sum_of_its_words_of_length_one() -> None:
    table = loaded(dump(TABLE))
    assert table.vector(["invoice", "unheard", "python"]) == pytest.approx([6 / 10, 8 / 10])
    assert math.hypot(*table.vector(["bill"])) == pytest.approx(1)
    assert table.vector(["unheard"]) == table.vector([]) == [0, 0]


def test_a_text_is_like_the_class_whose_words_mean_the_same() -> None:
    likeness = loaded(dump(TABLE)).meanings([["an invoice", "unheard of"], ["python"]])
    billing, programming = likeness("my bill")
    assert billing > 0.99
    assert programming < 0.2
    assert likeness("nothing known") == [0, 0]


def written(**changes: object) -> bytes:
    made = {"name": vectors.NAME, "words": "a\nb", "dimensions": 2, "steps": b"\x8f\x18"}
    return zlib.compress(msgspec.json.encode(made | changes))


def test_a_table_by_hand_is_read() -> None:
    assert loaded(written()).known == {"a": bytes([8, 15]), "b": bytes([1, 8])}


@gathered(
    "data",
    [
        b"",
        zlib.compress(b"{}"),
        written(name="another"),
        written(words="a"),
        written(dimensions=3),
        written(dimensions=0),
        written(steps=b"\x8f"),
    ],
)
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        loaded(data)


def test_vectors_of_different_sizes_make_no_table() -> None:
    with pytest.raises(ModelError):
        dump({"a": [1, 2], "b": [1]})
