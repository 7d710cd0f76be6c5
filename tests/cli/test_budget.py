"""`extproc budget` shows budgets and changes their limits in a gateway that runs."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from extproc.cli import main
from extproc.testing import eventually
from tests.e2e.processor import Processor
from tests.gathered import gathered

TOKEN: Final = "a-token-of-the-operators"
POLICY: Final = """\
version: 1
backends: [{name: a, url: "http://127.0.0.1:9", api: openai}]
default_backend: none
models: [{name: chat, targets: [{backend: a}]}]
tenants: {from: {header: x-tenant-id}, required: true}
budgets:
- {name: team, per: tenant, tokens: 1000, window: 30d}
- {name: usd, per: tenant, usd: 5.5, window: month}
- {name: open, per: tenant, streams: 4}
state: {memory: {file: FILE}}
"""


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["budget", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    code, out, err = asked(capsys, *words, "--json")
    assert code == 0, err
    return json.loads(out)


def test_limits_are_set_shown_listed_and_taken_back_and_outlive_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token, policy = tmp_path / "token", POLICY.replace("FILE", str(tmp_path / "state" / "budgets"))
    token.write_text(TOKEN + "\n")
    monkeypatch.setenv("EXTPROC_ADMIN_TOKEN_FILE", str(token))
    more = ("--admin-token-file", str(token))
    with Processor(tmp_path, policy, "h2", *more, workers=2) as running:
        admin = ("--admin", running.admin.removeprefix("http://"))
        assert asked(capsys, "list", *admin)[1].split() == [
            "budget", "subject", "unit", "used", "limit", "remaining", "set", "resets", "mode",
        ]  # fmt: skip
        code, out, _ = asked(capsys, "set", "team", "acme", "2000000", "--token-file", str(token), *admin)
        assert (code, out.splitlines()[1].split()[:7]) == (
            0,
            ["team", "acme", "tokens", "0", "2000000", "2000000", "2000000"],
        )
        (line,) = shown(capsys, "set", "usd", "spiffe://a/b c", "0.25", "--token-file", str(token), *admin)
        assert (line["subject"], line["limit"]) == ("spiffe://a/b c", 0.25)
        (line,) = shown(capsys, "show", "open", "", *admin)
        assert (line["limit"], line["resets"], line["subject"]) == (4, None, "")
        assert eventually(lambda: [each["method"] for each in running.lines("budget_changed")] == ["PUT", "PUT"])
        for words in (("set", "nobody", "acme", "1"), ("set", "team", "acme", "1.5"), ("reset", "team", "a\nb")):
            code, _, err = asked(capsys, *words, "--token-file", str(token), *admin)
            assert (code, err.startswith("extproc: ")) == (1, True)
        other = tmp_path / "other"
        other.write_text("not-the-token-of-theirs")
        code, _, err = asked(capsys, "reset", "team", "acme", "--token-file", str(other), *admin)
        assert (code, "--admin-token-file" in err) == (1, True)
    again = tmp_path / "again"
    again.mkdir()
    with Processor(again, policy, "h2", *more) as running:
        admin = ("--admin", running.admin.removeprefix("http://"))
        assert [(each["budget"], each["override"]) for each in shown(capsys, "list", *admin)] == [
            ("team", 2000000),
            ("usd", 0.25),
        ]
        (line,) = shown(capsys, "set", "team", "acme", "policy", "--token-file", str(token), *admin)
        assert (line["limit"], line["override"]) == (1000, None)
        assert shown(capsys, "reset", "team", "acme", "--token-file", str(token), *admin)[0]["used"] == 0


@gathered(
    ("words", "code", "said"),
    [
        (("list", "--admin", "127.0.0.1:1"), 1, "no answer from the admin port"),
        (("list", "--admin", "unix:/x"), 2, "--admin takes host:port"),
        (("set", "team", "acme", "5", "--admin", "127.0.0.1:1"), 2, "changes need --token-file"),
        (("set", "team", "acme", "5", "--token-file", "/nowhere", "--admin", "127.0.0.1:1"), 2, "cannot be read"),
        (("set", "team", "acme", "five"), 2, "five is no limit"),
    ],
)
def test_what_cannot_be_done_is_said(
    words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, err = asked(capsys, *words)
    assert (found, said in err) == (code, True), err
