"""The set of harmless texts: how it is made, which findings in it are right, and the bars where it is there."""

import zipfile
from pathlib import Path

import pytest

from scripts.benchmarks import corpora, harmless, quality, renderings
from scripts.benchmarks.report import BenchError

there = pytest.mark.skipif(not corpora.made(), reason="the set is made by scripts/harmless")


def _said(_: str) -> None:
    pass


@there
def test_no_corpus_has_more_wrong_findings_than_its_bar() -> None:
    rows = list(harmless.harmless())
    assert rows
    assert [row.subject for row in rows if row.missed] == []


def test_without_the_set_the_bench_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "CACHE", tmp_path)
    monkeypatch.setattr(quality, "sources", lambda _: ["presidio_research_any"])
    with pytest.raises(BenchError, match="scripts/harmless"):
        quality.measure(1, 0, _said, only=("harmless",))


@pytest.mark.parametrize(
    ("kind", "value", "before"),
    [
        ("ip_address", "127.0.0.1", "to "),
        ("ip_address", "5.6.7.8", "server at "),
        ("ip_address", "146.82.138.7", "\n"),
        ("phone", "0113 8251 500", '"Phone":"'),
        ("mac_address", "01:23:45:67:89:ab", ""),
        ("mac_address", "01:23:45:67:89:ab:cd:ef", ""),
    ],
)
def test_values_that_are_what_they_look_like_are_right(kind: str, value: str, before: str) -> None:
    assert harmless.is_right(kind, value, before)


@pytest.mark.parametrize(
    ("kind", "value", "before"),
    [
        ("ip_address", "3.0.1.2", "Update stringio to "),
        ("ip_address", "99.0.1.2", "version "),
        ("ip_address", "2.33.62.152", "c1.2.13-"),
        ("phone", "0113 8251 500", "order "),
        ("credit_card", "4012888888881881", "card "),
        ("us_ssn", "123-45-6789", "ssn "),
        ("mac_address", "01:23:45:67:89:ab:cd", ""),
        ("password", "hunter2", "password="),
    ],
)
def test_everything_else_is_wrong(kind: str, value: str, before: str) -> None:
    assert not harmless.is_right(kind, value, before)


def test_a_reviewed_row_holds_no_value() -> None:
    assert harmless.row("password", "hunter2") == "password f52fbd32b2b3b86f"
    assert all(len(each.split()) == 2 for each in harmless.reviewed())


def test_a_source_takes_files_up_to_its_size_and_the_same_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "toy-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        for number in range(9):
            opened.writestr(f"toy/{number}.py", f"line = {number}\n" * 40)
        opened.writestr("toy/data.bin", b"\xff\xfe")
    monkeypatch.setattr(corpora, "archive", lambda _: wheel)
    source = corpora.Source("pypi:toy==1", ("*.py", "*.bin"), 1)
    taken = [(each.name, each.text) for each in corpora.taken(source)]
    assert taken == [(each.name, each.text) for each in corpora.taken(source)]
    assert sum(len(text) for _, text in taken) <= 1024
    assert [len(text) for _, text in taken[:2]] == [9 * 40] * 2
    assert all(name.endswith(".py") for name, _ in taken)


def test_bytes_are_shown_in_four_dumps_and_as_vectors() -> None:
    lines = renderings.hexdump(bytes(range(256)) * 16).splitlines()
    assert lines[0].startswith("00000000  00 01 02 03 04 05 06 07  08 09")
    assert lines[64].startswith("00000000: 0001 0203 0405")
    assert lines[128].startswith("0000000 00 01 02")
    assert lines[192].split()[:2] == ["0000000", "50462976"]
    assert renderings.floats(b"\x00\x00\x80\x3f" * 4000).count('"embedding"') == 4
