"""A bounded store of the requests that the stand-in provider received, byte by byte."""

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from extproc.testing.provider.request import Field, Framing, Head

MAX_RECORDS: Final = 10_000
"""Requests that are kept; the oldest go first. A test of one behaviour sends far fewer; a benchmark must not fill the
memory."""

MAX_BYTES: Final = 256 * 1024 * 1024
"""Bytes of bodies that are kept in all; the oldest go first."""

MAX_BODY: Final = 64 * 1024 * 1024
"""Bytes of one body that are kept: twice what a policy allows by default. Its length and digest are of all of it."""


class RecordedRequest(Struct, frozen=True):
    """One request as it came off the wire: nothing folded, sorted or joined.

    `headers` and `trailers` keep order, repetition and case; text is Latin-1, as HTTP has it. `complete` is False when
    the request's end did not come. `connection` numbers the connections of one provider from 1.
    """

    method: str
    target: str
    version: str
    headers: tuple[Field, ...]
    body: bytes
    size: int
    sha256: str
    trailers: tuple[Field, ...]
    connection: int
    framing: Framing
    complete: bool

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        return next(iter(self.getall(name)), None)

    def getall(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        return json.loads(self.body)

    def __repr__(self) -> str:
        names = ", ".join(name for name, _ in self.headers)
        about = f"{self.size} bytes {self.framing}, complete={self.complete}"
        return f"RecordedRequest({self.method} {self.target}, {names}, {about})"


class IncomingRequest:
    """A request while it comes in."""

    def __init__(self, head: Head, connection: int) -> None:
        self.head = head
        self.connection = connection
        self.body = bytearray()
        self.size = 0
        self.trailers: tuple[Field, ...] = ()
        self.complete = False
        self._digest = hashlib.sha256()

    @property
    def whole(self) -> bool:
        """True if all of the body is here, none of it beyond what is kept."""
        return self.complete and self.size == len(self.body)

    def take(self, piece: bytes) -> None:
        """Add a piece of the body."""
        self.size += len(piece)
        self._digest.update(piece)
        self.body += piece[: max(0, MAX_BODY - len(self.body))]

    def record(self) -> RecordedRequest:
        """Return what has come, frozen."""
        head = self.head
        return RecordedRequest(
            method=head.method,
            target=head.target,
            version=head.version,
            headers=head.headers,
            body=bytes(self.body),
            size=self.size,
            sha256=self._digest.hexdigest(),
            trailers=self.trailers,
            connection=self.connection,
            framing=head.framing,
            complete=self.complete,
        )


class Records:
    """The last requests, bounded in number and bytes; may be read from another thread than it is filled from."""

    def __init__(self, max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._kept: deque[RecordedRequest] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def add(self, record: RecordedRequest) -> None:
        """Keep a record, and let go of the oldest ones where there are too many."""
        with self._changed:
            self._kept.append(record)
            self._bytes += len(record.body)
            while len(self._kept) > self._max_records or self._bytes > self._max_bytes:
                self._bytes -= len(self._kept.popleft().body)
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget them all."""
        with self._changed:
            self._kept.clear()
            self._bytes = 0

    def all(self) -> tuple[RecordedRequest, ...]:
        """Those kept, oldest first."""
        with self._changed:
            return tuple(self._kept)

    def wait_for(
        self, enough: Callable[[tuple[RecordedRequest, ...]], bool], within: float
    ) -> tuple[RecordedRequest, ...]:
        """The records as soon as they are `enough`; blocks its thread, `within` seconds at the most.

        Raises:
            TimeoutError: they never were.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: enough(tuple(self._kept)), within):
                raise TimeoutError(f"after {within} s there are {len(self._kept)} records: {list(self._kept)}")
            return tuple(self._kept)


def dump(records: tuple[RecordedRequest, ...]) -> bytes:
    """Records as JSON; bodies in base64."""
    return msgspec.json.encode(records)


def read(document: bytes) -> list[RecordedRequest]:
    """The records in the JSON that `GET /_records` answers."""
    return msgspec.json.decode(document, type=list[RecordedRequest])
