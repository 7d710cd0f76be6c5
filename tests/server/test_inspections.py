"""Work that is handed out: judged in threads, answered once, given up at its deadline; and exchanges that wait for it.

Nothing here sleeps for luck: threads wait for events, and the loop for what they answer.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from extproc.inspection.judge import Job
from extproc.pipe.pipe import TRIED_BYTES
from extproc.policy import loads
from extproc.protocol.effects import AbortCode, Inspect
from extproc.protocol.messages import Failed, Inspected
from extproc.protocol.meter import Meter
from extproc.protocol.work import Work
from extproc.server import inspections
from extproc.server.exchange import Exchange, admit
from extproc.server.inspections import PACE, PACE_STEPS, QUICK_STEPS, SCORED_NICENESS, SLOW_THREADS, Pool, nobody
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.server.transport import TRANSPORTS
from extproc.server.worker import Worker, running_worker
from extproc.transaction import Plan
from extproc.transaction.responses.pending import INLINE_BYTES
from extproc.wire.pb.headers_pb2 import HeaderMap, HeaderValue
from extproc.wire.pb.modes_pb2 import ProcessingMode, ProtocolConfiguration
from extproc.wire.pb.processor_pb2 import (
    HttpBody,
    HttpHeaders,
    ProcessingRequest,
    ProcessingResponse,
)
from tests.server.support import MARKER, POLICY, Told, channel_to, headers, kind, lines, until

FAR = 60.0
"""Seconds that no test waits for."""


class Task(Struct):
    """The work of an order, which does what it is told."""

    does: Callable[[], object]
    large: bool = True

    def run(self, meter: Meter | None = None) -> Told:  # noqa: ARG002  - as `Work` has it
        return Told(self.does())


class Asked:
    """A pool, and what it answered."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.pool = Pool(self.loop, self.loop.time)
        self.answers: asyncio.Queue[Inspected | Failed] = asyncio.Queue()

    def submit(self, does: Callable[[], object], ticket: int = 1, *, within: float = FAR) -> Callable[[], None]:
        return self.order(Task(does), ticket, within=within)

    def order(self, work: Work, ticket: int = 1, *, within: float = FAR) -> Callable[[], None]:
        return self.pool.submit(Inspect(ticket, "p", work, self.loop.time() + within), self.answers.put_nowait)

    async def settled(self) -> None:
        """Both threads are idle, and what they said has been heard."""
        barrier = threading.Barrier(SLOW_THREADS)
        for number in range(SLOW_THREADS):
            self.submit(barrier.wait, -1 - number)
        for _ in range(SLOW_THREADS):
            await self.answers.get()


def play(scene: Callable[[Asked], Awaitable[None]]) -> None:
    async def main() -> None:
        asked = Asked()
        async with asyncio.timeout(20):
            try:
                await scene(asked)
            finally:
                asked.pool.close()

    asyncio.run(main())


@pytest.fixture(autouse=True)
def switching() -> Iterator[None]:
    """A pool sets how often threads take turns, for the whole process."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What hanging work waits for; let go of when the test is over, so that its thread ends."""
    event = threading.Event()
    yield event
    event.set()


def test_a_verdict_comes_back_with_its_ticket_in_the_loops_thread() -> None:
    async def scene(asked: Asked) -> None:
        heard: asyncio.Future[tuple[object, int]] = asked.loop.create_future()
        order = Inspect(7, "p", Task(threading.get_ident), asked.loop.time() + FAR)
        asked.pool.submit(order, lambda message: heard.set_result((message, threading.get_ident())))
        assert not heard.done()
        message, where = await heard
        assert isinstance(message, Inspected)
        assert message.ticket == 7
        assert isinstance(message.result, Told)
        assert where == threading.get_ident() != message.result.value

    play(scene)


