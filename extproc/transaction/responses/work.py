"""The work on a response's body once it is whole: decoded and judged. It may be done in any thread."""

from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from extproc.inspection.judge import Job
from extproc.inspection.judgement import Judgement
from extproc.inspection.verdict import Verdict
from extproc.payload.encodings import codings as encodings
from extproc.protocol.meter import Meter, SpentError
from extproc.protocol.work import WorkResult
from extproc.transaction.responses.pending import (
    INLINE_BYTES,
    INLINE_INFLATED,
    INLINE_STEPS,
    LARGE_BYTES,
    PendingJudgement,
)
from extproc.usage import UsageMeter


class Unread(WorkResult, frozen=True):
    """The body could not be decoded; `reason` is what records say of it. `dense`: of "size", the ratio was too much."""

    reason: str
    dense: bool = False


class Whole(WorkResult, frozen=True):
    """The verdict on a body: `plain` is what was judged."""

    plain: bytes
    verdict: Verdict

    def __repr__(self) -> str:
        return f"Whole({self.verdict})"


class ResponseWork(Struct, frozen=True):
    """The work on one body. `job` judges it; where it has `codings`, `job` gets it once these are undone.

    `limit` is how large it may become by that, `ratio` how many times as large. `usage` reads the tokens that it
    reports; None if somebody else does.
    """

    job: Job
    body: bytes
    codings: tuple[str, ...]
    limit: int
    ratio: int
    usage: UsageMeter | None

    @property
    def name(self) -> str:
        """The pipeline that it is handed out for."""
        return self.job.name

    @property
    def timeout(self) -> float:
        """Seconds that it may take once it is handed out."""
        return self.job.timeout

    @property
    def large(self) -> bool:
        """True if it is known to take long."""
        return len(self.body) > LARGE_BYTES

    def at_once(self) -> "ResponseResult | None":
        """The result, if it can be had between two messages; None if the work has to be handed out."""
        if len(self.body) > INLINE_BYTES:
            return None
        try:
            return self.run(Meter(INLINE_STEPS))
        except SpentError:
            return None

    def run(self, meter: Meter | None = None) -> "ResponseResult":
        """Return what became of the body, or what it waits for. Raises SpentError if `meter` runs out."""
        if not self.codings:
            return self._judged(self.body, self.job, meter)
        try:
            plain = self._decoded(meter)
        except encodings.DecodedTooLargeError as error:
            return Unread("size", isinstance(error, encodings.RatioExceededError))
        except encodings.EncodingError:
            return Unread("encoding")
        # An object in one line, as nearly every response is, is no stream.
        streamed = None if plain.startswith(b"{") and b"\n" not in plain else self.job.streamed
        return self._judged(plain, replace(self.job, body=plain, streamed=streamed), meter)

    def _judged(self, plain: bytes, job: Job, meter: Meter | None) -> "Whole | PendingJudgement[Whole]":
        result = job.run(meter)
        if self.usage is not None:
            self.usage.body(plain)
        if isinstance(result, Judgement):
            return PendingJudgement(result, lambda verdict: Whole(plain, verdict))
        return Whole(plain, result)

    def given_up(self, reason: str) -> "Whole | ResponseWork":
        """Return what becomes of the body when no result came: one, or work for those who are left."""
        result = self.job.given_up(reason)
        # A job that has no body yet gives a verdict by which the body goes on as it came, or ends.
        return replace(self, job=result) if isinstance(result, Job) else Whole(result.body, result)

    def _decoded(self, meter: Meter | None) -> bytes:
        most = self.limit if meter is None else min(self.limit, meter.left * INLINE_INFLATED)
        try:
            return encodings.decode(self.body, self.codings, most, meter, self.ratio)
        except encodings.RatioExceededError:
            raise
        except encodings.DecodedTooLargeError:
            if most < self.limit:
                raise SpentError from None
            raise

    def __repr__(self) -> str:
        return f"ResponseWork({self.name}, {len(self.body)} bytes)"


ResponseResult: TypeAlias = Whole | Unread | PendingJudgement[Whole]
"""The result of work on a response's body."""
