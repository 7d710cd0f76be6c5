"""The rounds of a judgement on a whole body, and the verdict that they come to, in the policy's order."""

import copy
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from extproc.detectors.contract import BestScore
from extproc.detectors.replies import ReplyFinding
from extproc.inspection.body_texts import Looked, Spans
from extproc.inspection.failures import Settlement, settle
from extproc.inspection.following import HeardReply, told_as
from extproc.inspection.masking import NO_GIVEN
from extproc.inspection.stage import Active, CompiledProcessor, Stage
from extproc.inspection.verdict import (
    CONDITION,
    ERROR,
    NO_EVIDENCE,
    SEALED,
    Blocked,
    Count,
    Evidence,
    Failure,
    Finding,
    Scored,
    Verdict,
)
from extproc.matching.span import Span
from extproc.protocol.messages import Side
from extproc.protocol.meter import SpentError
from extproc.protocol.record import ProcessorScore

if TYPE_CHECKING:
    from extproc.inspection.body_texts import BodyTexts
    from extproc.inspection.held_streams import StreamTexts
    from extproc.inspection.judge import Job
    from extproc.inspection.judgement import Judgement


NOTHING_HEARD: Final = HeardReply()

SCORE_DIGITS: Final = 4
"""Digits of a score in records: more tell nobody anything."""


class Round(Struct, eq=False):
    """One stage of a judgement: all processors of a side, or the stand-ins that were called.

    `given`: what guards want in the place of findings, by their rules. `rejected`: processors of which a finding
    cannot be masked.
    `scores`: what each processor that computes them came to; `evidence`: why a finding of one is one.

    `looked`: what its local processors see. `only`: the stand-ins that were called; None for everybody. `active`: see
    `Job`. `heard` and `exceeded`: findings by the number of their processor. `failed`: reasons by number, in the order
    in which they came. `pending`: the processors whose work is handed out. `settled`: all whose turn is over. `blocks`:
    the findings of one block the body. `replied`: what followers of the reply noticed, by number.
    """

    stage: Stage
    looked: Looked
    only: frozenset[str] | None = None
    active: Active | None = None
    heard: dict[int, Spans] = {}
    exceeded: dict[int, Sequence[str]] = {}
    given: dict[str, str] = {}
    rejected: frozenset[int] = frozenset()
    failed: dict[int, str] = {}
    pending: frozenset[int] = frozenset()
    settled: set[int] = set()
    blocks: bool = False
    replied: dict[int, HeardReply] = {}
    scores: dict[int, Sequence[BestScore]] = {}
    evidence: dict[tuple[int, Span], Evidence] = {}

    @classmethod
    def of(cls, job: "Job", stage: Stage, looked: Looked) -> "Round":
        """The first round of a job."""
        failed = dict(job.failed)
        if job.active is not None:
            failed |= {each.number: CONDITION for each in job.active.failed}
        return cls(stage, looked, job.only, job.active, failed=failed, settled=set(failed))

    def listen(self, judgement: "Judgement") -> list[CompiledProcessor]:
        """Hear the local processors that are due, in order; return those at work that are to be handed out."""
        found, lost, sizes = self.looked
        only, settled = self.only, self.settled
        on = None if self.active is None else self.active.on
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
            elif each.reply is not None:
                self._follow(each, judgement)
            elif (lost and number in self.stage.scanning) or (limits is not None and limits.untold(sizes)):
                self.failed[number] = ERROR
            elif number in found or limits is not None:
                exceeded = () if limits is None else limits.exceeded(judgement.size, sizes)
                self.hear(each, found.get(number, []), exceeded)
        return orders

    def _follow(self, processor: CompiledProcessor, judgement: "Judgement") -> None:
        """Hear a follower of the reply. Raises SpentError."""
        try:
            heard = judgement.followed(processor)
        except SpentError:
            raise
        except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the body
            self.failed[processor.number] = ERROR
            return
        if heard.findings or heard.unjudged:
            self.replied[processor.number] = heard
        # A body that could be repaired was repaired before.
        self.blocks |= bool(heard.findings) and processor.stops

    def fail(self, processor: CompiledProcessor, reason: str) -> None:
        """Note that a processor failed whose work was handed out."""
        self.pending -= {processor.number}
        self.failed[processor.number] = reason

    def hear(
        self,
        processor: CompiledProcessor,
        spans: Spans,
        exceeded: Sequence[str] = (),
        given: Mapping[str, str] = NO_GIVEN,
        *,
        rejects: bool = False,
    ) -> None:
        """Note the findings of a processor, if it has any."""
        number = processor.number
        self.pending -= {number}
        if spans:
            self.heard[number] = spans
        if exceeded:
            self.exceeded[number] = exceeded
        if given:
            self.given |= given
        if rejects and processor.masks:
            self.rejected |= {number}
        if ((spans or exceeded) and processor.blocks) or (rejects and processor.masks):
            self.blocks = True

    @property
    def stops(self) -> bool:
        """True if the body is blocked, whatever else is found in it."""
        return self.blocks or (bool(self.failed) and self.settle()[1] is not None)

    def settle(self) -> Settlement:
        """See `failures.settle`; failures of one reason stand together."""
        reasons = list(dict.fromkeys(self.failed.values()))
        alike = sorted(self.failed.items(), key=lambda failed: reasons.index(failed[1]))
        stage = self.stage
        return settle([(stage.processors[number], reason) for number, reason in alike], stage.stand_ins)

    def copied(self) -> "Round":
        """Return a copy that can go on by itself."""
        other = copy.copy(self)
        other.heard, other.exceeded, other.failed = dict(self.heard), dict(self.exceeded), dict(self.failed)
        other.settled, other.given, other.replied = set(self.settled), dict(self.given), dict(self.replied)
        other.scores, other.evidence = dict(self.scores), dict(self.evidence)
        return other


