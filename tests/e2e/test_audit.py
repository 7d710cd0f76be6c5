"""Through the real Envoy: what an exchange leaves in the audit record, what becomes of requests that leave nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.telemetry.audit.signing import new_key
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, Disconnect, End, ScriptStep, Until
from tests.e2e.bodies import said
from tests.e2e.gateway import Gateway, Site, gateway, post, site, tagged
from tests.server.audit.writing import filled

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/openai/v1, api: openai, region: us, credential: {bearer: {env: NORTH_KEY}}}
  - {name: south, url: $south/v1, api: openai, region: eu}
models:
  - {name: chat, targets: [{backend: north}], fallback: [{backend: south, model: small}]}
  - {name: failing, targets: [{backend: north, model: big@fail-503}], fallback: [{backend: south, model: small}]}
  - {name: endless, targets: [{backend: north, model: big@events-2000+gap-20ms}]}
tenants: {from: {header: x-tenant-id, trusted: true}}
pipelines:
  - name: all
    request:
      - {use: pii, kinds: [email], action: mask, restore: true}
      - {use: pattern, name: names, regex: Titan, action: block}
health: {failures: 10000, cooldown: 1ms, retry_after_max: 1ms}
limits: {drain_timeout: 5s}
usage: {metadata: null}
audit:
  file: FOLDER/audit.jsonl
  sign: {file: KEYS/audit.pem}
  checkpoint: 200ms
  capture: masked
  encrypt: {file: KEYS/body.key}
"""
PLANTED: Final = "planted@example.com"
BODY_KEY: Final = "ab" * 32
TENANT: Final = ("x-tenant-id", "acme")


