"""Guards as a worker asks them, for tests: a policy's detector, and a loop in which its service is asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from extproc.detectors.contract import Conversation, GuardDetector, Statement
from extproc.inspection.offloaded import GuardWork
from extproc.inspection.scored import DetectorFindings
from extproc.policy import loads
from extproc.protocol.effects import Inspect
from extproc.protocol.messages import Failed, Inspected, Side
from extproc.server.guards import client  # noqa: F401  - so that the first question need not wait for it
from extproc.server.guards.asking import Guards
from extproc.server.inspections import Pool
from extproc.transaction import Plan

T = TypeVar("T")

BASE = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local}]}]
pipelines:
"""


def guard(written: str, side: Side = Side.REQUEST, secrets: dict[str, bytes] | None = None) -> GuardDetector:
    """The detector of a processor, as a policy writes it in braces."""
    text = f"{BASE}  - {{name: p, {side.value}: [{written}]}}\n"
    (found,) = Plan.compile(loads(text, "policy.yaml"), secrets or {}).guards
    return found


def conversation(*texts: str, side: Side = Side.REQUEST) -> Conversation:
    """Texts of a user, or of a model."""
    role = "user" if side is Side.REQUEST else "assistant"
    return Conversation(side, tuple(Statement(text, role) for text in texts))  # type: ignore[arg-type]


def work(detector: GuardDetector, *texts: str, side: Side = Side.REQUEST) -> GuardWork:
    """The work of a guard on texts."""
    return GuardWork(detector, conversation(*texts, side=side))


class Outcomes(list[str]):
    """How questions ended."""

    def tell(self, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.append(str(outcome))


async def ask(guards: Guards, asked: GuardWork, outcomes: Outcomes | None = None) -> DetectorFindings:
    """Ask once, within ten seconds."""
    async with asyncio.timeout(10):
        return await guards.ask(asked, (outcomes if outcomes is not None else Outcomes()).tell)


def play(scene: Callable[[Guards], Awaitable[T]], **more: object) -> T:
    """Run a scene with the guards of a worker, which are closed behind it."""

    async def main() -> T:
        guards = Guards(**more)  # type: ignore[arg-type]
        try:
            return await scene(guards)
        finally:
            await guards.close()

    return asyncio.run(main())


def handed(order: Inspect) -> Inspected | Failed:
    """What a worker's pool makes of an order."""

    async def main() -> Inspected | Failed:
        loop = asyncio.get_running_loop()
        pool = Pool(loop, loop.time)
        answered: asyncio.Future[Inspected | Failed] = loop.create_future()
        timeout = order.work.detector.service.limits.timeout if isinstance(order.work, GuardWork) else 5.0
        pool.submit(
            Inspect(order.ticket, order.processor, order.work, loop.time() + timeout, order.kind), answered.set_result
        )
        try:
            async with asyncio.timeout(10):
                return await answered
        finally:
            pool.close()
            await asyncio.sleep(0.01)

    return asyncio.run(main())
