"""The texts of a streamed response in windows that overlap, for detectors that judge them while they come.

A window has what came of a text since the judgement before the last one, and what is as long as a step before its new
part if many texts come side by side. So whatever is no longer than one step lies in one window whole, and a response of
one step is judged as if it had come whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final

from msgspec.structs import replace

from extproc.apis.asked import Asked
from extproc.apis.events import Channel, StreamEvent
from extproc.apis.events.event import Delta
from extproc.apis.keywords import is_keyword
from extproc.detectors.contract import BestScore, Conversation, Detection, Statement
from extproc.detectors.length import PARTS_ASCII, PARTS_OTHER
from extproc.inspection.held_streams import StreamJudgement, StreamTexts
from extproc.inspection.judge import Job
from extproc.inspection.judgement import Judgement
from extproc.inspection.stage import CompiledProcessor, Stage
from extproc.inspection.verdict import Blocked, Verdict
from extproc.inspection.windowing import HUNDREDTHS, Windows
from extproc.matching.span import Span
from extproc.protocol.messages import Side
from extproc.protocol.record import ProcessorScore

TEXTS_MAX: Final = 512
"""Texts of a response whose ends are remembered: in 128 choices a text, its reasoning, a refusal and a tool call. A
stream with more ends, as a client could hide a text among them."""

KEPT_MAX: Final = 262_144
"""Code points of their ends, sixteen of the longest windows: 128 choices with reasoning, of windows of 200 tokens, keep
200,000. A stream with more ends."""

REPEATED_MAX: Final = 512
"""Texts that are remembered so that they are not judged again when a later event repeats them."""


class WindowedText:
    """One text as it grows. `kept` begins at the code point `begin`; what is before `judged` was judged."""

    __slots__ = ("begin", "digest", "judged", "number", "pieces", "place", "size")

    def __init__(self, number: int, place: Channel) -> None:
        self.number = number
        self.place = place
        self.pieces: list[str] = []
        self.begin = self.judged = self.size = 0
        self.digest = blake2b(digest_size=16)

    def add(self, piece: str) -> None:
        """Take what comes next of it."""
        self.pieces.append(piece)
        self.size += len(piece)
        self.digest.update(_bytes(piece))

    @property
    def kept(self) -> int:
        """Code points of it that are kept."""
        return self.size - self.begin

    def window(self) -> str:
        """Return the text from `begin` on."""
        return "".join(self.pieces)

    def move(self, overlap: int) -> None:
        """The window was judged: the next one begins where this one's new part did, or `overlap` before its end."""
        begin = max(self.begin, min(self.judged, self.size - overlap))
        self.pieces = [self.window()[begin - self.begin :]]
        self.begin, self.judged = begin, self.size

    def begins(self, text: str) -> bool:
        """True if `text` begins with all that came."""
        return len(text) >= self.size and _digest(text[: self.size]) == self.digest.digest()


class WindowedTexts:
    """Takes the texts of the events of one stream.

    `unjudged`: hundredths of tokens or characters since the last window. `done`: the event has come
    behind which nothing follows. `full_of_ends`: there are too many texts to remember their ends, so that the stream
    can be judged no further.
    """

    __slots__ = ("_how", "_new", "_number", "_repeated", "_texts", "done", "full_of_ends", "unjudged")

    def __init__(self, how: Windows) -> None:
        self._how = how
        self._texts: dict[Channel, WindowedText] = {}
        self._new: dict[WindowedText, None] = {}
        self._repeated: dict[bytes, None] = {}
        self._number = 0
        self.unjudged = 0
        self.done = False
        self.full_of_ends = False

    @property
    def full(self) -> bool:
        """True if a window has come."""
        return self.unjudged >= self._how.step * HUNDREDTHS

    def event(self, event: StreamEvent) -> tuple[StreamEvent]:
        """Take the texts of the next event, and pass it."""
        for delta in event.deltas:
            if delta.form not in {"number", "tokens"} and delta.text:
                self._take(delta)
        self.done = self.done or event.kind == "done"
        return (event,)

    def finish(self) -> tuple[()]:
        """Give nothing behind the last event."""
        return ()

    def windows(self) -> list[WindowedText]:
        """Return the texts of which something was not judged."""
        return list(self._new)

    def judged(self) -> None:
        """All of them were judged."""
        for each in self._new:
            each.move(self._how.overlap)
        self._new.clear()
        self.unjudged = 0
        self.full_of_ends |= sum(each.kept for each in self._texts.values()) > KEPT_MAX

    def _take(self, delta: Delta) -> None:
        piece = delta.text
        if delta.repeats:
            key = _digest(piece)
            if key in self._repeated or any(each.digest.digest() == key for each in self._texts.values()):
                return
            if len(self._repeated) < REPEATED_MAX:
                self._repeated[key] = None
            self._add(self._begun(delta.channel), piece)
            return
        text = self._texts.pop(delta.channel, None)
        if text is not None and delta.grows:
            if text.begins(piece):
                piece = piece[text.size :]
            else:
                text = None
        if text is None:
            text = self._begun(delta.channel)
        self._texts[delta.channel] = text  # the last of them
        self.full_of_ends |= len(self._texts) > TEXTS_MAX
        if piece:
            self._add(text, piece)

    def _begun(self, channel: Channel) -> WindowedText:
        self._number += 1
        return WindowedText(self._number - 1, channel)

    def _add(self, text: WindowedText, piece: str) -> None:
        text.add(piece)
        self._new[text] = None
        if self._how.tokens and not piece.isascii():
            plain = sum(map(str.isascii, piece))
            self.unjudged += PARTS_ASCII * plain + PARTS_OTHER * (len(piece) - plain)
        else:
            self.unjudged += len(piece) * (PARTS_ASCII if self._how.tokens else HUNDREDTHS)


