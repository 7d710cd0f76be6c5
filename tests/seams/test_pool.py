"""Scored and remote detectors in the shell: threads of their own, deadlines of their own, stopped when nobody waits."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from msgspec import Struct

from extproc.protocol.effects import Inspect, WorkKind
from extproc.protocol.messages import Failed, Inspected
from extproc.protocol.meter import Meter, SpentError
from extproc.protocol.work import RemoteAsk, Work
from extproc.server import inspections
from extproc.server.inspections import SCORED_THREADS, WAITING_MAX, Pool
from tests.server.support import Told, until

FAR = 60.0
"""Seconds that no test waits for."""


class Threaded(Struct):
    """Work for a thread."""

    does: Callable[[Meter], object]
    large: bool = False

    def run(self, meter: Meter | None = None) -> Told:
        assert meter is not None
        return Told(self.does(meter))


class Elsewhere(Struct):
    """Work that is awaited."""

    does: Callable[[], Awaitable[object]]

    async def ask(self) -> Told:
        return Told(await self.does())


class Asked:
    """A pool, and what it answered."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.pool = Pool(self.loop, self.loop.time)
        self.answers: asyncio.Queue[Inspected | Failed] = asyncio.Queue()

    def order(self, kind: WorkKind, work: Work | RemoteAsk, ticket: int, *, within: float = FAR) -> Callable[[], None]:
        order = Inspect(ticket, "p", work, self.loop.time() + within, kind)
        return self.pool.submit(order, self.answers.put_nowait)

    async def idle(self) -> None:
        """Nothing is waited for any more."""
        await until(lambda: self.pool.waiting == 0)


