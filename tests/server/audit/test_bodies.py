"""Captured bodies stand beside the lines, for nobody else's eyes, and are sealed if the policy names a key."""

import json
from pathlib import Path

import pytest

from extproc.explain.lines import read_line
from extproc.protocol.trail import CapturedBody
from extproc.telemetry.audit.bodies import BodyCipher, opened, request_line
from extproc.telemetry.audit.signing import AuditKeyError
from tests.gathered import gathered
from tests.server.audit.writing import auditing, verify

KEY = b"0f" * 32
BODY = b'{"model":"chat","messages":[{"role":"user","content":"to [EMAIL_1]"}]}'


def captured(data: bytes = BODY) -> CapturedBody:
    return CapturedBody("/v1/chat/completions", "application/json", data, len(data))


def test_a_body_is_a_request_line_beside_its_audit_line(tmp_path: Path) -> None:
    with auditing(f"file: {tmp_path}/a.jsonl, capture: masked") as audit:
        audit.record(captured=captured())
    kept = tmp_path / "a.bodies"
    found, line = opened(kept.read_bytes(), None)
    assert (found.id, json.loads(line)["body"]) == ("r1", json.loads(BODY))
    sample = read_line(line)
    assert (sample.path, bytes(sample.body)) == ("/v1/chat/completions", BODY)
    audited = json.loads((tmp_path / "a.jsonl").read_bytes().splitlines()[1])
    assert audited["capture"] == {"bytes": len(BODY), "sha256": found.sha256}
    assert "captured" not in audited["exchange"]
    assert kept.stat().st_mode & 0o077 == 0
    assert verify(tmp_path / "a.jsonl").problems == ()


def test_a_sealed_body_opens_with_its_key_alone_and_only_as_what_it_was(tmp_path: Path) -> None:
    with auditing(f"file: {tmp_path}/a.jsonl, capture: masked, encrypt: {{file: k}}", encrypt=KEY) as audit:
        audit.record(2, captured=captured())
    first, second = (tmp_path / "a.bodies").read_bytes().splitlines()
    assert b"EMAIL" not in first
    cipher = BodyCipher.read(KEY + b"\n")
    assert json.loads(opened(first, cipher)[1])["body"] == json.loads(BODY)
    assert json.loads(first)["nonce"] != json.loads(second)["nonce"]
    for forged in (first.replace(b'"r1"', b'"r9"'), first[:-10] + b"AAAA" + first[-6:], first):
        with pytest.raises(AuditKeyError):
            opened(forged, BodyCipher.read(b"1f" * 32) if forged == first else cipher)


def test_a_plain_body_that_was_changed_is_none(tmp_path: Path) -> None:
    with auditing(f"file: {tmp_path}/a.jsonl, capture: masked") as audit:
        audit.record(captured=captured())
    line = (tmp_path / "a.bodies").read_bytes().replace(b"EMAIL_1", b"EMAIL_2")
    with pytest.raises(ValueError, match="changed"):
        opened(line, None)


def test_of_a_body_that_is_too_large_or_no_text_the_size_is_recorded(tmp_path: Path) -> None:
    with auditing(f"file: {tmp_path}/a.jsonl, capture: masked") as audit:
        audit.record(captured=CapturedBody("/v1/x", "", b"", 10**9))
        audit.record(captured=captured(b"\xff\xfe"))
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    assert [line["capture"] for line in lines if line["kind"] == "exchange"] == [
        {"bytes": 10**9, "sha256": None},
        {"bytes": 2, "sha256": None},
    ]


def test_a_body_with_line_breaks_is_one_line() -> None:
    spread = b'{\n "model": "chat",\r\n "messages": []\n}'
    line = request_line(captured(spread))
    assert line is not None
    assert b"\n" not in line
    assert json.loads(json.loads(line)["body"]) == {"model": "chat", "messages": []}


@gathered("text", [b"", b"0f" * 31, b"0f" * 33, b"zz" * 32, b"\xff" * 64])
def test_a_key_is_32_bytes_in_hexadecimal(text: bytes) -> None:
    with pytest.raises(AuditKeyError):
        BodyCipher.read(text)