class ShownTexts(StreamTexts):
    """The windows of one judgement."""

    __slots__ = ("_shown",)

    def __init__(self, texts: Iterable[WindowedText], asked: Asked | None) -> None:
        super().__init__(asked)
        said = [(each, _whole(each.window())) for each in texts]
        self._shown = [(each, text) for each, text in said if text and not text.isspace()]

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

    def pointer(self, index: int) -> str:
        """Return the place of the text in the response."""
        return self.text(index).place.where

    def place(self, index: int, span: Span) -> tuple[str, int, int]:
        """See `BodyTexts.place`. Code points count from the beginning of the text."""
        begin = self.text(index).begin
        return self.pointer(index), begin + span.start, begin + span.end


class WindowJudgement(StreamJudgement):
    """The judgement on some windows. `ends`: how far findings of each processor and kind in each text were told."""

    __slots__ = ("_ends", "_shown")

    def __init__(self, job: Job, texts: ShownTexts, ends: dict[tuple[str, str, int], int]) -> None:
        super().__init__(job, texts, Verdict(b""))
        self._shown = texts
        self._ends = ends

    def take(self, processor: CompiledProcessor, found: Iterable[Detection], best: Sequence[BestScore] = ()) -> None:
        """See `Judgement.take`. What lies in two windows is told once."""
        super().take(processor, list(self._new(processor, found)), tuple(map(self._in_text, best)))

    def _in_text(self, best: BestScore) -> BestScore:
        """Return a score with its place in the whole text."""
        text, window = self._shown.text(best.statement), best.window
        end = None if window.end is None else window.end + text.begin
        return BestScore(text.number, replace(window, start=window.start + text.begin, end=end))

    def _handed_on(self, reserve: Stage, called: frozenset[str]) -> Verdict:  # noqa: ARG002
        """End the stream: a stand-in would have to judge what has left."""
        return self._verdict(Blocked(min(called), "failure"))

    def _new(self, processor: CompiledProcessor, found: Iterable[Detection]) -> Iterator[Detection]:
        for each in found:
            text = self._shown.text(each.statement)
            key = processor.name, each.kind, text.number
            start = text.begin + each.start
            end = text.size if each.end is None else text.begin + each.end
            told = self._ends.get(key, -1)
            self._ends[key] = max(told, end)
            if start >= told or processor.stops or processor.masks:
                yield each


class WindowsJudged:
    """The outcome of the windows of one stream, one judgement after the other. `job`: see `Job`; it has no body."""

    __slots__ = ("_best", "_ends", "_failed", "_job", "_names", "texts")

    def __init__(self, job: Job, how: Windows) -> None:
        assert job.stage is not None, "somebody judges"
        self.texts = WindowedTexts(how)
        self._job = job
        self._names = frozenset(each.name for each in job.stage.processors)
        self._failed: frozenset[str] = frozenset()
        self._ends: dict[tuple[str, str, int], int] = {}
        self._best: dict[tuple[str, str, str], ProcessorScore] = {}

    def judgement(self) -> Judgement | None:
        """Return what is to be handed out for what was not judged yet; None if there is nobody, or nothing."""
        shown = ShownTexts(self.texts.windows(), self._job.asked)
        if not shown.converse(Side.RESPONSE).statements:
            return None
        job = replace(self._job, only=self._names - self._failed)
        result = WindowJudgement(job, shown, self._ends).went_on()
        return result if isinstance(result, Judgement) else None

    def take(self, verdict: Verdict) -> Verdict:
        """Take what the windows came to; return it without the scores, which `best` gives for the whole stream.

        A processor that failed, and may, judges the stream no further.
        """
        self._failed |= {each.processor for each in verdict.failures}
        for each in verdict.best:
            key = each.processor, each.side, each.level
            known = self._best.get(key)
            if known is None or each.score - each.threshold > known.score - known.threshold:
                self._best[key] = each
        return replace(verdict, best=())

    @property
    def best(self) -> Iterable[ProcessorScore]:
        """The scores of each processor that are findings, or come nearest to one, by level."""
        return self._best.values()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _digest(text: str) -> bytes:
    return blake2b(_bytes(text), digest_size=16).digest()


def _whole(text: str) -> str:
    """Return a text in which two halves of a character, from two events, are one, and a single one is U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
