"""A stream that was held until it was whole, because detectors of their own judge it: they are given its texts.

Its rules were heard as those of any stream, each text joined over its events. A place that a detector names has no
bytes of its own in such a stream, so that what would be masked there is blocked. Who stands in for a detector judges
the stream anew, in the same way.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from extproc.apis.asked import NOTHING_ASKED, Asked
from extproc.apis.events import StreamEvent
from extproc.apis.keywords import is_keyword
from extproc.detectors.contract import Conversation, Statement
from extproc.inspection.body_texts import NOTHING_SEEN, Looked
from extproc.inspection.following import HeardReply
from extproc.inspection.judgement import Judgement
from extproc.inspection.masking import NO_GIVEN, EditedBody
from extproc.inspection.rounds import Round, merge
from extproc.inspection.stage import CompiledProcessor, Stage
from extproc.inspection.verdict import Blocked, OtherKind, Verdict
from extproc.matching.span import Span
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter

if TYPE_CHECKING:
    from extproc.inspection.judge import Job


class StreamTexts:
    """The texts of a stream, each put together from the events that bring it, in the order in which they begin.

    Behind them those that an event repeats, as its place says, and that did not come before: a backend may give a text
    in its last event alone, or another than it had streamed, and clients take the last.
    """

    __slots__ = ("_asked", "_conversation", "_parts", "_repeated", "meter")

    def __init__(self, asked: Asked | None = NOTHING_ASKED) -> None:
        self._asked = asked
        self.meter = Meter()  # never spent: nothing here takes long
        self._parts: dict[tuple[str | int, ...], list[str]] = {}
        self._repeated: dict[str, None] = {}  # in their order, each once
        self._conversation: Conversation | None = None

    also: Mapping[tuple[int, Span], tuple[OtherKind, ...]] = {}
    """Nothing: rules never look at these texts."""

    uninspected = ()
    """Nothing: what cannot be read is told with the verdict on the events."""

    def event(self, event: StreamEvent) -> tuple[StreamEvent]:
        """Take the texts of the next event, and pass it."""
        for delta in event.deltas:
            if delta.form in {"number", "tokens"}:
                continue
            if delta.repeats:
                self._repeated[delta.text] = None
                continue
            parts = self._parts.setdefault(delta.channel.path, [])
            if delta.grows and delta.text.startswith("".join(parts)):
                parts.clear()
            parts.append(delta.text)
        return (event,)

    def finish(self) -> tuple[()]:
        """Give nothing behind the last event."""
        return ()

    def converse(self, side: Side) -> Conversation:
        """See `BodyTexts.converse`."""
        if self._conversation is None:
            joined = [("".join(parts), path) for path, parts in self._parts.items()]
            told = {text for text, _ in joined}
            texts = (*joined, *((text, ()) for text in self._repeated if text not in told))
            said = tuple(
                Statement(text, "assistant", is_keyword(path[-1] if path else None, text))
                for text, path in texts
                if text and not text.isspace()
            )
            self._conversation = Conversation(side, said, self._asked)
        return self._conversation

    @property
    def conversation(self) -> Conversation | None:
        """See `BodyTexts`."""
        return self._conversation

    def edited(
        self,
        found: Sequence[tuple[int, Span, CompiledProcessor]],
        *,
        restores: bool,
        given: Mapping[str, str] = NO_GIVEN,
    ) -> EditedBody:
        """Never called: the rules have written the stream."""
        raise AssertionError(self, found, restores, given)

    def passage(self, statement: int) -> int:
        """See `BodyTexts.passage`."""
        return statement

    def pointer(self, index: int) -> str:  # noqa: ARG002  - as `BodyTexts` has it
        """A text of a stream is named by no place in its bytes."""
        return ""

    def look(self, stage: Stage) -> Looked:
        """Never called: stand-ins judge the stream anew."""
        raise AssertionError(stage)

    def place(self, index: int, span: Span) -> tuple[str, int, int]:  # noqa: ARG002  - as `BodyTexts` has it
        """See `BodyTexts.place`."""
        return "", span.start, span.end

    def followed(self, processor: CompiledProcessor) -> HeardReply:
        """Never called: followers were heard with the events."""
        raise AssertionError(processor)

    def counted(self, meter: Meter) -> "StreamTexts":  # noqa: ARG002  - as `BodyTexts` has it
        """See `BodyTexts.counted`."""
        return self

    def __repr__(self) -> str:
        return f"StreamTexts({len(self._parts)})"


class StreamJudgement(Judgement):
    """The judgement on such a stream. `rules` is the verdict of the rules, with the body that they leave.

    `before`: the verdict of those for whom the processors of this one stand in.
    """

    __slots__ = ("_before", "_meter", "_rules")

    def __init__(self, job: "Job", texts: StreamTexts, rules: Verdict) -> None:
        assert job.stage is not None, "somebody has detectors"
        # Local processors were heard as those of any stream, and so were conditions that failed.
        heard = [*job.stage.local, *(job.active.failed if job.active is not None else ())]
        first = Round(job.stage, NOTHING_SEEN, job.only, job.active, settled={each.number for each in heard})
        super().__init__(job, texts, first)
        self._rules = rules
        self._before: Verdict | None = None
        self._meter = texts.meter

    def run(self, meter: Meter | None = None) -> Verdict | Judgement:
        """See `Judgement.run`."""
        meter = meter or Meter()
        other = self._copied(meter)
        other._meter = meter  # noqa: SLF001
        return other.went_on()

    def _copied(self, meter: Meter) -> "StreamJudgement":
        other = super()._copied(meter)
        assert isinstance(other, StreamJudgement), "it is a copy of this"
        return other

    def _handed_on(self, reserve: Stage, called: frozenset[str]) -> Verdict | Judgement | None:
        """Have the stand-ins judge the stream as it came: their rules read its events, and their detectors its texts.

        Values are put back where the first rules wrote the stream, which nobody judges again.
        """
        first = self._verdict()
        job = replace(
            self._job, stage=reserve, only=called, active=None, restores=False, failures=(), failed={}, spent=0.0
        )
        outcome = job.run(self._meter)
        if isinstance(outcome, Verdict):
            return _both(self._job, first, outcome)
        assert isinstance(outcome, StreamJudgement), "it was a stream before"
        outcome._before = first  # noqa: SLF001
        return outcome

    def _verdict(self, blocked: Blocked | None = None, *, edits_body: bool = True) -> Verdict:  # noqa: ARG002
        rules = self._rules
        own = super()._verdict(blocked, edits_body=False)
        masking = [each for _, _, each in merge(self._rounds).found if each.masks]
        blocked = own.blocked or (Blocked(masking[0].name, "finding") if masking else None)
        found = Verdict(
            rules.body if blocked is None else self._job.body,
            blocked,
            blocked is None and rules.masked,
            {**rules.counts, **own.counts},
            (*rules.failures, *own.failures[len(self._job.failures) :]),
            rules.unread,
            (*rules.findings, *own.findings),
            scores={**rules.scores, **own.scores},
            best=own.best,
        )
        return found if self._before is None else _both(self._job, self._before, found)


def _both(job: "Job", first: Verdict, others: Verdict) -> Verdict:
    """Return the verdict on a stream of those who judged it first, and of those who then stood in.

    The stream was written by then: what a stand-in would mask blocks it.
    """
    masking = sorted(by for by, _, action, _, shadow in others.counts if action == "mask" and not shadow)
    blocked = others.blocked or (Blocked(masking[0], "finding") if masking else None)
    return Verdict(
        first.body if blocked is None else job.body,
        blocked,
        blocked is None and first.masked,
        {**first.counts, **others.counts},
        (*first.failures, *others.failures),
        {**first.unread, **others.unread},
        (*first.findings, *others.findings),
        scores={**first.scores, **others.scores},
        best=(*first.best, *others.best),
    )


def judged(job: "Job", texts: StreamTexts, rules: Verdict) -> Verdict | Judgement:
    """Return the verdict on a held stream, or what it waits for. Raises SpentError."""
    return rules if rules.blocked is not None else StreamJudgement(job, texts, rules).went_on()
