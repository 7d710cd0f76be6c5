"""The generated code is what the .proto files say, and the check that holds it so can fail."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def check(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["scripts/protos", "--check"],
        check=False,
        cwd=root,
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A tree of its own with all that the script reads and writes."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/protos", tmp_path / "scripts")
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    shutil.copytree(
        ROOT / "extproc/wire/pb", tmp_path / "extproc/wire/pb", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path


def test_generating_again_gives_the_same_files() -> None:
    again = check(ROOT)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_changed_proto_fails_the_check_until_it_is_generated(copy: Path) -> None:
    proto = copy / "protos/extproc/wire/pb/health.proto"
    proto.write_text(proto.read_text().replace("string service = 1;", "string service = 2;"))
    assert check(copy).returncode == 1
    subprocess.run(
        [copy / "scripts/protos"], check=True, env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"}, timeout=60
    )
    assert check(copy).returncode == 0


def test_a_generated_file_without_its_proto_fails_the_check(copy: Path) -> None:
    (copy / "extproc/wire/pb/stale_pb2.py").touch()
    stale = check(copy)
    assert stale.returncode == 1
    assert "stale_pb2.py" in stale.stdout


def test_a_broken_proto_leaves_the_generated_files_alone(copy: Path) -> None:
    (copy / "protos/extproc/wire/pb/health.proto").write_text("not a proto")
    before = sorted((copy / "extproc/wire/pb").iterdir())
    broken = subprocess.run(
        [copy / "scripts/protos"],
        check=False,
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
    )
    assert broken.returncode != 0
    assert sorted((copy / "extproc/wire/pb").iterdir()) == before


def test_an_unknown_argument_is_refused() -> None:
    refused = subprocess.run([ROOT / "scripts/protos", "--chekc"], check=False, capture_output=True, timeout=60)
    assert refused.returncode == 2


def test_the_oldest_protobuf_we_install_with_loads_the_generated_code() -> None:
    # Generated code refuses a runtime that is older than the compiler it came from.
    (floor,) = (
        found[1]
        for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
        if (found := re.fullmatch(r"protobuf>=([\d.]+)", requirement))
    )
    made_by = re.search(
        r"^# Protobuf Python Version: (.+)$", (ROOT / "extproc/wire/pb/headers_pb2.py").read_text(), re.MULTILINE
    )
    assert made_by is not None
    assert [int(part) for part in floor.split(".")] >= [int(part) for part in made_by[1].split(".")]
