"""A stream that was held until it was whole, because detectors of their own judge it: they are given its texts.

Its rules were heard as those of any stream, each text joined over its events. A place that a detector names has no
bytes of its own in such a stream, so that what would be masked there is blocked; and nobody stands in for a detector.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

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
        """Never called: nobody stands in for the detectors of a stream."""
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
    """The judgement on such a stream. `rules` is the verdict of the rules, with the body that they leave."""

    __slots__ = ("_rules",)

    def __init__(self, job: "Job", texts: StreamTexts, rules: Verdict) -> None:
        assert job.stage is not None, "somebody has detectors"
        alone = copy.copy(job.stage)
        alone.reserve, alone.stand_ins = None, frozenset()
        # Local processors were heard as those of any stream, and so were conditions that failed.
        heard = [*alone.local, *(job.active.failed if job.active is not None else ())]
        first = Round(alone, NOTHING_SEEN, job.only, job.active, settled={each.number for each in heard})
        super().__init__(job, texts, first)
        self._rules = rules

    def _verdict(self, blocked: Blocked | None = None, *, edits_body: bool = True) -> Verdict:  # noqa: ARG002
        rules = self._rules
        own = super()._verdict(blocked, edits_body=False)
        masking = [each for _, _, each in merge(self._rounds).found if each.masks]
        blocked = own.blocked or (Blocked(masking[0].name, "finding") if masking else None)
        return Verdict(
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


def judged(job: "Job", texts: StreamTexts, rules: Verdict) -> Verdict | Judgement:
    """Return the verdict on a held stream, or what it waits for."""
    return rules if rules.blocked is not None else StreamJudgement(job, texts, rules).went_on()
