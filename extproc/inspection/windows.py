"""The judgement on a streamed response in windows, one after the other, by detectors that are handed out."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from extproc.apis.asked import Asked
from extproc.apis.counts import NOTHING
from extproc.apis.keywords import is_keyword
from extproc.detectors.contract import BestScore, Conversation, Detection, Statement
from extproc.detectors.naming import spelled
from extproc.inspection.body_texts import Looked, RuleFindings
from extproc.inspection.held_streams import StreamJudgement, StreamTexts
from extproc.inspection.judge import Job
from extproc.inspection.judgement import Judgement
from extproc.inspection.offloaded import GuardWork, OffloadedWork
from extproc.inspection.rounds import Merged, Round, merge, verdict
from extproc.inspection.stage import CompiledProcessor, Stage
from extproc.inspection.tables import tabled
from extproc.inspection.verdict import Blocked, Verdict
from extproc.inspection.window_edits import WindowMask
from extproc.inspection.windowed_texts import WindowedText, WindowedTexts
from extproc.inspection.windowing import Windows
from extproc.matching.scanner import Scanner
from extproc.matching.span import Distinct, Span
from extproc.protocol.effects import WorkKind
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter, SpentError
from extproc.protocol.record import ProcessorScore

STEPS: Final = 1000
"""Steps of a meter, about a millisecond, that stand-ins may take over a window before it is handed to a thread."""


class ShownTexts(StreamTexts):
    """The windows of one judgement."""

    __slots__ = ("_shown",)

    def __init__(self, texts: Iterable[WindowedText], asked: Asked | None) -> None:
        super().__init__(asked)
        said = [(each, each.window()) for each in texts]
        self._shown = [(each, text) for each, raw in said if (text := _whole(raw)) and not text.isspace()]

    def converse(self, side: Side) -> Conversation:
        """See `BodyTexts.converse`."""
        if self._conversation is None:
            statements = tuple(
                Statement(text, "assistant", is_keyword(each.place.path[-1] if each.place.path else None, text))
                for each, text in self._shown
            )
            self._conversation = Conversation(side, statements, self._asked)
        return self._conversation

    def text(self, index: int) -> WindowedText:
        """Return the text that a window is of."""
        return self._shown[index][0]

    def at(self, index: int, place: int) -> int:
        """Return the place in the text of one in its window."""
        return self.text(index).begin + place

    def pointer(self, index: int) -> str:
        """Return the place of the text in the response."""
        return self.text(index).place.where

    def place(self, index: int, span: Span) -> tuple[str, int, int]:
        """See `BodyTexts.place`. Code points count from the beginning of the text."""
        return self.pointer(index), self.at(index, span.start), self.at(index, span.end)

    def look(self, stage: Stage) -> Looked:
        """Have the rules of stand-ins look at the windows. Raises SpentError."""
        found: RuleFindings = {}
        if stage.scanner is None:
            return found, False, NOTHING
        try:
            for index, (each, text) in enumerate(self._shown):
                for owner, span in self._scanned(stage, stage.scanner, each, text):
                    found.setdefault(owner, []).append((index, span))
        except SpentError:
            raise
        except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the stream
            return {}, True, NOTHING
        return found, False, NOTHING

    def _scanned(self, stage: Stage, scanner: Scanner, text: WindowedText, said: str) -> Iterator[tuple[int, Span]]:
        """The findings of rules by their processors, without the rest of what begins before the window."""
        distinct = Distinct()
        for span in tabled(scanner.scan(said, spelled(text.place.name), self.meter), said, scanner, self.meter):
            owner = stage.owners.get(span.rule)
            if owner is not None and (span.start or not text.begin) and distinct.new(owner.number, span):
                yield owner.number, span

    def counted(self, meter: Meter) -> "ShownTexts":
        """See `BodyTexts.counted`."""
        other = copy.copy(self)
        other.meter = meter
        return other


class WindowedVerdict(Verdict, frozen=True):
    """The verdict on some windows.

    `masks`: what is to be masked in what is held. `ends`: how far findings of each processor and kind in each text were
    told. `answered` and `unsampled`: the processors that judged them, and those that let this response pass by chance.
    """

    masks: tuple[tuple[WindowedText, WindowMask], ...] = ()
    ends: Mapping[tuple[str, str, int], int] = {}
    answered: frozenset[str] = frozenset()
    unsampled: frozenset[str] = frozenset()


class BeforeWindow(Struct):
    """The knowledge of a stream from the windows before.

    `ends` and `unsampled`: see `WindowedVerdict`; `answered` likewise. `failed`: processors that judge the stream no
    further; `standing`: those that judge it in their place.
    """

    ends: dict[tuple[str, str, int], int] = {}
    answered: frozenset[str] = frozenset()
    unsampled: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    standing: frozenset[str] = frozenset()


class WindowJudgement(StreamJudgement):
    """The judgement on some windows."""

    __slots__ = ("_answered", "_known", "_shown", "_unsampled", "_windows")

    def __init__(self, job: Job, texts: ShownTexts, windows: Windows, known: BeforeWindow) -> None:
        super().__init__(job, texts, Verdict(b""))
        self._shown = texts
        self._windows = windows
        self._known = known
        self._answered: frozenset[str] = frozenset()
        self._unsampled: frozenset[str] = frozenset()

    def work_of(self, processor: CompiledProcessor) -> tuple[WorkKind, OffloadedWork]:
        """See `Judgement.work_of`. What was drawn for one window is drawn for the stream."""
        kind, work = super().work_of(processor)
        if isinstance(work, GuardWork) and processor.name in self._known.answered:
            work = replace(work, drawn=True)
        return kind, work

    def take(self, processor: CompiledProcessor, found: Iterable[Detection], best: Sequence[BestScore] = ()) -> None:
        """See `Judgement.take`."""
        self._answered |= {processor.name}
        super().take(processor, found, tuple(map(self._in_text, best)))

    def _in_text(self, best: BestScore) -> BestScore:
        """Return a score with its place in the whole text."""
        text, window, at = self._shown.text(best.statement), best.window, self._shown.at
        end = None if window.end is None else at(best.statement, window.end)
        return BestScore(text.number, replace(window, start=at(best.statement, window.start), end=end))

    def pass_by(self, processor: CompiledProcessor) -> None:
        """See `Judgement.pass_by`."""
        super().pass_by(processor)
        self._answered -= {processor.name}
        self._unsampled |= {processor.name}

    def _called(self) -> frozenset[str]:
        """Those who stand in already judge every window."""
        called = super()._called()
        return called | self._known.standing if len(self._rounds) == 1 else called

    def _handed_on(self, reserve: Stage, called: frozenset[str]) -> Verdict | Judgement | None:  # noqa: ARG002
        """End the stream if those cannot judge a window who stand in."""
        unable = called - self._windows.able
        return self._verdict(Blocked(min(unable), "failure")) if unable else None

    def _verdict(self, blocked: Blocked | None = None, *, edits_body: bool = True) -> WindowedVerdict:  # noqa: ARG002
        found = merge(self._rounds)
        masks, unmasked = self._masks(found)
        rounds = [self._fresh(each) for each in self._rounds]
        own = verdict(self._job, self._texts, rounds, blocked, edits_body=False)
        blocked = own.blocked or (Blocked(unmasked.name, "finding") if unmasked is not None else None)
        return WindowedVerdict(
            own.body,
            blocked,
            bool(masks) and blocked is None,
            own.counts,
            own.failures,
            own.unread,
            own.findings,
            scores=own.scores,
            best=own.best,
            masks=tuple(masks) if blocked is None else (),
            ends=self._told_ends(found.found),
            answered=self._answered,
            unsampled=self._unsampled,
        )

    def _masks(self, merged: Merged) -> tuple[list[tuple[WindowedText, WindowMask]], CompiledProcessor | None]:
        """Return what is to be masked, and a processor that wants to mask what has left, or cannot be masked."""
        masks: list[tuple[WindowedText, WindowMask]] = []
        shown = self._shown
        for index, span, each in merged.found:
            text, start, end = shown.text(index), shown.at(index, span.start), shown.at(index, span.end)
            if not each.masks or start == end:
                continue
            if not (self._windows.masks and text.maskable):
                return masks, each
            if start < text.released:
                if not text.edits.hidden(start, min(end, text.released)):
                    return masks, each
                start = text.released
            if start < end:
                place = Span(start, end, span.kind, span.rule, span.score)
                masks.append((text, WindowMask(place, each, merged.given.get(span.rule))))
        return masks, None

    def _fresh(self, of: Round) -> Round:
        """A round with what no window before has told, and what blocks."""
        fresh = of.copied()
        for number, spans in of.heard.items():
            each = of.stage.processors[number]
            if not each.stops:
                fresh.heard[number] = [(index, span) for index, span in spans if self._is_new(each, index, span)]
        return fresh

    def _is_new(self, each: CompiledProcessor, index: int, span: Span) -> bool:
        told = self._known.ends.get((each.name, span.kind, self._shown.text(index).number), -1)
        return self._shown.at(index, span.start) >= told

    def _told_ends(self, found: Sequence[tuple[int, Span, CompiledProcessor]]) -> Mapping[tuple[str, str, int], int]:
        ends: dict[tuple[str, str, int], int] = {}
        for index, span, each in found:
            key = each.name, span.kind, self._shown.text(index).number
            ends[key] = max(ends.get(key, -1), self._shown.at(index, span.end))
        return ends


class WindowsJudged:
    """The outcome of the windows of one stream, one judgement after the other. `job`: see `Job`; it has no body."""

    __slots__ = ("_best", "_job", "_known", "_names", "_stage", "_windows", "texts")

    def __init__(self, job: Job, how: Windows) -> None:
        assert job.stage is not None, "somebody judges"
        self.texts = WindowedTexts(how, job.vault)
        self._job = job
        self._stage = job.stage
        self._windows = how
        self._names = frozenset(each.name for each in job.stage.processors)
        self._known = BeforeWindow()
        self._best: dict[tuple[str, str, str], ProcessorScore] = {}

    def judgement(self) -> Verdict | Judgement | None:
        """Return the verdict on what was not judged yet, or the judgement that is to be handed out; None for nothing.

        A judgement without orders is work for a thread.
        """
        shown = ShownTexts(self.texts.windows(), self._job.asked)
        known = self._known
        only = self._names - known.failed - known.unsampled
        if not shown.converse(Side.RESPONSE).statements or not (only or known.standing):
            return None
        judgement = WindowJudgement(replace(self._job, only=only), shown, self._windows, known)
        try:
            return judgement.run(Meter(STEPS))
        except SpentError:
            return judgement

    def take(self, verdict: Verdict) -> Verdict:
        """Take what the windows came to; return it without the scores, which `best` gives for the whole stream.

        A processor that failed, and may, judges the stream no further; who stands in for it does.
        """
        assert isinstance(verdict, WindowedVerdict), "windows have no other verdict"
        known = self._known
        for text, mask in verdict.masks:
            text.edits.mask(mask)
        for key, end in verdict.ends.items():
            known.ends[key] = max(known.ends.get(key, -1), end)
        known.answered |= verdict.answered
        known.unsampled |= verdict.unsampled
        known.failed |= {each.processor for each in verdict.failures}
        lost = [each for each in self._stage.processors if each.name in known.failed and not each.shadow]
        called = frozenset([each.stand_in for each in lost if each.stand_in is not None])
        known.standing = called - known.failed - known.unsampled
        for each in verdict.best:
            level = each.processor, each.side, each.level
            best = self._best.get(level)
            if best is None or each.score - each.threshold > best.score - best.threshold:
                self._best[level] = each
        return replace(verdict, best=())

    @property
    def best(self) -> Iterable[ProcessorScore]:
        """The scores of each processor that are findings, or come nearest to one, by level."""
        return self._best.values()


def _whole(text: str) -> str:
    """Return a text in which two halves of a character, from two events, are one, and a single one is U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
