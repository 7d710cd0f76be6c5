"""A writer of the audit record, with what it needs, for the tests here."""

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from extproc.policy import loads
from extproc.protocol.record import Record
from extproc.protocol.trail import CapturedBody
from extproc.server.audit.writer import AuditWriter
from extproc.server.log import Log, Sink
from extproc.telemetry.audit.signing import PublicKey
from extproc.telemetry.audit.verification import Verification, Verified
from extproc.testing import eventually
from extproc.transaction.auditing.settings import AuditSettings, audit_settings
from extproc.transaction.shared import Shared

POLICY: Final = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
default_backend: route
audit: {%s}
"""
WITHIN: Final = 10.0


def settings(section: str, **secrets: bytes) -> AuditSettings:
    """Return the settings of a policy whose section `audit` holds this."""
    found = audit_settings(loads(POLICY % section), {f"audit/{name}": value for name, value in secrets.items()})
    assert found is not None
    return found


class Auditing:
    """A running writer."""

    def __init__(self, section: str, *, worker: int = 0, open_most: int = 4, log: str = "none", **keys: bytes) -> None:
        self.shared = Shared()
        self.log = Log(Sink(log))
        self.writer = AuditWriter(settings(section, **keys), worker, self.shared, self.log, open_most)
        self.writer.wait()
        self._number = 0

    def record(self, count: int = 1, /, *, captured: CapturedBody | None = None, **more: Any) -> None:
        """Give it records, each with a number of its own."""
        for _ in range(count):
            self._number += 1
            given = replace(Record.lost("weighted"), request_id=f"r{self._number}", decision="allowed", **more)
            self.writer.take(given, 1_764_600_000.0 + self._number, None, captured)

    def refused(self, count: int = 1) -> None:
        """Give it records of requests that were refused because there was no record."""
        for _ in range(count):
            given = replace(Record.lost("audit_unavailable"), decision="rejected")
            self.writer.take(given, 1_764_600_000.0)

    def until(self, holds: Callable[["Auditing"], bool]) -> None:
        """Wait until something holds."""
        assert eventually(lambda: holds(self), WITHIN), (self.writer.blocked, self.writer.written)

    def close(self) -> None:
        """End the chain."""
        self.writer.close()
        self.log.close()


@contextmanager
def auditing(section: str, **more: Any) -> Iterator[Auditing]:
    """A writer that is closed at the end."""
    running = Auditing(section, **more)
    try:
        yield running
    finally:
        running.close()


def filled(ballast: Path) -> None:
    """Write a file until there is no room left on its file system."""
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(descriptor, b"x" * 512):
            pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    finally:
        os.close(descriptor)


def ids(*files: Path) -> list[str]:
    """Return the ids of the exchanges in files."""
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [line["exchange"]["request_id"] for line in lines if line["kind"] == "exchange"]


def kinds(*files: Path) -> list[str]:
    """Return what the lines of files are."""
    return [json.loads(line)["kind"] for file in files for line in file.read_text().splitlines()]


def verify(*files: Path, key: PublicKey | None = None, partial: bool = False) -> Verified:
    """Return what verification finds in files."""
    verification = Verification(key, partial=partial)
    for file in files:
        verification.read(str(file), file.read_bytes().splitlines(keepends=True))
    return verification.finish()


class Receiver(ThreadingHTTPServer):
    """A service that takes lines. `answer`: the status and the body of its responses."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.seen: list[dict[str, str]] = []
        self.answer: tuple[int, bytes] = (200, b"{}")
        self.silent = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.silent.is_set():
            self.close_connection = True
            threading.Event().wait(1.0)
            return
        status, said = self.server.answer
        if status == 200:
            self.server.bodies.append(body)
            self.server.seen.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
        self.send_response(status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A service that takes lines, in a thread."""
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
