"""The work on a request's body once it is whole: decoded, read for its model, judged. It may be done in any thread."""

from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from extproc import apis
from extproc.apis.mcp import request as mcp
from extproc.apis.roles import other
from extproc.inspection.judge import READ_TIMEOUT, Job
from extproc.inspection.judgement import Judgement
from extproc.inspection.stage import patience
from extproc.inspection.verdict import Blocked, Verdict
from extproc.payload.charsets import known
from extproc.payload.encodings import codings as encodings
from extproc.payload.fieldvalue import parse
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.meter import Meter, SpentError
from extproc.signals.registry import Signals
from extproc.signals.view import RequestView, content_type
from extproc.transaction.admission import UNKNOWN, malformed_encoding, overloaded, too_dense, too_large
from extproc.transaction.findings import Findings
from extproc.transaction.handed import INLINE_BYTES, INLINE_INFLATED, INLINE_STEPS, LARGE_BYTES
from extproc.transaction.memory import Memory
from extproc.transaction.pending import PendingJudgement
from extproc.transaction.plan import Plan

OPENED_BYTES: Final = 256 * 1024
"""Largest body that is read for its model between two messages, which takes 0.1 ms, or 1 ms at the worst. So a body
that no thread could judge in time can still be routed, where the policy lets it go on."""

OUTLINED_BYTES: Final = 32 * 1024
"""The same where conditions ask what the body holds, which takes a parse of all of it."""

_JSON: Final = "application/json"
_JSON_BYTES: Final = _JSON.encode()

TIMEOUT: Final = 5.0
"""Seconds for reading a body that nobody judges: 20 times what 32 MiB take."""


class Refusal(Struct, frozen=True):
    """The body goes no further, and the client is told why. `unread`: the reason for which nobody could read it."""

    error: ClientError
    blocked: Blocked | None = None
    unread: str = ""


class OpenedBody(Struct, frozen=True):
    """A body that was read. `plain` has no encodings left; `job` judges it, None where nobody does.

    `signals`: the exchange's, now that the body is known; None where the policy reads none. `unread`: the reason for
    which it may go on although nobody could read it.
    """

    claimed: apis.ApiRequestPath | None
    plain: bytes
    asked: apis.Request | None = None
    rpc: mcp.Rpc | None = None
    signals: Signals | None = None
    job: Job | None = None
    unread: str = ""

    @property
    def name(self) -> str:
        """The pipeline that it is handed out for."""
        return "" if self.job is None else self.job.name

    @property
    def timeout(self) -> float:
        """Seconds that judging it may take."""
        return TIMEOUT if self.job is None else self.job.timeout

    @property
    def large(self) -> bool:
        """True if judging it is known to take long."""
        return len(self.plain) > LARGE_BYTES

    def run(self, meter: Meter | None = None) -> "RequestResult":
        """Return the verdict, or what it waits for. Raises SpentError if `meter` runs out."""
        if self.job is None:
            return Judged(self, None, self.asked)
        result = self.job.run(meter)
        return PendingJudgement(result, self._judged) if isinstance(result, Judgement) else self._judged(result)

    def given_up(self, reason: str, waited: float | None = None) -> "Judged | OpenedBody | Refusal":
        """Return what becomes of the body when no verdict came: one, or work for those who are left."""
        assert self.job is not None, "without a job it is never handed out"
        result = self.job.given_up(reason, waited)
        return replace(self, job=result) if isinstance(result, Job) else self._judged(result)

    def _judged(self, verdict: Verdict) -> "Judged | Refusal":
        asked = self.asked
        changed = verdict.body is not self.plain
        if changed and asked is not None and self.claimed is not None and verdict.blocked is None:
            try:
                asked = self.claimed.read(verdict.body)
            except ClientError as error:
                return Refusal(error)
        return Judged(self, verdict, asked)

    def __repr__(self) -> str:
        return f"OpenedBody({len(self.plain)} bytes, {self.job})"