def test_a_lane_is_stuck_once_all_of_its_threads_go_on_with_what_was_given_up(
    held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections, "STUCK_AFTER", 0.05)

    async def scene(asked: Asked) -> None:
        started = threading.Semaphore(0)

        def hang() -> None:
            started.release()
            held.wait(FAR)

        asked.submit(hang, 1, within=0.01)
        assert isinstance(await asked.answers.get(), Failed)
        await asyncio.to_thread(started.acquire)
        while not asked.pool.slow.stuck(asked.loop.time() + FAR):
            assert not asked.pool.stuck  # the other thread works
            asked.submit(hang, 2, within=0.01)
            await asyncio.to_thread(started.acquire)
            assert isinstance(await asked.answers.get(), Failed)
        await until(lambda: asked.pool.stuck)
        held.set()
        await until(lambda: not asked.pool.stuck)

    play(scene)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_what_computes_scores_steps_back_behind_the_loop_and_the_rules() -> None:
    def niceness() -> object:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def scene(asked: Asked) -> None:
        found = {}
        for lane in ("rules", "scored"):
            order = Inspect(1, "p", Task(niceness), asked.loop.time() + FAR, "scored" if lane == "scored" else "rules")
            asked.pool.submit(order, asked.answers.put_nowait)
            message = await asked.answers.get()
            assert isinstance(message, Inspected)
            assert isinstance(message.result, Told)
            found[lane] = message.result.value
        before = niceness()
        assert isinstance(before, int)
        assert found == {"rules": before, "scored": min(19, max(before, SCORED_NICENESS))}

    play(scene)


def test_a_job_that_raises_has_failed_and_nothing_of_what_it_raised_is_told() -> None:
    def crash() -> object:
        raise RuntimeError(MARKER)

    async def scene(asked: Asked) -> None:
        asked.submit(crash)
        message = await asked.answers.get()
        assert message == Failed(1, "error")
        assert MARKER not in repr(message)

    play(scene)


def test_a_job_that_hangs_has_failed_at_its_deadline_and_what_it_says_later_is_dropped(held: threading.Event) -> None:
    async def scene(asked: Asked) -> None:
        began = asked.loop.time()
        asked.submit(held.wait, within=0.05)
        assert await asked.answers.get() == Failed(1, "timeout")
        assert asked.loop.time() - began >= 0.05
        held.set()
        await asked.settled()
        assert asked.answers.empty()

    play(scene)


def test_a_job_that_never_came_to_a_thread_has_failed_at_its_deadline_and_is_not_run(held: threading.Event) -> None:
    async def scene(asked: Asked) -> None:
        ran: list[int] = []
        for ticket in range(SLOW_THREADS):
            asked.submit(held.wait, ticket)
        asked.submit(lambda: ran.append(1), 9, within=0.02)
        assert await asked.answers.get() == Failed(9, "timeout")
        held.set()
        assert {(await asked.answers.get()).ticket for _ in range(SLOW_THREADS)} == set(range(SLOW_THREADS))
        await asked.settled()
        assert ran == []

    play(scene)


def test_a_deadline_that_has_passed_already_is_kept_to_at_once(held: threading.Event) -> None:
    async def scene(asked: Asked) -> None:
        asked.submit(held.wait, within=-1.0)
        assert await asked.answers.get() == Failed(1, "timeout")

    play(scene)


def test_as_many_as_may_wait_are_taken_and_the_next_is_overloaded(
    held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections, "WAITING_MAX", 5)

    async def scene(asked: Asked) -> None:
        for ticket in range(5):
            asked.submit(held.wait, ticket)
        asked.submit(held.wait, 5)
        assert asked.answers.empty(), "nobody is called back before it has returned"
        assert await asked.answers.get() == Failed(5, "overloaded")
        held.set()
        assert {(await asked.answers.get()).ticket for _ in range(5)} == set(range(5))
        # One has left, so that there is room for one.
        asked.submit(held.wait, 6)
        assert await asked.answers.get() == Inspected(6, Told(True))

    play(scene)


def test_a_job_that_was_given_up_takes_up_room_until_its_thread_has_done_with_it(
    held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections, "WAITING_MAX", 1)

    async def scene(asked: Asked) -> None:
        asked.submit(held.wait, 1, within=0.01)
        assert await asked.answers.get() == Failed(1, "timeout")
        asked.submit(held.wait, 2)
        assert await asked.answers.get() == Failed(2, "overloaded")
        held.set()
        while True:
            asked.submit(held.wait, 3)
            if (await asked.answers.get()) == Inspected(3, Told(True)):
                break

    play(scene)


def test_an_order_that_was_taken_back_is_never_answered_and_leaves_its_room(
    held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections, "WAITING_MAX", SLOW_THREADS + 1)

    async def scene(asked: Asked) -> None:
        ran: list[int] = []
        started = threading.Semaphore(0)

        def hang() -> object:
            started.release()
            return held.wait()

        working = [asked.submit(hang, ticket) for ticket in range(SLOW_THREADS)]
        for _ in range(SLOW_THREADS):
            await asked.loop.run_in_executor(None, started.acquire)
        queued = asked.submit(lambda: ran.append(1), 8, within=0.01)
        refused = asked.submit(lambda: ran.append(1), 9)
        for cancel in (*working, queued, refused):
            cancel()
            cancel()
        held.set()
        # The room of what was queued is free as soon as the loop has turned.
        await until(lambda: asked.pool.waiting == 0)
        await asked.settled()
        assert asked.answers.empty()
        assert ran == []

    play(scene)


