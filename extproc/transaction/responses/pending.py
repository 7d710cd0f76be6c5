"""A judgement that waits for detectors which were handed out; and how much work is done without being handed out."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from extproc.inspection.judgement import Judgement
from extproc.inspection.verdict import Verdict
from extproc.protocol.meter import Meter, SpentError
from extproc.protocol.work import WorkResult

INLINE_BYTES: Final = 16 * 1024
"""Largest body that is judged between two messages; a larger one goes to another thread."""

INLINE_STEPS: Final = 1000
"""Steps of a meter, about a millisecond, after which a smaller one goes there, too: that is what others wait for it."""

LARGE_BYTES: Final = 256 * 1024
"""Bytes from which on work is known to take long: 10 ms, if it is prose."""

INLINE_INFLATED: Final = 64
"""Bytes that may come out of decoding between two messages for each step that is left: 62 KiB, which take 0.2 ms."""

R_co = TypeVar("R_co", covariant=True, bound=WorkResult)


class PendingJudgement(WorkResult, Generic[R_co], frozen=True):
    """A judgement, and what is to be made of its verdict. It is the result of work, and once it is `ready`, work.

    `lost`: in the place of `finish` where the verdict was given up; it must be cheap, as no thread runs it.
    """

    judgement: Judgement
    finish: Callable[[Verdict], R_co]
    lost: Callable[[Verdict], R_co] | None = None

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
        if isinstance(result, Judgement):
            return PendingJudgement(result, self.finish, self.lost)
        return self.finish(result)

    def provisional(self) -> R_co | None:
        """Return the result without the detectors that are asked; None if that cannot be had between two messages."""
        verdict = self.judgement.provisional(INLINE_BYTES, Meter(INLINE_STEPS))
        return None if verdict is None else self.finish(verdict)

    def given_up(self, reason: str) -> R_co:
        """Return what becomes of the body when no result came."""
        return (self.lost or self.finish)(self.judgement.given_up(reason))

    def __repr__(self) -> str:
        return f"PendingJudgement({self.judgement})"