class Audited:
    """A gateway whose policy keeps a record, and the record."""

    def __init__(self, folder: Path, keys: Path, before: Site, gate: Gateway) -> None:
        self.folder = folder
        self.keys = keys
        self.site = before
        self.gateway = gate

    @property
    def files(self) -> list[Path]:
        """The files of the record, in their order."""
        return sorted(self.folder.glob("audit*.jsonl"))

    def lines(self, kind: str = "exchange") -> list[dict[str, Any]]:
        """The lines of a kind that are whole."""
        raw = b"".join(file.read_bytes() for file in self.files).splitlines(keepends=True)
        found = [json.loads(line) for line in raw if line.endswith(b"\n")]
        return [line for line in found if line["kind"] == kind]

    def line(self, answer: ClientResponse) -> dict[str, Any]:
        """The line of an exchange, once it is there."""
        found = answer.header("x-extproc-request-id")
        return self.told(lambda line: line["exchange"]["request_id"] == found)

    def told(self, holds: Any) -> dict[str, Any]:
        """The one line of an exchange that is meant, once it is there."""
        assert eventually(lambda: any(holds(line) for line in self.lines()), 5.0), self.lines()[-3:]
        (line,) = [line for line in self.lines() if holds(line)]
        return line

    def extproc(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `extproc audit`."""
        return subprocess.run(
            [sys.executable, "-m", "extproc", "audit", *words], capture_output=True, text=True, check=False
        )

    def verify(self, *words: str) -> tuple[int, dict[str, Any]]:
        """What `extproc audit verify` says of the record, and its exit code."""
        key = str(self.keys / "public.pem")
        done = self.extproc("verify", *map(str, self.files), "--key", key, "--json", *words)
        return done.returncode, json.loads(done.stdout)


@contextmanager
def audited(
    folder: Path, policy: str = POLICY, *, profile: Profile = "buffered", workers: int = 1
) -> Iterator[Audited]:
    keys = folder.with_name(f"{folder.name}-keys")
    keys.mkdir()
    private, public = new_key()
    for name, content in (("audit.pem", private), ("public.pem", public), ("body.key", BODY_KEY.encode())):
        (keys / name).write_bytes(content)
    written = policy.replace("FOLDER", str(folder)).replace("KEYS", str(keys))
    with site(written, "h2", workers=workers) as before, gateway(before, profile) as gate:
        yield Audited(folder, keys, before, gate)


@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
def test_every_exchange_leaves_a_line_with_all_but_values_and_the_record_verifies(
    tmp_path: Path, profile: Profile
) -> None:
    with audited(tmp_path, profile=profile) as running:
        gate = running.gateway
        masked, forwarded = gate.ask(said(f"write to {PLANTED}"), "http1", TENANT)
        line = running.line(masked)
        assert forwarded.json()["messages"][0]["content"] == "write to [EMAIL_1]"
        _check_masked(line)

        blocked = gate.send(post(said("about Titan"), TENANT))
        told = running.line(blocked)["exchange"]
        assert (blocked.status, told["decision"], told["blocked_by"]) == (403, "blocked", "names")
        assert told["trail"]["spans"][0]["start"] == 6

        tag = tagged()
        served = gate.send(post(said("hi", "failing"), TENANT, tag=tag))
        running.site.expected += len(running.site.found(tag))
        told = running.line(served)["exchange"]
        assert (told["backend"], told["attempts"], told["tried"]) == ("south", 2, ["north"])
        assert [each["backend"] for each in told["trail"]["plan"]] == ["north", "south"]
        assert [each["attempt"]["backend"] for each in running.lines("attempt")][-1:] == ["south"]

        tag = tagged()
        steps: list[ScriptStep] = [
            said(f"write to {PLANTED}", "endless", stream=True),
            End(),
            Until(600),
            Disconnect("reset"),
        ]
        gate.send(post(steps, TENANT, tag=tag))
        running.site.unfinished.add(tag)
        line = running.told(lambda line: line["exchange"]["model"] == "endless")
        assert (line["exchange"]["decision"], line["exchange"]["reason"]) == ("masked", "response_cut")
        assert line["exchange"]["stream"] is True
        assert eventually(lambda: running.site.open == 0)

        code, found = running.verify("--running")
        assert (code, found["problems"], found["closed"]) == (0, [], False)
        running.site.processor.signal(signal.SIGTERM)
        running.site.processor.wait()
        code, found = running.verify()
        assert (code, found["problems"], found["closed"]) == (0, [], True)
        assert [chain["unproven"] for chain in found["chains"]] == [0]
        _check_kept(running, masked)
        everything = b"".join(each.read_bytes() for each in tmp_path.iterdir()) + running.site.processor.log.encode()
        assert PLANTED.encode() not in everything
        assert b"Titan" not in everything


def _check_masked(line: dict[str, Any]) -> None:
    """See that the line of a masked request holds what was decided."""
    told = line["exchange"]
    assert (told["decision"], told["tenant"], told["backend"], told["region"]) == ("masked", "acme", "north", "us")
    assert told["policy"]
    assert told["input_tokens"] > 0
    (span,) = told["trail"]["spans"]
    assert (span["where"], span["start"], span["end"]) == ("/messages/0/content", 9, 9 + len(PLANTED))
    assert told["findings"] == [
        {"processor": "pii", "kind": "email", "action": "mask", "side": "request", "shadow": False, "count": 1}
    ]
    assert line["time"].endswith("Z")
    assert len(line["capture"]["sha256"]) == 64


def _check_kept(running: Audited, masked: ClientResponse) -> None:
    """See that the body of a masked request can be read with the key, and only so, and be explained."""
    kept = running.folder / "audit.bodies"
    assert kept.stat().st_mode & 0o077 == 0
    assert b"EMAIL" not in kept.read_bytes()
    number = masked.header("x-extproc-request-id") or ""
    assert "encrypted" in running.extproc("show", str(kept), "--id", number).stderr
    key = str(running.keys / "body.key")
    shown = running.extproc("show", str(kept), "--id", number, "--decrypt-key", key)
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["body"]["messages"][0]["content"] == "write to [EMAIL_1]"
    lines = running.folder / "lines.jsonl"
    lines.write_text(shown.stdout)
    policy = str(running.site.processor.policy)
    command = [sys.executable, "-m", "extproc", "explain", "-c", policy, "--lines", str(lines)]
    explained = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(explained.stdout)["backend"] == "north"
    lines.unlink()


def test_a_killed_worker_loses_no_more_than_its_last_lines_and_the_next_one_says_where_it_ended(
    tmp_path: Path,
) -> None:
    with audited(tmp_path) as running:
        first, _ = running.gateway.ask(said("one"))
        running.line(first)
        (before,) = running.site.processor.pids
        os.kill(before, signal.SIGKILL)
        assert eventually(lambda: running.site.processor.pids not in {(before,), (None,)}, 20.0)
        assert eventually(lambda: len(running.lines("open")) == 2, 10.0)
        second, _ = running.gateway.ask(said("two"))
        running.line(second)
        running.site.processor.signal(signal.SIGTERM)
        running.site.processor.wait()
        code, found = running.verify()
        assert (code, found["problems"]) == (0, [])
        assert [chain["end"] for chain in found["chains"]] == ["ended", "closed"]


def test_each_worker_has_a_file_and_sighup_goes_on_in_a_new_one(tmp_path: Path) -> None:
    with audited(tmp_path, workers=2) as running:
        running.gateway.ask(said("one"))
        assert eventually(lambda: len(running.files) == 2)
        for file in running.files:
            file.rename(file.with_name(f"{file.stem}.old"))
        running.site.processor.signal(signal.SIGHUP)
        assert eventually(lambda: len(running.lines("continue")) == 2, 20.0)
        running.gateway.ask(said("two"))
        running.site.processor.signal(signal.SIGTERM)
        running.site.processor.wait()
        for stem in ("audit", "audit.1"):
            files = [str(tmp_path / f"{stem}.old"), str(tmp_path / f"{stem}.jsonl")]
            done = running.extproc("verify", *files, "--key", str(running.keys / "public.pem"))
            assert done.returncode == 0, done.stderr


def test_while_no_line_can_be_written_requests_are_refused_and_readiness_says_so(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if (done := subprocess.run(mount, capture_output=True, text=True, check=False)).returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        with audited(small, POLICY.replace("  capture: masked\n  encrypt: {file: KEYS/body.key}\n", "")) as running:
            _check_full(running, small)
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def _check_full(running: Audited, small: Path) -> None:
    ballast = small / "ballast"
    running.gateway.ask(said("one"))
    filled(ballast)
    refused = None
    for _ in range(200):  # some lines still fit into the last page
        refused = running.gateway.send(post(said("two"), tag=(tag := tagged())))
        running.site.expected += len(running.site.found(tag))
        if refused.status == 503:
            break
    assert refused is not None
    assert refused.status == 503
    assert json.loads(refused.body)["error"]["code"] == "audit_unavailable"
    assert refused.header("retry-after") == "1"
    processor = running.site.processor
    assert eventually(lambda: processor.status()["workers"][0].get("audit") == "No space left on device")
    assert processor.status()["ready"] is False
    assert "extproc_audit_blocked 1.0" in processor.metrics()
    ballast.unlink()
    assert eventually(lambda: running.gateway.send(post(said("x"), tag="free")).status == 200, 15.0)
    running.site.expected += len(running.site.found("free"))
    assert eventually(lambda: processor.status()["ready"])
    processor.signal(signal.SIGTERM)
    processor.wait()
    code, found = running.verify()
    assert (code, found["problems"]) == (0, [])
    assert found["chains"][0]["refused"] >= 1
    assert found["chains"][0]["lost"] == 0
