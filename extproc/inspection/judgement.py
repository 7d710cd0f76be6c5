"""The judgement on one whole body: what its detectors found and which of them failed, merged in the policy's order.

Local processors (rules and limits) are heard as soon as the body is scanned. Those that are handed out are heard when
their results come; when all are in, or one blocks, the edits are made, once.
"""

import copy
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from extproc.apis.counts import NOTHING, Counts
from extproc.detectors.contract import Conversation, Detection
from extproc.inspection.failures import settle, uncalled
from extproc.inspection.masking import edited, edits
from extproc.inspection.stage import Active, CompiledProcessor, Stage, patience
from extproc.inspection.verdict import CONDITION, ERROR, SEALED, Blocked, Count, Failure, Finding, Verdict
from extproc.matching.span import Span
from extproc.policy.conditions import ConditionError
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter

if TYPE_CHECKING:
    from extproc.inspection.held_streams import StreamTexts
    from extproc.inspection.judge import BodyTexts, Job

EDIT_TIMEOUT: Final = 5.0
"""Seconds for editing a large body, or putting values back into one: a hundred times what 32 MiB take."""

Spans = Sequence[tuple[int, Span]]
"""Findings in the texts of a body, each with the number of its text."""

RuleFindings = dict[int, list[tuple[int, Span]]]
"""Findings of rules by the number of their processor."""

Looked = tuple[RuleFindings, bool, Counts]
"""The findings of a stage's local processors in a body, whether the scanner failed, and the numbers they limit."""

NO_FAILURES: Final[Mapping[int, str]] = {}


class Round:
    """One stage of a judgement: all processors of a side, or the stand-ins that were called.

    Mutable. `heard` and `exceeded`: findings by the number of their processor. `failed`: reasons by number, in the
    order in which they came. `pending`: the processors whose work is handed out. `blocker`: the first processor whose
    findings block the body.
    """

    __slots__ = ("_looked", "_on", "_settled", "blocker", "exceeded", "failed", "heard", "only", "pending", "stage")

    def __init__(
        self,
        stage: Stage,
        looked: "Looked",
        only: frozenset[str] | None,
        active: Active | None = None,
        failed: Mapping[int, str] = NO_FAILURES,
    ) -> None:
        self.stage = stage
        self.only = only
        self.heard: dict[int, Spans] = {}
        self.exceeded: dict[int, Sequence[str]] = {}
        self.failed: dict[int, str] = dict(failed)
        if active is not None and active.failed:
            self.failed |= {each.number: CONDITION for each in active.failed}
        self.pending: frozenset[int] = frozenset()
        self.blocker: CompiledProcessor | None = None
        self._on = None if active is None else active.on
        self._settled: set[int] = set(self.failed)
        self._looked = looked

    @classmethod
    def unheard(cls, stage: Stage, only: frozenset[str] | None, active: Active | None) -> "Round":
        """A round of which the local processors were heard elsewhere, and conditions that failed as well."""
        made = cls(stage, ({}, False, NOTHING), only, active)
        made._settled |= {each.number for each in stage.local}
        made.failed.clear()
        return made

    def listen(self, judgement: "Judgement") -> list[CompiledProcessor]:
        """Hear the local processors that are due, in order; return those at work that are to be handed out."""
        found, lost, sizes = self._looked
        on, only, settled = self._on, self.only, self._settled
        orders: list[CompiledProcessor] = []
        for each in self.stage.processors:
            number, limits = each.number, each.limits
            if number in settled or (only is not None and each.name not in only):
                continue
            if self.pending and each.reads_findings:
                continue  # it waits until all that was handed out is heard
            settled.add(number)
            holds = on[number] if on is not None else each.when is None or judgement.holds(self, each)
            if holds is None:
                self.failed[number] = CONDITION
            elif not holds:
                pass
            elif each.detector is not None:
                orders.append(each)
                self.pending |= {number}
            elif (lost and number in self.stage.scanning) or (limits is not None and limits.untold(sizes)):
                self.failed[number] = ERROR
            elif number in found or limits is not None:
                exceeded = () if limits is None else limits.exceeded(judgement.size, sizes)
                self.hear(each, found.get(number, ()), exceeded)
        return orders

    def fail(self, processor: CompiledProcessor, reason: str) -> None:
        """A processor has failed whose work was handed out."""
        self.pending -= {processor.number}
        self.failed[processor.number] = reason

    def hear(self, processor: CompiledProcessor, spans: Spans, exceeded: Sequence[str] = ()) -> None:
        """A processor says what it has found, if it has."""
        number = processor.number
        self.pending -= {number}
        if spans:
            self.heard[number] = spans
        if exceeded:
            self.exceeded[number] = exceeded
        if (
            processor.action == "block"
            and not processor.shadow
            and (spans or exceeded)
            and (self.blocker is None or number < self.blocker.number)
        ):
            self.blocker = processor

    @property
    def stops(self) -> bool:
        """True if the body is blocked, whatever else is found in it."""
        return self.blocker is not None or (bool(self.failed) and self.settle()[1] is not None)

    def settle(self) -> tuple[tuple[Failure, ...], Blocked | None, frozenset[str]]:
        """See `failures.settle`; failures of one reason stand together."""
        failures: list[Failure] = []
        blocked: Blocked | None = None
        called: frozenset[str] = frozenset()
        for reason in dict.fromkeys(self.failed.values()):
            alike = [self.stage.processors[number] for number, why in self.failed.items() if why == reason]
            told, stops, more = settle(alike, reason)
            failures += told
            blocked, called = blocked or stops, called | more
        if called and blocked is None and self.stage.reserve is None:
            blocked = uncalled(called)
        return tuple(failures), blocked, called

    def copied(self) -> "Round":
        """Another that knows the same."""
        other = copy.copy(self)
        other._settled = set(self._settled)  # noqa: SLF001
        other.heard, other.exceeded, other.failed = dict(self.heard), dict(self.exceeded), dict(self.failed)
        return other


