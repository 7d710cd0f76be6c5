"""A request's body that was read, the work of judging it, and the result. It may be done in any thread."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from extproc import apis
from extproc.apis.asked import Asked, AskedPart
from extproc.apis.mcp import request as mcp
from extproc.apis.seals.requests import TaggedMember, read_sealed
from extproc.apis.seals.sealed import SealedApi
from extproc.inspection.judge import Job
from extproc.inspection.judgement import Judgement
from extproc.inspection.verdict import Blocked, Verdict
from extproc.protocol.errors import ClientError
from extproc.protocol.meter import Meter
from extproc.protocol.work import WorkResult
from extproc.routing.weighing import WeighedBody
from extproc.signals.registry import Signals
from extproc.transaction.mcp.exchange import McpCalls
from extproc.transaction.responses.pending import LARGE_BYTES, PendingJudgement

NO_PARTS: Final[frozenset[AskedPart]] = frozenset()

TIMEOUT: Final = 5.0
"""Seconds for reading a body that nobody judges: 20 times what 32 MiB take."""


class Refusal(WorkResult, frozen=True):
    """The body goes no further, and the client is told why. `unread`: the reason for which nobody could read it.

    `rpc`: the messages on an MCP path to which the error is told. `signals`: the exchange's, if they are known.
    """

    error: ClientError
    blocked: Blocked | None = None
    unread: str = ""
    rpc: mcp.RpcCalls | None = None
    signals: Signals | None = None


class OpenedBody(Struct, frozen=True):
    """A body that was read. `plain` has no encodings left; `job` judges it, None where nobody does.

    `signals`: the exchange's, now that the body is known; None where the policy reads none. `unread`: the reason for
    which it may go on although nobody could read it. `seals`: how values are found that only one provider can read, if
    they are looked for. `parts`: those by which the response is judged; `prepares`: called with them. `weighed`: what
    the choice of a backend weighs of it. `calls`: those on an MCP path.
    """

    claimed: apis.ApiRequestPath | None
    plain: bytes
    asked: apis.Request | None = None
    rpc: mcp.Rpc | None = None
    signals: Signals | None = None
    job: Job | None = None
    unread: str = ""
    seals: SealedApi | None = None
    parts: frozenset[AskedPart] = frozenset()
    prepares: tuple[Callable[[Asked], None], ...] = ()
    weighed: WeighedBody | None = None
    calls: McpCalls | None = None

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
            return self._done(None, self.asked, self.plain)
        result = self.job.run(meter)
        if isinstance(result, Judgement):
            return PendingJudgement(result, self._judged, self._given_up)
        return self._judged(result)

    def given_up(self, reason: str, waited: float | None = None) -> "Judged | OpenedBody | Refusal":
        """Return what becomes of the body when no verdict came: one, or work for those who are left."""
        assert self.job is not None, "without a job it is never handed out"
        result = self.job.given_up(reason, waited)
        return replace(self, job=result) if isinstance(result, Job) else self._given_up(result)

    def _given_up(self, verdict: Verdict) -> "Judged | Refusal":
        """The result if nobody has the time to read what the response is to be judged by."""
        return replace(self, parts=NO_PARTS)._judged(verdict)  # noqa: SLF001  - of another value of this class

    def _judged(self, verdict: Verdict) -> "Judged | Refusal":
        asked, claimed = self.asked, self.claimed
        if asked is not None and claimed is not None and verdict.body is not self.plain and verdict.blocked is None:
            try:
                asked = apis.spliced(asked, verdict.splices, claimed) or claimed.api.read_request(verdict.body, claimed)
            except ClientError as error:
                return Refusal(error)
        return self._done(verdict, asked, verdict.body)

    def _done(self, verdict: Verdict | None, asked: apis.Request | None, body: bytes) -> "Judged | Refusal":
        """Return the result, with all that is to be read of the body as it goes on."""
        if verdict is not None and verdict.blocked is not None:
            return Judged(self, verdict, asked)
        try:
            sealed = () if self.seals is None else read_sealed(body, self.seals)
        except ClientError as error:
            return Refusal(error)
        return Judged(self, verdict, asked, self._wanted(body) if self.parts else None, sealed)

    def _wanted(self, body: bytes) -> Asked | None:
        """The parts by which the response is judged, of the body as it goes on."""
        asked = apis.current().asked(body, self.parts, self.claimed)
        if asked is not None:
            for prepare in self.prepares:
                with suppress(Exception):  # it will fail again when the response comes, and `on_failure` decide
                    prepare(asked)
        return asked

    def __repr__(self) -> str:
        return f"OpenedBody({len(self.plain)} bytes, {self.job})"


class Judged(WorkResult, frozen=True):
    """The result for a body. `verdict` is None if nobody judged it; `asked` is what the body asks for as it goes on.

    `wanted`: the parts of it by which the response is judged, if any are needed and can be read. `sealed`: the values
    in it that only one provider can read, if they are looked for.
    """

    opened: OpenedBody
    verdict: Verdict | None
    asked: apis.Request | None
    wanted: Asked | None = None
    sealed: Sequence[TaggedMember] = ()

    def __repr__(self) -> str:
        return f"Judged({self.verdict})"


RequestResult: TypeAlias = Judged | Refusal | PendingJudgement[Judged | Refusal]
"""The result of work on a request's body."""
