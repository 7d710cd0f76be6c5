"""The guardrail webhook of kgateway and agentgateway, as its server: another gateway asks, our pipelines judge.

`POST /request` and `POST /response` are judged as a chat completion would be: by the first pipeline whose `match`
holds for `/v1/chat/completions` and the header fields that came with the question.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from aiohttp import web

from extproc.apis.roles import other
from extproc.detectors.guards import webhook
from extproc.inspection.judge import Job
from extproc.inspection.pipeline import CompiledPipeline
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Verdict
from extproc.protocol.errors import ClientError, ServeError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Side
from extproc.server import sockets
from extproc.server.guards.judging import judged
from extproc.server.inspections import Submit
from extproc.server.listen import Tcp
from extproc.server.runtime import Runtime
from extproc.signals.registry import Signals
from extproc.signals.view import UNKNOWN_CALLER, Circumstances, RequestView
from extproc.telemetry.families import BLOCKED, FINDINGS, INSPECTION_FAILURES
from extproc.transaction import Plan, Shared
from extproc.transaction.requests.callers import caller

PATH: Final = "/v1/chat/completions"
"""The API that a question is judged as."""

JSON: Final = "application/json"

BUSY_MAX: Final = 256
"""Questions that are judged at once; more get 503. As many bodies wait for a lane of the pool."""

READ_TIMEOUT: Final = 10.0
"""Seconds that a gateway may take to send a question, so that slow ones do not keep others' places. 32 MiB take one."""

BACKLOG: Final = 128
KEEPALIVE: Final = 60.0
"""Seconds that an idle connection of a gateway is kept."""

_decode: Final = msgspec.json.Decoder(webhook.WebhookEnvelope).decode
_encode: Final = msgspec.json.Encoder().encode


class WebhookEndpoint:
    """Answers questions with the verdicts of the policy in force."""

    def __init__(self, runtime: Runtime, submit: Submit) -> None:
        self._runtime = runtime
        self._submit = submit
        self._busy = 0

    def application(self) -> web.Application:
        """The two pages."""
        app = web.Application(client_max_size=self._runtime.plan.limits.request_body)
        app.router.add_post(webhook.REQUEST, self._request)
        app.router.add_post(webhook.RESPONSE, self._response)
        return app

    async def _request(self, asked: web.Request) -> web.Response:
        return await self._answered(asked, Side.REQUEST)

    async def _response(self, asked: web.Request) -> web.Response:
        return await self._answered(asked, Side.RESPONSE)

    async def _answered(self, asked: web.Request, side: Side) -> web.Response:
        if self._busy >= BUSY_MAX:
            raise web.HTTPServiceUnavailable(text="too many questions at once\n")
        if asked.content_type != JSON:  # a page in a browser on this host can send no such thing unasked
            raise web.HTTPUnsupportedMediaType(text="write JSON\n")
        self._busy += 1
        try:
            action = await self._judged(_contents(await _read(asked), side), _fields(asked), side)
        finally:
            self._busy -= 1
        return web.Response(body=_encode({"action": action}), content_type=JSON)

    async def _judged(self, texts: webhook.WebhookTexts, fields: HeaderMap, side: Side) -> Mapping[str, object]:
        plan = self._runtime.plan
        claim = plan.claim(PATH.encode())
        try:
            circumstances = _circumstances(plan, self._runtime.shared, self._runtime.clock(), fields)
        except ClientError as error:
            return {"body": error.message, "status_code": error.status, "reason": f"blocked: {error.code}"}
        pipeline = plan.pipeline(claim, fields, "", circumstances.tenant)
        stage = None if pipeline is None else pipeline.request if side is Side.REQUEST else pipeline.response
        if pipeline is None or stage is None:
            return {"reason": "no processor is for it"}
        body = _encode(texts)
        job = Job(
            pipeline.name,
            stage,
            body,
            JSON,
            _signals(plan, pipeline, fields, body if side is Side.REQUEST else None, circumstances),
            Vault(),
            pipeline.blocks_unread,
            role_of=other if claim.claimed is None else claim.claimed.api.role_of,
        )
        if len(body) > pipeline.body_limit:
            return (
                _rejected(pipeline, "oversize") if pipeline.blocks_oversize else {"reason": "it is too large to judge"}
            )
        verdict = await judged(job, self._submit, self._runtime.clock)
        self._count(verdict)
        return _action(pipeline, verdict)

    def _count(self, verdict: Verdict) -> None:
        metrics = self._runtime.metrics
        for (processor, kind, action, side, shadow), number in verdict.counts.items():
            labels = (processor, kind, action, side.value, "true" if shadow else "false")
            metrics.counter(FINDINGS).add(*labels, by=number)
        for failed in verdict.failures:
            outcome = "allowed" if failed.allowed else "blocked"
            metrics.counter(INSPECTION_FAILURES).add(failed.processor, failed.reason, outcome)
        if verdict.blocked is not None:
            metrics.counter(BLOCKED).add(verdict.blocked.by, verdict.blocked.reason)


