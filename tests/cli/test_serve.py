import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from extproc.cli import main
from extproc.server.health import PROCESS
from tests.server.support import MARKER, POLICY, headers

SECONDS = 30.0


class Serve:
    """A running `extproc serve`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.out, self.err = folder / "out", folder / "err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            command = [sys.executable, "-m", "extproc", "serve", "-c", str(folder / "policy.yaml"), *options]
            self.process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)

    def events(self, name: str) -> list[dict[str, Any]]:
        complete = [line for line in self.out.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in map(json.loads, complete) if line["event"] == name]

    def page(self, path: str) -> tuple[int, str]:
        (admin,) = self.events("admin")
        try:
            with urllib.request.urlopen(f"http://{admin['endpoint']}{path}", timeout=SECONDS) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def ended(self) -> int:
        return self.process.wait(SECONDS)


def until(condition: Callable[[], object]) -> None:
    for _ in range(int(SECONDS / 0.02)):
        if condition():
            return
        threading.Event().wait(0.02)
    raise AssertionError("what was waited for did not come about")


@contextmanager
def serving(folder: Path, *options: str, policy: str = POLICY) -> Iterator[Serve]:
    (folder / "policy.yaml").write_text(policy)
    serve = Serve(folder, *options)
    try:
        until(lambda: serve.events("ready") or serve.process.poll() is not None)
        assert serve.process.poll() is None, serve.err.read_text()
        yield serve
    finally:
        serve.process.kill()
        serve.process.wait(SECONDS)


@contextmanager
def open_call(target: str, path: str = "/elsewhere") -> Iterator[tuple[Any, threading.Event]]:
    """A call with one message sent and answered; it is half-closed when the event is set."""
    close = threading.Event()

    def requests() -> Iterator[bytes]:
        yield headers(path, authorization=f"Bearer {MARKER}")
        close.wait(SECONDS)

    with grpc.insecure_channel(target) as channel:
        call = channel.stream_stream(PROCESS)(requests())
        next(call)
        try:
            yield call, close
        finally:
            close.set()


def test_it_serves_says_where_and_ends_well_when_told_to(tmp_path: Path) -> None:
    listen = f"unix:{tmp_path / 's'}"
    with serving(tmp_path, "--listen", listen, "--workers", "2", "--admin", "127.0.0.1:0") as serve:
        (ready,) = serve.events("ready")
        assert ready["endpoints"] == [listen, f"{listen}.1"]
        until(lambda: "ready at" in serve.err.read_text())
        assert f"extproc: ready at {listen} {listen}.1; admin at http://127.0.0.1:" in serve.err.read_text()
        for endpoint in ready["endpoints"]:
            with open_call(endpoint, f"/elsewhere?{MARKER}") as (call, close):
                close.set()
                assert list(call) == []
                assert call.code() is grpc.StatusCode.OK
        assert serve.page("/healthz")[0] == serve.page("/readyz")[0] == 200
        assert (
            'extproc_exchanges_total{backend="none",decision="passed",dialect="none"} 2.0' in serve.page("/metrics")[1]
        )
        assert [worker["state"] for worker in json.loads(serve.page("/status")[1])["workers"]] == ["ready", "ready"]
        until(lambda: len(serve.events("exchange")) == 2)
        serve.process.send_signal(signal.SIGTERM)
        assert serve.ended() == 0
        assert len(serve.events("stopped")) == 1
        assert MARKER not in serve.out.read_text() + serve.err.read_text()
        assert not (tmp_path / "s").exists()
        assert not (tmp_path / "s.1").exists()


def test_sigterm_lets_what_is_in_flight_finish_and_a_second_one_does_not(tmp_path: Path) -> None:
    with serving(tmp_path, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0") as serve:
        (endpoint,) = serve.events("ready")[0]["endpoints"]
        with open_call(endpoint) as (call, close), open_call(endpoint) as (stays, _):
            serve.process.send_signal(signal.SIGTERM)
            until(lambda: serve.events("drain"))
            assert serve.page("/readyz")[0] == 503
            assert serve.page("/healthz")[0] == 200
            close.set()
            assert list(call) == []
            assert call.code() is grpc.StatusCode.OK
            assert serve.process.poll() is None
            serve.process.send_signal(signal.SIGTERM)
            with pytest.raises(grpc.RpcError):
                list(stays)
            assert stays.code() is grpc.StatusCode.UNAVAILABLE
        assert serve.ended() == 0


def test_sighup_reloads_and_a_wrong_policy_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--no-watch") as serve:
        digest = serve.events("ready")[0]["policy"]
        (tmp_path / "policy.yaml").write_text("version: 9")
        serve.process.send_signal(signal.SIGHUP)
        until(lambda: serve.events("reload"))
        assert serve.events("reload")[0] | {"time": ""} == {
            "time": "",
            "event": "reload",
            "result": "failed",
            "cause": "signal",
            "policy": digest,
        }
        assert serve.events("reload_problem")
        (tmp_path / "policy.yaml").write_text(POLICY.replace("chat", "fresh"))
        serve.process.send_signal(signal.SIGHUP)
        until(lambda: len(serve.events("reload")) == 2)
        assert serve.events("reload")[1]["result"] == "ok"
        assert serve.events("reload")[1]["policy"] != digest
        assert 'extproc_reloads_total{result="failed"} 1.0' in serve.page("/metrics")[1]


def test_its_workers_do_not_outlive_it(tmp_path: Path) -> None:
    with serving(tmp_path, "--listen", f"unix:{tmp_path / 's'}", "--admin", "127.0.0.1:0") as serve:
        pid = json.loads(serve.page("/status")[1])["workers"][0]["pid"]
        serve.process.kill()
        serve.ended()
        until(lambda: not (tmp_path / "s").exists())
        until(lambda: not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--listen", "nowhere"], "is not an address"),
        (["--listen", "127.0.0.1:1", "--admin", "unix:/s"], "--admin takes host:port"),
        (["--listen", "127.0.0.1:1", "--workers", "0"], "0 workers"),
        (["--listen", "127.0.0.1:1", "--tls-cert", "c"], "both --tls-cert and --tls-key"),
        (["--listen", "127.0.0.1:1", "--tls-cert", "missing", "--tls-key", "k"], "missing cannot be read"),
        (["--listen", "unix:/s", "--tls-cert", "c", "--tls-key", "k"], "TLS is for TCP"),
        (["--listen", "127.0.0.1:65535", "--workers", "2"], "lower port"),
        (["--listen", "127.0.0.1:1", "--log", "/nowhere/at/all"], "the log /nowhere/at/all cannot be opened"),
        (["--listen", "127.0.0.1:1", "--socket-mode", "rw"], "--socket-mode"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_starts(
    options: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    assert main(["serve", "-c", str(tmp_path / "policy.yaml"), "--log", "none", *options]) == 2
    assert complaint in capsys.readouterr().err


def test_a_wrong_policy_is_told_line_by_line_and_nothing_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 3\nbackends: []\n")
    assert main(["serve", "-c", str(path), "--listen", "127.0.0.1:0", "--log", "none"]) == 2
    assert f"{path}:1:" in capsys.readouterr().err


def test_an_address_that_is_taken_ends_it_with_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "s").write_text("in the way")
    words = ["serve", "-c", str(tmp_path / "policy.yaml"), "--listen", f"unix:{tmp_path / 's'}", "--admin", "none"]
    assert main([*words, "--log", "none"]) == 1
    assert "is no socket" in capsys.readouterr().err
    assert os.path.lexists(tmp_path / "s")


@pytest.mark.parametrize("transport", ["h2", "grpcio"])
def test_an_address_that_answers_everybody_is_refused(
    tmp_path: Path, transport: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    for address in ("0.0.0.0:0", "[::]:0", "processor:0"):
        code = main(
            [
                "serve",
                "-c",
                str(tmp_path / "policy.yaml"),
                "--listen",
                address,
                "--transport",
                transport,
                "--admin",
                "none",
            ]
        )
        told = capsys.readouterr().err
        assert code == 2
        assert "any peer that reaches this address can read the backends' credentials" in told
        assert "--insecure-listen" in told


@pytest.mark.parametrize("transport", ["h2", pytest.param("grpcio", marks=pytest.mark.deep)])
def test_an_address_that_answers_everybody_is_served_with_a_warning_where_that_is_said(
    tmp_path: Path, transport: str
) -> None:
    options = ("--listen", "0.0.0.0:0", "--insecure-listen", "--transport", transport, "--admin", "none")
    with serving(tmp_path, *options) as serve:
        assert "warning: 0.0.0.0:0: any peer" in serve.err.read_text()
        port = serve.events("ready")[0]["endpoints"][0].rpartition(":")[2]
        with open_call(f"127.0.0.1:{port}"):
            pass


def test_the_workers_of_a_supervisor_that_is_killed_end_at_once_whatever_is_open(tmp_path: Path) -> None:
    options = ("--listen", f"unix:{tmp_path}/s", "--workers", "2", "--admin", "none")
    with serving(tmp_path, *options, policy=POLICY + "limits: {drain_timeout: 10m}\n") as serve:
        pids = [event["pid"] for event in serve.events("worker_ready")]
        assert len(pids) == 2
        with open_call(f"unix:{tmp_path}/s"):
            serve.process.kill()
            until(lambda: not any(map(alive, pids)))
            assert not list(tmp_path.glob("s*"))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
