import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from extproc.server import log as module
from extproc.server.log import PIPE_WRITE_MAX, Log, Sink, _pieces


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_event_is_one_json_line_with_its_time_and_worker(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(Sink(str(path)), worker=3)
    log.event("exchange", {"status": 200, "stream": None})
    log.close()
    (line,) = _lines(path)
    assert line.pop("time").endswith("Z")
    assert line == {"event": "exchange", "worker": 3, "status": 200, "stream": None}


def test_lines_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(Sink(str(path)))
    for number in range(500):
        log.event("exchange", {"number": number})
    log.close()
    assert [line["number"] for line in _lines(path)] == list(range(500))


def test_a_log_file_is_not_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "log"
    Log(Sink(str(path))).close()
    assert path.stat().st_mode & 0o007 == 0


def test_none_writes_nowhere() -> None:
    log = Log(Sink("none"))
    log.event("exchange", {})
    log.close()
    assert log.dropped == 0


class _Stuck(Sink):
    """A reader that takes nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__("none")
        self.writing = threading.Event()
        self.free = threading.Event()
        self.written = b""

    def write(self, data: bytes) -> None:
        self.writing.set()
        self.free.wait(10)
        self.written += data


def test_a_reader_who_takes_nothing_costs_lines_and_never_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_LINES", 3)
    sink = _Stuck()
    log = Log(sink)
    log.event("first", {})
    assert sink.writing.wait(5)
    for _ in range(3):
        log.event("queued", {})
    assert log.dropped == 0
    log.event("past the limit", {})
    assert log.dropped == 1
    sink.free.set()
    log.close()
    assert sink.written.count(b"queued") == 3
    assert b"past the limit" not in sink.written


def test_closing_waits_for_a_stuck_reader_only_so_long() -> None:
    sink = _Stuck()
    log = Log(sink)
    log.event("first", {})
    assert sink.writing.wait(5)
    log.close(timeout=0.05)
    sink.free.set()


class _Full(Sink):
    def __init__(self) -> None:
        super().__init__("none")

    def write(self, data: bytes) -> None:
        raise OSError(28, f"no space for {len(data)} bytes")


def test_a_full_disk_costs_lines_and_they_are_counted() -> None:
    log = Log(_Full())
    log.event("lost", {})
    log.close()
    assert log.dropped == 1


def test_a_file_that_was_rotated_away_is_opened_anew(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    sink = Sink(str(path))
    sink.write(b"one\n")
    path.rename(old)
    sink.write(b"two\n")
    sink.reopen()
    sink.write(b"three\n")
    sink.close()
    assert old.read_bytes() == b"one\ntwo\n"
    assert path.read_bytes() == b"three\n"


def test_where_no_new_file_can_be_opened_the_old_one_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "log"
    log = Log(Sink(str(path)))
    moved = tmp_path / "moved"
    folder.rename(moved)
    log.reopen()
    log.close()
    assert [line["event"] for line in _lines(moved / "log")] == ["log_reopen_failed"]


def test_writes_to_a_pipe_are_whole_lines_of_at_most_what_a_pipe_takes_in_one_go() -> None:
    data = b"".join(b"%d %s\n" % (n, b"x" * (n % 700)) for n in range(200))
    pieces = list(_pieces(data, PIPE_WRITE_MAX))
    assert b"".join(pieces) == data
    assert all(piece.endswith(b"\n") and len(piece) <= PIPE_WRITE_MAX for piece in pieces)


def test_a_line_longer_than_that_is_a_piece_of_its_own() -> None:
    assert list(_pieces(b"a\n" + b"b" * 10 + b"\nc\n", 4)) == [b"a\n", b"b" * 10 + b"\n", b"c\n"]
    assert list(_pieces(b"b" * 10, 4)) == [b"b" * 10]
    assert list(_pieces(b"", 4)) == []


def test_stdout_is_left_open(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr("sys.__stdout__", stdout)
        log = Log(Sink("-"))
        log.event("ready", {})
        log.close()
        os.fstat(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert json.loads(pipe.read())["event"] == "ready"
    assert capfd.readouterr().out == ""


def test_the_log_may_be_for_people_with_colours_where_somebody_asks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, (variables, coloured) in enumerate([({}, False), ({"FORCE_COLOR": "1"}, True)]):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        log = Log(Sink(str(tmp_path / str(number))), "console", worker=3)
        log.event("reload_problem", {"problem": "line 3"})
        log.close()
        said = (tmp_path / str(number)).read_text()
        assert "problem=line 3" in said
        assert "worker=3" in said
        assert ("\x1b" in said) == coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Sink(str(tmp_path / "plain")).coloured
