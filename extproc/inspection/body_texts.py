"""The texts of one whole body, as its judges ask for them: scanned, with their roles and places, and edited."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from extproc import payload as text
from extproc.apis.counts import NOTHING, Counts, count
from extproc.apis.keywords import is_keyword
from extproc.apis.roles import PassageRoles
from extproc.detectors.contract import Conversation, Statement
from extproc.detectors.naming import named, spelled
from extproc.inspection.cut_json import crossing_parts
from extproc.inspection.following import HeardReply, WholeReply
from extproc.inspection.led import LEADING, leading, led
from extproc.inspection.masking import NO_GIVEN, EditedBody, edited, edits
from extproc.inspection.queries import decoded_spans, encoded
from extproc.inspection.stage import CompiledProcessor, Stage
from extproc.inspection.tables import tabled
from extproc.inspection.verdict import OtherKind, with_kind
from extproc.matching.scanner import Scanner
from extproc.matching.span import Distinct, Span, order
from extproc.payload import Document, TextLimitError
from extproc.payload.chains import Chain, chains
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter, SpentError

if TYPE_CHECKING:
    from extproc.inspection.judge import Job

Spans = list[tuple[int, Span]]
"""Findings in the texts of a body, each with the number of its text."""

RuleFindings = dict[int, Spans]
"""Findings of rules by the number of their processor."""

Looked = tuple[RuleFindings, bool, Counts]
"""The findings of a stage's local processors in a body, whether the scanner failed, and the numbers they limit."""

NOTHING_SEEN: Final[Looked] = ({}, False, NOTHING)

NO_FAILURES: Final[Mapping[int, str]] = {}


_STATED: Final = frozenset({"text", "name"})
"""Kinds of passages that a model of language can say something about: no digits, and no log probabilities, which only
repeat another text."""

STEPS_A_FINDING = 2
"""Steps of a meter that it takes to note a finding."""


