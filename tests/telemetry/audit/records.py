"""Whole audit records, made as workers make them, and what a forger might do to them."""

from dataclasses import dataclass
from random import Random
from typing import Final

from msgspec.structs import replace

from extproc.protocol.record import AttemptRecord, CountedFinding, Record
from extproc.protocol.trail import FoundSpan, Trail
from extproc.telemetry.audit.chain import AuditChain
from extproc.telemetry.audit.lines import (
    ChainEnd,
    ClosedChain,
    ContinuedChain,
    LostRecords,
    OpenedChain,
    RotatedFile,
    SignedLines,
)
from extproc.telemetry.audit.signing import PublicKey, Signer, new_key
from extproc.telemetry.audit.verification import Verification, Verified

PRIVATE, PUBLIC = new_key()
SIGNER: Final = Signer.read(PRIVATE)
KEY: Final = PublicKey.read(PUBLIC)

NOW: Final = 1_764_600_000.0

Files = dict[str, list[bytes]]
"""The lines of files, by their names, in their order."""


def record(number: int, random: Random) -> Record:
    """Return a record as exchanges leave it."""
    spans = tuple(
        FoundSpan("pii", "email", "mask", "request", "/messages/0/content", 10 * at, 10 * at + 5, 0.5)
        for at in range(random.randrange(4))
    )
    found = (CountedFinding("pii", "email", "mask", "request", False, len(spans)),) if spans else ()
    return replace(
        Record.lost("weighted"),
        request_id=f"{random.getrandbits(32):08x}-aaaa-bbbb-cccc-{number:012d}",
        decision=random.choice(["allowed", "masked", "blocked"]),
        status=200,
        findings=found,
        trail=Trail(spans) if spans else None,
    )


@dataclass
class Written:
    """Makes the files of one worker. `signer`: None for chains without signatures."""

    signer: Signer | None
    random: Random
    now: float = NOW

    def __post_init__(self) -> None:
        self.files: Files = {}
        self._end: ChainEnd | None = None

    def run(self, worker: int, lines: int, *, closed: bool = True, rotate_every: int = 10**9) -> None:
        """Add a chain of a worker, with checkpoints, rotations, attempts and a declared loss."""
        stem = f"audit.{worker}" if worker else "audit"
        name = f"{stem}.jsonl"
        chain = AuditChain(f"{self.random.getrandbits(64):016x}", self.signer)
        here = self.files.setdefault(name, [])
        here.append(chain.line(OpenedChain(worker, "0.1.0", self._end, 0, chain.key, stem), self._tick()))
        for number in range(1, lines):
            here.append(self._line(chain, number))
            if self.signer is not None and number % 7 == 0:
                here.append(chain.line(SignedLines(chain.unsigned), self._tick()))
            if number % rotate_every == 0:
                here.append(chain.line(RotatedFile("size"), self._tick()))
                aside = f"{stem}.20261201T000000.{len(self.files):06d}Z.jsonl"
                self.files[aside] = here
                here = self.files[name] = [chain.line(ContinuedChain(aside, chain.key, stem), self._tick())]
        if closed:
            here.append(chain.line(ClosedChain(chain.seq + 1), self._tick()))
        self._end = ChainEnd(chain.writer, chain.seq - 1, chain.hash)
        self.files = dict(sorted(self.files.items()))  # as the shell's globs order them

    def next_worker(self) -> None:
        """What comes now is in other files."""
        self._end = None

    def _line(self, chain: AuditChain, number: int) -> bytes:
        if number % 23 == 0:
            return chain.line(LostRecords(3, 2, "2025-12-01T00:00:00Z"), self._tick())  # type: ignore[arg-type]
        if number % 11 == 0:
            return chain.line(AttemptRecord("", 2, "south", None, "sent", None, 10, 1.0), self._tick())
        return chain.line(record(number, self.random), self._tick())

    def _tick(self) -> float:
        self.now += self.random.random()
        return self.now


def verified(
    files: Files, *, key: PublicKey | None = KEY, partial: bool = False, has: tuple[str, ...] = ()
) -> Verified:
    """Return what verification finds in files, in their order."""
    verification = Verification(key, partial=partial)
    verification.wants(has)
    for name, lines in files.items():
        # What follows a torn line in a file is read as a part of it.
        verification.read(name, b"".join(lines).splitlines(keepends=True))
    return verification.finish()


def whole(found: Verified) -> bool:
    """True if nothing is wrong, and no end is open."""
    return not found.problems and not found.running
