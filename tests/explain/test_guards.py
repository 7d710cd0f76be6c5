"""`explain` and guards from elsewhere: it lists what they would be asked, and asks only if it is told to."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extproc.cli import main
from extproc.explain.explanation import explain
from extproc.explain.lines import read_line
from extproc.policy import loads
from extproc.server.guards.once import asked_once
from extproc.transaction import Plan, Shared
from tests.guards.asking import BASE
from tests.guards.standin import REJECT, Standin, standin

LINE = {"path": "/v1/chat/completions", "body": {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}}
ANSWERED = LINE | {"response": {"body": {"choices": [{"message": {"role": "assistant", "content": "bye"}}]}}}


@pytest.fixture
def service() -> Iterator[Standin]:
    with standin() as running:
        running.answers = lambda _: REJECT
        yield running


def policy(service: Standin, more: str = "") -> str:
    written = f"{{use: webhook, url: '{service.url}/base'{more}}}"
    return f"{BASE}  - {{name: p, request: [{written}], response: [{written}]}}\n"


def explained(text: str, line: Any, **more: Any) -> Any:
    plan = Plan.compile(loads(text), {})
    return json.loads(
        msgspec.json.encode(explain(plan, Shared(detailed=True), read_line(json.dumps(line).encode()), **more))
    )


def test_it_lists_what_would_be_sent_where_and_sends_nothing(service: Standin) -> None:
    shown = explained(policy(service, ", on_failure: allow"), ANSWERED)
    assert shown["guards"] == [
        {
            "processor": "webhook",
            "side": side,
            "url": f"{service.url}/base/{side}",
            "texts": 1,
            "body": {"body": body},
        }
        for side, body in (
            ("request", {"messages": [{"role": "user", "content": "hello"}]}),
            ("response", {"choices": [{"message": {"role": "assistant", "content": "bye"}}]}),
        )
    ]
    assert shown["action"] == "allow"
    assert "webhook could not judge it (not_asked): that is allowed, or a stand-in judges" in shown["why"]
    assert service.asked == []


def test_it_asks_if_it_is_told_to(service: Standin) -> None:
    shown = explained(policy(service), LINE, ask=asked_once)
    assert (shown["action"], shown["status"]) == ("block", 403)
    assert [(each["processor"], each["kind"]) for each in shown["findings"]] == [("webhook", "rejected")]
    assert len(service.asked) == 1
    service.answers = lambda _: type(REJECT)(status=500)
    assert any(
        "webhook could not judge it (status)" in each
        for each in explained(policy(service), LINE, ask=asked_once)["why"]
    )


def test_the_command_has_a_flag_for_it(
    service: Standin, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.yaml").write_text(policy(service, ", credential: {bearer: {env: GUARD_KEY}}"))
    (tmp_path / "r.json").write_text(json.dumps(LINE))
    command = ["explain", "-c", str(tmp_path / "p.yaml"), str(tmp_path / "r.json")]
    monkeypatch.delenv("GUARD_KEY", raising=False)
    assert main(command) == 0
    assert service.asked == []
    assert len(json.loads(capsys.readouterr().out)["guards"]) == 1
    monkeypatch.setenv("GUARD_KEY", "sesame")
    assert main([*command, "--ask-guards"]) == 0
    assert json.loads(capsys.readouterr().out)["action"] == "block"
    assert service.asked[0].fields["authorization"] == "Bearer sesame"
