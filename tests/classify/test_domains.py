"""Domains by the words of a text, and what is refused when a model is loaded."""

import hashlib
import zlib

import msgspec
import pytest

from extproc.classify import domains
from extproc.classify.domains import DomainModel, dump
from extproc.classify.linear import ModelError
from tests.gathered import gathered

WEIGHTS = {"court": (2.0, [1.0, -0.2]), "integral": (3.0, [-0.2, 0.9])}


def loaded(data: bytes) -> DomainModel:
    return DomainModel.load(data, hashlib.sha256(data).hexdigest())


def test_the_nearest_domain_is_told_with_how_sure_that_is() -> None:
    model = loaded(dump(("law", "math"), WEIGHTS, (0.0, 0.1)))
    law, math = model.best(["court", "unheard"]), model.best(["integral"])
    assert (law.name, math.name) == ("law", "math")
    assert min(law.score, math.score) > 0.9
    assert model.best(["court", "integral"]).score < math.score
    assert model.best(["unheard"]).score == 0


def written(**changes: object) -> bytes:
    made = {
        "name": domains.NAME,
        "domains": ("law", "math"),
        "grams": "a",
        "rarities": b"\x10",
        "weights": b"\x7f\x81",
        "unit": 0.5,
        "intercepts": (0.0, 0.0),
    }
    return zlib.compress(msgspec.json.encode(made | changes))


def test_a_model_by_hand_is_read() -> None:
    assert loaded(written()).grams == {"a": (1.0, [63.5, -63.5])}


@gathered(
    "data",
    [
        b"",
        zlib.compress(b"{}"),
        written(name="another"),
        written(grams="a\nb"),
        written(rarities=b""),
        written(weights=b"\x7f"),
        written(intercepts=(0.0,)),
        written(domains=(), weights=b"", intercepts=()),
    ],
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        loaded(data)
