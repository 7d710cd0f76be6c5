"""docs/extend.md: its code is that of the seams, all of it, and its policy is right."""

import re
from pathlib import Path

import pytest

from extproc.cli import main
from extproc.ext import registered
from tests.seams.toys import EVERY, TOYS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extend.md").read_text()
BLOCK = re.compile(r"<!-- (\S+) -->\n```[a-z]+\n(.*?)```\n", re.DOTALL)
SHOWN = {match[1]: match[2] for match in BLOCK.finditer(PAGE)}
HERE = Path(__file__).parent
FILES = [*(HERE / "acme").glob("*.py"), *HERE.glob("acme_*")]


def test_every_file_of_the_distribution_is_shown_as_it_is() -> None:
    expected = {str(path.relative_to(ROOT)): path.read_text() for path in FILES if path.name != "__init__.py"}
    assert len(expected) == 9
    assert expected == SHOWN


def test_the_only_other_code_on_the_page_is_for_a_terminal() -> None:
    others = BLOCK.sub("", PAGE)
    assert set(re.findall(r"```(\S+)\n", others)) == {"console"}


def test_the_policy_of_the_page_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(SHOWN["tests/seams/acme_policy.yaml"])
    with registered(*(each for each in EVERY if each not in TOYS)):
        assert main(["check", "-c", str(policy)]) == 0
    assert capsys.readouterr().err == ""


def test_the_error_of_the_page_is_what_an_operator_sees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(SHOWN["tests/seams/acme_policy.yaml"].replace("threshold", "treshold"))
    with registered(*(each for each in EVERY if each not in TOYS)):
        assert main(["check", "-c", "policy.yaml"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"$ extproc check -c policy.yaml\n{line}\n" in PAGE
