import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from extproc.testing.clients import ClientRequest
from extproc.testing.clients.http1 import Http1, http1
from extproc.testing.provider import HEADER, read_records, running_provider
from extproc.testing.provider.__main__ import main
from tests.testing.asking import CHAT, ask, chat


@contextmanager
def program(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "extproc.testing.provider", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.kill()


def test_the_program_serves_says_it_is_healthy_and_shows_what_it_got() -> None:
    with program("--name", "east", "--models", "small,big", "--do", "crlf") as (_, port):
        assert http1(port, ClientRequest("GET", "/healthz")).body == b"ok\n"
        assert ask(port, chat()).json()["provider"] == "east"
        assert b"\r\n" in ask(port, chat(stream=True)).body
        assert [row["id"] for row in http1(port, ClientRequest("GET", "/v1/models")).json()["data"]] == ["small", "big"]
        records = read_records(http1(port, ClientRequest("GET", "/_records")).body)
        assert [seen.body for seen in records] == [chat(), chat(stream=True), b""]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_program_at_once_and_without_a_word(number: signal.Signals) -> None:
    with program() as (process, port), Http1(port, within=0.2) as client:
        client.request(ClientRequest(target=CHAT, headers=((HEADER, "hang"),), body=chat()))
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(5) == 0
        assert time.monotonic() - started < 2
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_the_program_refuses_orders_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--do", "explode"]) == 2
    assert "no such order" in capsys.readouterr().err


def test_the_program_says_that_its_port_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with running_provider() as provider:
        assert main(["--port", str(provider.port), "--name", "west"]) == 2
    assert capsys.readouterr().err.startswith("provider west: ")
