"""Detectors of plug-ins behind both transports: stopped when another blocks, and when the client has left."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from extproc.detectors import (
    Conversation,
    Detection,
    DetectorKind,
    DetectorOptions,
    RemoteDetector,
    ScoredDetector,
    Statement,
    registered,
)
from extproc.policy import loads
from extproc.server.transport import TRANSPORTS
from extproc.server.worker import Worker, running_worker
from extproc.transaction import Plan
from extproc.wire.pb.modes_pb2 import ProcessingMode, ProtocolConfiguration
from extproc.wire.pb.processor_pb2 import HttpBody, ProcessingRequest
from tests.seams.playing import BASE, said
from tests.server.support import channel_to, headers, kind, until

pytestmark = pytest.mark.parametrize("transport", sorted(TRANSPORTS))


class Slow:
    """A guard that never answers, and a scorer that is let go of by the test."""

    def __init__(self) -> None:
        self.asked = 0
        self.cancelled = 0
        self.held = threading.Event()
        self.scored = 0

    async def judge(self, _: Conversation) -> list[Detection]:
        self.asked += 1
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.cancelled += 1
        return []

    def score(self, statement: Statement) -> float:
        self.scored += 1
        self.held.wait()
        return float("blocked" in statement.text)

    @property
    def kinds(self) -> tuple[DetectorKind, DetectorKind]:
        return (
            DetectorKind("remote", DetectorOptions, lambda _: RemoteDetector(("x",), self.judge)),
            DetectorKind("scored", DetectorOptions, lambda _: ScoredDetector("y", self.score, 0.5)),
        )


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.held.set()


@asynccontextmanager
async def served(transport: str, slow: Slow, processors: str) -> AsyncIterator[tuple[Worker, Callable[[], Any]]]:
    with registered(*slow.kinds):
        plan = Plan.compile(loads(f"{BASE}  - {{name: p, request: [{processors}]}}\n"), {})
    async with (
        running_worker(plan, transport=transport) as worker,
        channel_to(str(worker.endpoint)) as process,
    ):
        yield worker, process


def begin() -> bytes:
    message = ProcessingRequest.FromString(headers("/v1/chat/completions", content_type="application/json"))
    buffered = ProcessingMode.BodySendMode.BUFFERED
    message.protocol_config.CopyFrom(
        ProtocolConfiguration(request_body_mode=buffered, response_body_mode=ProcessingMode.BodySendMode.NONE)
    )
    return message.SerializeToString()


def body(text: str, **more: Any) -> bytes:
    return ProcessingRequest(request_body=HttpBody(body=said(text, **more), end_of_stream=True)).SerializeToString()


BOTH = "{use: remote, timeout: 60s}, {use: scored, timeout: 60s}"


def test_the_answer_goes_out_when_one_blocks_and_the_other_is_stopped(transport: str, slow: Slow) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), served(transport, slow, BOTH) as (worker, process):
            call = process()
            await call.write(begin())
            assert kind(await call.read()) == "request_headers"
            await call.write(body("blocked"))
            await until(lambda: bool(slow.asked and slow.scored))
            slow.held.set()
            answer = await call.read()
            assert kind(answer) == "immediate_response"
            assert b"content_filter" in answer
            await until(lambda: slow.cancelled == 1)
            await call.done_writing()
            await until(lambda: worker.runtime.open == 0)

    asyncio.run(main())


def test_what_is_done_for_a_client_that_has_left_is_stopped(transport: str, slow: Slow) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), served(transport, slow, BOTH) as (worker, process):
            call = process()
            await call.write(begin())
            await call.read()
            await call.write(body("one text and more"))
            await until(lambda: bool(slow.asked and slow.scored))
            call.cancel()
            await until(lambda: worker.runtime.open == 0 and slow.cancelled == 1)
            slow.held.set()
        assert slow.scored == 1, "the scorer ends with the text that it was at"

    asyncio.run(main())


def test_rules_are_answered_while_every_thread_of_the_scorers_is_taken(transport: str, slow: Slow) -> None:
    scored = "{use: scored, timeout: 60s, when: 'tools == 0'}, {use: pii, kinds: [email], action: mask}"

    async def main() -> None:
        async with asyncio.timeout(20), served(transport, slow, scored) as (_, process):
            waiting = [process() for _ in range(8)]
            for call in waiting:
                await call.write(begin())
                await call.read()
                await call.write(body("hello"))
            await until(lambda: slow.scored > 0)
            other = process()
            await other.write(begin())
            await other.read()
            await other.write(body("word " * 20_000 + "a@b.de", tools=[{}]))  # so large that a thread scans it
            answer = await other.read()
            assert kind(answer) == "request_body"
            assert b"[EMAIL_1]" in answer
            slow.held.set()
            for call in waiting:
                assert kind(await call.read()) == "request_body"
                await call.done_writing()
            await other.done_writing()

    asyncio.run(main())
