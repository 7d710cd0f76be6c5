"""The table of commands: what `extproc` does before and after a command of its own choosing."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import extproc.cli
from extproc import __version__
from extproc.cli import COMMANDS, main
from extproc.cli.common import CommandError, Subparsers

Run = Callable[[argparse.Namespace], int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Puts a command `play` into the table, which does what is given."""

    def install(run: Run) -> None:
        def add_parser(subparsers: Subparsers) -> None:
            subparsers.add_parser("play").add_argument("--port", type=int)

        module = ModuleType("extproc.cli.play")
        module.__dict__.update(add_parser=add_parser, run=run)
        monkeypatch.setitem(sys.modules, "extproc.cli.play", module)
        monkeypatch.setitem(COMMANDS, "play", ("extproc.cli.play", "plays"))

    return install


def test_a_command_gets_its_arguments_and_gives_the_exit_code(command: Callable[[Run], None]) -> None:
    command(lambda args: int(args.port))
    assert main(["play", "--port", "7"]) == 7


def test_a_commands_own_error_is_a_sentence_and_its_code(
    command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: argparse.Namespace) -> int:
        raise CommandError("the port is taken")

    command(run)
    assert main(["play"]) == 1
    assert capsys.readouterr() == ("", "extproc: the port is taken\n")


def test_an_interrupted_command_exits_as_shells_have_it(command: Callable[[Run], None]) -> None:
    def run(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    command(run)
    assert main(["play"]) == 130


def test_no_command_shows_the_help_on_stderr_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert all(name in err and help_ in err for name, (_, help_) in COMMANDS.items())


def test_help_lists_the_commands_and_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "check" in capsys.readouterr().out


def test_an_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nope"]) == 2
    assert "invalid choice: 'nope'" in capsys.readouterr().err


def test_an_unknown_option_is_wrong_usage(command: Callable[[Run], None], capsys: pytest.CaptureFixture[str]) -> None:
    command(lambda _: 0)
    assert main(["play", "--prot", "7"]) == 2
    assert "--prot" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"extproc {__version__}\n"


def test_a_command_whose_module_is_missing_breaks_only_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "gone", ("extproc.cli.gone", "is not there"))
    assert main(["gone"]) == 1
    assert capsys.readouterr().err == "extproc: gone is not part of this version\n"
    assert main(["check", "--help"]) == 0


def test_a_command_whose_package_is_missing_names_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "needy_command.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(COMMANDS, "needy", ("needy_command", "needs a package"))
    assert main(["needy"]) == 1
    assert "needy needs the Python package a_package_that_nobody_has" in capsys.readouterr().err


def test_checking_a_policy_imports_no_server(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("{version: 1, backends: [{name: a, url: 'http://a', api: openai}]}")
    program = (
        "import sys; from extproc.cli import main; code = main(['check', '-c', sys.argv[1]]);"
        "print(sorted({'grpc', 'aiohttp', 'asyncio', 'google.protobuf', 'uvloop'} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_asking_for_the_version_does_not_wait_for_pydantic() -> None:
    program = "import sys; from extproc.cli import main; main(['--version']); print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_python_runs_the_package_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "extproc", "check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: extproc check")


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    program = (
        "import sys; from extproc.cli import COMMANDS, main; import types; m = types.ModuleType('m');"
        "m.add_parser = lambda s: s.add_parser('m'); m.run = lambda a: [print('x' * 100) for _ in range(10000)] and 0;"
        "sys.modules['m'] = m; COMMANDS['m'] = ('m', 'm'); sys.exit(main(['m']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 1


@pytest.mark.parametrize("words", [["check"], ["serve", "--listen", "127.0.0.1:0"], ["up", "--port", "0"]])
def test_credentials_that_cannot_be_read_end_a_command_with_a_line_for_each_and_2(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = "{name: NAME, url: 'https://NAME', api: openai, credential: {bearer: {env: KEY_NAME}}}"
    path = tmp_path / "policy.yaml"
    path.write_text(f"version: 1\nbackends:\n  - {entry.replace('NAME', 'a')}\n  - {entry.replace('NAME', 'b')}\n")
    monkeypatch.delenv("KEY_a", raising=False)
    monkeypatch.delenv("KEY_b", raising=False)
    assert main([*words, "-c", str(path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{path}:3:58: backends[0].credential: the variable KEY_a is not set (set it for the processor)",
        f"{path}:4:58: backends[1].credential: the variable KEY_b is not set (set it for the processor)",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_every_default(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    options = import_module(COMMANDS[command][0])
    options.add_parser(parser.add_subparsers())
    assert main([command, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    (found,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for action in found.choices[command]._actions:
        if action.default not in {None, False, argparse.SUPPRESS}:
            option = shown[shown.rindex(f"{action.option_strings[0]} ") :]
            value = f"{action.default:o}" if action.dest == "socket_mode" else action.default
            assert f"default: {value})" in option, action.dest


def test_the_table_names_modules_of_this_package() -> None:
    assert {name: module for name, (module, _) in COMMANDS.items()} == {
        name: f"{extproc.cli.__name__}.{name}" for name in COMMANDS
    }
