"""The end of a worker process, told by its template or, where that has ended, found out if it can be."""

import asyncio
import os
import signal
import sys

from extproc.server.life import Life

SECONDS = 30.0


def _child(program: str) -> int:
    """A process that is our own child, as a worker becomes one of process 1 when its template ends."""
    return os.posix_spawn(sys.executable, [sys.executable, "-c", program], os.environ)


def _code(life: Life, within: float) -> int | None:
    return asyncio.run(life.code(within))


def test_the_template_tells_the_code() -> None:
    life = Life(0)
    assert _code(life, 0.01) is None
    life.end(-9)
    assert _code(life, SECONDS) == -9


def test_without_its_template_the_end_of_another_s_child_is_unknown_at_once() -> None:
    life = Life(os.getppid())
    life.end(None)
    assert _code(life, SECONDS) is None


def test_without_its_template_a_process_that_became_ours_is_reaped() -> None:
    life = Life(_child("raise SystemExit(7)"))
    life.end(None)
    assert _code(life, SECONDS) == 7
    life.kill()  # to nobody: the number may be another's


def test_without_its_template_a_process_that_does_not_end_is_killed_and_reaped() -> None:
    life = Life(_child("import time; time.sleep(600)"))
    life.end(None)
    assert _code(life, 0.05) is None
    life.kill()
    assert _code(life, SECONDS) == -signal.SIGKILL
