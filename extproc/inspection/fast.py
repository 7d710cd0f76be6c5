"""One Hyperscan pass over bytes: which of many patterns match, and where their matches end."""

from collections.abc import Sequence
from typing import cast

import pyperscan
from pyperscan import _pyperscan

# The package's own stub forgets that these are exceptions.
_CompileError = cast("type[Exception]", _pyperscan.HyperscanCompileError)


class Refused(ValueError):  # noqa: N818  - what happened to the pattern
    """A pattern that Hyperscan will not take: its place in the list, and why."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


class Fast:
    """A compiled database and its idle scanners: one serves one call at a time; there are as many as calls at once.

    Raises Refused for a pattern that cannot be compiled.
    """

    def __init__(self, patterns: Sequence[bytes]) -> None:
        self._database = _database(patterns) if patterns else None
        self._idle: list[tuple[pyperscan.BlockScanner, list[tuple[int, int]]]] = []

    def hits(self, data: bytes) -> Sequence[tuple[int, int]]:
        """Every match's pattern (its place in the list at the start) and end in `data`."""
        if self._database is None:
            return ()
        idle = self._idle
        try:
            scanner, found = pair = idle.pop()
        except IndexError:
            found = []
            scanner = self._database.build(found, _note)
            pair = scanner, found
        scanner.scan(data)
        hits: Sequence[tuple[int, int]] = ()
        if found:
            hits = found.copy()
            found.clear()
        idle.append(pair)
        return hits


_CONTINUE = pyperscan.Scan.Continue


def _note(found: list[tuple[int, int]], pattern: int, _start: int, end: int) -> pyperscan.Scan:
    found.append((pattern, end))
    return _CONTINUE


def _database(patterns: Sequence[bytes]) -> pyperscan.BlockDatabase:
    # PREFILTER: something coarser where a pattern is too large or not known; an exact matcher decides anyway.
    try:
        return pyperscan.BlockDatabase(
            *(pyperscan.Pattern(text, pyperscan.Flag.PREFILTER, tag=number) for number, text in enumerate(patterns))
        )
    except _CompileError as error:
        reason, number = error.args
        raise Refused(number, str(reason)) from None