def test_an_answered_order_may_be_taken_back_too() -> None:
    async def scene(asked: Asked) -> None:
        cancel = asked.submit(lambda: 1)
        await asked.answers.get()
        cancel()
        await asked.settled()
        assert asked.answers.empty()

    play(scene)


def test_closing_the_loop_while_a_thread_works_raises_nothing(
    held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    logged: list[Any] = []
    monkeypatch.setattr("concurrent.futures._base.LOGGER.exception", lambda *said: logged.append(said))
    done = threading.Event()
    answers: list[object] = []

    def hang() -> None:
        held.wait()
        done.set()

    async def main() -> Pool:
        loop = asyncio.get_running_loop()
        pool = Pool(loop, loop.time)
        for ticket in range(SLOW_THREADS + 1):
            pool.submit(Inspect(ticket, "p", Task(hang), loop.time() + FAR), answers.append)
        pool.close()
        return pool

    pool = asyncio.run(main())
    held.set()
    assert done.wait(5)
    pool.slow.threads.shutdown(wait=True)
    assert (raised, logged, answers) == ([], [], [])


class Steps(Struct):
    """Work that takes so many steps, and tells in which thread it took the last of them."""

    steps: int
    large: bool = False

    def run(self, meter: Meter | None = None) -> Told:
        assert meter is not None
        for _ in range(self.steps):
            meter.spend(1)
        return Told(threading.current_thread().name)


def test_work_that_takes_long_begins_anew_where_it_keeps_no_small_work_waiting() -> None:
    async def scene(asked: Asked) -> None:
        for steps, lane in ((QUICK_STEPS, "quick"), (QUICK_STEPS + 1, "slow")):
            asked.order(Steps(steps))
            message = await asked.answers.get()
            assert isinstance(message, Inspected)
            assert f"extproc-{lane}" in str(message.result)
        asked.order(Steps(1, large=True))
        message = await asked.answers.get()
        assert isinstance(message, Inspected)
        assert "extproc-slow" in str(message.result)

    play(scene)


def test_small_work_is_done_while_every_thread_for_large_work_is_taken(held: threading.Event) -> None:
    async def scene(asked: Asked) -> None:
        for ticket in range(SLOW_THREADS + 1):
            asked.submit(held.wait, ticket)
        asked.order(Steps(10), 9)
        assert (await asked.answers.get()).ticket == 9
        held.set()
        await asked.settled()

    play(scene)


def test_work_that_was_given_up_ends_and_frees_its_thread() -> None:
    async def scene(asked: Asked) -> None:
        for ticket in range(SLOW_THREADS):
            asked.order(Steps(1 << 40, large=True), ticket, within=0.02)
        assert {await asked.answers.get() for _ in range(SLOW_THREADS)} == {
            Failed(ticket, "timeout") for ticket in range(SLOW_THREADS)
        }
        # Nobody lets go of it: it ends at its next step.
        await until(lambda: asked.pool.waiting == 0)
        cancels = [asked.order(Steps(1 << 40, large=True), ticket) for ticket in range(SLOW_THREADS)]
        for cancel in cancels:
            cancel()
        await until(lambda: asked.pool.waiting == 0)
        await asked.settled()
        assert asked.answers.empty()

    play(scene)


def test_work_in_the_slow_lane_steps_aside_now_and_then_and_in_the_quick_lane_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aside: list[float] = []
    monkeypatch.setattr("extproc.server.inspections.time.sleep", aside.append)

    async def scene(asked: Asked) -> None:
        asked.order(Steps(QUICK_STEPS))
        await asked.answers.get()
        assert aside == []
        asked.order(Steps(3 * PACE_STEPS + 3, large=True))
        await asked.answers.get()
        assert aside == [PACE] * 3

    play(scene)


def test_work_that_is_to_move_where_there_is_no_room_is_overloaded(
    held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections, "WAITING_MAX", 1)

    async def scene(asked: Asked) -> None:
        asked.submit(held.wait, 1)
        asked.order(Steps(QUICK_STEPS + 1), 2)
        assert await asked.answers.get() == Failed(2, "overloaded")
        held.set()
        assert await asked.answers.get() == Inspected(1, Told(True))

    play(scene)


def test_where_no_worker_runs_work_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        nobody(Inspect(1, "p", Task(int), 0.0), lambda _: None)


# -- exchanges that wait for work

PIPELINE = """
pipelines:
  - name: p
    request: [{use: pii, kinds: [email], action: mask, timeout: 30s}]
    response: [{use: pii, kinds: [iban], action: mask, timeout: 30s}]
"""
IBAN = "GB82WEST12345698765432"


class Stream:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.aborts: list[tuple[AbortCode, str]] = []
        self.came = asyncio.Event()

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)
        self.came.set()

    def abort(self, code: AbortCode, reason: str) -> None:
        self.aborts.append((code, reason))