def play(scene: Callable[[Asked], Awaitable[None]]) -> None:
    async def main() -> None:
        asked = Asked()
        async with asyncio.timeout(20):
            try:
                await scene(asked)
            finally:
                asked.pool.close()

    asyncio.run(main())


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What hanging work waits for; let go of when the test is over, so that its thread ends."""
    event = threading.Event()
    yield event
    event.set()


async def forever() -> object:
    return await asyncio.get_running_loop().create_future()


def test_eight_slow_scorers_do_not_keep_rules_waiting(held: threading.Event) -> None:
    async def scene(asked: Asked) -> None:
        for ticket in range(8):
            asked.order("scored", Threaded(lambda _: held.wait()), ticket)
        for ticket, large in ((100, False), (101, True)):
            asked.order("rules", Threaded(lambda _: "judged", large), ticket)
        heard = [await asked.answers.get() for _ in range(2)]
        assert {each.ticket for each in heard} == {100, 101}
        assert all(isinstance(each, Inspected) for each in heard)
        assert asked.pool.waiting == 8
        held.set()
        assert {(await asked.answers.get()).ticket for _ in range(8)} == set(range(8))

    play(scene)


def test_a_scorer_is_never_run_in_a_lane_of_the_rules() -> None:
    async def scene(asked: Asked) -> None:
        for ticket, large in enumerate((False, True)):
            asked.order("scored", Threaded(lambda _: threading.current_thread().name, large), ticket)
            answer = await asked.answers.get()
            assert isinstance(answer, Inspected)
            assert str(answer.result).startswith("Told(value='extproc-scored")

    play(scene)


def test_scorers_that_wait_are_bounded_and_the_next_fails(held: threading.Event) -> None:
    async def scene(asked: Asked) -> None:
        for ticket in range(WAITING_MAX):
            asked.order("scored", Threaded(lambda _: held.wait()), ticket)
        asked.order("scored", Threaded(lambda _: None), WAITING_MAX)
        assert await asked.answers.get() == Failed(WAITING_MAX, "overloaded")
        asked.order("rules", Threaded(lambda _: None), WAITING_MAX + 1)
        assert await asked.answers.get() == Inspected(WAITING_MAX + 1, Told(None))
        held.set()
        await asked.idle()

    play(scene)


def test_each_scorer_is_given_up_at_its_own_deadline(held: threading.Event) -> None:
    async def scene(asked: Asked) -> None:
        for ticket, within in ((1, FAR), (2, 0.01)):
            asked.order("scored", Threaded(lambda _: held.wait()), ticket, within=within)
        assert await asked.answers.get() == Failed(2, "timeout")
        assert asked.answers.empty()
        held.set()
        assert await asked.answers.get() == Inspected(1, Told(True))

    play(scene)


def test_a_scorer_that_nobody_waits_for_ends_at_its_next_text_and_one_that_has_not_begun_never_does() -> None:
    async def scene(asked: Asked) -> None:
        begun, ended = [threading.Event() for _ in range(SCORED_THREADS)], list[str]()

        def score(number: int, meter: Meter) -> None:
            begun[number].set()
            try:
                while True:
                    meter.spend(0)
            except SpentError:
                ended.append("stopped")
                raise

        def wrapped(number: int) -> Threaded:
            return Threaded(lambda meter: score(number, meter))

        cancels = [asked.order("scored", wrapped(number), number) for number in range(SCORED_THREADS)]
        cancels.append(asked.order("scored", Threaded(lambda _: ended.append("begun")), 9))
        for each in begun:
            await asyncio.to_thread(each.wait)
        for cancel in reversed(cancels):
            cancel()
        await asked.idle()
        assert ended == ["stopped"] * SCORED_THREADS
        assert asked.answers.empty()

    play(scene)


def test_a_scorer_that_spends_its_steps_has_failed_and_is_not_run_elsewhere() -> None:
    async def scene(asked: Asked) -> None:
        def spent(_: Meter) -> None:
            raise SpentError

        asked.order("scored", Threaded(spent), 1)
        assert await asked.answers.get() == Failed(1, "error")

    play(scene)


def test_a_guard_is_awaited_in_the_loop() -> None:
    async def scene(asked: Asked) -> None:
        async def judge() -> object:
            await asyncio.sleep(0)
            return threading.get_ident()

        asked.order("remote", Elsewhere(judge), 1)
        assert asked.answers.empty()
        assert await asked.answers.get() == Inspected(1, Told(threading.get_ident()))
        await asked.idle()

    play(scene)


def test_a_guard_that_raises_has_failed() -> None:
    async def scene(asked: Asked) -> None:
        async def judge() -> object:
            raise OSError("planted-marker")

        asked.order("remote", Elsewhere(judge), 1)
        assert await asked.answers.get() == Failed(1, "error")

    play(scene)


def test_a_guard_is_given_up_at_its_own_deadline_and_its_request_is_cancelled() -> None:
    async def scene(asked: Asked) -> None:
        cancelled = asyncio.Event()

        async def judge() -> object:
            try:
                return await forever()
            finally:
                cancelled.set()

        asked.order("remote", Elsewhere(forever), 1)
        asked.order("remote", Elsewhere(judge), 2, within=0.01)
        assert await asked.answers.get() == Failed(2, "timeout")
        await cancelled.wait()
        assert asked.answers.empty()

    play(scene)


@pytest.mark.parametrize("how", ["withdrawn", "closed"])
def test_a_guard_that_nobody_waits_for_is_cancelled_and_says_nothing(how: str) -> None:
    async def scene(asked: Asked) -> None:
        begun, cancelled = asyncio.Event(), asyncio.Event()

        async def judge() -> object:
            begun.set()
            try:
                return await forever()
            finally:
                cancelled.set()

        cancel = asked.order("remote", Elsewhere(judge), 1, within=0.05)
        await begun.wait()
        if how == "withdrawn":
            cancel()
        else:
            asked.pool.close()
        await cancelled.wait()
        await asked.idle()
        assert asked.answers.empty()

    play(scene)


def test_guards_that_are_asked_at_once_are_bounded_and_the_next_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspections, "REMOTE_MAX", 2)

    async def scene(asked: Asked) -> None:
        first, _ = (asked.order("remote", Elsewhere(forever), ticket) for ticket in range(2))
        asked.order("remote", Elsewhere(forever), 2)
        assert await asked.answers.get() == Failed(2, "overloaded")
        first()
        await until(lambda: asked.pool.waiting == 1)
        asked.order("remote", Elsewhere(forever), 3, within=0.0)
        assert await asked.answers.get() == Failed(3, "timeout")

    play(scene)
