"""Recorded exchanges against another policy: request lines, the log, the audit record with captured bodies."""

import io
import json
import secrets
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from extproc.cli import main
from extproc.cli.progress import ProgressBar
from extproc.explain.explanation import _request_fields
from extproc.explain.lines import body_of, read_line
from extproc.explain.rehearsal import Half, rehearse
from extproc.policy import loads
from extproc.protocol.record import Record
from extproc.telemetry.audit.bodies import BodyCipher, kept
from extproc.transaction import Plan, Shared

OLD: Final = """\
version: 1
backends:
  - name: us
    url: https://us.example.com/v1
    api: openai
    region: us
    models: [{name: m, input_usd_per_mtok: 1, output_usd_per_mtok: 1}]
  - name: eu
    url: https://eu.example.com/v1
    api: openai
    region: eu
    models: [{name: n, input_usd_per_mtok: 3, output_usd_per_mtok: 3}]
models:
  - {name: chat, targets: [{backend: us, model: m}], fallback: [{backend: eu, model: n}]}
  - {name: old, targets: [{backend: us}]}
tenants: {from: {header: x-tenant-id}}
pipelines: [{name: p, request: [{use: pii, kinds: [email], action: mask}, {use: secrets, action: report}]}]
"""
NEW: Final = OLD.replace("  - {name: old, targets: [{backend: us}]}\n", "").replace(
    "pipelines:", "residency: [{name: stay, when: 'tenant == \"acme\"', regions: [eu]}]\npipelines:"
)
STRICT: Final = NEW.replace("kinds: [email], action: mask", "kinds: [email, iban], action: block")
IBAN: Final = "pay DE89370400440532013000"


def line(text: str, model: str = "chat", tenant: str = "umbrella") -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return json.dumps({"path": "/v1/chat/completions", "headers": {"x-tenant-id": tenant}, "body": body}).encode()


LINES: Final = [line("hi"), line("hi", tenant="acme"), line(IBAN), line("hi", model="old")]


