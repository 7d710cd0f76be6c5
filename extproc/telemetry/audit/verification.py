"""The verification of an audit record: each line by its hash, each chain by its links, its ends by their signatures."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import Struct

from extproc.telemetry.audit.chain import CHECKPOINT_LINES, NOTHING_BEFORE, ReadLine, taken_apart
from extproc.telemetry.audit.lines import (
    FORMAT,
    UNSIGNED,
    ChainEnd,
    ClosedChain,
    ContinuedChain,
    Kind,
    LostRecords,
    OpenedChain,
)
from extproc.telemetry.audit.signing import PublicKey

PROBLEMS_MAX: Final = 1000
"""Problems that are listed: one torn-out page makes two, a file of something else one for each line."""

UNPROVEN_MAX: Final = 2 * CHECKPOINT_LINES
"""Lines in a row without a signature. A writer signs after `CHECKPOINT_LINES` and those that it gathers meanwhile, so
that more are not its own: else all behind the first signature could be cut off and written anew."""

_OF_ANOTHER: Final = re.compile(r"\.[0-9]{1,3}\.")
"""The number of another worker, behind the name of the first one's files: there are 256 at the most."""

STDIN: Final = "-"
"""The name of a file that has none."""

End = Literal["closed", "ended", "open"]
"""How a chain ends: in order; without that, but the next chain says with which line; or nobody says where."""


class ReadHead(Struct, frozen=True):
    """The members of a line that its chain is checked by."""

    v: int
    kind: Kind
    writer: str
    seq: int
    prev: str
    time: datetime
    opened: OpenedChain | None = None
    lost: LostRecords | None = None
    continued: ContinuedChain | None = None
    closed: ClosedChain | None = None


class AuditProblem(Struct, frozen=True):
    """Something that a writer would not have written. `line` is counted from 1; 0 for a file or a record as a whole."""

    file: str
    line: int
    writer: str
    what: str


class ChainReport(Struct):
    """A chain as it was found. `unproven`: lines after the last signature; all of them if nothing was signed.

    `lost` and `refused`: what the writer itself declares to be missing. `named`: it was written to files.
    """

    writer: str
    first: int
    last: int
    hash: str
    kind: Kind
    end: End = "open"
    lines: int = 0
    unproven: int = 0
    lost: int = 0
    refused: int = 0
    key: str | None = None
    file: str = ""
    line: int = 0
    named: bool = False


class Verified(Struct, frozen=True):
    """The result of a verification. `cut_short`: there were more problems than are listed."""

    problems: tuple[AuditProblem, ...]
    chains: tuple[ChainReport, ...]
    lines: int
    cut_short: bool = False

    @property
    def running(self) -> bool:
        """True if a chain is open: its writer runs, was killed, or its end was cut off."""
        return any(chain.end == "open" for chain in self.chains)


