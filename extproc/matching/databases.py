"""Hyperscan databases: compiled from patterns, or taken from a store in which an earlier process left them."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final, Protocol

import hyperscan

_FLAGS: Final = hyperscan.HS_FLAG_PREFILTER
"""Something coarser where a pattern is too large or not known: an exact matcher decides anyway."""

_PACKAGE: Final[str] = hyperscan.__version__  # type: ignore[attr-defined]  # its stub forgets this

_FORM: Final = b"1"
"""The form of what is stored, to be changed with the way in which databases are made here."""

LEAST_STORED: Final = 8 * 1024
"""Bytes of a stored database: what is smaller was compiled in a millisecond or two."""


class UnsupportedPatternError(ValueError):
    """A pattern that Hyperscan will not take: its number, and why."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


class DatabaseStore(Protocol):
    """Keeps compiled databases beyond a process. Returns what it was given under a name, unchanged, or None."""

    def get(self, name: str) -> bytes | None:
        """Return the database of this name; None also for whatever is wrong with it or the store."""

    def put(self, name: str, data: bytes) -> None:
        """Keep a database, if that is possible."""


class _StoreSlot:
    """Where the databases of this process come from."""

    store: DatabaseStore | None = None


def keep_in(store: DatabaseStore | None) -> None:
    """Have all databases that are made from now on in this process kept in `store`, and taken from it."""
    _StoreSlot.store = store


def database(patterns: Mapping[int, bytes], *, kept: bool = True) -> hyperscan.Database:
    """Return a database of patterns, each with its number. Raises UnsupportedPatternError.

    `kept`: it may be stored; not where a pattern holds a credential, which the database then does, too.
    """
    store = _StoreSlot.store
    if store is None or not kept:
        return compiled(patterns)
    name = name_of(patterns)
    stored = store.get(name)
    found = _loaded(stored) if stored is not None else None
    if found is None:
        found = compiled(patterns)
        data = hyperscan.dumpb(found)
        if len(data) >= LEAST_STORED:
            store.put(name, data)
    return found


def name_of(patterns: Mapping[int, bytes]) -> str:
    """Return the name under which a database is stored: a digest of all that it is made of, and of who makes it."""
    # The engine itself refuses a database of another version of it, and one for another kind of processor.
    parts = [_FORM, _PACKAGE.encode(), b"%d" % _FLAGS]
    for number, pattern in patterns.items():
        parts += (b"%d" % number, pattern)
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()


def compiled(patterns: Mapping[int, bytes]) -> hyperscan.Database:
    """Return a database that is compiled anew. Raises UnsupportedPatternError."""
    for number, pattern in patterns.items():
        if b"\0" in pattern:
            raise UnsupportedPatternError(number, "a pattern for the fast lane cannot hold a byte of zero")
    made = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        made.compile(
            expressions=[*patterns.values()],
            ids=[*patterns],
            elements=len(patterns),
            flags=_FLAGS,
        )
    except hyperscan.error as error:
        raise UnsupportedPatternError(_first_wrong(patterns), str(error)) from None
    return made


def _first_wrong(patterns: Mapping[int, bytes]) -> int:
    """The first pattern that cannot be compiled by itself; the first of all if each can. The package tells none."""
    if len(patterns) > 1:
        for number, pattern in patterns.items():
            try:
                compiled({number: pattern})
            except UnsupportedPatternError:
                return number
    return next(iter(patterns))


def _loaded(data: bytes) -> hyperscan.Database | None:
    """The database that was stored; None if the engine does not take it, as one of another version or processor."""
    try:
        found = hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
        hyperscan.Scratch(found)
    except hyperscan.error:
        return None
    return found