class Merged(Struct):
    """The sum of all rounds.

    `found`: findings in texts, in the policy's order. `masks`: one of them is to be masked.
    """

    blocked: Blocked | None
    failures: list[Failure]
    found: list[tuple[int, Span, CompiledProcessor]] = []
    counts: dict[Count, int] = {}
    given: dict[str, str] = {}
    scores: dict[Count, Scored] = {}
    masks: bool = False
    replied: list[tuple[CompiledProcessor, ReplyFinding]] = []

    def reply(self, each: CompiledProcessor, finding: ReplyFinding) -> None:
        """Count a finding in the reply."""
        self.replied.append((each, finding))
        if not finding.again:
            key = each.count(finding.kind, Side.RESPONSE)
            self.counts[key] = self.counts.get(key, 0) + 1
            if finding.threshold is not None:
                self.scores[key] = max(finding.score, self.scores.get(key, (0.0, None))[0]), finding.threshold


def verdict(
    job: "Job",
    texts: "BodyTexts | StreamTexts",
    rounds: Sequence[Round],
    blocked: Blocked | None = None,
    *,
    edits_body: bool = True,
) -> Verdict:
    """Return the verdict of all rounds, and make the edits. `blocked`: what blocks the body before all else.

    Raises SpentError.
    """
    merged = merge(rounds, blocked, job.failures)
    for number, finding in job.repairs:
        merged.reply(rounds[0].stage.processors[number], finding)
    blocked = merged.blocked
    unread: Mapping[str, int] = {}
    if texts.uninspected:
        unread = _unread(texts, rounds)
    else:
        for of in rounds:
            if of.replied:
                unread = _unread(texts, rounds)
                break
    # Conditions fail on a body that is no JSON; what is wrong is the body, and trying again would not help.
    free = blocked is None or (blocked.reason == "failure" and "malformed" in unread)
    if free and job.blocks_unread and unread and not unread.keys() <= SEALED:
        blocked = Blocked(job.name, "uninspected")
    body, splices, restores = job.body, None, job.restores and job.vault.restores
    if blocked is None and edits_body and (merged.masks or restores):
        body, splices = texts.edited(merged.found, restores=restores, given=merged.given)
    findings = tuple(islice(listed(job, texts, rounds, merged), job.listed)) if job.listed else ()
    masked = blocked is None and (merged.masks or bool(job.repairs))
    best = tuple(best_scores(rounds)) if job.stage is not None and job.stage.offloaded else ()
    failures, counts, scores = tuple(merged.failures), merged.counts, merged.scores
    return Verdict(body, blocked, masked, counts, failures, unread, findings, splices, scores, best)