class Stage:
    """A worker's state, with a real pool and no transport, and its log in a file."""

    def __init__(self, path: Path, policy: str = PIPELINE) -> None:
        self._path, self._log = path, Log(Sink(str(path)))
        self.runtime = Runtime(Plan.compile(loads(POLICY + policy), {}), self._log)
        loop = asyncio.get_running_loop()
        self.pool = Pool(loop, self.runtime.clock)
        self.runtime.submit = self.pool.submit

    def exchange(self) -> tuple[Exchange, Stream]:
        stream = Stream()
        exchange = admit(self.runtime, stream)
        assert exchange is not None
        return exchange, stream

    def logged(self) -> list[dict[str, Any]]:
        self._log.close()
        return lines(self._path)


def staged(path: Path, scene: Callable[[Stage], Awaitable[None]], policy: str = PIPELINE) -> list[dict[str, Any]]:
    """Plays a scene; what was logged of it."""

    async def main() -> list[dict[str, Any]]:
        async with asyncio.timeout(20):
            stage = Stage(path, policy)
            try:
                await scene(stage)
            finally:
                stage.pool.close()
            return stage.logged()

    return asyncio.run(main())


class Gate:
    """Holds the threads that judge bodies until it is opened; counts those that came to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, held: threading.Event) -> None:
        self.started = threading.Semaphore(0)
        judge = Job.run

        def run(job: Job, meter: Meter | None = None) -> Any:
            if len(job.body) > INLINE_BYTES:
                self.started.release()
                held.wait()
            return judge(job, meter)

        monkeypatch.setattr(Job, "run", run)

    async def reached(self) -> None:
        """Returns when a body is being judged."""
        await asyncio.get_running_loop().run_in_executor(None, self.started.acquire)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, held: threading.Event) -> Gate:
    return Gate(monkeypatch, held)


def begin(*, streams: bool = False) -> bytes:
    """The headers of a chat, from an Envoy that buffers the request, or streams both ways."""
    message = ProcessingRequest.FromString(headers("/v1/chat/completions", content_type="application/json"))
    modes = ProcessingMode.BodySendMode
    request, response = (
        (modes.FULL_DUPLEX_STREAMED, modes.FULL_DUPLEX_STREAMED) if streams else (modes.BUFFERED, modes.BUFFERED)
    )
    config = ProtocolConfiguration(request_body_mode=request, response_body_mode=response)
    message.protocol_config.CopyFrom(config)
    return message.SerializeToString()


def chat(text: str) -> bytes:
    content = json.dumps({"model": "chat", "messages": [{"role": "user", "content": text}]}).encode()
    return ProcessingRequest(request_body=HttpBody(body=content, end_of_stream=True)).SerializeToString()


def reply(kind_of_body: str = "application/json") -> bytes:
    fields = [
        HeaderValue(key=":status", raw_value=b"200"),
        HeaderValue(key="content-type", raw_value=kind_of_body.encode()),
    ]
    message = ProcessingRequest(response_headers=HttpHeaders(headers=HeaderMap(headers=fields)))
    message.attributes["envoy.filters.http.ext_proc"]["response.code_details"] = "via_upstream"
    return message.SerializeToString()


def answered(data: bytes, *, end: bool = True) -> bytes:
    return ProcessingRequest(response_body=HttpBody(body=data, end_of_stream=end)).SerializeToString()


def event(text: str) -> bytes:
    document = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return b"data: %s\n\n" % json.dumps(document).encode()


def streamed(payloads: list[bytes]) -> bytes:
    """The answer's body in a list of messages to Envoy."""
    parsed = [ProcessingResponse.FromString(each) for each in payloads]
    return b"".join(each.response_body.response.body_mutation.streamed_response.body for each in parsed)


