"""A body whose judgement waits for detectors that were handed out, each by itself."""

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from extproc.inspection.judgement import Judgement
from extproc.inspection.verdict import Verdict
from extproc.protocol.meter import Meter, SpentError
from extproc.transaction.handed import INLINE_BYTES, INLINE_STEPS, LARGE_BYTES

R_co = TypeVar("R_co", covariant=True)


class PendingJudgement(Struct, Generic[R_co], frozen=True):
    """A judgement, and what is to be made of its verdict. Once it is `ready`, it is work like any other."""

    judgement: Judgement
    finish: Callable[[Verdict], R_co]

    @property
    def name(self) -> str:
        """The pipeline that it is handed out for."""
        return self.judgement.name

    @property
    def timeout(self) -> float:
        """Seconds that it may take once it is handed out."""
        return self.judgement.timeout

    @property
    def large(self) -> bool:
        """True if it is known to take long."""
        return self.judgement.size > LARGE_BYTES

    def at_once(self) -> "R_co | PendingJudgement[R_co] | None":
        """The result, if it can be had between two messages; None if the work has to be handed out."""
        if self.judgement.size > INLINE_BYTES and not self.judgement.blocks:
            return None
        try:
            return self.run(Meter(INLINE_STEPS))
        except SpentError:
            return None

    def run(self, meter: Meter | None = None) -> "R_co | PendingJudgement[R_co]":
        """Return what became of the body, or what it waits for. Raises SpentError if `meter` runs out."""
        result = self.judgement.run(meter)
        return PendingJudgement(result, self.finish) if isinstance(result, Judgement) else self.finish(result)

    def given_up(self, reason: str) -> R_co:
        """Return what becomes of the body when no result came."""
        return self.finish(self.judgement.given_up(reason))

    def __repr__(self) -> str:
        return f"PendingJudgement({self.judgement})"
