"""The lines of the audit record, as values."""

from datetime import datetime
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from extproc.protocol.record import AttemptRecord, Record

FORMAT: Final = 1
"""The version of the format, in each line."""

Kind: TypeAlias = Literal["open", "exchange", "attempt", "checkpoint", "lost", "rotate", "continue", "close"]
"""The kinds of lines. All but `exchange` and `attempt` are the writer's own, and signed if it has a key."""

UNSIGNED: Final[frozenset[str]] = frozenset({"exchange", "attempt"})
"""The kinds of lines that have no signature of their own."""


class ChainEnd(Struct, frozen=True):
    """The last line of a chain: its writer, its number there, and its hash."""

    writer: str
    seq: int
    hash: str


class OpenedChain(Struct, frozen=True, omit_defaults=True):
    """The beginning of a chain. `worker`: the number of the worker that writes it; `version`: of the program.

    `after`: the end of the chain before it in the same file, whose writer has ended. `torn`: bytes of a line that this
    writer did not finish, and that were cut off. `key`: the id of the key that signs. `stem`: how the
    names of the writer's files begin, if it writes to one.
    """

    worker: int
    version: str
    after: ChainEnd | None = None
    torn: int = 0
    key: str | None = None
    stem: str | None = None


class SignedLines(Struct, frozen=True):
    """A checkpoint. `lines`: how many lines came since the last line with a signature."""

    lines: int


class LostRecords(Struct, frozen=True):
    """Records that are missing here, because they could not be written: declared by their writer.

    `records`: exchanges that were served and left no line. `refused`: requests that were refused meanwhile, which have
    no line either. `since`: when the first was lost.
    """

    records: int
    refused: int
    since: datetime


class RotatedFile(Struct, frozen=True):
    """The end of a file, whose chain goes on in the next. `why`: `size`, or `reopen` after somebody moved the file."""

    why: Literal["size", "reopen"]


class ContinuedChain(Struct, frozen=True, omit_defaults=True):
    """The beginning of a file in a chain. `file`: the name of the file before, if the writer gave it that.

    `key` and `stem`: see `OpenedChain`.
    """

    file: str | None = None
    key: str | None = None
    stem: str | None = None


class ClosedChain(Struct, frozen=True):
    """The end of a chain, in order. `lines`: how many it has, this one included."""

    lines: int


class CapturedIn(Struct, frozen=True):
    """The body that is kept of an exchange. `sha256`: of the request line in the other file; None if it is not kept.

    `bytes`: the size of the body as it went on.
    """

    bytes: int
    sha256: str | None = None


AuditEvent: TypeAlias = (
    OpenedChain | SignedLines | LostRecords | RotatedFile | ContinuedChain | ClosedChain | Record | AttemptRecord
)
"""The content of a line."""


class AuditLine(Struct, frozen=True, omit_defaults=True):
    """A line, but for its hash and its signature, which follow as its last members.

    `writer` is chosen by chance at each start of a worker; `seq` counts its lines from 0; `prev` is the hash of the
    line before, zeros in the first. `time`: when the exchange ended, in UTC. Of the others one is there, by `kind`.
    """

    v: int
    kind: Kind
    writer: str
    seq: int
    prev: str
    time: datetime
    exchange: Record | None = None
    capture: CapturedIn | None = None
    attempt: AttemptRecord | None = None
    opened: OpenedChain | None = None
    signed: SignedLines | None = None
    lost: LostRecords | None = None
    rotated: RotatedFile | None = None
    continued: ContinuedChain | None = None
    closed: ClosedChain | None = None

    def __repr__(self) -> str:
        return f"AuditLine({self.kind}, {self.seq})"


MEMBERS: Final[dict[type, tuple[Kind, str]]] = {
    Record: ("exchange", "exchange"),
    AttemptRecord: ("attempt", "attempt"),
    OpenedChain: ("open", "opened"),
    SignedLines: ("checkpoint", "signed"),
    LostRecords: ("lost", "lost"),
    RotatedFile: ("rotate", "rotated"),
    ContinuedChain: ("continue", "continued"),
    ClosedChain: ("close", "closed"),
}
"""The kind of a line by its content, and the member that holds it."""
