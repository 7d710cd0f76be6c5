"""Exchanges in which detectors are handed out, one by one, and answered when the test says so."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from extproc.inspection.offloaded import RemoteWork
from extproc.inspection.scored import ScoredWork
from extproc.policy import loads
from extproc.protocol.effects import Chunk, Effect, Inspect, Proceed, Reject, Withdraw
from extproc.protocol.messages import Failed, Inspected, Side
from extproc.protocol.modes import BodyMode
from extproc.protocol.work import WorkResult
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan, Shared
from tests.records import logged

CHAT: Final = "/v1/chat/completions"
JSON: Final = ("content-type", b"application/json")
SSE: Final = ("content-type", b"text/event-stream")
BASE: Final = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local}]}]
pipelines:
"""


def plan(request: str = "", response: str = "", more: str = "") -> Plan:
    """A plan with these processors, each side as a policy writes it in brackets."""
    text = f"{BASE}  - {{name: p, request: [{request}], response: [{response}]{more}}}\nunfinished_streams: pass\n"
    text += "usage: {from: none, metadata: null}\n"  # no response is seen for that
    return Plan.compile(loads(text, "policy.yaml"), {})


def said(text: str, **more: Any) -> bytes:
    """A chat in which the user says this."""
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": text}], **more}).encode()


def answered(text: str) -> bytes:
    """The whole answer of a model that says this."""
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


def streamed(*texts: str) -> bytes:
    """The same as a stream of these pieces."""
    events = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts]
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in [*events, last]) + b"data: [DONE]\n\n"


class Played:
    """One exchange. `orders` are those that wait for a result, by the processor's name."""

    def __init__(self, envoy: Playbook) -> None:
        self._envoy = envoy
        self.orders: dict[str, Inspect] = {}
        self.withdrawn: list[str] = []
        self.effects: list[Effect] = []

    def asks(self, body: bytes, *fields: tuple[str, bytes], path: str = CHAT) -> "Played":
        """A request comes."""
        self._envoy.sends(request_headers(path, JSON, *fields))
        return self._took(self._envoy.sends(request_body(body)).effects)

    def replies(self, body: bytes, kind: tuple[str, bytes] = JSON, *, end: bool = True) -> "Played":
        """Its answer comes, or begins."""
        self.effects.clear()
        self._took(self._envoy.sends(response_headers(200, kind)).effects)
        return self.goes_on(body, end=end) if body or end else self

    def goes_on(self, body: bytes, *, end: bool) -> "Played":
        """A piece of its answer comes."""
        return self._took(self._envoy.sends(response_body(body, end=end)).effects)

    def does(self, name: str) -> "Played":
        """The work of a processor is done, and its result comes."""
        order = self.orders.pop(name)
        if isinstance(order.work, RemoteWork):
            result: WorkResult = asyncio.run(order.work.ask())
        else:
            result = cast("ScoredWork", order.work).run()
        return self._took(self._envoy.sends(Inspected(order.ticket, result)).effects)

    def fails(self, name: str, reason: str = "timeout") -> "Played":
        """The work of a processor fails."""
        return self._took(self._envoy.sends(Failed(self.orders.pop(name).ticket, reason)).effects)

    @property
    def deadlines(self) -> dict[str, float]:
        """When each order is to be given up."""
        return {name: order.deadline for name, order in self.orders.items()}

    @property
    def refused(self) -> int | None:
        """The status that the client gets from us; None if it gets none."""
        return next((each.status for each in self.effects if isinstance(each, Reject)), None)

    def body(self, side: Side, sent: bytes) -> bytes:
        """The body that went on."""
        assert self.refused is None
        of_side = [each for each in self.effects if isinstance(each, Proceed | Chunk) and each.side is side]
        pieces = [each.data if isinstance(each, Chunk) else each.body for each in of_side]
        known = [piece for piece in pieces if piece is not None]
        return b"".join(known) if known else sent

    def record(self) -> dict[str, Any]:
        """What the log says of the exchange."""
        return logged(self._envoy.leaves())

    def _took(self, effects: Sequence[Effect]) -> "Played":
        for each in effects:
            if isinstance(each, Inspect):
                self.orders[each.processor] = each
            elif isinstance(each, Withdraw):
                (name,) = (name for name, order in self.orders.items() if order.ticket == each.ticket)
                self.withdrawn.append(name)
                del self.orders[name]
            else:
                self.effects.append(each)
        return self


@contextmanager
def played(own: Plan, *, duplex: bool = False, detailed: bool = False) -> Iterator[Played]:
    """An exchange under a plan."""
    shared = Shared(detailed=detailed)
    shared.overridden.add(b"")
    mode = BodyMode.FULL_DUPLEX_STREAMED if duplex else BodyMode.BUFFERED
    with Playbook(own, shared, request=mode) as envoy:
        yield Played(envoy)
