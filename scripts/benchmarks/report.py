"""Figures, and how they are shown: a table for people, one JSON document for tools."""

import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class BenchError(Exception):
    """A bench that cannot run here. The text says what is missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one subject over the rounds of a run. Its median is to be `least` or more, `most` or less."""

    figure: str
    subject: str
    unit: str
    values: tuple[float, ...]
    least: float | None = None
    most: float | None = None

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)

    @property
    def missed(self) -> bool:
        """True if the median is not what it is to be."""
        below = self.least is not None and self.median < self.least
        return below or (self.most is not None and self.median > self.most)

    @property
    def floor(self) -> str:
        """Return what the median is to be, in words; nothing where anything will do."""
        words = (("at least", self.least), ("at most", self.most))
        wanted = ", ".join(f"{word} {limit:g}" for word, limit in words if limit is not None)
        return f"{wanted}: MISSED" if self.missed else wanted

    def as_json(self) -> dict[str, object]:
        """The row in the document's words."""
        return {
            "figure": self.figure,
            "subject": self.subject,
            "unit": self.unit,
            "median": round(self.median, 4),
            "min": round(min(self.values), 4),
            "max": round(max(self.values), 4),
            "rounds": len(self.values),
        }


def document(bench: str, rows: Sequence[Row]) -> str:
    """The JSON document of a run."""
    return json.dumps({"bench": bench, "machine": machine(), "rows": [row.as_json() for row in rows]}, indent=1)


def table(rows: Sequence[Row]) -> str:
    """The rows for people: a line each, subjects of a figure side by side in order."""
    width = max((len(row.subject) for row in rows), default=0)
    lines = []
    figure = ""
    for row in rows:
        if row.figure != figure:
            figure = row.figure
            lines.append(f"\n{figure} ({row.unit})")
        line = f"  {row.subject:<{width}}  {row.median:>10.2f}   {min(row.values):.2f} to {max(row.values):.2f}"
        lines.append(f"{line}   {row.floor}".rstrip())
    return "\n".join(lines).lstrip("\n")


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    info = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    model = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "envoy": _envoy_version(),
    }


def _envoy_version() -> str:
    program = Path(sys.executable).with_name("envoy")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    found = re.search(r"/(\d+\.\d+\.\d+)/", said)
    return found[1] if found else "unknown"
