"""Records become lines in their order; what cannot be written blocks, or is declared."""

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc.server.audit import writer as module
from extproc.server.audit.files import AuditFile
from extproc.telemetry.audit.signing import PublicKey, new_key
from tests.gathered import gathered
from tests.server.audit.writing import auditing, filled, ids, kinds, receiver, settings, verify

FULL = Path("/dev/full")


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_records_are_lines_of_a_chain_that_is_closed(tmp_path: Path) -> None:
    private, public = new_key()
    with auditing(f"file: {tmp_path}/a.jsonl, sign: {{file: k}}", sign=private) as audit:
        audit.record(100)
    file = tmp_path / "a.jsonl"
    assert ids(file) == [f"r{number}" for number in range(1, 101)]
    found = verify(file, key=PublicKey.read(public))
    assert (found.problems, found.running, found.chains[0].unproven) == ((), False, 0)
    assert file.stat().st_mode & 0o007 == 0


def test_lines_wait_for_a_signature_no_longer_than_the_policy_says(tmp_path: Path) -> None:
    private, _ = new_key()
    file = tmp_path / "a.jsonl"
    with auditing(f"file: {tmp_path}/a.jsonl, sign: {{file: k}}, checkpoint: 200ms", sign=private) as audit:
        audit.record(3)
        audit.until(lambda _: "checkpoint" in kinds(file))


def test_files_are_rotated_and_the_chain_goes_on(tmp_path: Path) -> None:
    with auditing(f"file: {tmp_path}/a.jsonl, rotate: {{size: 1MiB}}") as audit:
        audit.record(9_000)
    files = sorted(tmp_path.glob("a*.jsonl"))
    assert 4 <= len(files) <= 5
    assert all(file.stat().st_size < 1.1 * 2**20 for file in files)
    assert ids(*files) == [f"r{number}" for number in range(1, 9_001)]
    found = verify(*files)
    assert (found.problems, found.running) == ((), False)
    assert len(found.chains) == 1


@gathered("step", ["rename", "reopen"])
def test_a_rotation_that_fails_half_way_is_finished_later(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, whole, failed = tmp_path / step, getattr(AuditFile, step), list[bool]()
    folder.mkdir()

    def once(*arguments: Any) -> Any:
        if not failed:
            failed.append(True)
            raise OSError(errno.EIO, "Input/output error")
        return whole(*arguments)

    monkeypatch.setattr(AuditFile, step, once)
    with auditing(f"file: {folder}/a.jsonl, rotate: {{size: 1MiB}}") as audit:
        audit.record(3_000)
        audit.until(lambda running: bool(failed) and running.writer.written == 3_000)
    monkeypatch.undo()
    files = sorted(folder.glob("a*.jsonl"))
    found = verify(*files)
    assert (found.problems, found.running, len(found.chains)) == ((), False, 1)
    assert ids(*files) == [f"r{number}" for number in range(1, 3_001)]


def test_no_more_rotated_files_are_kept_than_the_policy_says(tmp_path: Path) -> None:
    with auditing(f"file: {tmp_path}/a.jsonl, rotate: {{size: 1MiB, keep: 2}}") as audit:
        audit.record(9_900)
        audit.until(lambda running: running.writer.written == 9_900)
        audit.record(6_000)
    files = sorted(tmp_path.glob("a*.jsonl"))
    assert len(files) == 3
    assert verify(*files).problems != ()
    assert verify(*files, partial=True).problems == ()


def test_a_moved_file_is_left_and_a_new_one_begun(tmp_path: Path) -> None:
    file, aside = tmp_path / "a.jsonl", tmp_path / "a.jsonl.1"
    with auditing(f"file: {tmp_path}/a.jsonl") as audit:
        audit.record(5)
        audit.until(lambda running: running.writer.written == 5)
        audit.writer.reopen()  # nobody has moved it: nothing happens
        audit.record()
        audit.until(lambda running: running.writer.written == 6)
        file.rename(aside)
        audit.record(2)
        audit.writer.reopen()
        audit.until(lambda _: file.exists() and file.stat().st_size > 0)
        audit.record(2)
    assert kinds(aside)[-1] == "rotate"
    assert kinds(file)[0] == "continue"
    found = verify(aside, file)
    assert (found.problems, found.running) == ((), False)
    assert len(ids(aside, file)) == 10


def test_what_a_killed_writer_left_is_joined_by_the_next_and_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    with auditing(f"file: {tmp_path}/a.jsonl") as audit:
        audit.record(3)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:3]) + lines[3][:50])  # killed in the middle of a line
    with auditing(f"file: {tmp_path}/a.jsonl") as audit:
        audit.record(2)
    found = verify(file)
    assert (found.problems, found.running) == ((), False)
    assert [chain.end for chain in found.chains] == ["ended", "closed"]
    assert json.loads(file.read_bytes().splitlines()[3])["opened"]["torn"] == 50


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    with auditing(f"file: {tmp_path}/a.jsonl") as first:
        with auditing(f"file: {tmp_path}/a.jsonl") as second:
            assert second.writer.blocked is not None
            assert second.shared.unaudited
        first.record()
    assert verify(tmp_path / "a.jsonl").problems == ()
    assert len(ids(tmp_path / "a.jsonl")) == 1


