"""A policy with all rules on, and ways to have something inspected by it, in the processor alone.

It finds every kind of personal data that is looked for by default, all secrets and a pattern, and masks them.
"""

import gc
import tracemalloc
from collections.abc import Iterable, Sequence
from textwrap import dedent
from typing import Final

from msgspec.structs import replace

from extproc.inspection.judge import Job
from extproc.inspection.pipeline import CompiledPipeline
from extproc.inspection.stage import Stage
from extproc.inspection.vault import Vault
from extproc.matching.pane import STEP
from extproc.pipe.pipe import AnswerPipe
from extproc.policy import loads
from extproc.protocol.messages import Body, Headers
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.testing.playbook import request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan, Shared, Transaction
from scripts.benchmarks.texts import KIB, prompt

POLICY: Final = """
    version: 1
    usage: {from: none, metadata: null}
    backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
    models: [{name: chat, targets: [{backend: local}]}]
    """
PIPELINE: Final = """
    pipelines:
      - name: all-rules
        request: &all
          - {use: pii, action: mask}
          - {use: secrets, action: mask}
          - {use: pattern, regex: 'PRJ-[0-9]{4,6}', action: mask}
        response: *all
    """

STREAMS: Final = 20
"""Exchanges over which the memory of one is told."""


class Inspecting:
    """The policy with and without the pipeline, and ways to have something inspected by it."""

    def __init__(self) -> None:
        self.bare = Plan.compile(loads(dedent(POLICY), "bench.yaml"), {})
        self.plan = Plan.compile(loads(dedent(POLICY) + dedent(PIPELINE), "bench.yaml"), {})
        (self.pipeline,) = self.plan.pipelines
        self.stage = _both(self.pipeline)
        self.shared = Shared()

    def job(self, body: bytes) -> Job:
        """The order by which a large body is judged."""
        return Job("bench", self.stage, body, "application/json", {}, Vault(), blocks_unread=True)

    @property
    def bound(self) -> int:
        """The most that is held back: what the widest rule needs, and a step of a long word."""
        assert self.stage.scanner is not None
        return self.stage.scanner.longest_hold + STEP

    def exchanges(self, plan: Plan, bodies: Iterable[bytes]) -> None:
        """Has each body pass as a request: its headers, and the body that Envoy has buffered."""
        response = BodyMode.BUFFERED if plan.needs.response_body else BodyMode.NONE
        headers = _request_headers(ProtocolConfig(BodyMode.BUFFERED, response))
        for body in bodies:
            transaction = Transaction(plan, self.shared, 0.0)
            transaction.receive(headers, 0.0)
            transaction.receive(request_body(body), 0.0)

    def _opened(self, stage: Stage | None) -> AnswerPipe:
        refusal = self.pipeline.refusal
        return AnswerPipe(stage, None, None, dialect="openai.chat", refusal=lambda _: refusal, blocks_unread=True)

    def stream(self, chunks: Iterable[bytes], stage: Stage | None) -> None:
        """Has a streamed answer pass; without a stage nobody looks at it."""
        stream = self._opened(stage)
        for chunk in chunks:
            stream.feed(chunk)
        stream.close()

    def held(self, chunks: Iterable[bytes]) -> list[int]:
        """Return what is held back after each of these events."""
        stream, held = self._opened(self.stage), []
        for chunk in chunks:
            stream.feed(chunk)
            held.append(stream.held)
        return held

    def at_rest(self, plan: Plan, chunks: Sequence[bytes]) -> float:
        """KiB of an exchange after these events. Each has bytes of its own, as they come from a connection."""
        config = ProtocolConfig(BodyMode.FULL_DUPLEX_STREAMED, BodyMode.FULL_DUPLEX_STREAMED)
        headers, body = _request_headers(config), request_body(prompt("Hello"))
        answer = response_headers(200, ("content-type", b"text/event-stream"))

        def opened() -> Transaction:
            transaction = Transaction(plan, self.shared, 0.0)
            for message in (headers, body, answer):
                transaction.receive(message, 0.0)
            for chunk in chunks:
                transaction.receive(_copied(chunk), 0.0)
            return transaction

        opened()  # what is made once, and kept for all
        gc.collect()
        tracemalloc.start()
        try:
            kept = [opened() for _ in range(STREAMS)]
            gc.collect()
            return tracemalloc.get_traced_memory()[0] / len(kept) / KIB
        finally:
            tracemalloc.stop()


def _both(pipeline: CompiledPipeline) -> Stage:
    """The stage of requests, which has the rules of the one of answers."""
    assert pipeline.request is not None
    assert pipeline.response is not None
    return pipeline.request


def _request_headers(config: ProtocolConfig) -> Headers:
    return replace(request_headers("/v1/chat/completions", ("content-type", b"application/json")), config=config)


def _copied(chunk: bytes) -> Body:
    return response_body(bytes(bytearray(chunk)), end=False)