class Scene:
    """Policies and records in a folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        for name, text in (("old", OLD), ("new", NEW), ("strict", STRICT)):
            (folder / name).write_text(text)

    def replay(self, *words: str, code: int = 0, policy: str = "strict") -> Any:
        assert main(["replay", "-c", str(self.folder / policy), "--json", *words]) == code
        return json.loads(self._capsys.readouterr().out)

    def file(self, name: str, lines: list[bytes]) -> str:
        path = self.folder / name
        path.write_bytes(b"".join(each + b"\n" for each in lines))
        return str(path)

    def audited(self, cipher: BodyCipher | None = None, *, keep: bool = True, renamed: bool = False) -> list[str]:
        """The audit record of `LINES` under the old policy, with bodies as they went on."""
        plan, records, bodies = Plan.compile(loads(OLD), {}), [], []
        for number, each in enumerate(LINES):
            record, onward = _exchange(plan, each, number)
            if renamed:  # as the gateway captures it
                onward = onward.replace(b'"model": "chat"', b'"model": "m"')
            digest, kept_line = kept(onward, record.request_id, cipher, secrets.token_bytes)
            bodies.append(kept_line.strip())
            captured = {"capture": {"bytes": len(onward), "sha256": digest}} if keep else {}
            head = {
                "v": 1,
                "kind": "exchange",
                "writer": "w",
                "seq": number,
                "prev": "0",
                "time": "2026-11-30T10:00:00Z",
            }
            records.append(msgspec.json.encode({**head, "exchange": record, **captured, "hash": "0"}))
        records.append(b'{"v":1,"kind":"close","writer":"w","seq":9,"prev":"0","time":"2026-11-30T10:00:00Z"}')
        found = [self.file("audit.jsonl", records)]
        return [*found, "--capture", self.file("bodies.jsonl", bodies)] if keep else found


def _exchange(plan: Plan, text: bytes, number: int) -> tuple[Record, bytes]:
    request = read_line(text)
    body = body_of(request.body)
    found = rehearse(plan, Shared(), Half(_request_fields(request, len(body)), body), None, 0.0)
    record = msgspec.structs.replace(
        found.record, request_id=f"id-{number}", input_tokens=1_000_000, output_tokens=0, cost_usd=1.0
    )
    return record, msgspec.json.encode({"path": request.path, "headers": {}, "body": msgspec.Raw(body)})


@pytest.fixture
def scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Scene:
    return Scene(tmp_path, capsys)


def changes(document: Any) -> dict[tuple[str, str], int]:
    return {(each["before"], each["after"]): each["count"] for each in document["changes"]}


STRICTER: Final = {
    ("allow us/m", "allow eu/n"): 1,
    ("allow us/m", "block"): 1,
    ("allow us/old", "reject (404)"): 1,
}


def test_request_lines_are_compared_under_two_policies(scene: Scene) -> None:
    lines = scene.file("lines", LINES)
    found = scene.replay("--against", str(scene.folder / "old"), lines)
    assert changes(found) == STRICTER
    assert (found["lines"], found["same"], found["changed"]) == (4, 1, 3)
    assert found["findings"] == {"pii iban": 1}
    scene.replay("--against", str(scene.folder / "old"), "--exit-code", lines, code=3)
    scene.replay("--against", str(scene.folder / "strict"), "--exit-code", lines)


@pytest.mark.parametrize("encrypted", [False, True])
def test_captured_bodies_are_compared_with_what_the_record_says(scene: Scene, encrypted: bool) -> None:
    key, words = secrets.token_hex(32), []
    if encrypted:
        (scene.folder / "key").write_text(key)
        words = ["--key", str(scene.folder / "key")]
    found = scene.replay(*scene.audited(BodyCipher.read(key.encode()) if encrypted else None), *words)
    assert changes(found) == STRICTER
    assert found["cost_usd"]["before"] == 4.0
    assert found["cost_usd"]["after"] == 4.0  # one stays, one is three times as much, two are refused
    assert [each["examples"] for each in found["changes"] if each["after"] == "block"] == [["id-2"]]
    against = scene.replay(
        *scene.audited(BodyCipher.read(key.encode()) if encrypted else None),
        *words,
        "--against",
        str(scene.folder / "old"),
    )
    assert changes(against) == STRICTER


def test_an_exchange_is_replayed_under_its_virtual_key_without_the_file_of_keys(scene: Scene) -> None:
    for name in ("new", "strict"):
        path = scene.folder / name
        path.write_text(path.read_text().replace("{header: x-tenant-id}", "{keys: nowhere.jsonl}"))
    audited, *words = scene.audited()
    text = Path(audited).read_text().replace('"tenant":', '"key":"key_0123456789ab","tenant":')
    Path(audited).write_text(text)
    assert text.count('"key":"key_0123456789ab"') == len(LINES)
    assert changes(scene.replay(audited, *words)) == STRICTER
    assert changes(scene.replay(audited, *words, "--against", str(scene.folder / "new"))) == {
        ("allow us/m", "block"): 1
    }


def test_a_captured_body_is_replayed_with_the_model_that_its_client_asked_for(scene: Scene) -> None:
    assert changes(scene.replay(*scene.audited(renamed=True))) == STRICTER


def test_without_bodies_only_what_the_record_decides_is_told_and_the_rest_is_counted(scene: Scene) -> None:
    found = scene.replay(*scene.audited(keep=False))
    assert changes(found) == {("allow us/old", "reject (404)"): 1}
    assert (found["by_record_alone"], found["not_replayable"]) == (1, {"no_body": 3})
    audited = map(json.loads, Path(scene.audited(keep=False)[0]).read_bytes().splitlines()[:-1])
    logged = [b'{"time":"2026-11-30T10:00:00Z","event":"start","pid":1}']
    logged += [msgspec.json.encode({"time": "x", "event": "exchange", **each["exchange"]}) for each in audited]
    gone = json.loads(logged[-1]) | {"decision": "gone", "reason": "client_gone"}
    found = scene.replay(scene.file("log", [*logged, json.dumps(gone).encode()]))
    assert (found["lines"], found["by_record_alone"], found["not_replayable"]) == (5, 1, {"no_body": 3, "undecided": 1})


def test_a_wrong_key_and_lines_that_are_none_are_told_of(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    words = scene.audited(BodyCipher.read(secrets.token_hex(32).encode()))
    (scene.folder / "key").write_text(secrets.token_hex(32))
    assert main(["replay", "-c", str(scene.folder / "new"), *words, "--key", str(scene.folder / "key")]) == 2
    assert "sealed with another key" in capsys.readouterr().err
    assert main(["replay", "-c", str(scene.folder / "new"), *words]) == 2
    assert "the bodies are encrypted: name the key" in capsys.readouterr().err
    bad = scene.file("bad", [b"{}", b"nonsense"])
    assert main(["replay", "-c", str(scene.folder / "new"), bad]) == 2
    err = capsys.readouterr().err
    assert f"{bad}:1: a request line has a path" in err
    assert "2 lines could not be read" in err
    lines = scene.file("lines", LINES)
    assert main(["replay", "-c", str(scene.folder / "new"), lines]) == 2
    assert "name the old policy with --against" in capsys.readouterr().err


def test_the_table_is_for_people_and_the_bar_for_terminals(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--against", str(scene.folder / "old"), scene.file("lines", LINES)]
    assert main(["replay", "-c", str(scene.folder / "strict"), *words]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("4 exchanges: 3 change, 1 stay as they are\n")
    assert "       1  allow us/m    block         line 3\n" in out
    assert "findings: pii iban +1" in out
    assert err == ""


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_a_terminal_alone() -> None:
    for to, drawn in ((_Terminal(), True), (io.StringIO(), False)):
        with ProgressBar(10, "lines", to) as bar:
            bar.advance(5)
        assert ("[###############...............]  50%" in to.getvalue()) == drawn
        assert to.getvalue().endswith("\r\x1b[K") == drawn
