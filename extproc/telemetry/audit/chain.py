"""The chain of one writer: each line holds the hash of the line before, and its own."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from extproc.telemetry.audit.lines import FORMAT, MEMBERS, UNSIGNED, AuditEvent, AuditLine, CapturedIn
from extproc.telemetry.audit.signing import Signer

NOTHING_BEFORE: Final = "0" * 64
"""The hash before the first line of a chain."""

CHECKPOINT_LINES: Final = 1000
"""Lines after which a checkpoint is signed, whatever the time: signing takes 40 us, so that it adds 0.04 us to each."""

_TAIL: Final = re.compile(rb',"hash":"([0-9a-f]{64})"(?:,"sig":"([0-9a-f]{128})")?\}\n?\Z')

_TAIL_MOST: Final = 256
"""Bytes at the end of a line in which the hash and the signature stand."""


class ReadLine(Struct, frozen=True):
    """A line taken apart: what was hashed, the hash that it states, and its signature, if it has one."""

    body: bytes
    hash: str
    sig: str | None

    @property
    def digest(self) -> bytes:
        """The hash of what was hashed."""
        return sha256(self.body).digest()


class AuditChain:
    """Makes the lines of one writer. `since`: when the oldest line came that no signature covers, if any."""

    def __init__(self, writer: str, signer: Signer | None = None) -> None:
        self.writer = writer
        self.signer = signer
        self.seq = 0
        self.hash = NOTHING_BEFORE
        self.unsigned = 0
        self.since: float | None = None
        self._encode: Callable[[AuditLine], bytes] = msgspec.json.Encoder().encode

    @property
    def key(self) -> str | None:
        """The id of the key that signs."""
        return None if self.signer is None else self.signer.key

    def line(self, event: AuditEvent, at: float, capture: CapturedIn | None = None) -> bytes:
        """Return the next line, with the line break at its end. `at`: seconds since 1970."""
        kind, member = MEMBERS[type(event)]
        time = datetime.fromtimestamp(at, UTC)
        if kind == "exchange":  # by far the most: without names, it takes half as long
            line = AuditLine(FORMAT, kind, self.writer, self.seq, self.hash, time, event, capture)  # type: ignore[arg-type]
        else:
            line = AuditLine(FORMAT, kind, self.writer, self.seq, self.hash, time, **{member: event})  # type: ignore[arg-type]
        body = self._encode(line)[:-1]
        digest = sha256(body)
        self.hash, self.seq = digest.hexdigest(), self.seq + 1
        if self.signer is not None and kind not in UNSIGNED:
            self.unsigned, self.since = 0, None
            return b'%b,"hash":"%b","sig":"%b"}\n' % (
                body,
                self.hash.encode(),
                self.signer.sign(digest.digest()).encode(),
            )
        self.unsigned += 1
        if self.since is None:
            self.since = at
        return b'%b,"hash":"%b"}\n' % (body, self.hash.encode())

    def due(self, now: float, patience: float) -> bool:
        """True if lines wait for a checkpoint that is due. `patience`: the seconds that a line may wait for one."""
        if self.signer is None or self.since is None:
            return False
        return self.unsigned >= CHECKPOINT_LINES or not -patience < now - self.since < patience


def taken_apart(line: bytes) -> ReadLine | None:
    """Return what a line is made of; None if it does not end as lines do."""
    found = _TAIL.search(line, max(0, len(line) - _TAIL_MOST))
    if found is None:
        return None
    stated, sig = found[1].decode(), found[2]
    return ReadLine(line[: found.start()], stated, None if sig is None else sig.decode())
