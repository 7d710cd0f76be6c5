"""`extproc up` as a person starts it: a real Envoy, a real processor, real requests."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extproc.gateway.program import Program, ProgramError
from extproc.testing.provider import running_provider

pytestmark = pytest.mark.envoy

WITHIN = 60.0


def extproc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "extproc", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=WITHIN, check=False, stdin=subprocess.DEVNULL
    )


@contextmanager
def up(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "extproc", "up", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "Ctrl-C" not in (line := process.stdout.readline()):
                said += line
                assert line, said
            port = re.search(r"Envoy +http://127\.0\.0\.1:(\d+)", said)
            assert port is not None, said
            yield process, int(port[1])
        finally:
            process.terminate()
            process.wait(WITHIN)


def ask(port: int, model: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}


@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
def test_the_demonstration_shows_what_is_decided_and_why_and_ends(profile: str) -> None:
    done = extproc("up", "--once", "--port", "0", "--profile", profile)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200: chat, claude, resilient" in done.stdout
    assert "8 to hosted (gpt-4o-mini), 2 to local (llama-3.1-8b)" in done.stdout
    assert "echo: Stream this" in done.stdout
    assert "rerouted: no target of resilient is up; local is the first fallback that is" in done.stdout
    assert "rejected: model_not_found" in done.stdout
    assert "rejected: repeated_member" in done.stdout


@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
def test_a_policy_of_one_s_own_gets_its_shares_and_names(profile: str, tmp_path: Path) -> None:
    with running_provider("a") as a, running_provider("b") as b:
        policy = tmp_path / "policy.yaml"
        policy.write_text(f"""
version: 1
backends:
  - {{name: a, url: "{a.url}/v1", api: openai}}
  - {{name: b, url: "{b.url}/v1", api: openai}}
models:
  - name: chat
    targets: [{{backend: a, model: big, weight: 70}}, {{backend: b, model: small, weight: 30}}]
""")
        with up("-c", str(policy), "--profile", profile, "--workers", "2") as (process, port):
            answers = [ask(port, "chat") for _ in range(100)]
            assert {status for status, _ in answers} == {200}
            shares = Counter(headers["x-extproc-backend"] for _, headers in answers)
            assert 66 <= shares["a"] <= 74
            assert {json.loads(record.body)["model"] for record in a.records} == {"big"}
            assert {json.loads(record.body)["model"] for record in b.records} == {"small"}
            assert ask(port, "nobody")[0] == 404
            process.send_signal(signal.SIGINT)
            assert process.wait(WITHIN) == 0


def test_a_wrong_policy_starts_nothing_and_says_every_error(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 2\nbackends:\n  - {name: a, url: 'ftp://x', api: openai}\n")
    done = extproc("up", "-c", str(policy), "--port", "0")
    assert done.returncode == 2
    assert f"{policy}:1:" in done.stderr
    assert f"{policy}:3:" in done.stderr
    assert done.stdout == ""


def test_a_missing_credential_starts_nothing_and_names_it(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    credential = "{bearer: {env: EXTPROC_TEST_UNSET}}"
    policy.write_text(
        f"version: 1\nbackends:\n  - {{name: a, url: 'http://127.0.0.1:9/v1', api: openai, credential: {credential}}}\n"
    )
    done = extproc("up", "-c", str(policy), "--port", "0")
    assert done.returncode == 2
    assert "EXTPROC_TEST_UNSET" in done.stderr


def test_a_port_that_is_taken_is_said_and_nothing_stays_behind() -> None:
    with running_provider("taken") as taken:
        done = extproc("up", "--port", taken.url.rpartition(":")[2])
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_showing_goes_with_the_demonstration_only() -> None:
    done = extproc("up", "-c", "policy.yaml", "--once")
    assert done.returncode == 2
    assert "leave -c out" in done.stderr


def test_a_program_that_ends_before_it_is_ready_is_an_error_with_its_words() -> None:
    with pytest.raises(ProgramError, match="No module named"), Program("extproc.nowhere", [], ready="ready"):
        pass


def test_a_program_is_stopped_when_the_block_is_left() -> None:
    with Program("extproc.testing.provider", ["--name", "x"], ready="listens on") as program:
        assert program.said.startswith("http://")
        pid = program.pid
        assert program.alive
    assert not program.alive
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
