"""The judgement on one whole body: what its detectors found and which of them failed, merged in the policy's order.

Local processors (rules and limits) are heard as soon as the body is scanned. Those that are handed out are heard when
their results come; when all are in, or one blocks, the edits are made, once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from extproc.apis.counts import NOTHING, Counts
from extproc.detectors.contract import Conversation, Detection
from extproc.inspection.edits import edits
from extproc.inspection.failures import settle, uncalled
from extproc.inspection.stage import Active, Limits, Processor, Stage, patience
from extproc.inspection.texts import BodyTexts, Found
from extproc.inspection.verdict import CONDITION, ERROR, SEALED, Blocked, Count, Failure, Finding, Verdict
from extproc.matching.span import Span
from extproc.policy.conditions import ConditionError
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter

if TYPE_CHECKING:
    from extproc.inspection.judge import Job

EDIT_TIMEOUT: Final = 5.0
"""Seconds for editing a large body, or putting values back into one: a hundred times what 32 MiB take."""

Spans = Sequence[tuple[int, Span]]
"""Findings in the texts of a body, each with the number of its text."""


class Round:
    """One stage of a judgement: all processors of a side, or the stand-ins that were called.

    Mutable. `heard` and `exceeded`: findings by the number of their processor. `failed`: reasons by number, in the
    order in which they were told of. `pending`: the processors whose work is handed out.
    """

    __slots__ = ("_looked", "_on", "_settled", "exceeded", "failed", "heard", "only", "pending", "stage")

    def __init__(self, stage: Stage, only: frozenset[str] | None, active: Active | None) -> None:
        self.stage = stage
        self.only = only
        self._on = active.on if active is not None else None
        self._settled: set[int] = set()
        self.heard: dict[int, Spans] = {}
        self.exceeded: dict[int, Sequence[str]] = {}
        self.failed: dict[int, str] = {}
        self.pending: frozenset[int] = frozenset()
        self._looked: tuple[Found, bool, Counts] = ({}, False, NOTHING)
        for each in active.failed if active is not None else ():
            self.fail(each, CONDITION)

    def look(self, texts: BodyTexts) -> None:
        """Have the local processors look at the body, all in one pass. Raises SpentError."""
        if any(each.number not in self.failed for each in self.stage.local):
            self._looked = (*texts.scan(self.stage), texts.sizes(self.stage))

    def listen(self, judgement: "Judgement") -> tuple[Processor, ...]:
        """Hear the local processors that are due; return those that are to be handed out."""
        found, lost, sizes = self._looked
        orders: list[Processor] = []
        for each in self._due(judgement):
            number, limits = each.number, each.limits
            if each.detector is not None:
                orders.append(each)
                self.pending |= {number}
            elif (lost and number in self.stage.scanning) or (limits is not None and _untold(limits, sizes)):
                self.fail(each, ERROR)
            elif limits is not None or number in found:
                self.hear(each, found.get(number, ()), _exceeded(limits, judgement.size, sizes))
        return tuple(orders)

    def fail(self, processor: Processor, reason: str) -> None:
        """A processor of it has failed."""
        self.failed.setdefault(processor.number, reason)
        self._settled.add(processor.number)

    def hear(self, processor: Processor, spans: Spans, exceeded: Sequence[str] = ()) -> None:
        """A processor of it has found something."""
        if spans:
            self.heard[processor.number] = spans
        if exceeded:
            self.exceeded[processor.number] = exceeded

    def _due(self, judgement: "Judgement") -> Iterator[Processor]:
        """The processors at work that nothing is known of yet, in order; each of them is settled by that."""
        only, on, settled = self.only, self._on, self._settled
        for each in self.stage.processors:
            number = each.number
            if number in settled or (only is not None and each.name not in only):
                continue
            if self.pending and each.reads_findings:
                continue  # it waits until all that was handed out is heard
            settled.add(number)
            holds = judgement.holds(self, each) if on is None else on[number]
            if holds:
                yield each
            elif holds is None:
                self.fail(each, CONDITION)

    def blocks(self) -> Processor | None:
        """The first processor whose findings block the body."""
        if not (self.heard or self.exceeded):
            return None
        for each in self.stage.processors:
            if (
                each.action == "block"
                and not each.shadow
                and (each.number in self.heard or each.number in self.exceeded)
            ):
                return each
        return None

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
        other = Round(self.stage, self.only, None)
        other._on = self._on
        other._settled = set(self._settled)
        other._looked = self._looked
        other.heard, other.exceeded, other.failed = dict(self.heard), dict(self.exceeded), dict(self.failed)
        other.pending = self.pending
        return other


class Judgement:
    """Merges what is said of one body. `run` goes on as far as it can, in any thread; the rest is for one thread alone.

    `run` gives the verdict, or a judgement with `orders`: the processors whose detectors are to be handed out now. Each
    is answered by `take` or by `fail`; once `ready`, `run` goes on. It leaves this one as it is, so that it may be
    begun anew.
    """

    __slots__ = ("_job", "_rounds", "_texts", "orders")

    def __init__(self, job: "Job", texts: BodyTexts) -> None:
        self._job = job
        self._texts = texts
        self._rounds: list[Round] = []
        self.orders: tuple[Processor, ...] = ()

    @classmethod
    def begun(cls, job: "Job", texts: BodyTexts) -> "Verdict | Judgement":
        """Return the verdict on a body, or what it waits for. Raises SpentError."""
        judgement = cls(job, texts)
        if job.stage is not None:
            first = Round(job.stage, job.only, job.active)
            for number, reason in job.failed.items():
                first.fail(job.stage.processors[number], reason)
            judgement._begin(first)
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
        assert self._texts.conversation is not None, "it is read before anything is handed out"
        return self._texts.conversation

    # -- what was handed out

    def take(self, processor: Processor, found: Iterable[Detection]) -> None:
        """The detector of a processor has found this, which is within its contract."""
        round_ = self._rounds[-1]
        round_.pending -= {processor.number}
        title, stated = round_.stage.title, self._texts.stated
        texts = self._texts.document.passages
        spans: list[tuple[int, Span]] = []
        for each in found:
            index = stated[each.statement]
            end = len(texts[index].text) if each.end is None else each.end
            spans.append((index, Span(each.start, end, each.kind, title(processor, each.kind), each.score)))
        round_.hear(processor, spans)

    def fail(self, processor: Processor, reason: str) -> None:
        """The detector of a processor has failed."""
        round_ = self._rounds[-1]
        round_.pending -= {processor.number}
        round_.fail(processor, reason)

    @property
    def ready(self) -> bool:
        """True if nothing more need be waited for: all is in, or the body is blocked already."""
        return not self._rounds[-1].pending or self.blocks

    @property
    def blocks(self) -> bool:
        """True if the body is blocked by what is known already, so that nothing is left to be edited."""
        return self._stops(self._rounds[-1])

    # -- going on

    def run(self, meter: Meter | None = None) -> "Verdict | Judgement":
        """Return the verdict, or what it waits for. Raises SpentError if `meter` runs out."""
        return self._copied(meter or Meter()).went_on()

    def given_up(self, reason: str) -> Verdict:
        """Return the verdict where `run` brought none: whoever would have masked, or stood in, has failed."""
        return self._copied(Meter()).failed(reason)

    def failed(self, reason: str) -> Verdict:
        """The same, and it changes this one."""
        blocked = uncalled(self._called())
        for of in self._rounds:
            for number in [number for number in of.heard if _masks(of.stage.processors[number])]:
                each = of.stage.processors[number]
                del of.heard[number]
                of.fail(each, reason)
                _, stops, called = settle([each], reason)
                blocked = blocked or stops or uncalled(called)
        return self._verdict(blocked, edits_body=False)

    def holds(self, of: Round, processor: Processor) -> bool | None:
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
            if self._stops(last) or self._stops_unread(orders):
                break
            if orders:
                self._texts.converse(last.stage.side)
                self.orders = orders
            if last.pending:
                return self
            called, reserve = self._called(), last.stage.reserve
            if not called or reserve is None:
                break
            self._begin(Round(reserve, called, None))
        return self._verdict()

    def _begin(self, of: Round) -> None:
        self._rounds.append(of)
        of.look(self._texts)

    def _stops(self, of: Round) -> bool:
        """True if the body is blocked, whatever else is found in it."""
        return of.blocks() is not None or (bool(of.failed) and of.settle()[1] is not None)

    def _stops_unread(self, orders: Sequence[Processor]) -> bool:
        """True if the body is blocked for what cannot be read, so that nobody need be asked about the rest."""
        return bool(orders) and self._job.blocks_unread and self._unread_blocks()

    def _unread_blocks(self) -> bool:
        return not {each.reason for each in self._texts.uninspected} <= SEALED

    def _called(self) -> frozenset[str]:
        """The stand-ins that are still to judge."""
        last = self._rounds[-1]
        return last.settle()[2] if last.failed and last.stage.reserve is not None else frozenset()

    def _copied(self, meter: Meter) -> "Judgement":
        other = Judgement(self._job, self._texts.counted(meter))
        other._rounds = [each.copied() for each in self._rounds]
        return other

    # -- the verdict

    def _verdict(self, blocked: Blocked | None = None, *, edits_body: bool = True) -> Verdict:
        job = self._job
        failures = list(job.failures)
        for each in self._rounds:
            blocker = each.blocks()
            blocked = blocked or (Blocked(blocker.name, "finding") if blocker is not None else None)
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
        found = list(self._found())
        made = edits(job, self._texts, found) if edits_body and blocked is None and (found or job.restores) else {}
        return Verdict(
            self._texts.document.edit(made) if made else job.body,
            blocked,
            blocked is None and any(_masks(each) for _, _, each in found),
            self._counts() if self._rounds else {},
            tuple(failures),
            unread,
            tuple(self._findings(found)) if job.detailed else (),
        )

    def _found(self) -> Iterator[tuple[int, Span, Processor]]:
        for of in self._rounds:
            for number in sorted(of.heard):
                for index, span in of.heard[number]:
                    yield index, span, of.stage.processors[number]

    def _sized(self) -> Iterator[tuple[str, Processor]]:
        for of in self._rounds:
            for number in sorted(of.exceeded):
                for kind in of.exceeded[number]:
                    yield kind, of.stage.processors[number]

    def _counts(self) -> dict[Count, int]:
        counts: dict[Count, int] = {}
        for of in self._rounds:
            side = of.stage.side
            for number in sorted({*of.heard, *of.exceeded}):
                each = of.stage.processors[number]
                kinds = [span.kind for _, span in of.heard.get(number, ())]
                for kind in (*kinds, *of.exceeded.get(number, ())):
                    key = (each.name, kind, each.action, side, each.shadow)
                    counts[key] = counts.get(key, 0) + 1
        return counts

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
                        firsts[key] = self._texts.document.passages[index].pointer
                    counts[key] += 1
                for kind in each.exceeded.get(number, ()):
                    counts[processor.name, kind] += 1
        return told(counts, firsts)

    def _findings(self, found: Sequence[tuple[int, Span, Processor]]) -> Iterable[Finding]:
        side = self._job.stage.side if self._job.stage is not None else Side.REQUEST
        for index, span, each in found:
            (place,) = self._texts.document.places(index, [(span.start, span.end)])
            yield Finding(
                each.name, span.kind, each.action, side, place.pointer, place.start, place.end, span.score, each.shadow
            )
        for kind, each in self._sized():
            yield Finding(each.name, kind, each.action, side, "", 0, 0, None, each.shadow)

    def __repr__(self) -> str:
        return f"Judgement({self.name}, {self.size} bytes, {len(self.orders)} orders)"


def told(counts: Mapping[tuple[str, str], int], firsts: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    """Finds as conditions see them. `firsts`: where the first of each processor and kind stands."""
    return [
        {"processor": name, "kind": kind, "count": number, "where": firsts.get((name, kind), "")}
        for (name, kind), number in counts.items()
    ]


def _masks(each: Processor) -> bool:
    return each.action == "mask" and not each.shadow


def _untold(limits: Limits, sizes: Counts) -> bool:
    """True if a number that is limited cannot be told."""
    return (limits.messages is not None and sizes.messages is None) or (
        limits.images is not None and sizes.images is None
    )


def _exceeded(limits: Limits | None, size: int, sizes: Counts) -> Sequence[str]:
    if limits is None:
        return ()
    measured = (("bytes", size, limits.bytes), ("messages", sizes.messages, limits.messages))
    return [
        kind
        for kind, number, limit in (*measured, ("images", sizes.images, limits.images))
        if limit is not None and number is not None and number > limit
    ]
