import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from extproc.server import health as module
from extproc.server import worker as worker_module
from extproc.server.health import PROCESS_SERVICE, REQUEST_MAX, SERVICES, TooManyWatchersError, WorkerHealth, service_of
from extproc.server.worker import Worker
from tests.server.support import headers, playing, until

SERVING, NOT_SERVING, UNKNOWN = 1, 2, 3


def play(scene: Callable[[Worker, Any, Any], Awaitable[None]]) -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(20),
            playing("drain_timeout: 5s") as (worker, process),
            aio.insecure_channel(str(worker.endpoint)) as channel,
        ):
            await scene(worker, process, health_pb2_grpc.HealthStub(channel))

    asyncio.run(main())


def _request(service: str) -> Any:
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_worker_that_takes_exchanges_is_serving(service: str) -> None:
    async def scene(_: Worker, __: Any, stub: Any) -> None:
        assert (await stub.Check(_request(service))).status == SERVING

    play(scene)


def test_an_unknown_service_is_not_found() -> None:
    async def scene(_: Worker, __: Any, stub: Any) -> None:
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.Check(_request("somebody.else"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND

    play(scene)


def test_watching_an_unknown_service_tells_so_and_goes_on() -> None:
    async def scene(_: Worker, __: Any, stub: Any) -> None:
        watch = stub.Watch(_request("somebody.else"))
        assert (await watch.read()).status == UNKNOWN

    play(scene)


def test_a_watcher_sees_a_worker_begin_to_drain_and_liveness_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "LEAVE", 0.0)

    async def scene(worker: Worker, process: Any, stub: Any) -> None:
        watch = stub.Watch(_request(PROCESS_SERVICE))
        assert (await watch.read()).status == SERVING
        call = process()
        await call.write(headers("/"))
        await call.read()
        draining = asyncio.ensure_future(worker.drain())
        assert (await watch.read()).status == NOT_SERVING
        assert worker.runtime.health.answer("liveness") != worker.runtime.health.answer("readiness")
        await call.done_writing()
        await draining

    play(scene)


def test_a_request_that_is_none_is_refused() -> None:
    async def scene(worker: Worker, _: Any, __: Any) -> None:
        async with aio.insecure_channel(str(worker.endpoint)) as channel:
            for method in (channel.unary_unary(module.CHECK), channel.unary_stream(module.WATCH)):
                call = method(b"\xff\xff")
                assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT

    play(scene)


def test_a_request_holds_one_name_and_no_more() -> None:
    assert service_of(b"") == ""
    assert service_of(b"\x0a\x04live") == "live"
    name = b"s" * (REQUEST_MAX - 3)
    longest = b"\x0a" + bytes([len(name) % 128 + 128, len(name) // 128]) + name
    assert service_of(longest) == name.decode()
    assert service_of(longest + b"\x10") is None


def test_watchers_are_told_of_the_one_change_there_is() -> None:
    health, told = WorkerHealth(), []
    stop = health.watch(lambda: told.append("first"))
    health.watch(lambda: told.append("second"))
    stop()
    health.drain()
    health.drain()
    assert told == ["second"]


def test_there_may_be_so_many_watchers_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCHERS_MAX", 1)
    health = WorkerHealth()
    stop = health.watch(lambda: None)
    with pytest.raises(TooManyWatchersError):
        health.watch(lambda: None)
    stop()
    health.watch(lambda: None)


def test_a_watcher_too_many_is_refused_and_one_that_left_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCHERS_MAX", 1)

    async def scene(worker: Worker, _: Any, stub: Any) -> None:
        watch = stub.Watch(_request(""))
        assert (await watch.read()).status == SERVING
        assert await stub.Watch(_request("")).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        watch.cancel()
        await until(lambda: not worker.runtime.health._watchers)
        assert (await stub.Watch(_request("")).read()).status == SERVING

    play(scene)
