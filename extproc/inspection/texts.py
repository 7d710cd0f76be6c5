"""The texts of one whole body, as detectors look at them: glimpsed, or read once where more than that is needed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from extproc import payload as text
from extproc.apis.counts import NOTHING, Counts, count
from extproc.apis.roles import PassageRoles
from extproc.detectors.contract import Conversation, Statement
from extproc.detectors.naming import named, spelled
from extproc.inspection.led import leading, led
from extproc.inspection.stage import Stage
from extproc.matching.scanner import Scanner
from extproc.matching.span import Distinct, Span, order
from extproc.payload import Document, TextLimitError
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter, SpentError

if TYPE_CHECKING:
    from extproc.inspection.judge import Job

_STATED: Final = frozenset({"text", "name"})
"""Kinds of passages that a model of language can say something about: no digits, and no log probabilities, which only
repeat another text."""

Found = dict[int, list[tuple[int, Span]]]
"""Findings by the number of their processor, each with the number of its text."""


class BodyTexts:
    """Reads a body no more than its judges need. `meter` counts it, and may be another for each run."""

    __slots__ = ("_document", "_glimpsed", "conversation", "job", "meter", "stated")

    def __init__(
        self, job: "Job", document: Document | None, meter: Meter, glimpsed: text.Glimpsed | None = None
    ) -> None:
        self.job = job
        self.meter = meter
        self._document = document
        self._glimpsed = glimpsed
        self.conversation: Conversation | None = None
        self.stated: list[int] = []
        """The passages that are the conversation's statements."""

    @property
    def document(self) -> Document:
        """All of the body. Raises SpentError."""
        if self._document is None:
            try:
                self._document = self.job.document(self.meter)
            except TextLimitError:
                raise SpentError from None  # it is far below all limits but the meter's
        return self._document

    @property
    def uninspected(self) -> Sequence[text.Uninspected]:
        """Everything that cannot be read."""
        return () if self._glimpsed is not None else self.document.uninspected

    def scan(self, stage: Stage) -> tuple[Found, bool]:
        """Findings of the rules of a stage; and whether the scanner failed."""
        found: Found = {}
        scanner = stage.scanner
        if scanner is None:
            return found, False
        try:
            texts, names, called = self._texts()
            scanned = scanner.scan_all(texts, called, self.meter)
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

    def sizes(self, stage: Stage) -> Counts:
        """The numbers that a stage limits."""
        if not stage.sizing:
            return NOTHING
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
            self.stated = stated
            self.conversation = Conversation(side, tuple(statements))
        return self.conversation

    def counted(self, meter: Meter) -> "BodyTexts":
        """The same texts, counted by another meter."""
        other = BodyTexts(self.job, self._document, meter, self._glimpsed)
        other.conversation, other.stated = self.conversation, self.stated
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
