import asyncio

from extproc.server.tasks import run


async def _loop() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_a_worker_runs_on_uvloop() -> None:
    assert run(_loop()) == "uvloop"


def test_without_uvloop_it_runs_on_asyncio() -> None:
    assert run(_loop(), uvloop=False).startswith("asyncio")
