"""A whole body to be judged: read, scanned by its local processors, and handed to a judgement."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from extproc import payload as text
from extproc.apis.asked import NOTHING_ASKED, Asked
from extproc.apis.roles import RoleOf, other
from extproc.apis.streams.twofold import twofold
from extproc.detectors.replies import ReplyFinding
from extproc.inspection.body_texts import BodyTexts
from extproc.inspection.failures import settle
from extproc.inspection.following import WholeReply, dropped
from extproc.inspection.held_streams import StreamTexts, judged
from extproc.inspection.judgement import EDIT_TIMEOUT, Judgement
from extproc.inspection.rounds import Round, verdict
from extproc.inspection.stage import Active, CompiledProcessor, SignalValues, Stage, patience
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import TIMEOUT, Blocked, Failure, Verdict
from extproc.payload import Document, TextLimitError
from extproc.payload.limits import MAX_VALUES
from extproc.payload.opened import metered
from extproc.policy.conditions import ConditionError
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter, SpentError

_USUAL = "application/json"

READ_TIMEOUT: Final = 5.0
"""Seconds for reading a body that only detectors of their own look at: 20 times what 32 MiB take."""


class Job(Struct, frozen=True):
    """One body to be judged. May run in any thread; nobody else uses `vault` meanwhile.

    `body` has no content-encoding left. `stage` is None where values are only to be restored. `active`: who is at work,
    where that is known already (an answer's conditions look at the request alone); else it is found out here, each
    condition seeing what the processors before it found in `signals["findings"]`. `only`: stand-ins that are to judge
    in place of others, whose `failures` are told as well. `streamed`: gives the verdict on a body that is a stream
    under another name, and None for any other body. `listed`: how many findings are listed one by one. `asked`: see
    `Conversation.asked`. `dialect`: the API that the request was for, or nothing. `repairs`: findings, each with the
    number of its processor,
    whose spans were removed from the reply before it is judged.
    """

    name: str
    stage: Stage | None
    body: bytes
    content_type: str
    signals: SignalValues
    vault: Vault
    blocks_unread: bool
    restores: bool = False
    active: Active | None = None
    listed: int = 0
    only: frozenset[str] | None = None
    failures: tuple[Failure, ...] = ()
    streamed: "Callable[..., Verdict | None] | None" = None
    role_of: RoleOf = other
    asked: Asked | None = NOTHING_ASKED
    dialect: str = ""
    repairs: tuple[tuple[int, ReplyFinding], ...] = ()
    failed: Mapping[int, str] = {}
    spent: float = 0.0

    @property
    def timeout(self) -> float:
        """Seconds that it may take once it is handed out."""
        if self.stage is None:
            return EDIT_TIMEOUT
        limit = patience(self._local)
        return READ_TIMEOUT if limit is None else max(0.0, limit - self.spent)

    def run(self, meter: Meter | None = None) -> Verdict | Judgement:
        """Return the verdict, or the judgement that waits for detectors of their own.

        Raises SpentError if `meter` runs out, and nothing else that a body could cause.
        """
        meter = meter or Meter()
        if self.streamed is not None and (result := self._as_stream(self.streamed, meter)) is not None:
            return result
        if self.stage is not None and self.stage.replying and not self.repairs:
            job = self._repaired(meter)
            if job is not self:
                return replace(job, streamed=None).run(meter)
        glimpsed = text.glimpse(self.body) if self.content_type == _USUAL else None
        if glimpsed is not None:
            meter.spend(len(glimpsed[0]))
            texts = BodyTexts(self, meter, glimpsed[0], glimpsed[1], chained=glimpsed[2])
        else:
            limit = meter.left
            try:
                document = self.document(meter)
            except TextLimitError as error:
                if limit < MAX_VALUES and error.limit == "values":
                    raise SpentError from None
                return self._unread("complexity")
            if limit < MAX_VALUES:
                meter.spend(len(document.passages))
            texts = BodyTexts(
                self, meter, [each.text for each in document.passages], None, document, document.uninspected
            )
        return self._judged(texts)

    def _repaired(self, meter: Meter) -> "Job":
        """Return the job without what the followers at work drop of the reply. Raises SpentError."""
        job = self
        for each in () if self.stage is None else self.stage.replying:
            if not each.repairs or each.number in self.failed or not self._asks(each):
                continue
            try:
                drops = WholeReply(job.body, self.dialect, self.asked).heard(each, meter).findings
                if not drops or not all(finding.drops for finding in drops):
                    continue
                body = dropped(job.body, drops)
            except SpentError:
                raise
            except Exception:  # noqa: BLE001, S112  - it will fail again when it is heard
                continue
            if body is not None:
                job = replace(job, body=body, repairs=(*job.repairs, *((each.number, finding) for finding in drops)))
        return job

    def _judged(self, texts: BodyTexts) -> Verdict | Judgement:
        """Return the verdict on a body that was read, or what it waits for. Raises SpentError."""
        stage = self.stage
        if stage is None:
            return verdict(self, texts, ())
        looked = texts.look(stage, self.failed)
        found, lost, _ = looked
        everybody = self.only is None and (self.active is None or all(self.active.on))
        if stage.plain and everybody and not lost and not self.failed:
            # Rules that run in any case wait for nobody. In most bodies they find nothing.
            return verdict(self, texts, (Round(stage, looked, heard=found),) if found else ())
        return Judgement(self, texts, Round.of(self, stage, looked)).went_on()

    def _as_stream(self, streamed: "Callable[..., Verdict | None]", meter: Meter) -> Verdict | Judgement | None:
        if self.stage is None or not self.stage.offloaded:
            return streamed(self, meter=meter)
        texts = StreamTexts(self.asked)
        rules = streamed(self, meter=meter, gather=texts)
        return None if rules is None else judged(self, texts, rules)

    def document(self, meter: Meter) -> Document:
        """All of the body, read. Raises TextLimitError."""
        try:
            document = text.read(self.body, self.content_type, metered(meter))
            of = self.stage
            response = of is not None and of.side is Side.RESPONSE and text.declares_json(self.content_type)
            return text.doubted(document) if response and twofold(self.body) else document
        except ClientError:
            return text.read_malformed(self.body, metered(meter))

    def given_up(self, reason: str, waited: float | None = None) -> "Verdict | Job":
        """Return what becomes of the body when this job brought no verdict: one, or a job for those who are left.

        `waited`: the seconds that it took, if it was given up for the time and that is not `timeout`.
        """
        stage = self.stage
        if stage is None:
            return self._unread(reason)
        asked = self._local
        passed = (patience(asked) or 0.0) if waited is None else self.spent + waited
        late = [each for each in asked if reason != TIMEOUT or each.timeout <= passed]
        failed = {**self.failed, **{each.number: reason for each in late}}
        left = len(late) < len(asked) or (asked and any(self._asks(each) for each in stage.offloaded))
        if not left:
            # Who was to be handed out could not be given the body.
            failed |= {each.number: reason for each in stage.offloaded if self._asks(each)}
        reasons = [(stage.processors[number], failed[number]) for number in sorted(failed)]
        failures, blocked, called = settle(reasons, stage.stand_ins)
        if blocked is None and left:
            return replace(self, failed=failed, spent=passed)
        failures = (*self.failures, *failures)
        if blocked is None and called:
            return replace(self, stage=stage.reserve, only=called, failures=failures, active=None, failed={}, spent=0.0)
        return Verdict(self.body, blocked, failures=failures)

    @property
    def _local(self) -> list[CompiledProcessor]:
        """The processors that share this job, as far as it is known who is at work."""
        local = self.stage.local if self.stage is not None else ()
        return [each for each in local if each.number not in self.failed and self._asks(each)]

    def _asks(self, each: CompiledProcessor) -> bool:
        """True if it was to judge, as far as that is known; one whose condition failed was."""
        if self.only is not None and each.name not in self.only:
            return False
        if self.active is not None:
            return self.active.on[each.number] or each in self.active.failed
        # What the body holds is not known now, so that a condition about it is taken to hold.
        if each.when is None or "findings" in each.when.signals:
            return True
        try:
            return each.when.holds(self.signals)
        except ConditionError:
            return True

    def _unread(self, reason: str) -> Verdict:
        blocked = Blocked(self.name, "uninspected") if self.blocks_unread else None
        return Verdict(self.body, blocked, failures=self.failures, unread={reason: 1})

    def __repr__(self) -> str:
        return f"Job({self.name}, {len(self.body)} bytes)"
