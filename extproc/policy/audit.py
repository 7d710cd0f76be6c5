"""The audit record: where its lines go, how they are signed, and what happens if they cannot be written."""

from functools import cached_property
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from extproc.policy.address import Address, Url, parse
from extproc.policy.base import Loc, Value, Written, refusal, refusals
from extproc.policy.credentials import Source
from extproc.policy.guards import GuardCredential
from extproc.policy.paths import FilePath
from extproc.policy.units import GIB, MIB, Count, Seconds, Size, Truth

SPANS_DEFAULT: Final = 100
"""Findings of an exchange that are listed one by one: 12 KB of a line. All of them are counted."""

SPANS_MAX: Final = 1024
"""As many as a streamed response ever lists; a line of them has 120 KB."""

ROTATED_MAX: Final = 100_000
"""Rotated files of a worker that may be kept: more, in one folder, are slow to list."""

HOUR: Final = 3600.0


class AuditService(Value):
    """A service that takes the lines of the audit record over HTTP."""

    url: Url
    """Scheme, host, port and path. Redirects are not followed, and no proxy of the environment is used."""
    credential: GuardCredential | None = None
    """The credential that is sent with each request."""
    timeout: Annotated[Seconds, Field(gt=0, le=HOUR), Written("duration", "5s")] = 5.0
    """Time for connecting, and between two pieces of a response; then the lines wait, and are sent again."""

    @cached_property
    def address(self) -> Address:
        """The URL, taken apart."""
        return parse(self.url)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        self.address  # noqa: B018  - raises what is wrong with it
        return self


class AuditRotation(Value):
    """When a file of the audit record ends and the next one begins. The chain goes on over files."""

    size: Annotated[Size, Field(ge=MIB, le=1024 * GIB), Written("size", "100MiB")] = 100 * MIB
    """Size from which on a file is renamed, with the time in its name, and a new one begun."""
    keep: Annotated[Count, Field(ge=1, le=ROTATED_MAX), Written("whole number", "30")] | None = None
    """Renamed files of each worker that are kept; older ones are deleted. All if absent: a record that deletes itself
    proves nothing about the time before."""


class Audit(Value):
    """The audit record: one JSON line per exchange, in a chain of hashes. See [audit.md](audit.md)."""

    file: Annotated[FilePath, Written("path", "/var/log/extproc/audit.jsonl")] | None = None
    """File of the lines. Workers after the first have their own: `audit.1.jsonl` and so on."""
    stdout: Truth = False
    """`true`: the lines go to standard output, too."""
    otlp: AuditService | None = None
    """An OpenTelemetry collector, to which the lines go as log records (OTLP over HTTP, JSON)."""
    webhook: AuditService | None = None
    """A service that gets the lines by POST, several at a time (`application/x-ndjson`)."""
    sign: Source | None = None
    """The Ed25519 key, PKCS8 in PEM, that signs checkpoints of the chain and its end; `extproc audit keygen` makes one.
    Without it, whoever can rewrite all of the record can make another that verifies."""
    checkpoint: Annotated[Seconds, Field(ge=0.1, le=HOUR), Written("duration", "10s")] = 10.0
    """Only with `sign`: the longest time that a line waits for a signature; each 1,000 lines get one as well."""
    rotate: AuditRotation = AuditRotation()
    """When the file ends and the next one begins."""
    capture: Literal["none", "masked"] = "none"
    """`masked`: bodies of requests, as they went on after masking, are kept in a second file, for `extproc replay`."""
    capture_most: Annotated[Size, Field(ge=1, le=64 * MIB), Written("size", "256KiB")] = 256 * 1024
    """Only with `capture`: the largest body that is kept; of a larger one only its size and hash are."""
    encrypt: Source | None = None
    """Only with `capture`: the key that captured bodies are encrypted with, 32 bytes in hexadecimal, as
    `openssl rand -hex 32` prints them."""
    on_failure: Literal["block", "allow"] = "block"
    """From the first record that cannot be written until one can be again: `block` refuses new requests (503,
    `audit_unavailable`); `allow` serves them, and what is lost is counted and declared in the record."""
    sync: Truth = False
    """`true`: lines are on the disk (fdatasync) before they count as written. What a crash of the machine can take is
    then what one of the process can: the lines of the last 50 ms."""
    spans: Annotated[Count, Field(ge=0, le=SPANS_MAX), Written("whole number", "100")] = SPANS_DEFAULT
    """Findings of an exchange that are listed with their places; beyond it they are only counted."""
    names: Truth = False
    """`true`: the places of findings have all names of members, also those that a client chose. Otherwise a name that
    no API has is written `*`. The values that were found are in no record."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong: list[tuple[Loc, PydanticCustomError]] = []
        if self.file is None and self.otlp is None and self.webhook is None and not self.stdout:
            raise refusal("the audit record goes nowhere", "write `file: audit.jsonl`, `stdout: true`, otlp or webhook")
        if self.capture != "none" and self.file is None:
            wrong.append((("capture",), refusal("captured bodies stand beside a file", "write `file`, too")))
        if self.encrypt is not None and self.capture == "none":
            wrong.append((("encrypt",), refusal("nothing is captured", "write `capture: masked`, or delete `encrypt`")))
        if wrong:
            raise refusals("Audit", wrong)
        return self
