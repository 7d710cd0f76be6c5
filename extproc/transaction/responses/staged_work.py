"""The work on a whole response that passes answer stages of plug-ins before it is judged."""

from collections import Counter
from functools import partial

from msgspec.structs import replace

from extproc.inspection.answers.ruling import Stopped
from extproc.inspection.judge import Job
from extproc.inspection.verdict import Count, Failure, Verdict
from extproc.pipe.plugged import Staging, staged
from extproc.pipe.whole import sequence_of
from extproc.protocol.meter import Meter
from extproc.transaction.responses.pending import PendingJudgement
from extproc.transaction.responses.work import ResponseWork, Whole


class StagedWork(ResponseWork, frozen=True):
    """A document is a stream of one event for the stages; what is a stream passes them event by event (see `streamed`).

    The stages are opened anew whenever the work is begun anew.
    """

    dialect: str
    staging: Staging

    def _judged(self, plain: bytes, job: Job, meter: Meter | None) -> "Whole | PendingJudgement[Whole]":
        if job.streamed is not None and sequence_of(plain, job.content_type) is not None:
            return super()._judged(plain, job, meter)
        failures: list[Failure] = []
        seen: Counter[Count] = Counter()
        try:
            body = staged(plain, self.dialect, self.staging, failures.extend, meter, partial(_count, seen))
        except Stopped as stopped:
            return self._known(plain, Verdict(plain, stopped.blocked, counts=seen, failures=(*job.failures, *failures)))
        if job.stage is None and not job.vault.restores:
            return self._known(plain, Verdict(body, counts=seen, failures=tuple(failures)))
        # The provider's own body is what is compared, and metered.
        onward = replace(job, body=body, streamed=None, failures=(*job.failures, *failures))
        result = super()._judged(plain, onward, meter)
        return _with_counts(result, seen) if seen else result

    def _known(self, plain: bytes, verdict: Verdict) -> Whole:
        """The result if nobody has to judge what the stages came to."""
        if self.usage is not None:
            self.usage.body(plain)
        return Whole(plain, verdict)

    def given_up(self, reason: str) -> "Whole | ResponseWork":
        """Return what becomes of the body when no result came. It goes on as it came only if all stages allow that."""
        result = super().given_up(reason)
        if not isinstance(result, Whole) or result.verdict.blocked is not None:
            return result
        failures = (*result.verdict.failures, *self.staging.failures(reason))
        verdict = replace(result.verdict, blocked=self.staging.blocked, failures=failures)
        return replace(result, verdict=verdict)


def _count(seen: "Counter[Count]", count: Count) -> None:
    seen[count] += 1


def _with_counts(result: Whole | PendingJudgement[Whole], seen: "Counter[Count]") -> Whole | PendingJudgement[Whole]:
    """Return a result with the findings of the stages among those of its verdict."""
    if isinstance(result, Whole):
        return replace(result, verdict=_counted(seen, result.verdict))
    finish, lost = result.finish, result.lost
    return PendingJudgement(
        result.judgement,
        lambda verdict: finish(_counted(seen, verdict)),
        None if lost is None else lambda verdict: lost(_counted(seen, verdict)),
    )


def _counted(seen: "Counter[Count]", verdict: Verdict) -> Verdict:
    return replace(verdict, counts=seen + Counter(verdict.counts))
