"""`extproc key` writes the file that the gateway reads: the key once to its maker, and its hash to the file."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from extproc.cli import main
from extproc.policy.virtual_keys import KEY_PREFIX, VirtualKey, read_keys
from tests.gathered import gathered


def new(file: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """Make a key and return it."""
    assert main(["key", "new", "--file", str(file), "--tenant", "acme", *more]) == 0
    printed = capsys.readouterr()
    shown = printed.out.strip()
    assert shown.startswith(KEY_PREFIX)
    assert shown not in printed.err + file.read_text()
    return shown


def found(file: Path, shown: str) -> VirtualKey:
    key = read_keys(file.read_bytes()).find(shown.encode())
    assert key is not None
    return key


def table(file: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert main(["key", "list", "--json", "--file", str(file)]) == 0
    listed: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return listed


def test_a_new_key_is_printed_once_and_has_what_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.jsonl"
    shown = new(
        file,
        capsys,
        "--models",
        "a, b",
        "--budget",
        "team=50000",
        "--budget",
        "usd=2.5",
        "--expires",
        "90d",
        "--label",
        "x",
    )
    key = found(file, shown)
    assert (key.tenant, key.models, key.label) == ("acme", ("a", "b"), "x")
    assert key.budgets == {"team": 50000, "usd": 2.5}
    assert key.expires is not None
    assert (key.expires - key.created).days == 90
    assert file.stat().st_mode & 0o777 == 0o600
    plain = new(file, capsys)
    assert (found(file, plain).models, found(file, plain).expires) == (None, None)
    assert found(file, shown) == key


def test_a_list_shows_states_and_no_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys.jsonl"
    keys = [found(file, new(file, capsys, *more)) for more in ((), ("--expires", "0s"), ("--budget", "team=5"))]
    assert main(["key", "revoke", "--file", str(file), keys[2].id]) == 0
    capsys.readouterr()
    rows = table(file, capsys)
    assert [row["state"] for row in rows] == ["active", "expired", "revoked"]
    assert main(["key", "list", "--file", str(file)]) == 0
    text = capsys.readouterr().out
    assert "team=5" in text.splitlines()[3]
    assert "sha256" not in text + json.dumps(rows)


def test_a_revoked_key_stays_in_the_file_with_the_moment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys.jsonl"
    shown, other = new(file, capsys), new(file, capsys)
    for _ in range(2):
        assert main(["key", "revoke", "--file", str(file), found(file, shown).id]) == 0
    assert found(file, shown).revoked is not None
    assert found(file, other).revoked is None
    assert main(["key", "revoke", "--file", str(file), "key_nobody"]) == 1
    assert "has no key with the id" in capsys.readouterr().err


@gathered(
    ("more", "problem"),
    [
        (["--budget", "team"], "--budget"),
        (["--budget", "team=-1"], "--budget"),
        (["--budget", "team=nan"], "--budget"),
        (["--budget", "=5"], "--budget"),
        (["--expires", "90"], "--expires"),
        (["--expires", "999999999999999d"], "--expires"),
        (["--tenant", " x"], "--tenant"),
        (["--models", ""], "models"),
        (["--label", "a\x1b[31m"], "cannot be printed"),
        (["--label", "x" * 257], "label"),
    ],
)
def test_what_no_key_can_have_is_refused_and_nothing_is_written(more: list[str], problem: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "keys.jsonl"
        ran = subprocess.run(
            [sys.executable, "-m", "extproc", "key", "new", "--file", str(file), "--tenant", "acme", *more],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 2
        assert problem in ran.stderr
        assert ran.stdout == ""
        assert not file.exists()


def test_a_file_that_is_wrong_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys.jsonl"
    file.write_text("{planted")
    for command in (["new", "--tenant", "acme"], ["list"], ["revoke", "key_1"]):
        assert main(["key", *command, "--file", str(file)]) == 2
    assert file.read_text() == "{planted"
    printed = capsys.readouterr()
    assert "line 1" in printed.err
    assert "planted" not in printed.err + printed.out
    assert main(["key", "list", "--file", str(tmp_path / "none")]) == 2
    assert main(["key", "revoke", "--file", str(tmp_path / "none"), "key_1"]) in {1, 2}
    assert not (tmp_path / "none").exists()


def test_a_link_stays_a_link_and_a_group_may_go_on_reading(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, link = tmp_path / "keys.jsonl", tmp_path / "link"
    new(file, capsys)
    file.chmod(0o666)
    link.symlink_to(file)
    new(link, capsys)
    assert link.is_symlink()
    assert len(read_keys(file.read_bytes())) == 2
    assert file.stat().st_mode & 0o777 == 0o640


def test_many_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    command = [sys.executable, "-m", "extproc", "key", "new", "--file", str(file), "--tenant", "acme"]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: subprocess.run(command, capture_output=True, check=True).stdout, range(8)))
    ring = read_keys(file.read_bytes())
    assert len(ring) == 8
    assert all(ring.find(each.strip()) for each in made)
    assert sorted(each.name for each in tmp_path.iterdir()) == [".keys.jsonl.lock", "keys.jsonl"]