class Verification:
    """Reads lines in their order and notes what is wrong. `partial`: chains may begin before the first file.

    `key`: by which lines of the writers are to be signed; None if signatures are not looked at.
    """

    def __init__(self, key: PublicKey | None = None, *, partial: bool = False) -> None:
        self._key = key
        self._partial = partial
        self._chains: dict[str, ChainReport] = {}
        self._problems: list[AuditProblem] = []
        self._hashes: set[str] = set()
        self._wanted: frozenset[str] = frozenset()
        self._lines = 0
        self._file, self._number = "", 0
        self._more = False
        self._decode = msgspec.json.Decoder(ReadHead, strict=True).decode

    def wants(self, hashes: Iterable[str]) -> None:
        """Have these hashes be there, as heads of chains that are known from elsewhere."""
        self._wanted = frozenset(hashes)

    def read(self, file: str, lines: Iterable[bytes]) -> None:
        """Read a file's lines, each with its line break."""
        self._file, self._number = file, 0
        for self._number, line in enumerate(lines, 1):
            self._line(line)
        if self._number == 0:
            self._note("", "the file is empty")

    def finish(self) -> Verified:
        """Return what was found."""
        self._file, self._number = "", 0
        for missing in sorted(self._wanted - self._hashes):
            self._note("", f"there is no line with the hash {missing}, which is known to have been written")
        for chain in self._chains.values():
            if chain.kind == "rotate" and chain.end == "open":
                self._file, self._number = chain.file, chain.line
                self._note(chain.writer, "the chain goes on in a file that is missing")
        if not self._chains and not self._problems:
            self._note("", "there is no line")
        return Verified(tuple(self._problems), tuple(self._chains.values()), self._lines, self._more)

    def _note(self, writer: str, what: str) -> None:
        if len(self._problems) >= PROBLEMS_MAX:
            self._more = True
            return
        self._problems.append(AuditProblem(self._file, self._number, writer, what))

    def _line(self, line: bytes) -> None:
        self._lines += 1
        if not line.endswith(b"\n"):
            self._note("", "the line is not whole")
            return
        read = taken_apart(line)
        if read is None:
            self._note("", "this is no line of an audit record, or its end was changed")
            return
        try:
            head = self._decode(read.body + b"}")
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            self._note("", "this is no line of an audit record, or it was changed")
            return
        digest = read.digest
        if digest.hex() != read.hash:
            self._note(head.writer, f"line {head.seq} was changed: its hash is another")
        if head.v != FORMAT:
            self._note(head.writer, f"the format {head.v} is not known here")
        if read.hash in self._wanted:
            self._hashes.add(read.hash)
        self._named(head)
        chain = self._linked(head, read)
        self._counted(chain, head)
        self._signature(chain, head, read, digest)

    def _named(self, head: ReadHead) -> None:
        """See that a chain is in a file of its worker."""
        begun = head.opened or head.continued
        if begun is not None and begun.stem is not None and self._file != STDIN:
            name = self._file.rpartition("/")[2]
            if not name.startswith(begun.stem) or _OF_ANOTHER.match(name, len(begun.stem)):
                self._note(head.writer, f"this chain was written to files named {begun.stem}, not {name}")

    # -- links

    def _linked(self, head: ReadHead, read: ReadLine) -> ChainReport:
        chain = self._chains.get(head.writer)
        if chain is None:
            chain = self._begun(head, read)
        else:
            self._follows(chain, head)
        if head.opened is not None and head.opened.after is not None:
            self._ends(head.opened.after, head.writer)
        begun = head.opened or head.continued
        if begun is not None:
            chain.named = begun.stem is not None
        elif chain.named and chain.file and chain.file != self._file:
            self._note(head.writer, f"line {head.seq} belongs into {chain.file}")
        chain.last, chain.hash, chain.kind = head.seq, read.hash, head.kind
        chain.file, chain.line = self._file, self._number
        if head.kind == "close":
            chain.end = "closed"
            if head.closed is None or head.closed.lines != head.seq + 1:
                self._note(head.writer, "the end of the chain states another number of lines")
        return chain

    def _begun(self, head: ReadHead, read: ReadLine) -> ChainReport:
        chain = ChainReport(head.writer, head.seq, head.seq, read.hash, head.kind)
        if head.kind != "open" or head.seq != 0 or head.prev != NOTHING_BEFORE or head.opened is None:
            if not self._partial or head.kind == "open":
                self._note(head.writer, f"the lines before line {head.seq} are missing")
        else:
            chain.key = head.opened.key
        self._chains[head.writer] = chain
        return chain

    def _follows(self, chain: ChainReport, head: ReadHead) -> None:
        writer, expected = head.writer, chain.last + 1
        if chain.end != "open":
            self._note(writer, f"line {head.seq} comes after the end of its chain")
        if head.seq > expected:
            self._note(writer, f"{_lines(expected, head.seq - 1)} missing before line {head.seq}")
        elif head.seq < expected:
            self._note(writer, f"line {head.seq} comes again or too late: line {chain.last} stands before it")
        elif head.prev != chain.hash:
            self._note(writer, f"line {head.seq} does not follow the line before it: one of the two was put in")
        if head.kind == "open":
            self._note(writer, f"line {head.seq} begins the chain anew")
        if (chain.kind == "rotate") != (head.kind == "continue"):
            self._note(writer, f"line {head.seq}: a chain goes on in a new file where the old one ended")

    def _ends(self, end: ChainEnd, writer: str) -> None:
        """The chain before this one in the file has ended with a known line."""
        chain = self._chains.get(end.writer)
        if chain is None:
            if not self._partial:
                self._note(writer, f"the chain of {end.writer} before this one is missing")
            return
        if (chain.last, chain.hash) != (end.seq, end.hash):
            self._note(
                end.writer, f"the chain ended with line {end.seq}, says the next; here it ends with line {chain.last}"
            )
        if chain.end == "open":
            chain.end = "ended"

    # -- what is declared, and signed

    def _counted(self, chain: ChainReport, head: ReadHead) -> None:
        chain.lines += 1
        if head.lost is not None:
            chain.lost += head.lost.records
            chain.refused += head.lost.refused

    def _signature(self, chain: ChainReport, head: ReadHead, read: ReadLine, digest: bytes) -> None:
        chain.unproven += 1
        if self._key is None:
            return
        if read.sig is None:
            if chain.unproven == UNPROVEN_MAX + 1:
                self._note(head.writer, f"{UNPROVEN_MAX} lines before line {head.seq} have no signature after them")
            if head.kind not in UNSIGNED:
                self._note(head.writer, f"line {head.seq} should be signed, and is not")
        elif not self._key.signed(read.sig, digest):
            self._note(head.writer, f"the signature of line {head.seq} is not by the key {self._key.key}")
        else:
            chain.unproven = 0


def _lines(first: int, last: int) -> str:
    return f"line {first} is" if first == last else f"lines {first} to {last} are"
