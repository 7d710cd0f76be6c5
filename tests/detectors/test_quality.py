"""Floors for what `scripts/bench quality` measures, with a little air: rules are tuned on principles, not on rows."""

import gzip
import json
from functools import cache
from pathlib import Path

import pytest

from extproc.detectors import pii
from scripts.benchmarks import forms, names, quality, unseen
from scripts.benchmarks.report import BenchError
from tests.gathered import gathered

data = pytest.mark.skipif(not quality.sources(), reason="the development data lies outside the repository")

KINDS = sorted(quality.LABELS.values())


def _said(_: str) -> None:
    pass


@cache
def _figures(source: str) -> dict[tuple[str, str], float]:
    return {(row.figure, row.subject): row.median for row in quality.measure(1, 0, _said, [source])}


@data
@pytest.mark.parametrize("source", quality.sources())
@pytest.mark.parametrize("kind", KINDS)
def test_personal_data_is_found_and_nothing_else(kind: str, source: str) -> None:
    for figure in ("recall", "precision"):
        floor = quality.FLOORS.get(kind, quality.USUAL_FLOOR)
        assert _figures(source).get((figure, f"pii/{kind}/{source}"), 1.0) >= floor


@data
def test_the_cases_of_another_detector_come_out_right() -> None:
    # Of the others, most are digits alone, which are a national identifier there, but none here without a word.
    assert _figures(quality.CASES)["right", f"pii/all/{quality.CASES}"] >= quality.CASES_FLOOR


@data
def test_secrets_are_found_and_look_alikes_are_not() -> None:
    assert _figures(quality.SECRETS)["precision", f"secrets/all/{quality.SECRETS}"] >= 0.94
    assert _figures(quality.SECRETS)["recall", f"secrets/all/{quality.SECRETS}"] >= 0.92


@data
def test_secrets_of_other_scanners_cases_are_found() -> None:
    rows = {(row.figure, row.subject): row.median for row in unseen.credentials()}
    assert rows["recall", f"secrets/all/{unseen.CREDENTIALS}"] >= 0.86
    assert rows["precision", f"secrets/all/{unseen.CREDENTIALS}"] >= unseen.SECRETS_FLOORS["precision"]


@data
@pytest.mark.parametrize("kind", sorted(forms.CREDENTIALS))
@pytest.mark.parametrize("form", forms.FORMS)
def test_a_credential_is_found_in_every_form(form: str, kind: str) -> None:
    called, write = names.NAMES[kind], forms.FORMS[form]
    for number, value in enumerate(forms.values(kind)):
        text = write(called[number % len(called)], value)
        judged = unseen.judge(text)
        assert judged.secret()
        assert value not in judged.masked


@gathered("kind", names.EXAMPLE_NAMES, parts=3)
def test_an_example_is_found_in_every_form(kind: str) -> None:
    examples = forms.examples(kind)
    assert examples
    for value, words in examples:
        # A quotation mark, and a letter beyond ASCII, are themselves escapes within an escaped JSON.
        plain = value.isascii() and '"' not in value
        for form, write in forms.FORMS.items():
            if plain or form != "json-escaped":
                judged = unseen.judge(write(words, value))
                assert judged.covers(kind, value), (form, words)


@gathered("kind", pii.KINDS)
def test_every_kind_is_measured_in_forms(kind: str) -> None:
    # Within a URL a user and a password have no name of their own.
    assert kind in names.NAMES or kind in names.EXAMPLE_NAMES or kind == "url_credentials"


def _write(folder: Path, name: str, *rows: dict[str, object]) -> None:
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Data of a few rows: of two addresses one is labelled elsewhere; a look-alike that no rule takes for a secret."""
    mail = "write to ann@example.com"
    _write(
        tmp_path,
        "presidio_research_x",
        {"text": mail, "spans": [[9, 24, "EMAIL_ADDRESS"]]},
        {"text": mail, "spans": [[0, 5, "EMAIL_ADDRESS"]]},
    )
    _write(
        tmp_path,
        quality.CASES,
        {"recogniser": "email", "text": mail, "n": 1, "spans": None},
        {"recogniser": "email", "text": mail, "n": 2, "spans": None},
        {"recogniser": "of nobody", "text": mail, "n": 1, "spans": None},
    )
    _write(
        tmp_path,
        quality.SECRETS,
        {"text": "AKIAZ7XQ4HNRTW2LPYKM", "label": 1, "source": "own"},
        {"text": "nothing", "label": 1, "source": "own"},
        {"text": "nothing", "label": 0, "source": "own"},
    )
    return tmp_path


def test_shares_are_counted_over_labels_finds_and_cases(folder: Path) -> None:
    rows = quality.measure(1, 0, _said, folder=folder)
    assert {(row.figure, row.subject): row.median for row in rows} == {
        ("recall", "pii/email/presidio_research_x"): 0.5,
        ("precision", "pii/email/presidio_research_x"): 0.5,
        ("right", "pii/all/presidio_recogniser_cases"): 0.5,
        ("right", "pii/email/presidio_recogniser_cases"): 0.5,
        ("recall", "secrets/all/secrets"): 0.5,
        ("precision", "secrets/all/secrets"): 1.0,
        ("recall", "secrets/all/secrets.own"): 0.5,
        ("precision", "secrets/all/secrets.own"): 1.0,
    }
    assert [row.missed for row in rows] == [True, True, True, False, True, False, False, False]


def test_the_table_has_a_line_a_subject_with_its_floor_and_marks_what_is_below(folder: Path) -> None:
    lines = quality.table(quality.measure(1, 0, _said, folder=folder)).splitlines()
    assert lines[0] == "| detector/kind/source | of | recall | precision | right | floor |"
    assert "| secrets/all/secrets | 2 | **0.500 missed** | 1.000 |  | 0.85, 0.93 |" in lines


def test_missing_data_is_told_with_its_path(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(BenchError, match="nowhere"):
        quality.measure(1, 0, _said, folder=tmp_path / "nowhere")
    (folder / f"{quality.CASES}.jsonl.gz").unlink()
    with pytest.raises(BenchError, match=quality.CASES):
        quality.measure(1, 0, _said, folder=folder)
