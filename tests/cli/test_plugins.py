"""The commands with an installed distribution of plug-ins, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.seams.distributions import install_acme, install_one

WITHIN: Final = 60.0

POLICY: Final = """\
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
default_backend: none
models: [{name: chat, targets: [{backend: local}]}]
recorded_signals: [tier]
answer_stages: [{use: notice, text: 'Mind: '}]
pipelines:
  - name: p
    request:
      - {use: badge, action: mask, when: 'tier == "gold"'}
      - {use: shouting, timeout: 500ms, on_failure: allow}
      - {use: toy-guard, mode: shadow}
"""
REQUEST: Final = {
    "path": "/acme/models/chat:play",
    "headers": {"x-tier": "gold"},
    "body": {"say": "badge B-123456"},
}


LOCKED: Final = """\
from threading import Lock
from typing import Any
from pydantic import PrivateAttr
from extproc.ext import DetectorKind, DetectorOptions, ScoredDetector
class Locked(DetectorOptions):
    _lock: Any = PrivateAttr(default_factory=Lock)
IT = DetectorKind("locked", Locked, lambda options: ScoredDetector("risk", lambda statement: 0.0, 0.5))
"""


EACH: Final = """\
import contextlib, io, json, sys
from extproc.cli import main
told = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    told.append((code, out.getvalue(), err.getvalue()))
json.dump(told, sys.stdout)
"""
"""Runs commands one after the other, and tells of each what `Commands.run` does."""


class Commands:
    """`extproc` in a folder of its own, with another on the path of modules."""

    def __init__(self, folder: Path) -> None:
        self.modules = folder / "modules"
        self.modules.mkdir()
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY)

    def run(
        self, *words: str, stdin: str = "", environ: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> tuple[int, str, str]:
        """Its exit code, and what it says on stdout and on stderr."""
        found = {"PYTHONPATH": str(self.modules)} if environ is None else environ
        done = subprocess.run(
            [Path(sys.executable).with_name("extproc"), words[0], "-c", str(self.policy), *words[1:]],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN,
            env={**os.environ, **found},
            cwd=cwd,
        )
        return done.returncode, done.stdout, done.stderr

    def run_each(self, *commands: Sequence[str], stdin: str) -> list[tuple[int, str, str]]:
        """As above, of several commands in one process: starting one takes as long as most commands."""
        words = [[command[0], "-c", str(self.policy), *command[1:]] for command in commands]
        done = subprocess.run(
            [sys.executable, "-P", "-c", EACH, json.dumps(words)],
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
            timeout=WITHIN,
            env={**os.environ, "PYTHONPATH": str(self.modules)},
        )
        told = json.loads(done.stdout)
        assert len(told) == len(commands)
        return [(code, out, err) for code, out, err in told]


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def test_check_lists_the_plug_ins(commands: Commands) -> None:
    install_acme(commands.modules)
    code, out, err = commands.run("check")
    assert (code, err) == (0, "")
    assert out.splitlines()[-7:] == [
        "plug-in: acme-extproc 1.2.0: detector badge",
        "plug-in: acme-extproc 1.2.0: detector echo",
        "plug-in: acme-extproc 1.2.0: detector toy-guard",
        "plug-in: acme-extproc 1.2.0: answer stage notice",
        "plug-in: acme-extproc 1.2.0: API acme.play",
        "plug-in: acme-extproc 1.2.0: detector shouting",
        "plug-in: acme-extproc 1.2.0: signal tier",
    ]


def test_explain_says_what_plug_ins_would_do(commands: Commands) -> None:
    install_acme(commands.modules)
    code, out, err = commands.run("explain", "-", stdin=json.dumps(REQUEST))
    assert (code, err) == (0, "")
    explained = json.loads(out)
    assert explained["body"] == {"say": "badge [BADGE_1]"}
    assert explained["signals"] == {"tier": "gold"}
    assert [(each["processor"], 0 < each["score"] < 1) for each in explained["scores"]] == [("shouting", True)]
    assert explained["why"][0] == "/acme/models/chat:play is acme.play"


def test_options_of_plug_ins_are_told_with_their_lines_and_mends(commands: Commands) -> None:
    install_acme(commands.modules)
    wrong = POLICY.replace("timeout: 500ms", "treshold: 0.5").replace("text: 'Mind: '", "txt: 'Mind: '")
    commands.policy.write_text(wrong.replace("recorded_signals: [tier]", "recorded_signals: [tir]"))
    code, out, err = commands.run("check")
    assert (code, out) == (2, "")
    said = err.splitlines()
    file = commands.policy
    assert f"{file}:5:20: recorded_signals[0]: there is no signal tir (did you mean tier?)" in said
    assert any(f"{file}:6:" in line and "there is no field txt here (did you mean text?)" in line for line in said)
    (line,) = (line for line in said if "treshold" in line)
    assert line.startswith(f"{file}:11:")
    assert "pipelines[0].request[1].treshold: there is no field treshold here (did you mean threshold?)" in line


def test_without_the_distribution_the_policy_is_refused(commands: Commands) -> None:
    code, _, err = commands.run("check")
    assert code == 2
    assert "there is no such processor" in err
    assert "there is no signal tier" in err


def test_a_broken_plug_in_ends_every_command_at_its_start(commands: Commands) -> None:
    install_acme(commands.modules)
    install_one(commands.modules, "acme-broken", "raise RuntimeError('planted-marker')")
    place = f"{commands.modules}/acme_broken.py, line 1"
    each = (["check"], ["explain", "-"], ["envoy"], ["serve", "--listen", "127.0.0.1:0"])
    for code, out, err in commands.run_each(*each, stdin=json.dumps(REQUEST)):
        assert (code, out) == (2, "")
        (line,) = (each for each in err.splitlines() if not each.startswith("extproc: warning"))
        assert line == (
            f"plug-in acme-broken 1.0: entry point it: RuntimeError while acme_broken:IT was imported ({place})"
            " (tell the plug-in's author, or uninstall it)"
        )


def test_a_plug_in_is_broken_whatever_the_policy_uses(commands: Commands) -> None:
    install_one(commands.modules, "acme-broken", "IT = 3")
    commands.policy.write_text(POLICY.partition("recorded_signals")[0])
    code, _, err = commands.run("check")
    assert code == 2
    assert "acme-broken 1.0: entry point it: a value of type int is no value of" in err


SERVE: Final = ("serve", "--listen", "127.0.0.1:0", "--admin", "none")


@pytest.mark.parametrize("command", [("check",), SERVE])
def test_options_that_cannot_be_copied_to_a_worker_are_told(commands: Commands, command: tuple[str, ...]) -> None:
    install_one(commands.modules, "acme-it", LOCKED)
    policy = POLICY.partition("recorded_signals")[0]
    commands.policy.write_text(policy + "pipelines: [{name: p, request: [{use: locked}]}]\n")
    code, _, err = commands.run(*command)
    assert code == 2
    assert "the options of a plug-in cannot be copied to a worker: TypeError (tell its author" in err


@pytest.mark.parametrize("command", [("check",), SERVE])
def test_the_folder_that_a_command_is_started_in_is_not_searched(commands: Commands, command: tuple[str, ...]) -> None:
    install_one(commands.modules, "acme-broken", "raise SystemExit")
    commands.policy.write_text(POLICY.partition("models:")[0] + "models: 3\n")
    code, _, err = commands.run(*command, environ={}, cwd=commands.modules)
    assert code == 2
    assert "plug-in" not in err
    assert "models" in err
