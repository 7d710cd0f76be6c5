"""The bench of inspection: its figures and texts, by a run as small as can be."""

from collections.abc import Sequence

import pytest

from scripts.benchmarks import __main__ as program
from scripts.benchmarks import inspection, stall, texts, thresholds
from scripts.benchmarks.report import Row, document, table

SMALL = {"PROMPTS": 2, "EVENTS": 40, "MEGABYTE": 4096, "HOSTILE_SIZE": 2048, "CANDIDATES_SIZE": 512, "REPEATS": 1}


def _said(_: str) -> None:
    pass


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(inspection, name, value)


def _subjects(rows: Sequence[Row], figure: str) -> list[str]:
    return [row.subject for row in rows if row.figure == figure]


@pytest.mark.measured
def test_every_figure_stands_beside_something_to_compare_it_with() -> None:
    rows = inspection.measure(2, 0, _said, ("prompts", "large", "events", "memory", "held-back"))
    assert _subjects(rows, "cpu_us_per_prompt")[:2] == ["json.loads", "no-pipeline"]
    assert "msgspec" in _subjects(rows, "cpu_ms_per_mb_prompt")
    assert {"no-rules", "json.loads"} <= set(_subjects(rows, "cpu_us_per_event"))
    assert "no-pipeline" in _subjects(rows, "memory_kib_per_stream")
    assert {len(row.values) for row in rows} == {2}
    assert all(value >= 0 for row in rows for value in row.values)
    assert {row.figure for row in rows} <= set(inspection.UNITS)


@pytest.mark.measured
def test_hostile_texts_are_held_against_prose_and_a_bound() -> None:
    rows = inspection.measure(1, 0, _said, ("hostile",))
    assert {row.most for row in rows if row.figure == "times_prose"} == {10, None}
    held = [row for row in rows if row.figure == "held_back_most"]
    assert [row.subject for row in held] == [*texts.HOSTILE, *texts.CANDIDATES]
    assert not any(row.missed for row in held)


@pytest.mark.measured
def test_the_longest_wait_is_told_beside_an_idle_and_a_busy_thread() -> None:
    rows = inspection.measure(1, 0, _said, ("stalls",))
    assert _subjects(rows, "stall_ms")[:3] == ["idle", "busy-thread", "all-rules"]
    assert all(0 < row.median < 60_000 for row in rows)
    assert stall.EVERY < 0.001


def test_prose_is_the_same_for_the_same_seed_and_new_for_another() -> None:
    assert texts.prose(500, 1) == texts.prose(500, 1)
    assert texts.prose(500, 1) != texts.prose(500, 2)
    assert len(texts.prose(500, 1)) == 500
    assert "".join(texts.tokens(texts.prose(500, 1))) == texts.prose(500, 1)


def test_a_text_with_values_has_one_in_each_stretch() -> None:
    text = texts.with_values(2000, 200, 3)
    assert sum(text.count(value) for value in texts.VALUES) == 10


@pytest.mark.parametrize("name", texts.HOSTILE)
def test_a_hostile_text_has_the_size_it_is_asked_for(name: str) -> None:
    assert len(texts.HOSTILE[name](4096).encode()) == 4096


def test_a_file_with_a_test_that_failed_misses_its_threshold() -> None:
    told = (
        "F.\n== summary ==\nPASSED tests/a.py::test_x[b: c]\nERROR tests/b.py::test_y\nFAILED tests/a.py::test_z - no\n"
    )
    rows = list(thresholds.counted(told))
    assert [(row.subject, row.values, row.missed) for row in rows] == [
        ("tests/a.py", (1.0,), True),
        ("tests/b.py", (1.0,), True),
    ]
    assert not any(row.missed for row in thresholds.counted("PASSED tests/a.py::test_x\n"))


MISSED = Row("recall", "pii/email/x", "share", (0.5, 0.7), least=0.98)
MET = Row("cpu_us_per_event", "all-rules", "us", (7.0, 9.0, 8.0), most=8)


def test_a_row_is_held_against_its_floor_by_its_median() -> None:
    assert MISSED.missed
    assert MISSED.floor == "at least 0.98: MISSED"
    assert not MET.missed
    assert not Row("x", "y", "us", (8.1, 8.1), most=None).missed
    assert "at most 8" in table([MET])


def test_the_document_says_nothing_of_floors() -> None:
    assert '"median": 8.0' in document("inspect", [MET])
    assert set(MET.as_json()) == {"figure", "subject", "unit", "median", "min", "max", "rounds"}


@pytest.mark.parametrize(("row", "code"), [(MISSED, 1), (MET, 0)])
def test_a_missed_floor_fails_the_program_only_if_it_is_asked_to_check(
    row: Row, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(program.BENCHES, "inspect", program.Bench(lambda *_: [row]))
    for arguments, expected in (([], 0), (["--check"], code)):
        monkeypatch.setattr("sys.argv", ["bench", "inspect", "--json", *arguments])
        assert program.main() == expected
        assert capsys.readouterr().out.startswith('{\n "bench": "inspect"')
