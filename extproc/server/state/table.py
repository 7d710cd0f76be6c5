"""The file of budgets, mapped into memory: rows that several processes change, one at a time.

What is spent is one number of 8 bytes, whose store no end of a process tears. Other changes are written to a journal
first: if the process is killed meanwhile, the next one that takes the lock puts the rows back as they were. So of what
a killed process did, the change of one exchange may be lost, and no row is torn. The kernel frees the lock of a process
that dies.
"""

import fcntl
import mmap
import os
import time
import zlib
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from extproc.server.state.layout import (
    AMOUNT,
    AMOUNT_MOST,
    CHANGES_MAX,
    CURRENT_AT,
    ENTRY,
    FLAGS_AT,
    HEADER,
    JOURNAL,
    JOURNAL_AT,
    LEASE,
    LEASE_MARK,
    MAGIC,
    NAME_BYTES,
    NO_KEY,
    PREVIOUS_AT,
    ROW,
    ROW_BYTES,
    ROWS_AT,
    StoredRow,
    header_of,
    named,
    names_in,
    rows_for,
    size_of,
    unpacked,
)
from extproc.usage.budgets.ledger import LedgerError

PROBES_MAX: Final = 64
"""Rows that are looked at for a key. In a table that is two thirds full, one of a million keys needs as many."""

LOCK_WAIT: Final = 0.5
"""Seconds that a process waits for another's change. That takes microseconds, but on a busy machine its process may be
without a core for tens of milliseconds. One that was stopped in the midst of a change must not stop the others with
it."""

LOCK_PAUSE: Final = 0.0001
"""Seconds between two tries, so that the process that has the lock gets a core."""

LOCK_AGAIN: Final = 1.0
"""Seconds after a lock that could not be had, in which there is one try for it and no wait."""

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600


