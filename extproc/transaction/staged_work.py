"""The work on a whole response that passes answer stages of plug-ins before it is judged."""

from msgspec.structs import replace

from extproc.inspection.answers.ruling import Stopped
from extproc.inspection.judge import Job
from extproc.inspection.verdict import Failure, Verdict
from extproc.pipe.plugged import Staging, staged
from extproc.pipe.whole import sequence_of
from extproc.protocol.meter import Meter
from extproc.transaction.pending import PendingJudgement
from extproc.transaction.work import ResponseWork, Whole


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
        try:
            body = staged(plain, self.dialect, self.staging, failures.extend, meter)
        except Stopped as stopped:
            return self._known(plain, Verdict(plain, stopped.blocked, failures=(*job.failures, *failures)))
        if job.stage is None and not job.vault.restores:
            return self._known(plain, Verdict(body, failures=tuple(failures)))
        # The provider's own body is what is compared, and metered.
        onward = replace(job, body=body, streamed=None, failures=(*job.failures, *failures))
        return super()._judged(plain, onward, meter)

    def _known(self, plain: bytes, verdict: Verdict) -> Whole:
        """The result if nobody has to judge what the stages came to."""
        self.usage.body(plain)
        return Whole(plain, verdict, self.usage.total)

    def given_up(self, reason: str) -> "Whole | ResponseWork":
        """Return what becomes of the body when no result came. It goes on as it came only if all stages allow that."""
        result = super().given_up(reason)
        if not isinstance(result, Whole) or result.verdict.blocked is not None:
            return result
        failures = (*result.verdict.failures, *self.staging.failures(reason))
        verdict = replace(result.verdict, blocked=self.staging.blocked, failures=failures)
        return replace(result, verdict=verdict)
