"""`extproc up` as a person starts it: a real Envoy, a real processor, real requests."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from extproc.gateway.program import Program, ProgramError
from extproc.testing import eventually
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


@pytest.mark.parametrize("profile", [pytest.param("buffered", marks=pytest.mark.deep), "full-duplex"])
def test_the_demonstration_shows_what_is_decided_and_why_and_ends(profile: str) -> None:
    done = extproc("up", "--once", "--port", "0", "--profile", profile)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200: chat, claude, resilient" in done.stdout
    assert "8 to hosted (gpt-4o-mini), 2 to local (llama-3.1-8b)" in done.stdout
    assert "echo: Stream this" in done.stdout
    assert "masked: auto is served by local alone, as rule personal says" in done.stdout
    assert "allowed: auto is served by hosted alone" in done.stdout
    assert "rerouted: broken did not serve it; local is the next of the plan of resilient" in done.stdout
    assert "rejected: model_not_found" in done.stdout
    assert "rejected: repeated_member" in done.stdout


@pytest.mark.parametrize("profile", ["buffered", pytest.param("full-duplex", marks=pytest.mark.deep)])
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


def test_a_port_that_is_taken_is_said_and_nothing_stays_behind(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(SLOW.replace("PORT", "9"))
    with running_provider("taken") as taken:
        done = extproc("up", "-c", str(policy), "--port", taken.url.rpartition(":")[2])
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


SLOW = """\
version: 1
backends: [{name: slow, url: "http://127.0.0.1:PORT/v1", api: openai}]
models: [{name: chat, targets: [{backend: slow}]}]
"""


@contextmanager
def up_before(folder: Path, backend: socket.socket) -> Iterator[tuple[Program, int]]:
    """A running `extproc up` in front of a backend, and the gateway's port."""
    policy = folder / "policy.yaml"
    policy.write_text(SLOW.replace("PORT", str(backend.getsockname()[1])))
    with Program("extproc", ["up", "-c", str(policy), "--port", "0"], ready="Envoy      http://") as running:
        yield running, int(running.said.split()[0].rpartition(":")[2])


def asked(port: int, backend: socket.socket) -> tuple[socket.socket, socket.socket]:
    """The client's and the backend's end of a request whose response has begun."""
    body = b'{"model":"chat"}'
    client = socket.create_connection(("127.0.0.1", port), 20)
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    client.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    accepted, _ = backend.accept()
    accepted.settimeout(20)
    while not accepted.recv(65536).endswith(body):
        pass
    accepted.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    seen = b""
    while b"first" not in seen:
        seen += client.recv(65536)
    return client, accepted


@pytest.fixture
def backend() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        yield listening


def test_it_lets_open_streams_finish_when_it_is_told_to_stop(tmp_path: Path, backend: socket.socket) -> None:
    with up_before(tmp_path, backend) as (running, port):
        client, accepted = asked(port, backend)
        with client, accepted:
            running.signal(signal.SIGTERM)
            assert eventually(lambda: "waiting for 1 open request" in running.tail, 20)
            assert running.alive
            accepted.sendall(b"4\r\nlast\r\n0\r\n\r\n")
            rest = b""
            while not rest.endswith(b"0\r\n\r\n"):
                more = client.recv(65536)
                assert more, f"the stream was cut: {rest!r}"
                rest += more
            assert b"last" in rest
            assert eventually(lambda: not running.alive, 20)


def test_a_second_signal_ends_what_is_open(tmp_path: Path, backend: socket.socket) -> None:
    with up_before(tmp_path, backend) as (running, port):
        client, accepted = asked(port, backend)
        with client, accepted:
            running.signal(signal.SIGTERM)
            assert eventually(lambda: "waiting for 1 open request" in running.tail, 20)
            running.signal(signal.SIGTERM)
            while client.recv(65536):
                pass
            assert eventually(lambda: not running.alive, 20)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_nothing_outlives_it_when_it_is_killed(tmp_path: Path, backend: socket.socket) -> None:
    with up_before(tmp_path, backend) as (running, port):
        client, accepted = asked(port, backend)
        with client, accepted:
            children = descendants(running.pid)
            assert len(children) >= 3, "the supervisor, its worker, Envoy"
            running.signal(signal.SIGKILL)
            assert eventually(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in children), 20)


def descendants(pid: int) -> set[int]:
    """The processes below one."""
    found: set[int] = set()
    parents = {int(path.name): path for path in Path("/proc").glob("[0-9]*")}
    above = {}
    for number, path in parents.items():
        with suppress(OSError):
            above[number] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    while True:
        more = {number for number, parent in above.items() if parent in found | {pid}} - found
        if not more:
            return found
        found |= more
