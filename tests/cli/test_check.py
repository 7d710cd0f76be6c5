from pathlib import Path

import pytest

from extproc.cli import main

GOOD = """\
version: 1
backends:
  - {name: openai, url: https://api.openai.com/v1, api: openai, models: [{name: gpt-4o}]}
  - {name: local, url: http://127.0.0.1:9001/v1, api: openai}
models:
  - {name: chat, targets: [{backend: openai, model: gpt-4o}], fallback: [{backend: local}]}
"""


def check(tmp_path: Path, text: str) -> tuple[int, Path]:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return main(["check", "-c", str(path)]), path


def test_a_good_policy_is_summed_up_and_exits_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, path = check(tmp_path, GOOD)
    assert code == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        f"{path}: OK",
        "backends: openai (https://api.openai.com/v1), local (http://127.0.0.1:9001/v1)",
        "models: chat",
        "unknown models: reject",
        "default backend: openai (the first)",
    ]


def test_no_default_backend_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, GOOD + "default_backend: none\n")[0] == 0
    assert "default backend: none\n" in capsys.readouterr().out


def test_every_error_of_a_wrong_policy_is_a_line_on_stderr_and_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, path = check(tmp_path, GOOD.replace("backend: local", "backend: loca") + "residency: []\n")
    assert code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"{path}:6:84: models[0].fallback[0].backend: there is no backend loca (did you mean local?)",
        f"{path}:7:1: residency: residency is not supported by this version (delete it: nothing in it would be done)",
    ]


def test_what_looks_like_a_mistake_is_noted_on_stderr_and_exits_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, path = check(tmp_path, GOOD.replace("model: gpt-4o}", "model: gpt-4}"))
    assert code == 0
    assert capsys.readouterr().err == (
        f"note: {path}:6:53: models[0].targets[0].model: backend openai lists models, but not gpt-4 "
        "(did you mean gpt-4o?)\n"
    )


def test_a_policy_that_is_not_there_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.yaml"
    assert main(["check", "-c", str(path)]) == 2
    assert capsys.readouterr().err == f"{path}:1:1: there is no such file (check the path, or the mount)\n"


def test_check_without_a_policy_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2
    assert "-c/--config" in capsys.readouterr().err
