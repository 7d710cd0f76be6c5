"""Regression models: the place of a text among known ones, and what is refused when a model is loaded."""

import hashlib
import zlib

import msgspec
import pytest

from extproc.classify import regression
from extproc.classify.linear import ModelError
from extproc.classify.regression import LengthTerm, RegressionModel, dump
from tests.gathered import gathered

WEIGHTS = {"integral": (3.0, 4.0), "hello": (-2.0, 3.0)}
LENGTH = LengthTerm(0.5, 3.0)


def loaded(data: bytes) -> RegressionModel:
    return RegressionModel.load(data, hashlib.sha256(data).hexdigest())


def test_a_sum_counts_grams_by_their_rarity_and_the_length_once() -> None:
    model = loaded(dump(WEIGHTS, LENGTH, 0.25, (0.0, 1.0)))
    both = (3 * 4 - 2 * 3) / 5
    assert model.sum(["integral", "hello", "unheard of"], 20) == pytest.approx(both + LENGTH.of(20) + 0.25, abs=0.01)
    assert model.sum([], 20) == model.sum(["unheard of"], 20) == pytest.approx(LENGTH.of(20) + 0.25)


def test_a_place_is_the_share_of_known_sums_below_and_never_outside_of_0_and_1() -> None:
    model = loaded(dump(WEIGHTS, LengthTerm(0.0, 0.0), 0.0, (-1.0, 0.0, 3.0)))
    assert model.place(["hello"], 5) == 0
    assert model.place(["integral"], 5) == pytest.approx(1, abs=1e-3)
    assert model.place([], 5) == 0.5
    between = loaded(dump(WEIGHTS, LengthTerm(0.0, 0.0), 1.5, (-1.0, 0.0, 3.0)))
    assert between.place([], 5) == 0.75
    assert loaded(dump(WEIGHTS, LengthTerm(0.0, 0.0), 9.0, (-1.0, 0.0, 3.0))).place([], 5) == 1


def written(**changes: object) -> bytes:
    made = {
        "name": regression.NAME,
        "grams": "a\nb",
        "weights": b"\1\0\2\0",
        "unit": 1.0,
        "rarities": b"\x10\x20",
        "length": {"weight": 0.0, "mean": 0.0},
        "intercept": 0.0,
        "places": (0.0, 1.0),
    }
    return zlib.compress(msgspec.json.encode(made | changes))


def test_a_model_by_hand_is_read() -> None:
    assert loaded(written()).grams == {"a": (1.0, 1.0), "b": (4.0, 4.0)}


@gathered(
    "data",
    [
        b"",
        zlib.compress(b"{}"),
        written(name="another"),
        written(grams="a"),
        written(weights=b"\1\0\2"),
        written(rarities=b"\x10"),
        written(places=(0.0,)),
        written(places=(1.0, 0.0)),
    ],
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        loaded(data)


def test_another_file_than_the_one_that_was_built_in_is_refused() -> None:
    with pytest.raises(ModelError, match="not the one"):
        RegressionModel.load(written(), "0" * 64)
