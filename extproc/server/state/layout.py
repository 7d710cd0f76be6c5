"""The layout of the file of budgets: a header, a journal for one change, rows of numbers, and their names.

All numbers are in the byte order of the machine: the file is not for another one.

    0     header   magic, version, rows, checksum
    64    journal  number of rows under change, checksum, and each row's place and bytes as they were
    4096  rows     64 bytes each: what is counted
    ...   names    512 bytes each: of the budget and the subject, for lists alone
"""

import sys
import zlib
from collections.abc import Iterator
from struct import Struct as Packing
from typing import Final

from msgspec import Struct

MAGIC: Final = b"extproc budgets\n"
VERSION: Final = 1

HEADER: Final = Packing("=16sIII")
JOURNAL_AT: Final = 64
JOURNAL: Final = Packing("=II")
ENTRY: Final = Packing("=I64s")

CHANGES_MAX: Final = 58
"""Rows that one change can hold: those of 58 budgets. The journal ends where the rows begin."""

ROWS_AT: Final = 4096
ROW_BYTES: Final = 64
NAME_BYTES: Final = 512

ROW: Final = Packing("=16sqqIIIIqq")
"""Key; start of the window; limit set at run time; length of the window; flags; owner; checksum of all that; spent in
the window; spent in the one before. The last two change all the time, each by one store of 8 bytes, which no end of a
process tears."""

SUMMED: Final = 44
"""Bytes of a row that its checksum is over."""

CURRENT_AT: Final = 48
PREVIOUS_AT: Final = 56
AMOUNT: Final = Packing("=q")
"""Where the amounts are in a row, and how one is written."""

AMOUNT_MOST: Final = 2**62
"""What an amount stands at from there on: a backend may report any number of tokens, and a thousand of the largest
reports would be more than 8 bytes hold."""

NAME: Final = Packing("=HH")
"""Lengths of the names of budget and subject, which follow."""

NO_LIMIT: Final = -1
"""Stands for no limit that was set at run time."""

SLIDING: Final = 1
STREAMS: Final = 2
LEASE: Final = 4
"""Flags of a row. LEASE: the row counts what one process has open of a row of streams, whose place is `length`."""

FLAGS_AT: Final = 36
"""Where the flags are in a row."""

NO_KEY: Final = bytes(16)


class StoredRow(Struct, gc=False):
    """A row. Mutable. `length`: of the window in seconds; of a lease, the place of the row that it is of."""

    key: bytes = NO_KEY
    start: int = 0
    override: int = NO_LIMIT
    length: int = 0
    flags: int = 0
    owner: int = 0
    current: int = 0
    previous: int = 0

    def packed(self) -> bytes:
        """Return the bytes of the row."""
        head = _HEAD.pack(self.key, self.start, self.override, self.length, self.flags, self.owner)
        return head + _TAIL.pack(zlib.crc32(head), self.current, self.previous)

    def over(self, now: float) -> bool:
        """True if nothing of it counts any more, so that another account may have its place."""
        if self.override != NO_LIMIT or (self.flags & (STREAMS | LEASE) and self.current):
            return False
        if self.flags & (STREAMS | LEASE):
            return True
        return now >= self.start + self.length * (2 if self.flags & SLIDING else 1)


_ORDER: Final = sys.byteorder
_HEAD: Final = Packing("=16sqqIII")
_TAIL: Final = Packing("=Iqq")

LEASE_MARK: Final = LEASE.to_bytes(4, _ORDER)
"""The flags of a lease, as they are written."""


def unpacked(raw: bytes) -> StoredRow | None:
    """Return a row; None if its checksum is wrong."""
    key, start, override, length, flags, owner, checksum, current, previous = ROW.unpack(raw)
    if zlib.crc32(raw[:SUMMED]) != checksum and raw != _EMPTY:
        return None
    return StoredRow(key, start, override, length, flags, owner, current, previous)


_EMPTY: Final = bytes(ROW_BYTES)


def rows_in(raw: bytes) -> Iterator[tuple[int, StoredRow]]:
    """Yield the rows that are in use and not damaged, of the bytes of all, with their places."""
    for place in range(len(raw) // ROW_BYTES):
        at = place * ROW_BYTES
        if raw[at : at + 16] != NO_KEY and (row := unpacked(raw[at : at + ROW_BYTES])) is not None:
            yield place, row


def size_of(rows: int) -> int:
    """Return how many bytes a file of so many rows has."""
    return ROWS_AT + rows * (ROW_BYTES + NAME_BYTES)


def rows_for(subjects: int) -> int:
    """Return how many rows are made for so many subjects: a power of two, of which two thirds are filled at most."""
    return 1 << max(6, (subjects * 3 // 2 - 1).bit_length())


def header_of(rows: int) -> bytes:
    """Return the header."""
    head = HEADER.pack(MAGIC, VERSION, rows, 0)[:-4]
    return head + zlib.crc32(head).to_bytes(4, _ORDER)


def named(budget: str, subject: str) -> bytes:
    """Return the names of a row, cut where they do not fit."""
    first, second = budget.encode()[:128], subject.encode("utf-8", "replace")
    second = second[: NAME_BYTES - NAME.size - len(first)]
    return NAME.pack(len(first), len(second)) + first + second


def names_in(raw: bytes) -> tuple[str, str]:
    """Return the names of budget and subject."""
    first, second = NAME.unpack_from(raw)
    at = NAME.size
    return raw[at : at + first].decode("utf-8", "replace"), raw[at + first : at + first + second].decode(
        "utf-8", "replace"
    )