LARGE = "word " * (INLINE_BYTES // 5 + 1)


def test_a_large_body_is_answered_late_and_in_order(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        exchange, stream = stage.exchange()
        assert [kind(each) for each in exchange.receive(begin())] == ["request_headers"]
        assert exchange.receive(chat(LARGE + "a@b.de")) == []
        await stream.came.wait()
        (sent,) = stream.sent
        assert b"[EMAIL_1]" in sent
        assert b"a@b.de" not in sent
        exchange.gone(True)

    (line,) = staged(tmp_path / "log", scene)
    assert (line["event"], line["decision"]) == ("exchange", "masked")
    assert line["processing_ms"] < line["duration_ms"]


def test_in_full_duplex_all_that_was_held_is_sent_late_in_its_order(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        exchange, stream = stage.exchange()
        assert exchange.receive(begin(streams=True)) == []
        assert exchange.receive(chat(LARGE + "a@b.de")) == []
        await stream.came.wait()
        assert [kind(each) for each in stream.sent] == ["request_headers", "request_body"]

    staged(tmp_path / "log", scene)


def test_the_loop_serves_others_while_a_body_is_judged(tmp_path: Path, gate: Gate, held: threading.Event) -> None:
    async def scene(stage: Stage) -> None:
        large, late = stage.exchange()
        large.receive(begin())
        large.receive(chat(LARGE))
        await gate.reached()
        for _ in range(100):
            small, _ = stage.exchange()
            small.receive(begin())
            assert [kind(each) for each in small.receive(chat("a@b.de"))] == ["request_body"]
        assert late.sent == []
        held.set()
        await late.came.wait()

    staged(tmp_path / "log", scene)


def test_an_exchange_that_is_gone_while_its_work_is_out_is_told_of_once_and_sent_nothing(
    tmp_path: Path, gate: Gate, held: threading.Event
) -> None:
    async def scene(stage: Stage) -> None:
        exchange, stream = stage.exchange()
        exchange.receive(begin())
        exchange.receive(chat(LARGE + MARKER))
        await gate.reached()
        exchange.gone(False)
        held.set()
        await until(lambda: stage.pool.waiting == 0)
        assert (stream.sent, stream.aborts) == ([], [])

    (line,) = staged(tmp_path / "log", scene)
    assert (line["decision"], line["reason"]) == ("gone", "client_gone")
    assert MARKER not in json.dumps(line)


def test_a_request_that_is_still_judged_at_its_deadline_is_answered_by_it_and_the_verdict_is_late(
    tmp_path: Path, gate: Gate, held: threading.Event
) -> None:
    async def scene(stage: Stage) -> None:
        exchange, stream = stage.exchange()
        exchange.receive(begin(streams=True))
        exchange.receive(chat(LARGE))
        await gate.reached()
        exchange.expire(exchange.decider.deadline)
        assert [kind(each) for each in stream.sent] == ["immediate_response"]
        held.set()
        await until(lambda: stage.pool.waiting == 0)
        assert [kind(each) for each in stream.sent] == ["immediate_response"]
        exchange.gone(True)

    (line,) = staged(tmp_path / "log", scene)
    assert (line["decision"], line["reason"]) == ("rejected", "request_timeout")


@pytest.mark.parametrize(("word", "answer"), [("block", "immediate_response"), ("allow", "request_body")])
def test_a_job_that_hangs_ends_as_on_failure_says(tmp_path: Path, gate: Gate, word: str, answer: str) -> None:
    policy = f"pipelines: [{{name: p, request: [{{use: pii, action: mask, timeout: 20ms, on_failure: {word}}}]}}]\n"

    async def scene(stage: Stage) -> None:
        exchange, stream = stage.exchange()
        exchange.receive(begin())
        exchange.receive(chat(LARGE + MARKER))
        await gate.reached()
        await stream.came.wait()
        assert [kind(each) for each in stream.sent] == [answer]
        exchange.gone(True)

    (line,) = staged(tmp_path / "log", scene, policy)
    assert line["failures"] == [{"processor": "pii", "reason": "timeout", "allowed": word == "allow"}]
    assert MARKER not in json.dumps(line)


def test_a_worker_that_has_as_much_work_as_it_takes_refuses_the_next(
    tmp_path: Path, gate: Gate, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspections, "WAITING_MAX", 1)

    async def scene(stage: Stage) -> None:
        first, one = stage.exchange()
        second, two = stage.exchange()
        for exchange in (first, second):
            exchange.receive(begin())
            exchange.receive(chat(LARGE))
        await two.came.wait()
        assert [kind(each) for each in two.sent] == ["immediate_response"]
        assert one.sent == []
        held.set()
        await one.came.wait()
        assert [kind(each) for each in one.sent] == ["request_body"]
        for exchange in (first, second):
            exchange.gone(True)

    assert gate is not None
    first, second = staged(tmp_path / "log", scene)
    assert "failures" not in first
    assert second["failures"] == [{"processor": "pii", "reason": "overloaded", "allowed": False}]


# -- through the transports


@asynccontextmanager
async def served(transport: str) -> AsyncIterator[tuple[Worker, Callable[[], Any]]]:
    plan = Plan.compile(loads(POLICY + PIPELINE), {})
    async with (
        running_worker(plan, transport=transport) as worker,
        channel_to(str(worker.endpoint)) as process,
    ):
        yield worker, process


@pytest.mark.parametrize("transport", sorted(TRANSPORTS))
def test_late_answers_and_direct_ones_keep_their_order(transport: str) -> None:
    # A large piece is judged in a thread; what comes meanwhile waits for it, and what comes after is answered directly.
    many = 40
    texts = [f"<{number}>" + "word " * (TRIED_BYTES // 5 if number % 4 == 0 else 3) for number in range(many)]

    async def main() -> None:
        async with asyncio.timeout(20), served(transport) as (_, process):
            call = process()
            await call.write(begin(streams=True))
            await call.write(chat("hello"))
            assert [kind(await call.read()) for _ in range(2)] == ["request_headers", "request_body"]
            await call.write(reply("text/event-stream"))
            assert kind(await call.read()) == "response_headers"
            for text in texts:
                await call.write(answered(event(text), end=False))
            await call.write(answered(event(IBAN)))
            out: list[bytes] = []
            while not out or not _last(out[-1]):
                out.append(await call.read())
            whole = streamed(out).decode()
            places = [whole.find(f"<{number}>") for number in range(many)]
            assert places[0] >= 0
            assert places == sorted(set(places))
            assert whole.rstrip().endswith("}")
            assert "[IBAN_1]" in whole
            assert IBAN not in whole
            await call.done_writing()

    asyncio.run(main())


def _last(payload: bytes) -> bool:
    parsed = ProcessingResponse.FromString(payload)
    return bool(parsed.response_body.response.body_mutation.streamed_response.end_of_stream)


@pytest.mark.parametrize("transport", sorted(TRANSPORTS))
def test_many_large_bodies_at_once_are_all_answered(transport: str) -> None:
    async def one(process: Callable[[], Any], number: int) -> None:
        call = process()
        await call.write(begin())
        assert kind(await call.read()) == "request_headers"
        await call.write(chat(LARGE + f"a{number}@b.de"))
        answer = await call.read()
        assert kind(answer) == "request_body"
        assert b"[EMAIL_1]" in answer
        await call.done_writing()

    async def main() -> None:
        async with asyncio.timeout(20), served(transport) as (worker, process):
            await asyncio.gather(*(one(process, number) for number in range(30)))
            await until(lambda: worker.runtime.open == 0)

    asyncio.run(main())


@pytest.mark.parametrize("transport", sorted(TRANSPORTS))
def test_a_client_that_leaves_while_its_body_is_judged_harms_nobody(
    transport: str, gate: Gate, held: threading.Event
) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), served(transport) as (worker, process):
            call = process()
            await call.write(begin())
            await call.read()
            await call.write(chat(LARGE))
            await gate.reached()
            call.cancel()
            await until(lambda: worker.runtime.open == 0)
            held.set()
            other = process()
            await other.write(begin())
            assert kind(await other.read()) == "request_headers"
            await other.done_writing()

    asyncio.run(main())


@pytest.mark.parametrize("transport", sorted(TRANSPORTS))
def test_a_worker_that_is_closed_while_a_body_is_judged_ends_its_exchange(
    transport: str, gate: Gate, held: threading.Event
) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), served(transport) as (worker, process):
            call = process()
            await call.write(begin())
            await call.read()
            await call.write(chat(LARGE))
            await gate.reached()
            await worker.close()
            assert worker.runtime.open == 0
            held.set()

    asyncio.run(main())