class Judged(Struct, frozen=True):
    """The result for a body. `verdict` is None if nobody judged it; `asked` is what the body asks for as it goes on."""

    opened: OpenedBody
    verdict: Verdict | None
    asked: apis.Request | None

    def __repr__(self) -> str:
        return f"Judged({self.verdict})"


RequestResult: TypeAlias = Judged | Refusal | PendingJudgement[Judged | Refusal]
"""The result of work on a request's body."""


class Opening:
    """The work on one body. It changes nothing of the exchange, so that it may be begun anew, or dropped."""

    __slots__ = ("_codings", "_fields", "_findings", "_memory", "_opened", "_plan", "_route_name", "body")

    def __init__(
        self, plan: Plan, memory: Memory, fields: HeaderMap, route_name: str, codings: tuple[str, ...], body: bytes
    ) -> None:
        self._plan = plan
        self._memory = memory
        self._fields = fields
        self._route_name = route_name
        self._codings = codings
        self.body = body
        self._findings = memory.findings
        self._opened: OpenedBody | None = None

    @property
    def name(self) -> str:
        """The pipeline that it is handed out for."""
        return self._findings.pipeline.name if self._findings is not None else ""

    @property
    def timeout(self) -> float:
        """Seconds that it may take once it is handed out."""
        stage = self._findings.pipeline.request if self._findings is not None else None
        if stage is None:
            return TIMEOUT
        limit = patience(stage.local)
        return READ_TIMEOUT if limit is None else limit

    @property
    def large(self) -> bool:
        """True if it is known to take long."""
        return len(self.body) > LARGE_BYTES

    def at_once(self) -> RequestResult | None:
        """The result, if it can be had between two messages; None if the work has to be handed out."""
        if len(self.body) > INLINE_BYTES:
            refusal = self._opens(None) if self._opens_at_once else None
            opened = self._opened
            return refusal or (opened.run() if opened is not None and opened.job is None else None)
        try:
            return self.run(Meter(INLINE_STEPS))
        except SpentError:
            return None

    def run(self, meter: Meter | None = None) -> RequestResult:
        """Return what became of the body, or what it waits for. Raises SpentError if `meter` runs out."""
        if self._opened is None and (refusal := self._opens(meter)) is not None:
            return refusal
        assert self._opened is not None, "it was opened, or refused"
        return self._opened.run(meter)

    def given_up(self, reason: str) -> RequestResult | OpenedBody:
        """Return what becomes of the body when no result came."""
        if self._opened is None:
            if self._codings or len(self.body) > OPENED_BYTES:
                return Refusal(overloaded())  # nobody knows where it would have to go
            refusal = self._opens(None, tells=False)
            if refusal is not None:
                return refusal
        assert self._opened is not None, "it was opened, or refused"
        return self._opened.given_up(reason, self.timeout) if self._opened.job is not None else self._opened.run()

    # -- reading

    @property
    def _opens_at_once(self) -> bool:
        asks = self._plan.reads_body or (self._findings is not None and self._findings.pipeline.asks_body)
        return not self._codings and len(self.body) <= (OUTLINED_BYTES if asks else OPENED_BYTES)

    def _opens(self, meter: Meter | None, *, tells: bool = True) -> Refusal | None:
        """Reads the body, unless that is refused. `tells`: what conditions ask about it is found out, too."""
        try:
            self._opened = self._open(meter, tells=tells)
        except ClientError as error:
            return Refusal(error)
        except _RefusedError as refused:
            return refused.refusal
        return None

    def _open(self, meter: Meter | None, *, tells: bool) -> OpenedBody:
        claimed, findings = self._memory.claimed, self._findings
        try:
            plain = self._decoded(meter) if self._codings else self.body
        except _UnreadError as unread:
            assert findings is not None, "who may pass unread is inspected"
            return OpenedBody(claimed, b"", signals=self._signals(self._view()), unread=unread.reason)
        asked = claimed.read(plain) if claimed is not None and not self._plan.inert else None
        if findings is None:
            view = self._view(asked, plain if tells else None, _json_type(self._fields))
            return OpenedBody(claimed, plain, asked, signals=self._signals(view))
        limit = findings.pipeline.body_limit
        if len(plain) > limit and findings.pipeline.request is not None:
            if findings.pipeline.blocks_oversize:
                raise _RefusedError(Refusal(too_large(limit), Blocked(findings.pipeline.name, "oversize")))
            return OpenedBody(claimed, plain, asked, signals=self._signals(self._view(asked)), unread="size")
        return self._read(findings, plain, asked, tells=tells and len(plain) <= limit)

    def _read(self, findings: Findings, plain: bytes, asked: apis.Request | None, *, tells: bool) -> OpenedBody:
        memory, pipeline = self._memory, findings.pipeline
        kind = content_type(self._fields) if memory.claimed is None else _json_type(self._fields)
        view = self._view(asked, plain if tells else None, kind)
        suspected = memory.claimed is None and mcp.suspected(plain)
        rpc = mcp.message(view.outline) if suspected and view.outline is not None else findings.rpc
        signals = self._signals(view)
        if pipeline.request is None:
            return OpenedBody(memory.claimed, plain, asked, rpc, signals)
        job = Job(
            pipeline.name,
            pipeline.request,
            plain,
            kind,
            {} if signals is None else signals.read(pipeline.signals),
            findings.vault,
            pipeline.blocks_unread,
            detailed=findings.details is not None,
            role_of=other if memory.claimed is None else memory.claimed.api.role_of,
        )
        return OpenedBody(memory.claimed, plain, asked, rpc, signals, job)

    def _view(self, asked: apis.Request | None = None, body: bytes | None = None, kind: str = "") -> RequestView:
        assert self._memory.claim is not None
        return RequestView(self._fields, self._memory.claim.path, self._route_name, asked, body, kind)

    def _signals(self, view: RequestView) -> Signals | None:
        """The exchange's signals, now that all is known of the body; those that the policy reads are read here."""
        if self._memory.signals is None:
            return None
        signals = self._memory.signals.whole(view)
        signals.read(self._plan.recorded)
        if view.asked is not None:
            signals.read(self._plan.table.asks.get(view.asked.model, ()))
        if self._findings is not None:
            signals.read(self._findings.pipeline.signals)
        return signals

    def _decoded(self, meter: Meter | None) -> bytes:
        """The body without its encodings. Raises ClientError, or _UnreadError where it may go on undecoded."""
        findings, claimed = self._findings, self._memory.claimed is not None
        limit = self._plan.limits.request_body
        most = limit if meter is None else min(limit, meter.left * INLINE_INFLATED)
        try:
            if self._codings is not UNKNOWN:
                return encodings.decode(self.body, self._codings, most, meter)
        except encodings.DecodedTooLargeError as error:
            dense = isinstance(error, encodings.RatioExceededError)
            if most < limit and not dense:
                raise SpentError from None
            if claimed or findings is None or findings.blocks_oversize:
                raise (too_dense() if dense else too_large(limit)) from None
            raise _UnreadError("size") from None
        except encodings.EncodingError:
            if claimed:
                raise malformed_encoding() from None
        assert findings is not None
        if findings.pipeline.blocks_unread and findings.judges_request:
            blocked = Blocked(findings.pipeline.name, "uninspected")
            raise _RefusedError(Refusal(findings.refusal(blocked), blocked, "encoding"))
        raise _UnreadError("encoding")

    def __repr__(self) -> str:
        return f"Opening({self.name}, {len(self.body)} bytes)"


class _UnreadError(Exception):
    """The body cannot be read, and may go on; `reason` is what records say of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _RefusedError(Exception):
    """The body may not go on."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.error.code)
        self.refusal = refusal


def _json_type(fields: HeaderMap) -> str:
    """The content-type of a claimed body: JSON, whatever it is said to be, but in the charset that it names."""
    if fields.get("content-type") == _JSON_BYTES:
        return _JSON
    if known(parse(fields.text("content-type")).parameters.get("charset", "")) is not None:
        return _JSON
    return f"{_JSON}; charset=unknown"
