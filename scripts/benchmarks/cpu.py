"""CPU time of a process and its children, from /proc."""

import os
from collections.abc import Iterable
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def seconds(pids: Iterable[int]) -> float:
    """CPU seconds of all threads of `pids` so far, at the scheduler's nanosecond resolution."""
    return sum(_thread_seconds(task) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())


def _thread_seconds(task: Path) -> float:
    try:
        return int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):  # a thread that ended while we looked
        return 0.0


def rss_mib(pids: Iterable[int]) -> float:
    """Resident memory of `pids` together, in MiB."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) for pid in pids) * _PAGE / 2**20


def pss_mib(pids: Iterable[int]) -> float:
    """The same, but of what several processes share a part in each, in MiB."""
    return sum(_pss_kib(Path(f"/proc/{pid}/smaps_rollup")) for pid in pids) / 2**10


def _pss_kib(rollup: Path) -> int:
    return next(int(line.split()[1]) for line in rollup.read_text(encoding="ascii").splitlines() if line[:4] == "Pss:")


def with_children(pid: int) -> list[int]:
    """`pid` and its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(below for child in children for below in with_children(int(child)))]
