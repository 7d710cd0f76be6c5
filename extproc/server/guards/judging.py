"""A body judged by a pipeline without an exchange: its rules in a worker's threads, its detectors side by side."""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from extproc.inspection.judge import Job
from extproc.inspection.judgement import Judgement
from extproc.inspection.scored import DetectorFindings
from extproc.inspection.stage import CompiledProcessor
from extproc.inspection.verdict import Verdict
from extproc.protocol.effects import Inspect
from extproc.protocol.messages import Failed, Inspected
from extproc.protocol.meter import Meter
from extproc.protocol.work import WorkResult
from extproc.server.inspections import Cancel, Submit

TICKET = 0
"""Nobody tells these orders apart by their tickets: each has a future of its own."""


class JudgedBody(WorkResult, frozen=True):
    """The state of a body: a verdict, or what it waits for."""

    outcome: Verdict | Judgement


class BodyJudging(Struct, frozen=True):
    """The work of judging a body as far as that can be done at once."""

    of: Job | Judgement
    large: bool

    def run(self, meter: Meter | None = None) -> JudgedBody:
        """See `Work.run`."""
        return JudgedBody(self.of.run(meter))

    def __repr__(self) -> str:
        return f"BodyJudging({self.of})"


LARGE_BYTES = 64 * 1024
"""Bytes from which on a body goes to the slow lane at once."""


async def judged(job: Job, submit: Submit, clock: Callable[[], float]) -> Verdict:
    """Return the verdict on a body. What is handed out is taken back if this is cancelled."""
    of: Job | Judgement = job
    while True:
        order = Inspect(TICKET, job.name, BodyJudging(of, len(job.body) > LARGE_BYTES), clock() + of.timeout)
        answer = await _answered(submit, order)
        outcome = _outcome(answer) if isinstance(answer, Inspected) else of.given_up(answer.reason)
        if isinstance(outcome, Verdict):
            return outcome
        if isinstance(outcome, Judgement):
            await _heard(outcome, submit, clock)
        of = outcome


def _outcome(answer: Inspected) -> Verdict | Judgement:
    assert isinstance(answer.result, JudgedBody), "it has no other result"
    return answer.result.outcome


async def _heard(judgement: Judgement, submit: Submit, clock: Callable[[], float]) -> None:
    """Ask the detectors that a judgement waits for, until no more need be waited for."""

    async def one(processor: CompiledProcessor) -> tuple[CompiledProcessor, Inspected | Failed]:
        kind, work = judgement.work_of(processor)
        order = Inspect(TICKET, processor.name, work, clock() + processor.timeout, kind)
        return processor, await _answered(submit, order)

    waiting = {asyncio.ensure_future(one(each)) for each in judgement.orders}
    try:
        for done in asyncio.as_completed(waiting):
            processor, answer = await done
            if isinstance(answer, Failed):
                judgement.fail(processor, answer.reason)
            else:
                assert isinstance(answer.result, DetectorFindings), "a detector has no other result"
                judgement.hear(processor, answer.result)
            if judgement.ready:
                break
    finally:
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _answered(submit: Submit, order: Inspect) -> Inspected | Failed:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Inspected | Failed] = loop.create_future()
    cancel: Cancel = submit(order, lambda answer: None if future.done() else future.set_result(answer))
    try:
        return await future
    except asyncio.CancelledError:
        cancel()
        raise