def test_a_full_file_system_blocks_and_loses_nothing(tiny: Path) -> None:
    file, ballast = tiny / "a.jsonl", tiny / "ballast"
    with auditing(f"file: {tiny}/a.jsonl") as audit:
        audit.record(10)
        audit.until(lambda running: running.writer.written == 10)
        assert not audit.shared.unaudited
        filled(ballast)
        audit.record(60)
        audit.until(lambda running: running.shared.unaudited)
        assert audit.writer.blocked == "No space left on device"
        assert file.read_bytes().endswith(b"}\n"), "no part of a line stays"
        audit.refused(3)
        ballast.write_bytes(b"")  # room again
        audit.until(lambda running: not running.shared.unaudited)
        audit.record(1)
        audit.until(lambda running: running.writer.blocked is None and running.writer.written == 71)
    assert ids(file) == [f"r{number}" for number in range(1, 72)]
    found = verify(file)
    assert (found.problems, found.running) == ((), False)
    assert (found.chains[0].lost, found.chains[0].refused) == (0, 3)


def test_allow_serves_on_and_declares_what_was_lost(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_RECORDS", 20)
    file, ballast = tiny / "a.jsonl", tiny / "ballast"
    with auditing(f"file: {tiny}/a.jsonl, on_failure: allow") as audit:
        audit.record(5)
        audit.until(lambda running: running.writer.written == 5)
        filled(ballast)
        audit.record(10)
        audit.until(lambda running: running.writer.blocked is not None)
        audit.record(200)
        assert not audit.shared.unaudited
        lost = audit.writer.lost
        assert 150 <= lost <= 200
        ballast.write_bytes(b"")
        audit.until(lambda running: running.writer.blocked is None)
        audit.record(1)
    found = verify(file)
    assert (found.problems, found.running) == ((), False)
    assert found.chains[0].lost == lost
    assert len(ids(file)) == 216 - lost


def test_blocked_records_of_exchanges_that_had_begun_are_kept_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_RECORDS", 10)
    with receiver() as service:
        service.answer = (500, b"")
        with auditing(f"webhook: {{url: '{service.url}'}}", open_most=4) as audit:
            audit.until(lambda running: running.writer.blocked == "it answered 500")
            audit.record(14)
            assert (audit.shared.unaudited, audit.writer.lost) == (True, 0)
            audit.record(2)
            audit.refused(2)
            assert (audit.writer.lost, audit.writer.refused) == (2, 2)
            service.answer = (200, b"")
            audit.until(lambda running: running.writer.blocked is None)
    file = tmp_path / "received"
    file.write_bytes(b"".join(service.bodies))
    found = verify(file)
    assert (found.problems, found.running) == ((), False)
    assert (found.chains[0].lost, found.chains[0].refused) == (2, 2)
    assert len(ids(file)) == 14


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_device_that_is_full_from_the_start_blocks(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to(FULL)
    with auditing(f"file: {tmp_path}/a.jsonl") as audit:
        assert audit.shared.unaudited
        assert audit.writer.blocked == "No space left on device"


def test_a_folder_that_is_missing_blocks_until_it_is_there(tmp_path: Path) -> None:
    with auditing(f"file: {tmp_path}/later/a.jsonl", log=str(tmp_path / "log")) as audit:
        assert audit.writer.blocked == "No such file or directory"
        (tmp_path / "later").mkdir()
        audit.until(lambda running: running.writer.blocked is None)
        audit.record()
    assert kinds(tmp_path / "later" / "a.jsonl") == ["open", "exchange", "close"]
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["event"] for line in told] == ["audit_failed", "audit_opened", "audit_recovered", "audit_closed"]
    assert len(told[1]["hash"]) == 64


def test_other_settings_end_the_chain_and_begin_another(tmp_path: Path) -> None:
    with auditing(f"file: {tmp_path}/a.jsonl") as audit:
        audit.record(2)
        audit.writer.configure(settings(f"file: {tmp_path}/a.jsonl"))  # the same: nothing happens
        audit.until(lambda running: running.writer.written == 2)
        audit.writer.configure(settings(f"file: {tmp_path}/b.jsonl"))
        audit.record(2)
    assert kinds(tmp_path / "a.jsonl") == ["open", "exchange", "exchange", "close"]
    assert kinds(tmp_path / "b.jsonl") == ["open", "exchange", "exchange", "close"]


def test_a_dead_service_is_left_by_other_settings_and_its_lines_are_declared_as_lost(tmp_path: Path) -> None:
    with receiver() as service:
        service.answer = (503, b"")
        with auditing(f"webhook: {{url: '{service.url}'}}") as audit:
            audit.until(lambda running: running.writer.blocked is not None)
            service.answer = (200, b"")
            audit.until(lambda running: running.writer.blocked is None)
            service.answer = (503, b"")
            audit.record(40)
            audit.until(lambda running: running.writer.blocked is not None)
            written = audit.writer.written
            audit.writer.configure(settings(f"file: {tmp_path}/a.jsonl"))
            audit.until(lambda running: running.writer.blocked is None)
    assert written > 0
    found = verify(tmp_path / "a.jsonl")
    assert (found.problems, found.chains[0].lost) == ((), written)
    assert len(ids(tmp_path / "a.jsonl")) == 40 - written


@gathered(
    ("name", "value"),
    [("reason", "half \ud800 a pair"), ("path", "\udfff")],
)
def test_a_record_that_cannot_be_encoded_leaves_a_line_that_says_so(name: str, value: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with auditing(f"file: {folder}/a.jsonl") as audit:
        given: dict[str, Any] = {name: value}
        audit.record(**given)
        audit.record()
    lines = [json.loads(line) for line in (folder / "a.jsonl").read_text().splitlines()]
    assert [line["exchange"]["reason"] for line in lines if line["kind"] == "exchange"] == ["unwritable", "weighted"]
    assert lines[1]["exchange"]["request_id"] == "r1"
    assert verify(folder / "a.jsonl").problems == ()