async def _read(asked: web.Request) -> bytes:
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            return await asked.read()
    except TimeoutError:
        # What is still to come is not waited for.
        raise web.HTTPRequestTimeout(text="send the question faster\n", headers={"connection": "close"}) from None


def _contents(body: bytes, side: Side) -> webhook.WebhookTexts:
    try:
        texts = _decode(body).body
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise web.HTTPUnprocessableEntity(text="this is not what the contract says\n") from None
    if (texts.messages if side is Side.REQUEST else texts.choices) is msgspec.UNSET:
        raise web.HTTPUnprocessableEntity(text="a request has messages, and a response has choices\n")
    return texts


def _fields(asked: web.Request) -> HeaderMap:
    return HeaderMap((name.decode("latin-1").lower(), value) for name, value in asked.raw_headers)


def _circumstances(plan: Plan, shared: Shared, now: float, fields: HeaderMap) -> Circumstances:
    """Return who is calling, as far as a header field says so, and when. Raises ClientError as for a request."""
    calling = plan.calling
    if calling is None:
        return UNKNOWN_CALLER
    return caller(calling, shared, now, fields)


def _signals(
    plan: Plan, pipeline: CompiledPipeline, fields: HeaderMap, body: bytes | None, circumstances: Circumstances
) -> Mapping[str, object]:
    """The signals that conditions of the pipeline read, as far as they can be determined."""
    if not pipeline.signals:
        return {}
    view = RequestView(fields, PATH, "", None, body, JSON, circumstances)
    return Signals(plan.signals, view, whole=True).read(pipeline.signals)


def _action(pipeline: CompiledPipeline, verdict: Verdict) -> Mapping[str, object]:
    if verdict.blocked is not None:
        return _rejected(pipeline, verdict.blocked.by)
    if not verdict.masked:
        return {"reason": "nothing to object to"}
    kinds = sorted({kind for _, kind, action, _, shadow in verdict.counts if action == "mask" and not shadow})
    return {"body": msgspec.Raw(verdict.body), "reason": f"masked: {', '.join(kinds)}"}


def _rejected(pipeline: CompiledPipeline, by: str) -> Mapping[str, object]:
    refusal = pipeline.refusal
    return {"body": refusal.message, "status_code": refusal.status, "reason": f"blocked: {by}"}


@asynccontextmanager
async def answering(runtime: Runtime, submit: Submit, address: Tcp) -> AsyncIterator[Tcp]:
    """The endpoint at `address`; where it really listens. Raises ServeError."""
    runner = web.AppRunner(
        WebhookEndpoint(runtime, submit).application(),
        access_log=None,
        keepalive_timeout=KEEPALIVE,
        shutdown_timeout=1.0,
        handler_cancellation=True,  # nobody judges for a gateway that has left
    )
    await runner.setup()
    try:
        await _listen(runner, address)
        yield Tcp(address.host, int(runner.addresses[0][1]))
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, address: Tcp) -> None:
    try:
        for each in await asyncio.to_thread(sockets.listening, address, BACKLOG):
            await web.SockSite(runner, each, backlog=BACKLOG).start()
    except OSError as error:
        raise ServeError(f"the webhook cannot listen at {address}: {error.strerror}") from error
