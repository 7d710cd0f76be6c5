import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from extproc.routing.health import Ailing, HealthChange, Outage
from extproc.server import control
from extproc.server.control import (
    FRAME_MAX,
    Commit,
    ControlChannel,
    Drain,
    Draining,
    HealthNews,
    Order,
    PolicyPrepared,
    Prepare,
    Ready,
    Report,
    ReportStatus,
    ShareHealth,
    Start,
    StartFailed,
    Stop,
    WorkerStatus,
)
from extproc.server.listen import Tcp, Unix
from extproc.server.policies import Sealed
from extproc.server.tls import TlsContent
from extproc.server.transport import Binding
from extproc.telemetry import Metrics
from extproc.telemetry.families import REJECTS

SEALED = Sealed(b"policy", {"openai": b"key"})
CHANGE = HealthChange("openai", "gpt", 1.5, Outage("limited", 9.0, proven=1))
ORDERS: list[Order] = [
    Start(1, 0.5, SEALED, Binding(Unix("/s"), TlsContent(b"c", b"k"), 0o600), "grpcio", "-"),
    Prepare(SEALED, None),
    Commit(),
    ReportStatus(7),
    ShareHealth((CHANGE, HealthChange("openai", "", 2.5, None))),
    Drain(),
    Stop(),
]
METRICS = Metrics()
METRICS.counter(REJECTS).add("model_not_found")
REPORTS: list[Report] = [
    Ready(Tcp("::1", 9)),
    StartFailed("no"),
    PolicyPrepared("no"),
    Draining(),
    WorkerStatus(7, 3, METRICS.snapshot(), (Ailing("openai", "gpt", "failing", 3.5),)),
    HealthNews((CHANGE,)),
]

Ends = tuple[ControlChannel[Order, Report], ControlChannel[Report, Order]]


def play(scene: Callable[[Ends, socket.socket], Awaitable[None]]) -> None:
    """Runs a scene with both ends of a pair, and with the bare socket of the supervisor's."""

    async def main() -> None:
        ours, theirs = socket.socketpair()
        worker, supervisor = await control.orders(theirs), await control.reports(ours)
        async with asyncio.timeout(10):
            await scene((worker, supervisor), ours)
        worker.close()
        supervisor.close()

    asyncio.run(main())


def test_what_one_end_says_the_other_hears() -> None:
    async def scene(ends: Ends, _: socket.socket) -> None:
        worker, supervisor = ends
        for order in ORDERS:
            supervisor.send(order)
            assert await worker.receive() == order
        for report in REPORTS:
            worker.send(report)
            assert await supervisor.receive() == report

    play(scene)


def test_the_end_of_one_is_heard_by_the_other() -> None:
    async def scene(ends: Ends, _: socket.socket) -> None:
        worker, supervisor = ends
        worker.send(Draining())
        worker.close()
        worker.send(Draining())
        assert await supervisor.receive() == Draining()
        assert await supervisor.receive() is None
        supervisor.send(Drain())
        await supervisor.flush()

    play(scene)


@pytest.mark.parametrize("garbage", [b"\0\0\0\1\xc1", b"\0\0\0\2{}", (FRAME_MAX + 1).to_bytes(4, "big") + b"x"])
def test_garbage_is_as_good_as_nobody(garbage: bytes) -> None:
    async def scene(ends: Ends, bare: socket.socket) -> None:
        worker, _ = ends
        bare.send(garbage)
        assert await worker.receive() is None

    play(scene)


def test_a_large_policy_gets_through() -> None:
    async def scene(ends: Ends, _: socket.socket) -> None:
        worker, supervisor = ends
        large = Prepare(Sealed(b"x" * 5_000_000, {}), None)
        supervisor.send(large)
        assert await worker.receive() == large

    play(scene)


def test_no_credential_shows_in_a_rendering() -> None:
    assert "key" not in repr(ORDERS[0]) + repr(ORDERS[1])
