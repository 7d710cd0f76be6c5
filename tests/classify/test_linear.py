"""Linear models: how they score, and what is refused when one is loaded."""

import hashlib
import zlib

import msgspec
import pytest

from extproc.classify import linear
from extproc.classify.linear import LinearModel, LinearWeights, ModelError, dump, logistic
from extproc.classify.words import grams

WEIGHTS = {"ignore": 3.0, "ignore all": 2.0, "thanks": -4.0}


def loaded(data: bytes) -> LinearModel:
    return LinearModel.load(data, hashlib.sha256(data).hexdigest())


def test_a_model_scores_as_before_once_it_was_written_and_read() -> None:
    model, again = LinearModel(WEIGHTS, 2.0, -1.0), loaded(dump(WEIGHTS, 2.0, -1.0))
    for words in (["ignore", "all"], ["thanks"], ["x"]):
        assert again.score(grams(words)) == pytest.approx(model.score(grams(words)), abs=1e-3)
    assert model.score(grams(["ignore", "all"])) > 0.9
    assert 0 < model.score(["thanks", "ignore"]) < 0.5
    assert model.score([]) == 0


def test_weights_of_no_step_are_left_out() -> None:
    assert set(loaded(dump({**WEIGHTS, "nothing": 1e-9}, 1, 0)).weights) == set(WEIGHTS)


def test_odds_beyond_what_numbers_hold_are_certain() -> None:
    assert (logistic(-10_000), logistic(0), logistic(10_000)) == (0, 0.5, 1)


def written(**changes: object) -> bytes:
    made = {"name": linear.NAME, "grams": "a\nb", "weights": b"\1\0\2\0", "unit": 1.0, "slope": 1.0, "offset": 0.0}
    return zlib.compress(msgspec.json.encode(made | changes))


def test_a_model_by_hand_is_read() -> None:
    assert loaded(written()).weights == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no model",
        dump(WEIGHTS, 1, 0)[:-8],
        zlib.compress(b"{}"),
        written(name="another"),
        written(grams="a"),
        written(weights=b"\1\0\2"),
        written(unit="x"),
    ],
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        loaded(data)


def test_another_file_than_the_one_expected_is_refused() -> None:
    with pytest.raises(ModelError, match="not the one"):
        LinearModel.load(dump(WEIGHTS, 1, 0), "0" * 64)


def test_a_model_larger_than_any_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dump(WEIGHTS, 1, 0)
    size = len(zlib.decompress(data))
    monkeypatch.setattr(linear, "SIZE_MAX", size)
    loaded(data)
    monkeypatch.setattr(linear, "SIZE_MAX", size - 1)
    with pytest.raises(ModelError):
        loaded(data)
    monkeypatch.setattr(linear, "SIZE_MAX", size)
    monkeypatch.setattr(linear, "GRAMS_MAX", 2)
    with pytest.raises(ModelError):
        loaded(data)
    with pytest.raises(ModelError):
        dump(WEIGHTS, 1, 0)


def test_the_written_form_names_its_members() -> None:
    assert LinearWeights.__struct_fields__ == ("name", "grams", "weights", "unit", "slope", "offset")
