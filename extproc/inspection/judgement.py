"""The judgement on one whole body: what its detectors found and which of them failed, merged in the policy's order.

Local processors (rules and limits) are heard as soon as the body is scanned. Those that are handed out are heard when
their results come; when all are in, or one blocks, the edits are made, once.
"""

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from extproc.detectors.contract import BestScore, Conversation, Detection
from extproc.inspection.body_texts import BodyTexts
from extproc.inspection.failures import settle
from extproc.inspection.following import HeardReply
from extproc.inspection.offloaded import OffloadedWork, offload
from extproc.inspection.rounds import Round, best_scores, listed, merge, told, verdict
from extproc.inspection.scored import DetectorFindings
from extproc.inspection.stage import CompiledProcessor, Stage, patience
from extproc.inspection.verdict import SEALED, Blocked, Evidence, Verdict
from extproc.matching.span import Span
from extproc.policy.conditions import ConditionError
from extproc.protocol.effects import WorkKind
from extproc.protocol.meter import Meter, SpentError

if TYPE_CHECKING:
    from extproc.inspection.held_streams import StreamTexts
    from extproc.inspection.judge import Job

EDIT_TIMEOUT: Final = 5.0
"""Seconds for editing a large body, or putting values back into one: a hundred times what 32 MiB take."""


class Judgement:
    """Merges what is said of one body.

    `run` gives the verdict, or a judgement with `orders`: the processors whose detectors are to be handed out now. Each
    is answered by `take` or by `fail`; once `ready`, `run` goes on, in any thread, and may be begun anew.
    """

    __slots__ = ("_job", "_rounds", "_texts", "orders")

    def __init__(self, job: "Job", texts: "BodyTexts | StreamTexts", first: Round) -> None:
        self._job = job
        self._texts: BodyTexts | StreamTexts = texts
        self._rounds = [first]
        self.orders: Sequence[CompiledProcessor] = ()

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

    def followed(self, processor: CompiledProcessor) -> HeardReply:
        """Return what a follower of the reply notices. Raises SpentError, and whatever the follower raises."""
        return self._texts.followed(processor)

    # -- what was handed out

    def take(self, processor: CompiledProcessor, found: Iterable[Detection], best: Sequence[BestScore] = ()) -> None:
        """The detector of a processor has found this, which is within its contract. `best`: see `DetectorFindings`."""
        round_ = self._rounds[-1]
        if best:
            round_.scores[processor.number] = best
        title, texts = round_.stage.title, self._texts
        spans: list[tuple[int, Span]] = []
        given, rejects = dict[str, str](), False
        for number, each in enumerate(found):
            size = len(self.conversation.statements[each.statement].text)
            rule = title(processor, each.kind)
            if each.instead is not None:
                rule = f"{rule}:{number}"
                given[rule] = each.instead
            rejects |= each.rejects
            span = Span(each.start, size if each.end is None else each.end, each.kind, rule, each.score)
            spans.append((texts.passage(each.statement), span))
            if each.threshold is not None:
                round_.evidence[spans[-1]] = Evidence(each.threshold, each.tier)
        round_.hear(processor, spans, given=given, rejects=rejects)

    def hear(self, processor: CompiledProcessor, result: DetectorFindings) -> None:
        """The detector of a processor has answered."""
        if result.unsampled:
            self.pass_by(processor)
        else:
            self.take(processor, result.found, result.best)

    def pass_by(self, processor: CompiledProcessor) -> None:
        """A processor that is asked about a share of the bodies lets this one pass."""
        self._rounds[-1].hear(processor, [])

    def work_of(self, processor: CompiledProcessor) -> tuple[WorkKind, OffloadedWork]:
        """Return the work of a processor that is among the orders, and who does it."""
        return offload(processor, self.conversation)

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

    # -- while the request goes on

    def provisional(self, most: int, meter: Meter) -> Verdict | None:
        """Return what is known without the detectors that are asked, for a request that goes on meanwhile.

        None if edits of a body of more than `most` bytes would be made, or `meter` does not suffice.
        """
        if self.size > most and merge(self._rounds).masks:
            return None
        try:
            return self._copied(meter)._verdict()  # noqa: SLF001
        except SpentError:
            return None

    def late(self) -> Verdict:
        """Return what the detectors came to that were asked. What `provisional` told is not in it."""
        (first,) = self._rounds
        asked = {each.number for each in first.stage.offloaded}
        only = first.copied()
        only.heard = {number: spans for number, spans in first.heard.items() if number in asked}
        only.failed = {number: reason for number, reason in first.failed.items() if number in asked}
        only.exceeded, only.replied = {}, {}
        merged = merge([only])
        most = self._job.listed
        findings = tuple(islice(listed(self._job, self._texts, [only], merged), most)) if most else ()
        body = self._job.body
        return Verdict(
            body,
            merged.blocked,
            False,
            merged.counts,
            tuple(merged.failures),
            findings=findings,
            scores=merged.scores,
            best=tuple(best_scores([only])),
        )

    # -- going on

    def run(self, meter: Meter | None = None) -> "Verdict | Judgement":
        """Return the verdict, or what it waits for. This one stays as it is. Raises SpentError if `meter` runs out."""
        return self._copied(meter or Meter()).went_on()

    def given_up(self, reason: str) -> Verdict:
        """Return the verdict where `run` brought none: whoever would have masked, or stood in, has failed."""
        return self._copied(Meter()).failed(reason)

    def failed(self, reason: str) -> Verdict:
        """The same, and it changes this one."""
        called = self._called()
        blocked = Blocked(min(called), "failure") if called else None
        for of in self._rounds:
            for number in [number for number in of.heard if of.stage.processors[number].masks]:
                each = of.stage.processors[number]
                del of.heard[number]
                of.fail(each, reason)
                blocked = blocked or settle([(each, reason)])[1]
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
        while True:
            last = self._rounds[-1]
            orders = last.listen(self)
            if last.stops:
                break
            if orders:
                if self._job.blocks_unread and self._unread_blocks():
                    break  # whatever they would say
                self._texts.converse(last.stage.side)
                self.orders = orders
            if last.pending:
                return self
            reserve, called = last.stage.reserve, self._called()
            if not called or reserve is None:
                break
            if (others := self._handed_on(reserve, called)) is not None:
                return others
            self._rounds.append(Round(reserve, self._texts.look(reserve), only=called))
        return self._verdict()

    def _handed_on(self, reserve: Stage, called: frozenset[str]) -> "Verdict | Judgement | None":  # noqa: ARG002
        """Return what others make of the body who stand in; None if they look at these texts. May raise SpentError."""
        return None

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

    def _verdict(self, blocked: Blocked | None = None, *, edits_body: bool = True) -> Verdict:
        return verdict(self._job, self._texts, self._rounds, blocked, edits_body=edits_body)

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

    def __repr__(self) -> str:
        return f"Judgement({self.name}, {self.size} bytes, {len(self.orders)} orders)"
