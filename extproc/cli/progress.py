"""A bar on stderr that shows how far a command is; nothing where that is no terminal."""

import sys
import time
from types import TracebackType
from typing import Final, Self, TextIO

WIDTH: Final = 30
EVERY: Final = 0.1
"""Seconds between two drawings: a terminal shows no more than a person sees."""


class ProgressBar:
    """Shows bytes read of so many; `total` None: it is not known, and their number alone is shown."""

    def __init__(self, total: int | None, name: str, to: TextIO | None = None) -> None:
        self._total = total
        self._name = name
        self._to = to or sys.stderr
        self._shows = self._to.isatty()
        self._done = self._drawn = 0.0

    def advance(self, number: int) -> None:
        """Count bytes more."""
        self._done += number
        if self._shows and (now := time.monotonic()) - self._drawn >= EVERY:
            self._drawn = now
            self._to.write(f"\r{self._line()}\x1b[K")
            self._to.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shows:
            self._to.write("\r\x1b[K")
            self._to.flush()

    def _line(self) -> str:
        if not self._total:
            return f"{self._name}  {self._done / 1e6:.1f} MB"
        share = min(1.0, self._done / self._total)
        full = round(share * WIDTH)
        return f"{self._name}  [{'#' * full}{'.' * (WIDTH - full)}] {share:4.0%}"