class Judgement:
    """Merges what is said of one body.

    `run` gives the verdict, or a judgement with `orders`: the processors whose detectors are to be handed out now. Each
    is answered by `take` or by `fail`; once `ready`, `run` goes on, in any thread, and may be begun anew.
    """

    __slots__ = ("_job", "_rounds", "_texts", "orders")

    def __init__(self, job: "Job", texts: "BodyTexts | StreamTexts") -> None:
        self._job = job
        self._texts: BodyTexts | StreamTexts = texts
        self._rounds: list[Round] = []
        self.orders: Sequence[CompiledProcessor] = ()

    @classmethod
    def begun(cls, job: "Job", texts: "BodyTexts", looked: Looked) -> "Verdict | Judgement":
        """Return the verdict on a body that was looked at, or what it waits for. Raises SpentError."""
        judgement, stage = cls(job, texts), job.stage
        found, lost, _ = looked
        # Most bodies have nothing that rules find, and rules alone have nothing else to say.
        if stage is not None and (found or lost or job.failed or not stage.plain):
            judgement._rounds.append(Round(stage, looked, job.only, job.active, job.failed))
        return judgement.went_on()

    @property
    def name(self) -> str:
        """The pipeline that it is for."""
        return self._job.name

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self._job.body)

    @property
    def timeout(self) -> float:
        """Seconds that `run` may take once it is handed out."""
        called, reserve = self._called(), self._rounds[-1].stage.reserve
        if not called or reserve is None:
            return EDIT_TIMEOUT
        return patience(each for each in reserve.local if each.name in called) or EDIT_TIMEOUT

    @property
    def conversation(self) -> Conversation:
        """The texts that its detectors are given. Only where there are orders."""
        return self._texts.converse(self._rounds[-1].stage.side)

    # -- what was handed out

    def take(self, processor: CompiledProcessor, found: Iterable[Detection]) -> None:
        """The detector of a processor has found this, which is within its contract."""
        round_ = self._rounds[-1]
        title, texts = round_.stage.title, self._texts
        spans: list[tuple[int, Span]] = []
        for each in found:
            size = len(self.conversation.statements[each.statement].text)
            span = Span(
                each.start, size if each.end is None else each.end, each.kind, title(processor, each.kind), each.score
            )
            spans.append((texts.passage(each.statement), span))
        round_.hear(processor, spans)

    def fail(self, processor: CompiledProcessor, reason: str) -> None:
        """The detector of a processor has failed."""
        self._rounds[-1].fail(processor, reason)

    @property
    def ready(self) -> bool:
        """True if nothing more need be waited for: all is in, or the body is blocked already."""
        return not self._rounds[-1].pending or self.blocks

    @property
    def blocks(self) -> bool:
        """True if the body is blocked by what is known already."""
        return self._rounds[-1].stops

    # -- going on

    def run(self, meter: Meter | None = None) -> "Verdict | Judgement":
        """Return the verdict, or what it waits for. This one stays as it is. Raises SpentError if `meter` runs out."""
        return self._copied(meter or Meter()).went_on()

    def given_up(self, reason: str) -> Verdict:
        """Return the verdict where `run` brought none: whoever would have masked, or stood in, has failed."""
        return self._copied(Meter()).failed(reason)

    def failed(self, reason: str) -> Verdict:
        """The same, and it changes this one."""
        blocked = uncalled(self._called())
        for of in self._rounds:
            for number in [number for number in of.heard if masks(of.stage.processors[number])]:
                each = of.stage.processors[number]
                del of.heard[number]
                of.fail(each, reason)
                _, stops, called = settle([each], reason)
                blocked = blocked or stops or uncalled(called)
        return self._verdict(blocked, edits_body=False)

    def holds(self, of: Round, processor: CompiledProcessor) -> bool | None:
        """True if a processor is at work; None if that cannot be told."""
        if processor.when is None:
            return True
        signals = self._job.signals
        if processor.reads_findings:
            told_ = self._told(of, processor.number)
            signals = {**signals, "findings": [*signals.get("findings", ()), *told_]}
        try:
            return processor.when.holds(signals)
        except ConditionError:
            return None

    def went_on(self) -> "Verdict | Judgement":
        """The same, and it changes this one."""
        self.orders = ()
        while self._rounds:
            last = self._rounds[-1]
            orders = last.listen(self)
            if (last.blocker is not None or last.failed) and last.stops:
                break
            if orders:
                if self._job.blocks_unread and self._unread_blocks():
                    break  # whatever they would say
                self._texts.converse(last.stage.side)
                self.orders = orders
            if last.pending:
                return self
            reserve, called = last.stage.reserve, self._called() if last.failed else None
            if not called or reserve is None:
                break
            self._rounds.append(Round(reserve, self._texts.look(reserve), called))
        return self._verdict()

    def _unread_blocks(self) -> bool:
        return not {each.reason for each in self._texts.uninspected} <= SEALED

    def _called(self) -> frozenset[str]:
        """The stand-ins that are still to judge."""
        last = self._rounds[-1]
        return last.settle()[2] if last.failed and last.stage.reserve is not None else frozenset()

    def _copied(self, meter: Meter) -> "Judgement":
        other = copy.copy(self)
        other._texts = self._texts.counted(meter)  # noqa: SLF001
        other._rounds = [each.copied() for each in self._rounds]  # noqa: SLF001
        return other

    # -- the verdict

    def _verdict(self, blocked: Blocked | None = None, *, edits_body: bool = True) -> Verdict:
        job = self._job
        failures = list(job.failures)
        for each in self._rounds:
            if each.blocker is not None and blocked is None:
                blocked = Blocked(each.blocker.name, "finding")
            if each.failed:
                told_, stops, _ = each.settle()
                failures += told_
                blocked = blocked or stops
        uninspected = self._texts.uninspected
        unread: Mapping[str, int] = Counter(each.reason for each in uninspected) if uninspected else {}
        # Conditions fail on a body that is no JSON; what is wrong is the body, and trying again would not help.
        free = blocked is None or (blocked.reason == "failure" and "malformed" in unread)
        if free and job.blocks_unread and unread and not unread.keys() <= SEALED:
            blocked = Blocked(job.name, "uninspected")
        found, counts, masked = self._merged() if self._rounds else ([], {}, False)
        restores = job.restores and job.vault.restores
        body, splices = job.body, None
        if blocked is None and edits_body and (masked or restores):
            document = self._texts.document
            made = edits(document, found, job.vault, self._texts.meter, restores=restores)
            if job.restores:  # nobody reads a response again
                body = document.edit(made) if made else body
            elif made:
                body, splices = edited(document, made)
        return Verdict(
            body,
            blocked,
            blocked is None and masked,
            counts,
            tuple(failures),
            unread,
            tuple(self._findings(found)) if job.detailed else (),
            splices,
        )

    def _merged(self) -> tuple[list[tuple[int, Span, CompiledProcessor]], dict[Count, int], bool]:
        """All findings in texts, in the policy's order; what they and the limits count to; and if one is masked."""
        found: list[tuple[int, Span, CompiledProcessor]] = []
        counts: dict[Count, int] = {}
        masked = False
        for of in self._rounds:
            side, processors = of.stage.side, of.stage.processors
            for number in sorted(of.heard if not of.exceeded else {*of.heard, *of.exceeded}):
                each = processors[number]
                for index, span in of.heard.get(number, ()):
                    found.append((index, span, each))
                    key = (each.name, span.kind, each.action, side, each.shadow)
                    counts[key] = counts.get(key, 0) + 1
                    masked = masked or (each.action == "mask" and not each.shadow)
                for kind in of.exceeded.get(number, ()):
                    counts[each.name, kind, each.action, side, each.shadow] = 1
        return found, counts, masked

    def _told(self, of: Round, before: int) -> list[dict[str, Any]]:
        """The findings of the processors that stand before another, as its condition sees them."""
        firsts: dict[tuple[str, str], str] = {}
        counts: Counter[tuple[str, str]] = Counter()
        for each in self._rounds:
            for number in sorted({*each.heard, *each.exceeded}):
                processor = each.stage.processors[number]
                # What runs in the shadow has no effect, on others neither.
                if processor.shadow or (each is of and number >= before):
                    continue
                for index, span in each.heard.get(number, ()):
                    key = processor.name, span.kind
                    if key not in firsts:
                        firsts[key] = self._texts.pointer(index)
                    counts[key] += 1
                for kind in each.exceeded.get(number, ()):
                    counts[processor.name, kind] += 1
        return told(counts, firsts)

    def _findings(self, found: Sequence[tuple[int, Span, CompiledProcessor]]) -> Iterable[Finding]:
        side = self._job.stage.side if self._job.stage is not None else Side.REQUEST
        for index, span, each in found:
            where, start, end = self._texts.place(index, span)
            yield Finding(each.name, span.kind, each.action, side, where, start, end, span.score, each.shadow)
        for of in self._rounds:
            for number in sorted(of.exceeded):
                each = of.stage.processors[number]
                for kind in of.exceeded[number]:
                    yield Finding(each.name, kind, each.action, side, "", 0, 0, None, each.shadow)

    def __repr__(self) -> str:
        return f"Judgement({self.name}, {self.size} bytes, {len(self.orders)} orders)"


def told(counts: Mapping[tuple[str, str], int], firsts: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    """Finds as conditions see them. `firsts`: where the first of each processor and kind stands."""
    return [
        {"processor": name, "kind": kind, "count": number, "where": firsts.get((name, kind), "")}
        for (name, kind), number in counts.items()
    ]


def masks(each: CompiledProcessor) -> bool:
    """True if the findings of a processor are replaced."""
    return each.action == "mask" and not each.shadow
