"""The model that ships: a missing or another file is told, and no policy with it is right."""

import pkgutil
from collections.abc import Iterator

import pytest

from extproc.classify.linear import dump
from extproc.detectors import injection as package
from extproc.detectors.contract import DetectorError
from extproc.policy import UnusableError
from tests.seams.playing import plan


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    package.model.cache_clear()
    yield
    package.model.cache_clear()


def test_the_shipped_model_is_the_one_that_is_expected() -> None:
    assert len(package.model().weights) > 10_000
    data = pkgutil.get_data("extproc.detectors.injection", package.FILE)
    assert data is not None
    assert len(data) <= 1024 * 1024


@pytest.mark.parametrize("data", [None, b"", b"another", dump({"a": 1.0}, 1, 0)])
def test_a_missing_or_another_file_is_an_error_of_the_policy_that_needs_it(
    data: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pkgutil.get_data", lambda *_: data)
    with pytest.raises(DetectorError, match="install this package anew"):
        package.model()
    with pytest.raises(UnusableError) as caught:
        plan("{use: injection}")
    assert "install this package anew" in str(caught.value.parts[0])


def test_a_file_that_cannot_be_opened_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr("pkgutil.get_data", gone)
    with pytest.raises(DetectorError, match="is missing"):
        package.model()
