"""`extproc explain`, as a person or a tool would call it."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from extproc.cli import main

POLICY = """
version: 1
backends:
  - {name: hosted, url: https://api.example.com/openai/v1, api: openai, credential: {bearer: {env: NOT_SET_ANYWHERE}}}
  - {name: local, url: "http://127.0.0.1:9001/v1", api: openai}
models:
  - name: chat
    targets: [{backend: hosted, model: gpt-4o-mini, weight: 80}, {backend: local, model: llama, weight: 20}]
  - {name: plain, targets: [{backend: local}]}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def explained(
    policy: Path, *lines: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, object]]:
    stdin = SimpleNamespace(buffer=io.BytesIO("\n".join(lines).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["explain", "-c", str(policy), "--lines", "-"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def chat(model: str, **more: object) -> str:
    return json.dumps({"path": "/v1/chat/completions", "body": {"model": model, "messages": []}, **more})


def test_one_request_is_explained_as_a_person_reads_it(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = tmp_path / "request.json"
    request.write_text(chat("plain"))
    assert main(["explain", "-c", str(policy), str(request)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n") > 5
    told = json.loads(shown)
    assert (told["action"], told["status"], told["backend"], told["model"]) == ("allow", 200, "local", "plain")
    assert told["body"] == {"model": "plain", "messages": []}
    assert any("openai.chat" in why for why in told["why"])


def test_lines_are_answered_in_order_and_keep_the_shares(
    policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = explained(policy, *([chat("chat")] * 100), capsys=capsys, monkeypatch=monkeypatch)
    assert 78 <= [line["backend"] for line in told].count("hosted") <= 82
    assert {str(line["body"]["model"]) for line in told if isinstance(line["body"], dict)} == {"gpt-4o-mini", "llama"}


@pytest.mark.parametrize(
    ("line", "status", "action"),
    [
        (chat("nobody"), 404, "reject"),
        ('{"path": "/v1/chat/completions", "body": "{not json"}', 400, "reject"),
        ('{"path": "/v1/chat/completions"}', 400, "reject"),
        ('{"path": "/v1/chat/completions", "method": "PUT", "body": {}}', 405, "reject"),
        ('{"path": "/elsewhere", "method": "GET"}', 404, "reject"),
        ('{"path": "/v1/models", "method": "GET"}', 200, "allow"),
    ],
)
def test_what_the_client_would_get_is_told(
    line: str,
    status: int,
    action: str,
    policy: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (told,) = explained(policy, line, capsys=capsys, monkeypatch=monkeypatch)
    assert (told["status"], told["action"]) == (status, action)
    assert told["why"]
    if action == "reject":
        assert told["body"] is None
        assert isinstance(told["answer"], dict)


def test_bytes_that_nobody_asked_to_change_are_told_as_they_came(
    policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = '{"seed": 123456789012345678901234567890, "model":"plain" , "x":1.10e5}'
    stdin = SimpleNamespace(buffer=io.BytesIO(f'{{"path":"/v1/chat/completions","body":{body}}}'.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["explain", "-c", str(policy), "--lines", "-"]) == 0
    assert body in capsys.readouterr().out


def test_an_answer_can_be_judged(
    policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    response = {"status": 429, "headers": {"retry-after": "1"}, "body": {"error": {}}}
    (told,) = explained(policy, chat("plain", response=response), capsys=capsys, monkeypatch=monkeypatch)
    assert (told["status"], told["body"]) == (429, {"error": {}})


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"body": {}}', '{"path": 7}', '{"path": "/", "planted": 1}', "[" * 100_000]
)
def test_a_line_that_is_no_request_is_an_error_in_its_place_and_the_rest_go_on(
    line: str, policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = SimpleNamespace(buffer=io.BytesIO(f"{chat('plain')}\n\n{line}\n{chat('plain')}\n".encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["explain", "-c", str(policy), "--lines", "-"]) == 2
    first, bad, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["backend"], last["backend"]) == ("local", "local")
    assert bad["line"] == 3
    assert bad["error"]
    assert "planted" not in bad["error"] or "planted" in line


@pytest.mark.parametrize("where", ["file", "stdin", "line"])
@pytest.mark.parametrize(
    "body", ['{"model": "plain", "messages": []}', r'{"messages": [{"content": "\ud83d"}], "model": "plain"}']
)
def test_a_bare_body_is_a_request_to_chat_completions(
    body: str,
    where: str,
    policy: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "request.json"
    path.write_text(body)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(body.encode())))
    words = {"file": [str(path)], "stdin": ["-"], "line": ["--lines", str(path)]}[where]
    assert main(["explain", "-c", str(policy), *words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert any("openai.chat" in why for why in told["why"])


def test_a_block_exits_3_if_asked(policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(POLICY + "pipelines: [{name: p, request: [{use: pattern, regex: Titan}]}]\n")
    blocked, fine = tmp_path / "blocked.json", tmp_path / "fine.json"
    blocked.write_text('{"model": "plain", "messages": [{"role": "user", "content": "Titan"}]}')
    fine.write_text(chat("plain"))
    both = tmp_path / "both.jsonl"
    both.write_text(f"{blocked.read_text()}\n{fine.read_text()}\n")
    assert main(["explain", "-c", str(policy), str(blocked)]) == 0
    assert main(["explain", "-c", str(policy), "--exit-code", str(fine)]) == 0
    assert main(["explain", "-c", str(policy), "--exit-code", str(blocked)]) == 3
    assert main(["explain", "-c", str(policy), "--exit-code", "--lines", str(both)]) == 3
    assert len(capsys.readouterr().out.splitlines()) > 4


def test_policy_and_requests_are_not_both_read_from_stdin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-c", "-", "-"]) == 2
    assert "only one of" in capsys.readouterr().err


def test_a_reader_of_explanations_that_goes_away_is_silent(policy: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text(f"{chat('plain')}\n" * 2000)
    command = [sys.executable, "-m", "extproc", "explain", "-c", str(policy), "--lines", str(lines)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_missing_file_and_a_missing_argument_are_said_plainly(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "-c", str(policy), "nowhere.json"]) == 2
    assert "nowhere.json: No such file" in capsys.readouterr().err
    assert main(["explain", "-c", str(policy)]) == 2
    assert "--lines" in capsys.readouterr().err


def test_a_credential_is_not_needed_and_not_shown(
    policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOT_SET_ANYWHERE", "planted")
    told = explained(policy, *([chat("chat")] * 3), capsys=capsys, monkeypatch=monkeypatch)
    assert "planted" not in json.dumps(told)


PIPELINES = """
pipelines:
  - name: default
    request:
      - {use: pii, kinds: [email], action: mask, format: hash, key: {env: NOT_SET_ANYWHERE}}
      - {use: pattern, regex: Titan}
    response: [{use: pii, kinds: [iban], action: mask}]
"""


def test_pipelines_are_explained_without_their_keys(
    policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy.write_text(POLICY + PIPELINES)
    answer = {"choices": [{"message": {"role": "assistant", "content": "GB82WEST12345698765432"}}]}
    said = [{"model": "plain", "input": text} for text in ("a@b.de", "Titan", "x")]
    lines = [json.dumps({"path": "/v1/embeddings", "body": body}) for body in said]
    lines[2] = json.dumps({"path": "/v1/embeddings", "body": said[2], "response": {"body": answer}})
    masked, blocked, judged = explained(policy, *lines, capsys=capsys, monkeypatch=monkeypatch)
    assert [each["action"] for each in (masked, blocked, judged)] == ["mask", "block", "mask"]
    assert [each["pipeline"] for each in (masked, blocked, judged)] == ["default"] * 3
    assert masked["findings"] == [
        {
            "processor": "pii",
            "kind": "email",
            "action": "mask",
            "side": "request",
            "where": "/input",
            "start": 0,
            "end": 6,
            "score": 1.0,
        }
    ]
    assert judged["body"] == {"choices": [{"message": {"role": "assistant", "content": "[IBAN_1]"}}]}


def test_each_line_is_answered_before_the_next_is_read(
    policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[int] = []

    def lines() -> Iterator[bytes]:
        for _ in range(3):
            yield chat("plain").encode() + b"\n"
            answered.append(len(capsys.readouterr().out.splitlines()))

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=lines()))
    assert main(["explain", "-c", str(policy), "--lines", "-"]) == 0
    assert answered == [1, 1, 1]
