"""The bench of starting: its figures, by a run as small as can be."""

import os
import subprocess
import sys

import pytest

from scripts.benchmarks import cpu, startup


@pytest.mark.deep
def test_a_start_is_told_in_seconds_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "WORKERS", 1)
    rows = startup.measure(1, 0, lambda _: None, ("no-pipeline",))
    assert [row.figure for row in rows] == list(startup.UNITS)
    assert {row.subject for row in rows} == {"no-pipeline"}
    figures = {row.figure: row.median for row in rows}
    assert 0 < figures["worker_cpu_s"] < 60
    assert 0 < figures["worker_pss_mib"] <= figures["worker_rss_mib"]


def test_what_two_processes_share_counts_half_in_each() -> None:
    command = [sys.executable, "-c", "print('ready', flush=True); input()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        assert 0 < cpu.pss_mib([child.pid]) < cpu.rss_mib([child.pid])
        assert cpu.pss_mib([child.pid, os.getpid()]) > cpu.pss_mib([child.pid])
        child.communicate("\n")
