"""A body judged without an exchange: whatever its work comes to, there is one verdict, and nothing is left behind."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from extproc.ext import registered
from extproc.inspection.judge import Job
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Verdict
from extproc.protocol.effects import Inspect
from extproc.protocol.messages import Failed, Inspected
from extproc.server.guards.judging import judged
from extproc.server.inspections import Answer, Cancel, Pool
from tests.guards.standin import PASS, REJECT, Reply, standin
from tests.seams.playing import plan, said
from tests.seams.toys import TOYS

MASKING: Final = "{use: pii, kinds: [email], action: mask}"
GUARD: Final = "{use: toy-guard, words: [titan]}"


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    with registered(*TOYS):
        yield


def job(request: str, text: str) -> Job:
    (pipeline,) = plan(request).pipelines
    return Job(pipeline.name, pipeline.request, said(text), "application/json", {}, Vault(), blocks_unread=True)


def verdict(of: Job, fails: Callable[[Inspect], str | None] = lambda _: None) -> Verdict:
    """The verdict, where some orders fail for a reason."""

    async def main() -> Verdict:
        loop = asyncio.get_running_loop()
        pool = Pool(loop, loop.time)

        def submit(order: Inspect, answer: Answer) -> Cancel:
            reason = fails(order)
            if reason is not None:
                return loop.call_soon(answer, Failed(order.ticket, reason)).cancel
            return pool.submit(order, answer)

        try:
            async with asyncio.timeout(10):
                return await judged(of, submit, loop.time)
        finally:
            assert pool.waiting == 0
            pool.close()

    return asyncio.run(main())


def test_rules_and_detectors_of_their_own_come_to_one_verdict() -> None:
    found = verdict(job(f"{MASKING}, {GUARD}", "to a@b.de"))
    assert b"[EMAIL_1]" in found.body
    assert found.blocked is None
    found = verdict(job(f"{MASKING}, {GUARD}", "titan"))
    assert found.blocked is not None
    assert found.blocked.by == "toy-guard"


@pytest.mark.parametrize(("word", "blocked"), [("block", True), ("allow", False)])
@pytest.mark.parametrize("which", ["p", "toy-guard"])
def test_work_that_fails_does_what_on_failure_says(word: str, blocked: bool, which: str) -> None:
    of = job(f"{MASKING[:-1]}, on_failure: {word}}}, {GUARD[:-1]}, on_failure: {word}}}", "hello")
    found = verdict(of, lambda order: "overloaded" if order.processor == which else None)
    assert (found.blocked is not None) is blocked
    assert {each.reason for each in found.failures} == {"overloaded"}


def test_a_stand_in_judges_for_a_detector_that_failed() -> None:
    of = job(f"{GUARD[:-1]}, on_failure: spare}}, {{use: pattern, name: spare, literals: [titan]}}", "titan")
    found = verdict(of, lambda order: "timeout" if order.processor == "toy-guard" else None)
    assert found.blocked is not None
    assert found.blocked.by == "spare"


def test_the_first_block_takes_the_other_orders_back() -> None:
    taken: list[str] = []

    async def main() -> Verdict:
        loop = asyncio.get_running_loop()
        pool = Pool(loop, loop.time)

        def submit(order: Inspect, answer: Answer) -> Cancel:
            if order.processor == "never":
                return lambda: taken.append(order.processor)
            return pool.submit(order, answer)

        try:
            async with asyncio.timeout(10):
                return await judged(job(f"{GUARD[:-1]}, name: never}}, {GUARD}", "titan"), submit, loop.time)
        finally:
            pool.close()

    found = asyncio.run(main())
    assert found.blocked is not None
    assert taken == ["never"]


def test_a_group_of_guards_leaves_nothing_behind_once_the_first_has_blocked() -> None:
    outcomes: Counter[tuple[str, str]] = Counter()
    with standin() as quick, standin() as slow, standin() as failing:
        quick.answers = lambda _: REJECT
        slow.answers = lambda _: Reply(PASS.body, delay=5)
        failing.answers = lambda _: Reply(status=500)
        fields = "action: block, connections: 8, on_failure: allow, timeout: 9s"
        guards = [
            f"{{use: webhook, name: {name}, url: '{url}', {fields}}}"
            for name, url in (("slow", slow.url), ("failing", failing.url), ("quick", quick.url))
        ]
        of = job(f"{{parallel: [{', '.join(guards)}]}}", "hello")

        async def main() -> list[Verdict]:
            loop = asyncio.get_running_loop()
            pool = Pool(loop, loop.time, lambda name, outcome, _: outcomes.update([(name, outcome)]))
            try:
                async with asyncio.timeout(20):
                    found = await asyncio.gather(*[judged(of, pool.submit, loop.time) for _ in range(20)])
                    if left := asyncio.all_tasks() - {asyncio.current_task()}:
                        await asyncio.wait(left)  # those that were cancelled end at their next turn
                assert pool.waiting == 0
                for each in pool.guards._services.values():
                    assert (each._turns._value, each._waiting, each._asked) == (8, 0, 0)
                assert pool.guards.circuits()[slow.url.removeprefix("http://")] == 0.0
                return found
            finally:
                await pool.guards.close()
                pool.close()

        found = asyncio.run(main())
    assert {each.blocked.by for each in found if each.blocked is not None} == {"quick"}
    assert len(found) == 20
    told = Counter[str]()
    for (name, _), number in outcomes.items():
        told[name] += number
    assert told == {"slow": 20, "failing": 20, "quick": 20}
    assert outcomes["slow", "withdrawn"] == 20
    assert outcomes["quick", "answered"] == 20


def test_who_gives_up_takes_all_orders_back() -> None:
    taken: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def submit(order: Inspect, _: Callable[[Inspected | Failed], None]) -> Cancel:
            return lambda: taken.append(order.processor)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await judged(job(MASKING, "hello"), submit, loop.time)

    asyncio.run(main())
    assert taken == ["p"]
