"""The work on a request's body once it is whole: decoded, read for its model, judged. It may be done in any thread."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from extproc import apis
from extproc.apis.mcp import request as mcp
from extproc.apis.roles import other
from extproc.apis.seals.requests import TaggedMember, read_sealed
from extproc.apis.seals.tree import marked
from extproc.inspection.judge import READ_TIMEOUT, Job
from extproc.inspection.stage import Stage, patience
from extproc.inspection.verdict import Blocked
from extproc.payload.encodings import codings as encodings
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.meter import Meter, SpentError
from extproc.routing.weighing import WeighedBody
from extproc.signals.registry import Signals
from extproc.signals.view import RequestView, content_type
from extproc.transaction.findings import Findings
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan
from extproc.transaction.requests.admission import (
    UNKNOWN,
    codings,
    json_type,
    malformed_encoding,
    overloaded,
    too_dense,
    too_large,
    unknown_encoding,
)
from extproc.transaction.requests.opened_body import TIMEOUT, OpenedBody, Refusal, RequestResult
from extproc.transaction.requests.weighed import weigh
from extproc.transaction.responses.pending import INLINE_BYTES, INLINE_INFLATED, INLINE_STEPS, LARGE_BYTES

OPENED_BYTES: Final = 256 * 1024
"""Largest body that is read for its model between two messages, which takes 0.1 ms, or 1 ms at the worst. So a body
that no thread could judge in time can still be routed, where the policy lets it go on."""

OUTLINED_BYTES: Final = 32 * 1024
"""The same where conditions ask what the body holds, which takes a parse of all of it, and where values in it are only
for one provider, which takes 2 ms for the history of an agent of 100 KB."""

WORDED_BYTES: Final = 2 * 1024
"""The same where conditions ask about the words of the user: those of a body of that size are judged in 0.3 ms."""


class Opening:
    """The body of one request: what its headers say of it, and the work on it once it is whole.

    `body` is the body as it came, set once that is whole; `codings` are to be undone before it can be read. The work
    changes nothing of the exchange, so that it may be begun anew, or dropped. Raises ClientError for codings that
    nobody here knows, where an API has to read the body.
    """

    __slots__ = (
        "_between",
        "_fields",
        "_findings",
        "_kind",
        "_memory",
        "_opened",
        "_plan",
        "_route_name",
        "_seals",
        "body",
        "codings",
    )

    def __init__(self, plan: Plan, memory: Memory, fields: HeaderMap, route_name: str) -> None:
        self._plan = plan
        self._memory = memory
        self._fields = fields
        self._route_name = route_name
        self._findings = memory.findings
        sealing, claimed = plan.sealing, memory.claimed
        self._seals = None if sealing is None or claimed is None else sealing.seals_of(claimed.api)
        self._kind = ""
        if memory.findings is not None or memory.signals is not None:
            self._kind = content_type(fields) if memory.claimed is None else json_type(fields)
        self._opened: OpenedBody | Refusal | None = None
        self._between = False  # true while it is run between two messages
        self.codings = codings(fields)
        self.body = b""
        if self.codings is UNKNOWN and memory.claimed is not None:
            raise unknown_encoding()

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
        self._between = True
        try:
            return self._at_once()
        except SpentError:
            return None
        finally:
            self._between = False

    def _at_once(self) -> RequestResult | None:
        """The same. Raises SpentError if it turns out to take too long."""
        if len(self.body) <= INLINE_BYTES:
            return self.run(Meter(INLINE_STEPS))
        if self.codings or len(self.body) > OPENED_BYTES:
            return None
        if len(self.body) > OUTLINED_BYTES and (self._asks or self._holds_sealed):
            return None
        opened = self._opened = self._open(None)
        if isinstance(opened, Refusal):
            return opened
        return opened.run() if opened.job is None else None

    def run(self, meter: Meter | None = None) -> RequestResult:
        """Return what became of the body, or what it waits for. Raises SpentError if `meter` runs out."""
        opened = self._opened
        if opened is None:
            opened = self._opened = self._open(meter)
        return opened if isinstance(opened, Refusal) else opened.run(meter)

    def given_up(self, reason: str) -> RequestResult | OpenedBody:
        """Return what becomes of the body when no result came."""
        opened = self._opened
        if opened is None:
            if self.codings or len(self.body) > OPENED_BYTES:
                return Refusal(overloaded())  # nobody knows where it would have to go
            opened = self._opened = self._open(None, tells=False)
        if isinstance(opened, Refusal):
            return opened
        return opened.given_up(reason, self.timeout) if opened.job is not None else opened.run()

    # -- reading

    @property
    def _asks(self) -> bool:
        """True if somebody asks what the body holds, besides its texts."""
        if self._plan.reads.body or self._findings is None:
            return self._plan.reads.body
        return self._findings.pipeline.asks_body or bool(self._findings.pipeline.asks)

    def sealed_at_once(self) -> Sequence[TaggedMember] | None:
        """Return the values that only one provider can read; None if looking for them has to be handed out.

        For a body without encodings. Raises ClientError.
        """
        seals = self._seals
        if seals is None or not marked(self.body, seals.marks):
            return ()
        return read_sealed(self.body, seals) if len(self.body) <= OUTLINED_BYTES else None

    @property
    def _holds_sealed(self) -> bool:
        """True if the body may have values that only one provider can read."""
        seals = self._seals
        return seals is not None and marked(self.body, seals.marks)

    def _open(self, meter: Meter | None, *, tells: bool = True) -> OpenedBody | Refusal:
        """Read the body, unless that is refused. `tells`: what conditions ask about it is found out, too."""
        plain = self.body
        if self.codings:
            decoded = self._decoded(meter)
            if not isinstance(decoded, bytes):
                return decoded
            plain = decoded
        exchange = self._memory.mcp
        if exchange is None:
            opened, seals = self._read(plain, tells=tells), self._seals
            return opened if seals is None or isinstance(opened, Refusal) else replace(opened, seals=seals)
        calls, opened = exchange.read(plain), self._read(plain, tells=tells)
        if calls.refused is not None:
            return Refusal(
                calls.refused, rpc=calls.rpc, signals=None if isinstance(opened, Refusal) else opened.signals
            )
        return replace(opened, rpc=calls.rpc) if isinstance(opened, Refusal) else replace(opened, calls=calls)

    def _read(self, plain: bytes, *, tells: bool) -> OpenedBody | Refusal:
        """Read a body without encodings, unless that is refused."""
        claimed, findings = self._memory.claimed, self._findings
        asked = None
        if claimed is not None and self._memory.mcp is None and not self._plan.inert:
            try:
                asked = claimed.api.read_request(plain, claimed)
            except ClientError as error:
                return Refusal(error)
        if findings is None:
            view = self._view(asked, plain if tells else None)
            return OpenedBody(claimed, plain, asked, signals=self._signals(view), weighed=self._weighed(view, plain))
        limit = findings.pipeline.body_limit
        if len(plain) <= limit or findings.pipeline.request is None:
            return self._told(findings, plain, asked, tells=tells and len(plain) <= limit)
        if findings.pipeline.blocks_oversize:
            return Refusal(too_large(limit), Blocked(findings.pipeline.name, "oversize"))
        view = self._view(asked)
        weighed = self._weighed(view, None)
        return OpenedBody(claimed, plain, asked, signals=self._signals(view), unread="size", weighed=weighed)

    def _told(self, findings: Findings, plain: bytes, asked: apis.Request | None, *, tells: bool) -> OpenedBody:
        """Find out what is asked about a body, and make the job of judging it."""
        memory, pipeline = self._memory, findings.pipeline
        rpc, signals, weighed = findings.rpc, None, None
        suspected = memory.claimed is None and mcp.suspected(plain)
        if suspected or memory.signals is not None or self._plan.table.reads:
            view = self._view(asked, plain if tells else None)
            if suspected and view.outline is not None:
                rpc = mcp.message(view.outline)
            signals, weighed = self._signals(view), self._weighed(view, plain if tells else None)
        return OpenedBody(
            memory.claimed,
            plain,
            asked,
            rpc,
            signals,
            None if pipeline.request is None else self._job(findings, pipeline.request, plain, signals),
            parts=pipeline.asks,
            prepares=pipeline.prepares,
            weighed=weighed,
        )

    def _job(self, findings: Findings, stage: Stage, plain: bytes, signals: Signals | None) -> Job:
        """The work of judging a body without encodings."""
        memory, pipeline = self._memory, findings.pipeline
        return Job(
            pipeline.name,
            stage,
            plain,
            self._kind,
            {} if signals is None else signals.read(pipeline.signals),
            findings.vault,
            pipeline.blocks_unread,
            listed=findings.listed,
            role_of=other if memory.claimed is None else memory.claimed.api.role_of,
        )

    def _weighed(self, view: RequestView, body: bytes | None) -> WeighedBody | None:
        """Return what the choice of a backend weighs of the body, if the policy has any such strategy."""
        return weigh(self._plan.table, view, body) if self._plan.table.reads else None

    def _view(self, asked: apis.Request | None = None, body: bytes | None = None) -> RequestView:
        memory = self._memory
        assert memory.claim is not None
        role_of = other if memory.claimed is None else memory.claimed.api.role_of
        path, circumstances = memory.claim.path, memory.circumstances
        return RequestView(self._fields, path, self._route_name, asked, body, self._kind, circumstances, role_of)

    def _signals(self, view: RequestView) -> Signals | None:
        """The exchange's signals, now that all is known of the body; those that the policy reads are read here.

        Raises SpentError between two messages, if one of them takes too long there.
        """
        if self._memory.signals is None:
            return None
        plan, table = self._plan, self._plan.table
        names = {*plan.recorded, *(table.asks_all if view.asked is None else table.asked(view.asked.model))}
        if self._memory.mcp is not None:
            names |= self._memory.mcp.route.asks
        if self._findings is not None:
            names |= self._findings.pipeline.signals
        offloaded = plan.reads.slow if view.size <= WORDED_BYTES else plan.reads.worded
        if self._between and view.size and not offloaded.isdisjoint(names):
            raise SpentError
        signals = self._memory.signals.whole(view)
        signals.read(names)
        return signals

    def _decoded(self, meter: Meter | None) -> bytes | OpenedBody | Refusal:
        """Return the body without its encodings; else what becomes of it, which may be that it goes on undecoded."""
        findings, claimed = self._findings, self._memory.claimed is not None
        limit = self._plan.limits.request_body
        most = limit if meter is None else min(limit, meter.left * INLINE_INFLATED)
        try:
            if self.codings is not UNKNOWN:
                return encodings.decode(self.body, self.codings, most, meter, self._plan.limits.inflation_ratio)
        except encodings.DecodedTooLargeError as error:
            dense = isinstance(error, encodings.RatioExceededError)
            if most < limit and not dense:
                raise SpentError from None
            if claimed or findings is None or findings.blocks_oversize:
                return Refusal(too_dense(self._plan.limits.inflation_ratio) if dense else too_large(limit))
            return self._unread("size")
        except encodings.EncodingError:
            if claimed:
                return Refusal(malformed_encoding())
        if findings is not None and findings.pipeline.blocks_unread and findings.judges_request:
            blocked = Blocked(findings.pipeline.name, "uninspected")
            return Refusal(findings.refusal(blocked), blocked, "encoding")
        return self._unread("encoding")

    def _unread(self, reason: str) -> OpenedBody:
        return OpenedBody(self._memory.claimed, b"", signals=self._signals(self._view()), unread=reason)

    def __repr__(self) -> str:
        return f"Opening({self.name}, {len(self.body)} bytes)"