class BodyTexts(Struct, eq=False):
    """The texts of a body, which is read no more than its judges need. `meter` may be another one for each run.

    `names`: for each text the name of its member, or None if the passages of `document` have to tell. `document`: None
    for a body that was only glimpsed, until a place in it is asked for. `uninspected`: all that cannot be read there;
    nothing of a body that was glimpsed. `chained`: texts that are parts of one; None if nobody has looked for them.
    """

    job: "Job"
    meter: Meter
    texts: Sequence[str]
    names: Sequence[str] | None
    document: Document | None = None
    uninspected: Sequence[text.Uninspected] = ()
    conversation: Conversation | None = None
    stated: list[int] = []
    chained: Sequence[Chain] | None = None
    also: dict[tuple[int, Span], tuple[OtherKind, ...]] = {}
    reply: WholeReply | None = None

    def read(self) -> Document:
        """Return all of the body. Raises SpentError."""
        if self.document is None:
            try:
                self.document = self.job.document(self.meter)
            except TextLimitError:
                raise SpentError from None  # it is far below all limits but the meter's
        return self.document

    def look(self, stage: Stage, failed: Mapping[int, str] = NO_FAILURES) -> Looked:
        """Have all local processors of a stage look at the body in one pass, unless all of them have failed before."""
        if failed and all(each.number in failed for each in stage.local):
            return NOTHING_SEEN
        found: RuleFindings = {}
        lost = False
        if stage.scanner is not None:
            try:
                found = self._scanned(stage.scanner, stage.owners)
            except SpentError:
                raise
            except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the body
                lost = True
        if found:
            self.meter.spend(STEPS_A_FINDING * sum(map(len, found.values())))
        return found, lost, self.sizes(stage) if stage.sizing else NOTHING

    def edited(
        self,
        found: Sequence[tuple[int, Span, CompiledProcessor]],
        *,
        restores: bool,
        given: Mapping[str, str] = NO_GIVEN,
    ) -> EditedBody:
        """Return the body as it goes on: masked, and with `restores` with the values that come back; see `edited`.

        Raises SpentError.
        """
        job = self.job
        chained = self.chained or ()
        made = edits(self.texts, found, job.vault, self.meter, restores=restores, chained=chained, given=given)
        if not made:
            return job.body, None
        document = self.document or text.located(job.body, self.texts, max(made))
        # Nobody reads a response again.
        return (document.edit(made), None) if job.restores else edited(document, made)

    def _scanned(self, scanner: Scanner, owners: Mapping[str, CompiledProcessor]) -> RuleFindings:
        """The findings of all processors' rules, those that say nothing new left out. Raises as `Scanner.scan` does."""
        scanned = scanner.scan_all(self.texts, self._called, self.meter, self.names)
        if self.job.stage is not None and self.job.stage.side is Side.REQUEST:
            scanned = self._queried(scanner, scanned)
        if scanner.reads_names:
            for each in self.texts:
                if "\n" in each:
                    scanned = self._tabled(scanner, scanned)
                    break
        if scanner.assigned and (self.names is None or not LEADING.isdisjoint(self.names)):
            scanned = self._led(scanner, scanned)
        if self.chained is None:
            document = self.read()
            self.chained = chains(document.passages, document.sources)
        if self.chained:
            scanned = self._crossed(scanner, scanned, self.chained)
        found: RuleFindings = {}
        for index, spans in scanned:
            distinct = Distinct() if len(spans) > 1 else None
            for span in spans:
                owner = owners.get(span.rule)
                if owner is None:
                    continue
                if distinct is None or distinct.new(owner.number, span):
                    found.setdefault(owner.number, []).append((index, span))
                elif self.job.listed and (winner := distinct.outdone(owner.number, span)) is not None:
                    key = index, winner
                    self.also[key] = with_kind(self.also.get(key, ()), span)
        return found

    def _crossed(
        self, scanner: Scanner, scanned: list[tuple[int, list[Span]]], chained: Sequence[Chain]
    ) -> list[tuple[int, list[Span]]]:
        """Return what was found, and what lies over the boundaries of parts of one text."""
        found = dict(scanned)
        for chain in chained:
            for index, span in crossing_parts(scanner, self.texts, chain, found, self.meter):
                found[index] = sorted({*found.get(index, ()), span}, key=order)
        return sorted(found.items())

    def _called(self, index: int) -> str | None:
        """The words of the name of a text's member; see `named`."""
        return named(self.read().passages[index]) if self.names is None else spelled(self.names[index])

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
            for index, passage in enumerate(self.read().passages):
                if passage.kind in _STATED and not passage.text.isspace() and passage.text:
                    role = "assistant" if side is Side.RESPONSE else roles.of(passage)
                    statements.append(Statement(passage.text, role, is_keyword(passage.key, passage.text)))
                    stated.append(index)
            self.stated = stated
            self.conversation = Conversation(side, tuple(statements), self.job.asked)
        return self.conversation

    def passage(self, statement: int) -> int:
        """Return the number of the text that is a statement of the conversation."""
        return self.stated[statement]

    def pointer(self, index: int) -> str:
        """Return the place of a text."""
        return self.read().passages[index].pointer

    def place(self, index: int, span: Span) -> tuple[str, int, int]:
        """Return the place of a finding: the pointer of its string, and the code points there."""
        (place,) = self.read().places(index, [(span.start, min(span.end, len(self.texts[index])))])
        return place.pointer, place.start, place.end

    def counted(self, meter: Meter) -> "BodyTexts":
        """The same texts, counted by another meter."""
        return replace(self, meter=meter)

    def followed(self, processor: CompiledProcessor) -> HeardReply:
        """Return what a processor that follows replies notices in this one. Raises as `WholeReply.heard`."""
        if self.reply is None:
            self.reply = WholeReply(self.job.body, self.job.dialect, self.job.asked)
        return self.reply.heard(processor, self.meter)

    def _tabled(self, scanner: Scanner, scanned: list[tuple[int, list[Span]]]) -> list[tuple[int, list[Span]]]:
        """Return what was found, and what the headers of columns tell."""
        found = dict(scanned)
        for index, each in enumerate(self.texts):
            if "\n" in each:
                spans = tabled(found.get(index, []), each, scanner, self.meter)
                if spans:
                    found[index] = spans
        return sorted(found.items())

    def _queried(self, scanner: Scanner, scanned: list[tuple[int, list[Span]]]) -> list[tuple[int, list[Span]]]:
        """Return what was found, and what the encoded values of query strings hold."""
        every = {index: values for index, each in enumerate(self.texts) if (values := encoded(each, self.meter))}
        if not every:
            return scanned
        found = dict(scanned)
        for index, values in every.items():
            spans = decoded_spans(found.get(index, ()), values, scanner, self.meter)
            if spans:
                found[index] = spans
        return sorted(found.items())

    def _led(self, scanner: Scanner, scanned: list[tuple[int, list[Span]]]) -> list[tuple[int, list[Span]]]:
        """Return what was found, and what the names of members tell."""
        names = self.names
        if names is None:
            names = [passage.name if passage.kind == "text" else "" for passage in self.read().passages]
        leads = {name: before for name in set(names) if (before := leading(name))}
        if not leads:
            return scanned
        more = [
            (index, spans)
            for index, name in enumerate(names)
            if (lead := leads.get(name)) and (spans := led(scanner, self.texts[index], lead, self.meter))
        ]
        if not more:
            return scanned
        found = dict(scanned)
        for index, spans in more:
            found[index] = sorted({*found.get(index, ()), *spans}, key=order)
        return sorted(found.items())

    def __repr__(self) -> str:
        return f"BodyTexts({len(self.job.body)} bytes)"
