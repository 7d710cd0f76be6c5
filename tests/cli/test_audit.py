"""`extproc audit`: exit codes, what is said, keys and captured bodies."""

import gzip
import json
from hashlib import sha256
from pathlib import Path
from random import Random

import msgspec
import pytest

from extproc.cli import main
from tests.telemetry.audit.records import PUBLIC, SIGNER, Written


def written(folder: Path, *, closed: bool = True) -> list[str]:
    """Write a record of one worker, with rotated files; return their paths in order."""
    made = Written(SIGNER, Random(1))
    made.run(0, 30, rotate_every=12, closed=closed)
    for name, lines in made.files.items():
        (folder / name).write_bytes(b"".join(lines))
    (folder / "key.pub").write_bytes(PUBLIC)
    return [str(folder / name) for name in made.files]


def test_a_whole_record_exits_with_0_and_says_what_is_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = written(tmp_path)
    assert main(["audit", "verify", *files, "--key", str(tmp_path / "key.pub")]) == 0
    said = capsys.readouterr().out
    assert "closed in order; all lines signed for" in said
    assert said.rstrip().endswith("lines: OK")
    assert main(["audit", "verify", *files]) == 0
    assert "which was not checked: name the key with --key" in capsys.readouterr().out


def test_a_tampered_record_exits_with_1_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = written(tmp_path)
    first = Path(files[0])
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:3] + lines[4:]))
    assert main(["audit", "verify", *files]) == 1
    told = capsys.readouterr()
    assert f"{first}:4: writer " in told.err
    assert "line 3 is missing before line 4" in told.err
    assert "NOT as they were written" in told.out
    assert main(["audit", "verify", *files, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["problems"][0]["line"]) == (False, 4)


def test_an_open_end_exits_with_3_unless_the_writer_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = written(tmp_path, closed=False)
    assert main(["audit", "verify", *files]) == 3
    assert "OK, but an end is open" in capsys.readouterr().out
    assert main(["audit", "verify", *files, "--running"]) == 0


def test_a_head_that_is_known_must_be_there(tmp_path: Path) -> None:
    files = written(tmp_path)
    head = Path(files[-1]).read_bytes().rsplit(b'"hash":"', 1)[1][:64].decode()
    assert main(["audit", "verify", *files, "--has", head]) == 0
    assert main(["audit", "verify", *files, "--has", "0" * 64]) == 1


def test_compressed_files_are_read(tmp_path: Path) -> None:
    files = written(tmp_path)
    packed = Path(files[0] + ".gz")
    packed.write_bytes(gzip.compress(Path(files[0]).read_bytes()))
    assert main(["audit", "verify", str(packed), *files[1:]]) == 0
    packed.write_bytes(packed.read_bytes()[:-20])
    assert main(["audit", "verify", str(packed), *files[1:]]) == 2


def test_what_cannot_be_read_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = written(tmp_path)
    assert main(["audit", "verify", str(tmp_path / "none")]) == 2
    assert main(["audit", "verify", *files, "--key", files[0]]) == 2
    assert "this is not a public key in PEM" in capsys.readouterr().err


def test_a_new_key_is_the_owners_alone_and_no_file_is_overwritten(tmp_path: Path) -> None:
    key = tmp_path / "audit.pem"
    assert main(["audit", "keygen", str(key)]) == 0
    assert key.stat().st_mode & 0o077 == 0
    before = key.read_bytes()
    assert main(["audit", "keygen", str(key)]) == 2
    assert key.read_bytes() == before


def test_no_body_with_an_id_exits_with_1(tmp_path: Path) -> None:
    kept = tmp_path / "a.bodies"
    kept.write_bytes(b"")
    assert main(["audit", "show", str(kept), "--id", "none"]) == 1


def test_a_damaged_compressed_file_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = tmp_path / "audit.jsonl.gz"
    whole = gzip.compress(Path(written(tmp_path)[0]).read_bytes())
    for at in range(10, len(whole), 97):
        packed.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        assert main(["audit", "verify", str(packed)]) in {1, 2}
        assert main(["audit", "show", str(packed)]) in {1, 2}
    assert "cannot be read" in capsys.readouterr().err


def test_a_line_that_was_put_in_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "audit.jsonl"
    writer = "\x1b[2J\n1 lines: OK\x9b"
    body = msgspec.json.encode(
        {"v": 1, "kind": "exchange", "writer": writer, "seq": 3, "prev": "", "time": "2026-01-01T00:00:00Z"}
    )[:-1]
    file.write_bytes(b'%b,"hash":"%b"}\n' % (body, sha256(body).hexdigest().encode()))
    assert main(["audit", "verify", str(file)]) == 1
    said = "".join(capsys.readouterr())
    assert r"\x1b[2J\n1 lines: OK\x9b" in said
    assert all(each.isprintable() for each in said.replace("\n", ""))