class BudgetTable:
    """The rows in a file, which is made if there is none. Raises LedgerError for one that is not such a file.

    `path` is opened anew by each process: a lock belongs to an open file.
    """

    def __init__(self, path: Path, subjects: int) -> None:
        try:
            path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(path, flags, PRIVATE_FILE)
        except OSError:
            raise LedgerError("broken") from None
        try:
            self.rows = self._prepared(subjects)
            self._map = mmap.mmap(self._file, size_of(self.rows))
        except (OSError, ValueError):
            os.close(self._file)
            raise LedgerError("broken") from None
        except LedgerError:
            os.close(self._file)
            raise
        self._mask = self.rows - 1
        self._stuck = -LOCK_AGAIN
        self._names_at = ROWS_AT + self.rows * ROW_BYTES

    @property
    def file(self) -> int:
        """Return the descriptor, for further locks."""
        return self._file

    def __enter__(self) -> Self:
        """Take the lock, and undo what another process left half done. Raises LedgerError."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait()
        if self._map[JOURNAL_AT]:
            self._undo()
        return self

    def __exit__(self, *_: object) -> None:
        """Free the lock."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def row(self, place: int) -> StoredRow | None:
        """Return the row at a place; None if it is damaged."""
        at = ROWS_AT + place * ROW_BYTES
        return unpacked(self._map[at : at + ROW_BYTES])

    def numbers(self, place: int) -> tuple[bytes, int, int, int, int, int, int, int, int]:
        """Return the fields of `ROW` at a place, without a look at their checksum."""
        return ROW.unpack_from(self._map, ROWS_AT + place * ROW_BYTES)

    def spend(self, place: int, current: int) -> None:
        """Have an amount as what was spent in the window. To be called with the lock."""
        AMOUNT.pack_into(self._map, ROWS_AT + place * ROW_BYTES + CURRENT_AT, min(current, AMOUNT_MOST))

    def spend_before(self, place: int, previous: int) -> None:
        """The same for the window before."""
        AMOUNT.pack_into(self._map, ROWS_AT + place * ROW_BYTES + PREVIOUS_AT, min(previous, AMOUNT_MOST))

    def key_at(self, place: int) -> bytes:
        """Return the key of the row at a place."""
        at = ROWS_AT + place * ROW_BYTES
        return self._map[at : at + 16]

    def find(self, key: bytes, now: float, kept: Container[int] = ()) -> tuple[int, bool]:
        """Return the place of a key, and whether it is there; else a place that is free for it, and none of `kept`.

        Raises:
            LedgerError: there is none.
        """
        first = int.from_bytes(key[:4], "little")
        free = None
        for step in range(min(PROBES_MAX, self.rows)):
            place = (first + step) & self._mask
            found = self.key_at(place)
            if found == key:
                return place, True
            if found == NO_KEY:
                return (place if free is None else free), False
            if free is None and place not in kept:
                row = self.row(place)
                if row is None or row.over(now):
                    free = place
        if free is None:
            raise LedgerError("full")
        return free, False

    def change(self, rows: dict[int, StoredRow]) -> None:
        """Write rows, all or none of them. To be called with the lock."""
        memory = self._map
        if len(rows) > CHANGES_MAX:
            raise LedgerError("full")
        spots = [ROWS_AT + place * ROW_BYTES for place in rows]
        entries = b"".join([ENTRY.pack(at, memory[at : at + ROW_BYTES]) for at in spots])
        begin = JOURNAL_AT + JOURNAL.size
        memory[begin : begin + len(entries)] = entries
        memory[JOURNAL_AT + 4 : JOURNAL_AT + 8] = zlib.crc32(entries).to_bytes(4, "little")
        memory[JOURNAL_AT] = len(rows)  # one byte: from here on, what follows is undone unless it is finished
        for at, row in zip(spots, rows.values(), strict=True):
            memory[at : at + ROW_BYTES] = row.packed()
        memory[JOURNAL_AT] = 0

    def name(self, place: int, budget: str, subject: str) -> None:
        """Write down whose row is at a place."""
        at = self._names_at + place * NAME_BYTES
        text = named(budget, subject)
        self._map[at : at + len(text)] = text

    def names(self, place: int) -> tuple[str, str]:
        """Return whose row is at a place."""
        at = self._names_at + place * NAME_BYTES
        return names_in(self._map[at : at + NAME_BYTES])

    def copied(self) -> bytes:
        """Return the bytes of all rows, for `rows_in`: half a millisecond for 2 MiB. To be called with the lock."""
        return self._map[ROWS_AT : self._names_at]

    def leases(self) -> Iterator[tuple[int, StoredRow]]:
        """Yield the leases, with their places. Takes a millisecond for each MiB of rows."""
        at = self._map.find(LEASE_MARK, ROWS_AT, self._names_at)
        while at >= 0:
            place, offset = divmod(at - ROWS_AT, ROW_BYTES)
            row = self.row(place) if offset == FLAGS_AT else None
            if row is not None and row.flags & LEASE:
                yield place, row
            at = self._map.find(LEASE_MARK, at + 1, self._names_at)

    def close(self) -> None:
        """Unmap the file."""
        self._map.close()
        os.close(self._file)

    def _wait(self) -> None:
        now = time.monotonic()
        end = now if now < self._stuck + LOCK_AGAIN else now + LOCK_WAIT
        while time.monotonic() < end:
            time.sleep(LOCK_PAUSE)
            with suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
        if end > now:
            self._stuck = now
        raise LedgerError("busy")

    def _undo(self) -> None:
        memory, count = self._map, self._map[JOURNAL_AT]
        begin = JOURNAL_AT + JOURNAL.size
        entries = memory[begin : begin + count * ENTRY.size]
        if zlib.crc32(entries).to_bytes(4, "little") == memory[JOURNAL_AT + 4 : JOURNAL_AT + 8]:
            for at, before in ENTRY.iter_unpack(entries):
                memory[at : at + ROW_BYTES] = before
        memory[JOURNAL_AT] = 0

    def _prepared(self, subjects: int) -> int:
        """Return the number of rows of the file, which is made if it is empty. Raises LedgerError."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            if os.fstat(self._file).st_size == 0:
                os.pwrite(self._file, header_of(rows_for(subjects)), 0)
            head = os.pread(self._file, HEADER.size, 0)
            rows = int(HEADER.unpack(head)[2]) if len(head) == HEADER.size and head.startswith(MAGIC) else 0
            if not rows or header_of(rows) != head or os.fstat(self._file).st_size > size_of(rows):
                raise LedgerError("broken")
            # All of it is there from the start: a disk that is full later would end the process at a write to memory.
            os.posix_fallocate(self._file, 0, size_of(rows))
            return rows
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
