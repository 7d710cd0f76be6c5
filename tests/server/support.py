"""What the server's tests share: a plan, a decider that does as its request's path says, messages as Envoy sends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc
from grpc import aio
from msgspec.structs import replace

from extproc.policy import loads
from extproc.protocol.effects import Abort, AbortCode, Effect, Phase, Proceed, Reject
from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.messages import Body, Deadline, Headers, Message, Side, StreamClosed
from extproc.protocol.record import Record
from extproc.protocol.work import WorkResult
from extproc.server.health import PROCESS
from extproc.server.log import Log, Sink
from extproc.server.worker import Worker, running_worker
from extproc.transaction import Lane, Plan, Shared
from extproc.transaction.lanes import Tap
from extproc.wire.pb.headers_pb2 import HeaderMap, HeaderValue
from extproc.wire.pb.processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest, ProcessingResponse

MARKER: Final = "PLANTED-4012888888881881"
"""Stands for a client's text: no log, metric or error may ever show it."""

POLICY: Final = """
version: 1
backends:
  - {name: local, url: "http://127.0.0.1:9001/v1", api: openai}
models:
  - {name: chat, targets: [{backend: local, model: llama}]}
default_backend: route
"""


def plan(limits: str = "") -> Plan:
    """A small plan; `limits` is the inside of the policy's `limits`."""
    return Plan.compile(loads(f"{POLICY}limits: {{{limits}}}\n"), {})


class Told(WorkResult, frozen=True):
    """The result of work that tells what it came to."""

    value: object


class Decider:
    """Does what the path of its request says; everything else it lets pass."""

    def __init__(self, plan: Plan, shared: Shared, now: float) -> None:
        self.limit = plan.limits.open_exchanges
        self.deadline = now + 3600
        self.request_lane = self.response_lane = Lane.READ
        self.tap: Tap | None = None
        self.path = ""
        self.told = 0
        _ = shared

    def receive(self, message: Message, now: float, /) -> Iterable[Effect]:
        match message:
            case StreamClosed(clean=clean):
                return self._tell(clean)
            case Deadline():
                return self._late(now)
            case Headers(side=Side.REQUEST, fields=fields):
                self.path = fields.text(":path")
                return self._begin(now)
            case Headers(side=side):
                return (Proceed(side, Phase.HEADERS),)
            case Body(side=side, data=data):
                if self.path == "/crash-on-body":
                    raise RuntimeError(data.decode())
                return (Proceed(side, Phase.BODY, body=data),)
        raise ProtocolViolation("not in this play")

    def _begin(self, now: float) -> Iterable[Effect]:
        match self.path:
            case "/reject":
                return (Reject(403, b"no", details="extproc_no"),)
            case "/abort":
                return (Proceed(Side.REQUEST, Phase.HEADERS), Abort(AbortCode.RESOURCE_EXHAUSTED, "too_much"))
            case "/record":
                return (Record.lost("play"),)
            case "/late-reject" | "/late-abort" | "/late-crash":
                self.deadline = now
                return ()
            case "/two":
                return (Proceed(Side.REQUEST, Phase.HEADERS), Proceed(Side.REQUEST, Phase.BODY))
            case "/plan":
                return (Reject(200, b"%d" % self.limit),)
        return (Proceed(Side.REQUEST, Phase.HEADERS),)

    def _late(self, now: float) -> Iterable[Effect]:
        self.deadline = now + 3600
        if self.path == "/late-crash":
            raise ValueError(MARKER)
        if self.path == "/late-reject":
            return (Reject(408, details="extproc_request_timeout"),)
        return (Abort(AbortCode.DEADLINE_EXCEEDED, "exchange_timeout"),)

    def _tell(self, clean: bool) -> Iterable[Effect]:
        self.told += 1
        if self.path == "/crash-at-end":
            raise KeyError(MARKER)
        return (replace(Record.lost("play"), decision="allowed", stream=clean, request_bytes=self.told),)


def headers(path: str = "/", method: str = "POST", **fields: str) -> bytes:
    """Request headers, the first message of an exchange."""
    named = {":method": method, ":path": path, **{name.replace("_", "-"): value for name, value in fields.items()}}
    values = [HeaderValue(key=key, raw_value=value.encode()) for key, value in named.items()]
    message = ProcessingRequest(request_headers=HttpHeaders(headers=HeaderMap(headers=values)))
    message.protocol_config.SetInParent()
    return message.SerializeToString()


def body(data: bytes, *, end: bool = True) -> bytes:
    """A piece of a request's body."""
    return ProcessingRequest(request_body=HttpBody(body=data, end_of_stream=end)).SerializeToString()


def kind(payload: bytes) -> str | None:
    """What an answer answers."""
    found = ProcessingResponse.FromString(payload).WhichOneof("response")
    return None if found is None else str(found)


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a log file."""
    import json

    return [json.loads(line) for line in path.read_text().splitlines()]


@asynccontextmanager
async def channel_to(target: str) -> AsyncIterator[Callable[[], Any]]:
    """Opens `Process` calls at `target`."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with aio.insecure_channel(target, options=options) as channel:
        yield channel.stream_stream(PROCESS)


@asynccontextmanager
async def playing(
    limits: str = "", *, log: Path | None = None, listen: str = "127.0.0.1:0"
) -> AsyncIterator[tuple[Worker, Callable[[], Any]]]:
    """A worker whose decider is `Decider`, and a client of it."""
    lines = Log(Sink("none" if log is None else str(log)))
    async with (
        running_worker(plan(limits), listen, log=lines, begin=Decider) as worker,
        channel_to(str(worker.endpoint)) as process,
    ):
        yield worker, process
    lines.close()


async def ending(call: Any) -> tuple[grpc.StatusCode, str]:
    """Reads a call to its end: status and details."""
    try:
        while await call.read() is not aio.EOF:
            pass
    except aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return await call.code(), await call.details()


async def models_at(target: str) -> str:
    """What the worker at `target` answers to `GET /v1/models`, under the real transaction."""
    async with channel_to(target) as process:
        call = process()
        await call.write(headers("/v1/models", "GET"))
        answer = ProcessingResponse.FromString(await call.read())
        await call.done_writing()
        await ending(call)
        return answer.immediate_response.body.decode()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits for a condition; fails when it does not come about."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "what was waited for did not come about"
        await asyncio.sleep(0.005)
