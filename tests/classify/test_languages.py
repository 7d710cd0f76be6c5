"""The languages of texts, and models that cannot be used."""

import hashlib
import zlib

import msgspec
import pytest

from extproc.classify.languages import Languages, counted
from extproc.classify.linear import ModelError

TEXTS = [("en", "the cat sat on the mat and the dog ran"), ("de", "die Katze und der Hund sind in dem Haus")] * 3


def written(**changes: object) -> bytes:
    return zlib.compress(msgspec.json.encode(msgspec.structs.asdict(counted(TEXTS)) | changes))


def loaded(data: bytes) -> Languages:
    return Languages.load(data, hashlib.sha256(data).hexdigest())


def test_a_text_is_of_the_language_whose_letters_it_has() -> None:
    model = loaded(written())
    assert model.likely("and the man sat")["en"] > 0.9
    assert model.likely("der Mann und die Frau")["de"] > 0.9
    assert sum(model.likely("the und").values()) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", "123 !?", "გამარჯობა მსოფლიო", "ພາສາລາວ"])
def test_a_text_may_be_of_no_language_that_is_known(text: str) -> None:
    assert set(loaded(written()).likely(text).values()) == {0.0} or not text.strip("123 !?")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no model",
        zlib.compress(b"{}"),
        written(name="another"),
        written(parts="a"),
        written(totals=(1,)),
        written()[:-5],
    ],
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        loaded(data)
    with pytest.raises(ModelError):
        Languages.load(data, "0" * 64)
