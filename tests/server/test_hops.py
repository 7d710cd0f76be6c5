"""The count of what a message enters, scripts/hops."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.benchmarks import hops
from scripts.benchmarks.hops import Followed, Step, counted, listed

ROOT = Path(__file__).parents[2]


def test_both_messages_are_followed_from_the_frame_on() -> None:
    found = hops.followed(ROOT)
    for steps in found.values():
        first = steps[0]
        assert (first.file, first.name, first.depth, first.hop) == ("server/h2/calls.py", "Calls.receive", 0, False)
    assert {"wire/decode.py", "wire/encode.py", "server/exchange.py"} <= {step.file for step in found["event"]}
    assert any(step.file.startswith("inspection/") for step in found["body"])
    assert all(files <= functions <= 300 for files, functions, _ in map(counted, found.values()))


def test_a_function_counts_once_and_a_call_into_another_file_is_a_hop() -> None:
    steps = [Step("a.py", 1, "f", 0, False), Step("b.py", 2, "g", 1, True), Step("b.py", 2, "g", 1, True)]
    assert counted(steps) == (2, 2, 2)
    assert listed(steps) == "a.py:1 f\n  > b.py:2 g"


def test_a_generator_that_goes_on_is_not_entered_again() -> None:
    folder = Path(__file__).parent
    with Followed(folder) as noted:
        assert sum(_numbers()) == 6
    assert [step.name.rpartition(".")[2] for step in noted.steps].count("_numbers") == 1


def _numbers() -> Iterator[int]:
    yield from (1, 2, 3)


def test_above_the_limits_the_check_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [Step("a.py", 1, "f", 0, False), Step("b.py", 2, "g", 1, True), Step("b.py", 3, "h", 1, True)]
    monkeypatch.setattr(hops, "followed", lambda _: {"body": steps, "event": steps[:1]})
    for limits, code, said in (
        ("2,3", 0, ""),
        ("1,3", 1, "body: 2 files, more than 1\n"),
        ("2,2", 1, "body: 3 functions, more than 2\n"),
    ):
        monkeypatch.setattr("sys.argv", ["hops", "--check", "--body", limits])
        assert (hops.main(), capsys.readouterr().err) == (code, said)
