"""A whole body to be judged: read, scanned by its local processors, and handed to a judgement."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from extproc import payload as text
from extproc.apis.counts import NOTHING, Counts, count
from extproc.apis.roles import PassageRoles, RoleOf, other
from extproc.apis.streams.twofold import twofold
from extproc.detectors.contract import Conversation, Statement
from extproc.detectors.naming import named, spelled
from extproc.inspection.failures import settle, uncalled
from extproc.inspection.held_streams import StreamTexts, judged
from extproc.inspection.judgement import EDIT_TIMEOUT, NO_FAILURES, Judgement, Looked, RuleFindings
from extproc.inspection.keys import is_key
from extproc.inspection.led import leading, led
from extproc.inspection.stage import Active, CompiledProcessor, SignalValues, Stage, patience
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import CONDITION, ERROR, SEALED, TIMEOUT, Blocked, Failure, Verdict
from extproc.matching.scanner import Scanner
from extproc.matching.span import Distinct, Span, order
from extproc.payload import Document, TextLimitError
from extproc.payload.opened import MAX_VALUES, metered
from extproc.policy.conditions import ConditionError
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter, SpentError

__all__ = ["CONDITION", "EDIT_TIMEOUT", "ERROR", "READ_TIMEOUT", "SEALED", "Job", "Verdict", "settle"]

_USUAL = "application/json"

_STATED: Final = frozenset({"text", "name"})
"""Kinds of passages that a model of language can say something about: no digits, and no log probabilities, which only
repeat another text."""

STEPS_A_FINDING = 2
"""Steps of a meter that it takes to note a finding."""

NOTHING_SEEN: Final[Looked] = ({}, False, NOTHING)

READ_TIMEOUT: Final = 5.0
"""Seconds for reading a body that only detectors of their own look at: 20 times what 32 MiB take."""


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
    role_of: RoleOf = other
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
        glimpsed = self._glimpsed()
        if glimpsed is not None:
            meter.spend(len(glimpsed[0]))
            return self._judged(BodyTexts(self, None, meter, glimpsed))
        limit = meter.left
        try:
            document = self.document(meter)
        except TextLimitError as error:
            if limit < MAX_VALUES and error.limit == "values":
                raise SpentError from None
            return self._unread("complexity")
        if limit < MAX_VALUES:
            meter.spend(len(document.passages))
        return self._judged(BodyTexts(self, document, meter))

    def _as_stream(self, streamed: "Callable[..., Verdict | None]", meter: Meter) -> Verdict | Judgement | None:
        if self.stage is None or not self.stage.offloaded:
            return streamed(self, meter=meter)
        texts = StreamTexts()
        rules = streamed(self, meter=meter, gather=texts)
        return None if rules is None else judged(self, texts, rules)

    def _judged(self, texts: "BodyTexts") -> Verdict | Judgement:
        stage = self.stage
        return Judgement.begun(self, texts, NOTHING_SEEN if stage is None else texts.look(stage, self.failed))

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
        failures, blocked, called = _settled(stage, failed)
        if blocked is None and left:
            return replace(self, failed=failed, spent=passed)
        failures = (*self.failures, *failures)
        if blocked is None and called and stage.reserve is not None:
            return replace(self, stage=stage.reserve, only=called, failures=failures, active=None, failed={}, spent=0.0)
        return Verdict(self.body, blocked or uncalled(called), failures=failures)

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


def _settled(stage: Stage, failed: Mapping[int, str]) -> tuple[tuple[Failure, ...], Blocked | None, frozenset[str]]:
    """See `settle`; processors of one stage by their numbers, with the reason of each."""
    failures: tuple[Failure, ...] = ()
    blocked: Blocked | None = None
    called: frozenset[str] = frozenset()
    for number in sorted(failed):
        told, stops, more = settle([stage.processors[number]], failed[number])
        failures, blocked, called = (*failures, *told), blocked or stops, called | more
    return failures, blocked, called


class BodyTexts:
    """Reads a body no more than its judges need. `meter` counts it, and may be another for each run."""

    __slots__ = ("_document", "_glimpsed", "_stated", "conversation", "job", "meter", "uninspected")

    def __init__(
        self, job: Job, document: Document | None, meter: Meter, glimpsed: text.Glimpsed | None = None
    ) -> None:
        self.job = job
        self.meter = meter
        self._document = document
        self._glimpsed = glimpsed
        self.uninspected: Sequence[text.Uninspected] = () if document is None else document.uninspected
        """Everything that cannot be read: nothing where all was glimpsed."""
        self.conversation: Conversation | None = None
        self._stated: list[int] = []

    @property
    def document(self) -> Document:
        """All of the body. Raises SpentError."""
        if self._document is None:
            try:
                self._document = self.job.document(self.meter)
            except TextLimitError:
                raise SpentError from None  # it is far below all limits but the meter's
        return self._document

    def look(self, stage: Stage, failed: Mapping[int, str] = NO_FAILURES) -> Looked:
        """Have all local processors of a stage look at the body in one pass, unless all of them have failed before."""
        if failed and all(each.number in failed for each in stage.local):
            return NOTHING_SEEN
        found, lost = self.scan(stage)
        if found:
            self.meter.spend(STEPS_A_FINDING * sum(map(len, found.values())))
        return found, lost, self.sizes(stage) if stage.sizing else NOTHING

    def scan(self, stage: Stage) -> tuple[RuleFindings, bool]:
        """Findings of the rules of a stage; and whether the scanner failed."""
        found: RuleFindings = {}
        scanner = stage.scanner
        if scanner is None:
            return found, False
        try:
            texts, names, called = self._texts()
            scanned = scanner.scan_all(texts, called, self.meter)
            for index, spans in self._led(scanner, scanned, texts, names) if scanner.assigned else scanned:
                distinct = Distinct()
                for span in spans:
                    if is_key(span):
                        continue
                    number = stage.of(span).number
                    if distinct.new(number, span):
                        found.setdefault(number, []).append((index, span))
        except SpentError:
            raise
        except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the body
            return {}, True
        return found, False

    def sizes(self, stage: Stage) -> Counts:
        """The numbers that a stage limits."""
        limits = [each.limits for each in stage.sizing if each.limits is not None]
        if all(each.messages is None and each.images is None for each in limits):
            return NOTHING
        counted = count(self.job.body, declared=text.declares_json(self.job.content_type))
        if counted.images is None:
            return counted
        seen = sum(each.reason == "image" for each in self.uninspected)
        return replace(counted, images=max(counted.images, seen))

    def converse(self, side: Side) -> Conversation:
        """Return the texts with their roles. Costs three microseconds for each; see `PassageRoles`."""
        if self.conversation is None:
            roles = PassageRoles(self.job.role_of, self.job.body)
            statements, stated = list[Statement](), list[int]()
            for index, passage in enumerate(self.document.passages):
                if passage.kind in _STATED and not passage.text.isspace() and passage.text:
                    role = "assistant" if side is Side.RESPONSE else roles.of(passage)
                    statements.append(Statement(passage.text, role))
                    stated.append(index)
            self._stated = stated
            self.conversation = Conversation(side, tuple(statements))
        return self.conversation

    def passage(self, statement: int) -> int:
        """Return the number of the text that is a statement of the conversation."""
        return self._stated[statement]

    def pointer(self, index: int) -> str:
        """Return the place of a text."""
        return self.document.passages[index].pointer

    def place(self, index: int, span: Span) -> tuple[str, int, int]:
        """Return the place of a finding: the pointer of its string, and the code points there."""
        (place,) = self.document.places(index, [(span.start, span.end)])
        return place.pointer, place.start, place.end

    def counted(self, meter: Meter) -> "BodyTexts":
        """The same texts, counted by another meter."""
        other = BodyTexts(self.job, self._document, meter, self._glimpsed)
        other.uninspected = self.uninspected
        other.conversation, other._stated = self.conversation, self._stated
        return other

    def _texts(self) -> tuple[Sequence[str], Sequence[str], Callable[[int], str | None]]:
        """The texts, the name of each one's member as far as it may lead, and what gives the words of that name."""
        if self._glimpsed is not None:
            texts, names = self._glimpsed
            return texts, names, lambda index: spelled(names[index])
        passages = self.document.passages
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
            if (lead := leads.get(name)) and (spans := led(scanner, texts[index], lead, self.meter))
        ]
        if not more:
            return scanned
        found = dict(scanned)
        for index, spans in more:
            found[index] = sorted({*found.get(index, ()), *spans}, key=order)
        return sorted(found.items())

    def __repr__(self) -> str:
        return f"BodyTexts({len(self.job.body)} bytes)"
