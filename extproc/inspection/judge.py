"""A whole body judged: read, scanned, and written anew with what was masked or restored in it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from extproc import payload as text
from extproc.apis.counts import NOTHING, Counts, count
from extproc.apis.streams.twofold import twofold
from extproc.detectors.naming import named, spelled
from extproc.inspection.led import leading, led
from extproc.inspection.stage import Active, Limits, Processor, SignalValues, Stage
from extproc.inspection.vault import Vault, restorations
from extproc.inspection.verdict import Blocked, Count, Failure, Finding
from extproc.matching.scanner import Scanner
from extproc.matching.span import Distinct, Span, order, unite
from extproc.payload import Document, Edit, TextLimitError
from extproc.payload.opened import MAX_VALUES, metered
from extproc.policy.conditions import ConditionError
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter, SpentError

_USUAL = "application/json"

ERROR = "error"
CONDITION = "condition"
"""Reasons of failures that arise here; the others are those of the work that was handed out."""

SEALED = frozenset({"encrypted"})
"""Reasons for which content is listed as uninspected and yet never blocks: signatures and reasoning that only the
provider who sealed them can open, and checks when they come back. Every response of a model that thinks has some."""


STEPS_A_FINDING, STEPS_A_MASK, STEPS_AN_EDIT = 2, 4, 6
"""Steps of a meter that it takes to note a finding, to write its placeholder, and to put that into the body. So work
that nobody waits for stops between them, whatever was found."""


class Verdict(Struct, frozen=True):
    """The verdict on one body. `body` is what goes on: the very object that was judged, if nothing in it changed.

    `counts`: findings; `unread`: what could not be read, by its reason. `findings` are listed only if asked for.
    """

    body: bytes
    blocked: Blocked | None = None
    masked: bool = False
    counts: Mapping[Count, int] = {}
    failures: tuple[Failure, ...] = ()
    unread: Mapping[str, int] = {}
    findings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        return f"Verdict({len(self.body)} bytes, blocked={self.blocked}, masked={self.masked})"


class Job(Struct, frozen=True):
    """One body to be judged. May run in any thread; nobody else uses `vault` meanwhile.

    `body` has no content-encoding left. `stage` is None where values are only to be restored. `active`: who is at work,
    where that is known already (an answer's conditions look at the request alone); else it is found out here, each
    condition seeing what the processors before it found in `signals["findings"]`. `only`: stand-ins that are to judge
    in place of others, whose `failures` are told as well. `streamed`: gives the verdict on a body that is a stream
    under another name, and None for any other body.
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
    detailed: bool = False
    only: frozenset[str] | None = None
    failures: tuple[Failure, ...] = ()
    streamed: "Callable[..., Verdict | None] | None" = None

    @property
    def timeout(self) -> float:
        """Seconds that it may take once it is handed out."""
        return self.stage.timeout if self.stage is not None else RESTORE_TIMEOUT

    def run(self, meter: Meter | None = None) -> Verdict:
        """Return the verdict. Raises SpentError if `meter` runs out, and nothing else that a body could cause."""
        meter = meter or Meter()
        if self.streamed is not None and (verdict := self.streamed(self, meter=meter)) is not None:
            return verdict
        glimpsed = self._glimpsed()
        if glimpsed is not None:
            meter.spend(len(glimpsed[0]))
            return _Judging(self, None, meter, glimpsed).verdict()
        limit = meter.left
        try:
            document = self.document(meter)
        except TextLimitError as error:
            if limit < MAX_VALUES and error.limit == "values":
                raise SpentError from None
            return self._unread("complexity")
        if limit < MAX_VALUES:
            meter.spend(len(document.passages))
        return _Judging(self, document, meter).verdict()

    def _glimpsed(self) -> text.Glimpsed | None:
        """The texts of a body that has nothing but plain ones: only where something is found in them it is read."""
        if self.content_type != _USUAL or (self.restores and self.vault.restores):
            return None
        return text.glimpse(self.body)

    def document(self, meter: Meter) -> Document:
        """All of the body, read. Raises TextLimitError."""
        try:
            document = text.read(self.body, self.content_type, metered(meter))
            return text.doubted(document) if self._answers and twofold(self.body) else document
        except ClientError:
            return text.read_malformed(self.body, metered(meter))

    @property
    def _answers(self) -> bool:
        """True for the body of a response that is JSON."""
        of = self.stage
        return of is not None and of.side is Side.RESPONSE and text.declares_json(self.content_type)

    def given_up(self, reason: str) -> "Verdict | Job":
        """Return what becomes of the body when this job brought no verdict: one, or a job for the stand-ins."""
        stage = self.stage
        if stage is None:
            return self._unread(reason)
        failures, blocked, called = settle([each for each in stage.processors if self._asks(each)], reason)
        failures = (*self.failures, *failures)
        if blocked is None and called and stage.reserve is not None:
            return replace(self, stage=stage.reserve, only=called, failures=failures, active=None)
        return Verdict(self.body, blocked or _uncalled(called), failures=failures)

    def _asks(self, each: Processor) -> bool:
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


RESTORE_TIMEOUT = 5.0
"""Seconds for putting values back into a large answer: a hundred times what 32 MiB take."""


def settle(failed: Iterable[Processor], reason: str) -> tuple[tuple[Failure, ...], Blocked | None, frozenset[str]]:
    """Resolve failures into records, a block (if any) and the names of the stand-ins to run."""
    failures: list[Failure] = []
    blocked: Blocked | None = None
    called: set[str] = set()
    for each in failed:
        standing_in = each.stand_in is not None and not each.shadow
        allowed = each.shadow or each.allows_failure or standing_in
        failures.append(Failure(each.name, reason, allowed))
        if standing_in and each.stand_in is not None:
            called.add(each.stand_in)
        elif not allowed and blocked is None:
            blocked = Blocked(each.name, "failure")
    return tuple(failures), blocked, frozenset(called)


def _uncalled(called: frozenset[str]) -> Blocked | None:
    # A stand-in that fails has nobody in its own place.
    return Blocked(min(called), "failure") if called else None


class _Judging:
    """One run of a job. Where its texts were `glimpsed`, its document is read once something was found."""

    def __init__(
        self, job: Job, document: Document | None, meter: Meter, glimpsed: text.Glimpsed | None = None
    ) -> None:
        self._job = job
        self._meter = meter
        self._read = document
        self._glimpsed = glimpsed
        self._found: list[tuple[int, Span, Processor]] = []
        self._counts: dict[Count, int] = {}
        self._sized: list[tuple[str, Processor]] = []
        self._failures = list(job.failures)
        self._blocked: Blocked | None = None

    @property
    def _document(self) -> Document:
        if self._read is None:
            try:
                self._read = self._job.document(self._meter)
            except TextLimitError:
                raise SpentError from None  # it is far below all limits but the meter's
        return self._read

    @property
    def _uninspected(self) -> Sequence[text.Uninspected]:
        return () if self._glimpsed is not None else self._document.uninspected

    def verdict(self) -> Verdict:
        job = self._job
        if job.stage is not None:
            self._judge(job.stage, job.only, job.active)
        unread: Mapping[str, int] = Counter(each.reason for each in self._uninspected) if self._uninspected else {}
        # Conditions fail on a body that is no JSON; what is wrong is the body, and trying again would not help.
        free = self._blocked is None or (self._blocked.reason == "failure" and "malformed" in unread)
        if free and job.blocks_unread and unread and not unread.keys() <= SEALED:
            self._blocked = Blocked(job.name, "uninspected")
        changes = self._blocked is None and (self._found or job.restores)
        edits = self._edits() if changes else {}
        self._meter.spend(STEPS_AN_EDIT * sum(map(len, edits.values())))
        body = self._document.edit(edits) if edits else job.body
        return Verdict(
            body,
            self._blocked,
            self._blocked is None and self._masks(),
            self._counts,
            tuple(self._failures),
            unread,
            tuple(self._findings()) if job.detailed else (),
        )

    def _masks(self) -> bool:
        return bool(self._found) and any(each.enforces and each.action == "mask" for _, _, each in self._found)

    # -- judging

    def _judge(self, stage: Stage, only: frozenset[str] | None, active: Active | None) -> None:
        spans, failed = self._scan(stage)
        sizes = self._sizes(stage)
        on = active.on if active is not None else None
        reasons: dict[str, list[Processor]] = {}
        if active is not None and active.failed:
            reasons[CONDITION] = list(active.failed)
        for each in stage.processors:
            if only is not None and each.name not in only:
                continue
            holds = (each.when is None or self._holds(each)) if on is None else on[each.number]
            if holds is None:
                reasons.setdefault(CONDITION, []).append(each)
            elif holds and (
                (failed and each.number in stage.scanning) or (each.limits is not None and _untold(each.limits, sizes))
            ):
                reasons.setdefault(ERROR, []).append(each)
            elif holds and (each.limits is not None or each.number in spans):
                self._hear(each, spans.get(each.number, ()), sizes)
        if reasons:
            self._fail(stage, reasons)

    def _holds(self, processor: Processor) -> bool | None:
        """True if it is at work; None where that cannot be told."""
        if processor.when is None:
            return True
        signals = self._job.signals
        if "findings" in processor.when.signals:
            signals = {**signals, "findings": [*signals.get("findings", ()), *self._told()]}
        try:
            return processor.when.holds(signals)
        except ConditionError:
            return None

    def _told(self) -> list[dict[str, Any]]:
        firsts: dict[tuple[str, str], str] = {}
        for index, span, each in self._found:
            # What runs in the shadow has no effect, on others neither.
            if not each.shadow and (each.name, span.kind) not in firsts:
                firsts[each.name, span.kind] = self._document.passages[index].pointer
        counts: Counter[tuple[str, str]] = Counter()
        for (name, kind, _, _, shadow), number in self._counts.items():
            if not shadow:
                counts[name, kind] += number
        return told(counts, firsts)

    def _scan(self, stage: Stage) -> tuple[dict[int, list[tuple[int, Span]]], bool]:
        """Finds by the number of their processor; and whether the scanner failed."""
        found: dict[int, list[tuple[int, Span]]] = {}
        scanner = stage.scanner
        if scanner is None:
            return found, False
        try:
            texts, names, called = self._texts()
            scanned = scanner.scan_all(texts, called, self._meter)
            for index, spans in self._led(scanner, scanned, texts, names) if scanner.assigned else scanned:
                distinct = Distinct()
                for span in spans:
                    number = stage.of(span).number
                    if distinct.new(number, span):
                        found.setdefault(number, []).append((index, span))
        except SpentError:
            raise
        except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the body
            return {}, True
        return found, False

    def _texts(self) -> tuple[Sequence[str], Sequence[str], Callable[[int], str | None]]:
        """The texts, the name of each one's member as far as it may lead, and what gives the words of that name."""
        if self._glimpsed is not None:
            texts, names = self._glimpsed
            return texts, names, lambda index: spelled(names[index])
        passages = self._document.passages
        leads = [passage.name if passage.kind == "text" else "" for passage in passages]
        return [passage.text for passage in passages], leads, lambda index: named(passages[index])

    def _led(
        self, scanner: Scanner, scanned: list[tuple[int, list[Span]]], texts: Sequence[str], names: Sequence[str]
    ) -> list[tuple[int, list[Span]]]:
        """Return what was found, and what the names of members tell."""
        leads = {name: before for name in set(names) if (before := leading(name))}
        if not leads:
            return scanned
        more = [
            (index, spans)
            for index, name in enumerate(names)
            if (lead := leads.get(name)) and (spans := led(scanner, texts[index], lead, self._meter))
        ]
        if not more:
            return scanned
        found = dict(scanned)
        for index, spans in more:
            found[index] = sorted({*found.get(index, ()), *spans}, key=order)
        return sorted(found.items())

    def _sizes(self, stage: Stage) -> Counts:
        if not stage.sizing:
            return NOTHING
        limits = [each.limits for each in stage.sizing if each.limits is not None]
        if all(each.messages is None and each.images is None for each in limits):
            return NOTHING
        counted = count(self._job.body, declared=text.declares_json(self._job.content_type))
        if counted.images is None:
            return counted
        seen = sum(each.reason == "image" for each in self._uninspected)
        return replace(counted, images=max(counted.images, seen))

    def _hear(self, each: Processor, spans: Sequence[tuple[int, Span]], sizes: Counts) -> None:
        side = self._job.stage.side if self._job.stage is not None else Side.REQUEST
        self._meter.spend(STEPS_A_FINDING * len(spans))
        for index, span in spans:
            self._found.append((index, span, each))
            self._count(each, span.kind, side)
        exceeded = _exceeded(each, len(self._job.body), sizes)
        for kind in exceeded:
            self._sized.append((kind, each))
            self._count(each, kind, side)
        if (spans or exceeded) and each.action == "block" and not each.shadow and self._blocked is None:
            self._blocked = Blocked(each.name, "finding")

    def _count(self, each: Processor, kind: str, side: Side) -> None:
        key = (each.name, kind, each.action, side, each.shadow)
        self._counts[key] = self._counts.get(key, 0) + 1

    def _fail(self, stage: Stage, reasons: Mapping[str, Sequence[Processor]]) -> None:
        for reason, failed in reasons.items():
            failures, blocked, called = settle(failed, reason)
            self._failures += failures
            if called and stage.reserve is not None and self._blocked is None and blocked is None:
                self._judge(stage.reserve, called, None)
            elif called and blocked is None:
                blocked = _uncalled(called)
            self._blocked = self._blocked or blocked

    # -- writing

    def _edits(self) -> dict[int, list[Edit]]:
        edits: dict[int, list[Edit]] = {}
        if not self._found and not (self._job.restores and self._job.vault.restores):
            return edits
        vault, document = self._job.vault, self._document
        masks: dict[int, dict[Span, Processor]] = {}
        for index, span, each in self._found:
            if each.action == "mask" and not each.shadow:
                masks.setdefault(index, {})[span] = each
        if masks:
            for passage in document.passages:
                vault.reserve(passage.text)
        for index in sorted(masks):
            self._meter.spend(STEPS_A_MASK * len(masks[index]))
            edits[index] = _masked(document.passages[index].text, masks[index], vault)
        if self._job.restores and vault.restores:
            for index, passage in enumerate(document.passages):
                if "[" in passage.text:
                    _restore(passage.text, vault, edits.setdefault(index, []))
        return edits

    def _findings(self) -> Iterable[Finding]:
        side = self._job.stage.side if self._job.stage is not None else Side.REQUEST
        for index, span, each in self._found:
            (place,) = self._document.places(index, [(span.start, span.end)])
            yield Finding(
                each.name, span.kind, each.action, side, place.pointer, place.start, place.end, span.score, each.shadow
            )
        for kind, each in self._sized:
            yield Finding(each.name, kind, each.action, side, "", 0, 0, None, each.shadow)


def told(counts: Mapping[tuple[str, str], int], firsts: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    """Finds as conditions see them. `firsts`: where the first of each processor and kind stands."""
    return [
        {"processor": name, "kind": kind, "count": number, "where": firsts.get((name, kind), "")}
        for (name, kind), number in counts.items()
    ]


def _untold(limits: Limits, sizes: Counts) -> bool:
    """True if a number that is limited cannot be told."""
    return (limits.messages is not None and sizes.messages is None) or (
        limits.images is not None and sizes.images is None
    )


def _exceeded(each: Processor, size: int, sizes: Counts) -> list[str]:
    limits = each.limits
    if limits is None:
        return []
    measured = (("bytes", size, limits.bytes), ("messages", sizes.messages, limits.messages))
    return [
        kind
        for kind, number, limit in (*measured, ("images", sizes.images, limits.images))
        if limit is not None and number is not None and number > limit
    ]


def _masked(said: str, spans: Mapping[Span, Processor], vault: Vault) -> list[Edit]:
    # The pieces of a union keep the name of the rule that found them, and with it their processor.
    writers = {span.rule: each.writer(vault) for span, each in spans.items()}
    return [
        (piece.start, piece.end, writers[piece.rule](piece, said[piece.start : piece.end])) for piece in unite(spans)
    ]


def _restore(said: str, vault: Vault, edits: list[Edit]) -> None:
    """Adds the values that come back into a text, where nothing of it is masked."""
    taken = [(start, end) for start, end, _ in edits]
    for start, end, value in restorations(vault, said):
        if all(end <= first or start >= last for first, last in taken):
            edits.append((start, end, value))