def best_scores(rounds: Sequence[Round]) -> Iterable[ProcessorScore]:
    """The scores of processors, in the policy's order."""
    for of in rounds:
        ordered = ((number, best) for number, scores in sorted(of.scores.items()) for best in scores)
        for number, best in ordered:
            each, window = of.stage.processors[number], best.window
            yield ProcessorScore(
                each.name,
                of.stage.side.value,
                window.kind,
                round(window.score, SCORE_DIGITS),
                window.threshold,
                window.tier,
                best.statement,
                window.start,
                window.end,
                window.level,
            )


def merge(rounds: Iterable[Round], blocked: Blocked | None = None, failures: Iterable[Failure] = ()) -> Merged:
    """Merge rounds in the policy's order; the first that blocks the body counts, findings of a round before failures.

    `blocked` and `failures`: those that came before.
    """
    merged = Merged(blocked, [*failures])
    found, counts = merged.found, merged.counts
    for of in rounds:
        side, processors = of.stage.side, of.stage.processors
        for number in sorted({*of.heard, *of.exceeded, *of.replied} if of.exceeded or of.replied else of.heard):
            each = processors[number]
            spans = of.heard.get(number, ())
            for index, span in spans:
                found.append((index, span, each))
                key = each.count(span.kind, side)
                counts[key] = counts.get(key, 0) + 1
                if each.detector is not None:
                    best = merged.scores.get(key, (0.0, None))[0]
                    why = of.evidence.get((index, span), NO_EVIDENCE)
                    merged.scores[key] = max(best, span.score), each.threshold or why.threshold
            for kind in of.exceeded.get(number, ()):
                counts[each.count(kind, side)] = 1
            replied = of.replied[number] if number in of.replied else NOTHING_HEARD  # noqa: SIM401  - most have none
            for finding in replied.findings:
                merged.reply(each, finding)
            if each.masks:
                merged.masks |= bool(spans)
                if number in of.rejected:
                    merged.blocked = merged.blocked or Blocked(each.name, "finding")
            elif each.stops and (spans or replied.findings or number in of.exceeded):
                merged.blocked = merged.blocked or Blocked(each.name, "finding")
        if of.given:
            merged.given |= of.given
        if of.failed:
            told_, stops, _ = of.settle()
            merged.failures += told_
            merged.blocked = merged.blocked or stops
    return merged


def listed(
    job: "Job",
    texts: "BodyTexts | StreamTexts",
    rounds: Sequence[Round],
    merged: Merged,
) -> Iterable[Finding]:
    """List the findings in texts, and then the limits that the body exceeds."""
    side = job.stage.side if job.stage is not None else Side.REQUEST
    for index, span, each in merged.found:
        also = texts.also.get((index, span), ())
        evidence = next((of.evidence[index, span] for of in rounds if (index, span) in of.evidence), NO_EVIDENCE)
        yield each.finding(span.kind, side, texts.place(index, span), span.score, also, evidence)
    for of in rounds:
        for number in sorted(of.exceeded):
            each = of.stage.processors[number]
            for kind in of.exceeded[number]:
                yield each.finding(kind, side)
    for each, finding in merged.replied:
        if not finding.again:
            yield told_as(each, finding)


def _unread(texts: "BodyTexts | StreamTexts", rounds: Sequence[Round]) -> Mapping[str, int]:
    """Count what could not be inspected, by its reason."""
    replied = [reason for of in rounds for heard in of.replied.values() for reason in heard.unjudged]
    return Counter([*(each.reason for each in texts.uninspected), *replied])


def told(counts: Mapping[tuple[str, str], int], firsts: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    """Return findings as conditions see them. `firsts`: where the first of each processor and kind stands."""
    return [
        {"processor": name, "kind": kind, "count": number, "where": firsts.get((name, kind), "")}
        for (name, kind), number in counts.items()
    ]
