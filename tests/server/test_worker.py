import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

from extproc.server.worker import LEAVE, Worker
from tests.server.support import body, channel_to, ending, headers, kind, lines, plan, playing, until

Process = Callable[[], Any]


def play(scene: Callable[[Worker, Process], Awaitable[None]], limits: str, log: Path | None = None) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), playing(limits, log=log) as (worker, process):
            await scene(worker, process)

    asyncio.run(main())


async def _opened(process: Process) -> Any:
    call = process()
    await call.write(headers("/"))
    assert kind(await call.read()) == "request_headers"
    return call


def test_draining_lets_what_is_in_flight_finish_and_takes_nothing_new(tmp_path: Path) -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = await _opened(process)
        draining = asyncio.ensure_future(worker.drain())
        await until(lambda: worker.runtime.draining)
        async with channel_to(str(worker.endpoint)) as other:
            assert (await ending(other()))[0] is grpc.StatusCode.UNAVAILABLE
        await call.write(body(b"the rest"))
        assert kind(await call.read()) == "request_body"
        assert not draining.done()
        await call.done_writing()
        assert await ending(call) == (grpc.StatusCode.OK, "")
        await draining

    play(scene, "drain_timeout: 10s", tmp_path / "log")
    (line,) = lines(tmp_path / "log")
    assert line["decision"] == "allowed"


def test_where_health_is_asked_for_new_exchanges_are_taken_until_everybody_has_been_told() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        first = await _opened(process)
        worker.runtime.health.answer("readiness")
        draining = asyncio.ensure_future(worker.drain())
        await asyncio.sleep(0)
        assert not worker.runtime.draining
        second = await _opened(process)
        worker.hurry()
        await draining
        assert {(await ending(call))[0] for call in (first, second)} == {grpc.StatusCode.UNAVAILABLE}

    play(scene, "drain_timeout: 1h")


def test_that_time_is_a_part_of_the_drain_timeout() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = await _opened(process)
        worker.runtime.health.answer("")
        begun = time.monotonic()
        draining = asyncio.ensure_future(worker.drain())
        assert (await ending(call))[1] == "extproc_drain_timeout"
        assert 0.2 <= time.monotonic() - begun < LEAVE
        await draining

    play(scene, "drain_timeout: 200ms")


def test_a_kubelet_that_asks_whether_it_lives_is_no_reason_to_wait() -> None:
    async def scene(worker: Worker, _: Process) -> None:
        worker.runtime.health.answer("liveness")
        begun = time.monotonic()
        await worker.drain()
        assert time.monotonic() - begun < LEAVE

    play(scene, "drain_timeout: 1h")


def test_what_takes_longer_than_the_drain_timeout_ends_as_an_error(tmp_path: Path) -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = await _opened(process)
        begun = time.monotonic()
        draining = asyncio.ensure_future(worker.drain())
        assert await ending(call) == (grpc.StatusCode.UNAVAILABLE, "extproc_drain_timeout")
        assert time.monotonic() - begun >= 0.2
        await draining

    play(scene, "drain_timeout: 200ms", tmp_path / "log")
    (line,) = lines(tmp_path / "log")
    assert (line["decision"], line["reason"], line["abort"]) == ("failed", "drain_timeout", "UNAVAILABLE")


def test_an_idle_worker_drains_at_once() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = await _opened(process)
        await call.done_writing()
        await until(lambda: worker.runtime.open == 0)
        await asyncio.wait_for(worker.drain(), 3)

    play(scene, "drain_timeout: 1h")


def test_a_drain_can_be_hurried() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = await _opened(process)
        draining = asyncio.ensure_future(worker.drain())
        worker.hurry()
        assert (await ending(call))[0] is grpc.StatusCode.UNAVAILABLE
        await asyncio.wait_for(draining, 3)

    play(scene, "drain_timeout: 1h")


def test_closing_ends_what_is_open_as_an_error() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        call = await _opened(process)
        closing = asyncio.ensure_future(worker.close())
        assert await ending(call) == (grpc.StatusCode.UNAVAILABLE, "extproc_stopped")
        await closing

    play(scene, "drain_timeout: 1h")


def test_a_new_plan_is_for_new_exchanges() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        old = await _opened(process)
        worker.swap(plan("open_exchanges: 123"))
        await old.write(body(b"x"))
        assert kind(await old.read()) == "request_body"
        call = process()
        await call.write(headers("/plan"))
        assert b"123" in await call.read()

    play(scene, "drain_timeout: 1h")


def test_a_loop_that_is_held_up_shows_in_the_lag() -> None:
    async def scene(worker: Worker, process: Process) -> None:
        await _opened(process)
        worker.runtime.snapshot()
        threading.Event().wait(0.5)  # the loop stands still
        await asyncio.sleep(0.05)
        (sample,) = worker.runtime.snapshot().gauges["loop_lag_seconds"]
        assert sample[1] > 0.2

    play(scene, "drain_timeout: 1h")


def test_a_closed_worker_frees_its_address() -> None:
    async def scene(worker: Worker, _: Process) -> None:
        await worker.close()
        async with playing(listen=str(worker.endpoint)) as (again, process):
            assert again.endpoint == worker.endpoint
            await _opened(process)

    play(scene, "drain_timeout: 1h")
