"""A text part of a streamed message that another part may precede: both are one text to many a client.

A value that is cut over the two is found, counted and blocked as in a whole response. It cannot be masked: its
beginning has left with the first part. So where it is to be masked, the response is uninspected (`stream`).
"""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final

from extproc.apis.events import Channel, Delta, Share, StreamEvent
from extproc.apis.events.event import Scope
from extproc.detectors.naming import spelled
from extproc.inspection.adjoining import BESIDE, NEAR, crossing
from extproc.inspection.answers.apart import ApartTexts
from extproc.inspection.answers.growing import GrowingText, Track
from extproc.inspection.answers.joints import JoinedJson, JointHit, JointReaders, known
from extproc.inspection.answers.looking import Looking, Unread, hits_in
from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.answers.verbatim import Verbatim
from extproc.inspection.led import leading
from extproc.inspection.vault import Vault
from extproc.matching.looks import TooManyCandidatesError
from extproc.matching.span import Distinct
from extproc.matching.window import Hit, Released, Window
from extproc.payload import Kind
from extproc.payload.chains import HOLDERS, TEXT, THOUGHTS
from extproc.payload.parts import Readers, Segment
from extproc.protocol.meter import SpentError

MOST_PIECES: Final = 128
"""Pieces of a part that are kept as they came, none longer than this: joined for so many at once, which costs nothing
that could be measured."""

_feed = GrowingText.feed  # for `super()` takes as long as to keep a piece


MOST_MESSAGES: Final = 256
"""Messages whose last part is remembered: they come one after the other, as their parts do, and a response has one."""


def part_of(channel: Channel) -> tuple[Scope, int] | None:
    """Return the array that a text is a part in, and its place there; None if it is no such part."""
    path = channel.path[:-1] if channel.path[-1:] == (TEXT,) else channel.path
    if len(path) < 2 or type(path[-1]) is not int or path[-2] not in HOLDERS:
        return None
    return path[:-1], path[-1]


def part_before(parts: "dict[Scope, tuple[int, PartText]]", holder: Scope, at: int) -> "PartText | None":
    """Take the last part of a message out of those that are known; return it if it stands in front of this place."""
    last, before = parts.pop(holder, (at, None))
    if len(parts) >= MOST_MESSAGES:
        del parts[next(iter(parts))]
    return before if last == at - 1 else None


def thought_before(
    channel: Channel, texts: Mapping[Channel, GrowingText], beside: Container[Channel]
) -> GrowingText | None:
    """Return the reasoning that a text goes on with under another name: not one that stands `beside` it in an event."""
    message = None if channel.may_end else _thought_of(channel)
    if message is None:
        return None
    others = [text for each, text in texts.items() if each not in beside and _thought_of(each) == message]
    return others[-1] if others else None


def _thought_of(channel: Channel) -> Scope | None:
    """The message whose reasoning a text is; None if it is none."""
    path = channel.path
    return next((path[:at] for at, step in enumerate(path) if step in THOUGHTS), None)


class WholeParts:
    """The parts of messages that come at once, each in an event or several in one; and other texts that do."""

    __slots__ = ("_apart", "_last", "_ruling", "_unread")

    def __init__(self, ruling: Ruling, unread: Unread) -> None:
        self._ruling = ruling
        self._unread = unread
        self._apart = ApartTexts(ruling, unread)
        self._last: dict[Scope, tuple[int, str]] = {}

    def take(self, delta: Delta, *, counted: bool) -> None:
        """Look at a text with what stands in front of it, or stood in its place. Raises Stopped; SpentError."""
        if counted and delta.channel.whole and not delta.channel.recurs and delta.form == "string":
            self._apart.take(delta)
        place = part_of(delta.channel)
        scanner = self._ruling.scanner
        if place is None or scanner is None:
            return
        holder, at = place
        last, before = self._last.pop(holder, (at, ""))
        before = before if last == at - 1 else ""
        if len(self._last) >= MOST_MESSAGES:
            del self._last[next(iter(self._last))]
        self._last[holder] = at, (before + delta.text)[-BESIDE:]
        if not (before and delta.text):
            return
        texts, meter = (before, delta.text), self._ruling.meter
        try:
            found = crossing(scanner, texts, (0, 1), {}, meter)
            if found:
                own = {number: scanner.scan(text, meter=meter) for number, text in enumerate(texts)}
                found = crossing(scanner, texts, (0, 1), own, meter)
        except TooManyCandidatesError:
            self._unread(delta.channel.path, "stream")
            return
        said = before + delta.text
        for _, span in found:
            hit = Hit(span, said[span.start : span.end])
            self._ruling.hear((hit,), delta.channel.where, Distinct() if counted else None)
            if self._ruling.masks(span):
                self._unread(delta.channel.path, "stream")


class _Kept(Verbatim):
    """A text in a part that is JSON: its end is kept for the part that may follow."""

    __slots__ = ("_called", "_said", "_size")

    def __init__(self, *given: Any, called: tuple[str, Kind], **more: Any) -> None:
        super().__init__(*given, **more)
        self._called = called  # the name of the member, and what the text is
        self._said = ""
        self._size = 0

    def feed(self, text: str) -> list[Segment]:
        """See `Part`."""
        self._said = (self._said + text)[-BESIDE:]
        self._size += len(text)
        return super().feed(text)

    def copied(self, readers: Readers) -> Any:
        """See `Part`."""
        if isinstance(readers, JointReaders):
            return readers.taken(self._said, self._size, *self._called)
        return super().copied(readers)


class PartLooking(Looking):
    """As `Looking`; texts in JSON keep their ends."""

    __slots__ = ()

    def plain(self, name: str, kind: Kind = "text") -> Verbatim:
        """See `Readers`."""
        return self._reader(_Kept, name, kind, called=(name, kind))


class PartText(GrowingText):
    """A part that grows. `before`: the text that stands in front of it, if one does."""

    looking = PartLooking

    __slots__ = (
        "_before",
        "_before_hits",
        "_ended",
        "_follows",
        "_joined",
        "_left",
        "_pieces",
        "_prior",
        "_ruling",
        "_told",
        "_unread",
        "_window",
    )

    def __init__(
        self,
        channel: Channel,
        track: Track,
        ruling: Ruling,
        vault: Vault | None,
        unread: Unread,
        before: GrowingText | None,
    ) -> None:
        super().__init__(channel, track, ruling, vault, unread)
        self._ruling = ruling
        self._unread = unread
        self._prior = before
        self._follows = before is not None
        self._before = ""
        self._pieces: list[str] = []
        self._told = Distinct()
        self._window: Window | None = None
        self._joined: JoinedJson | None = None  # reads it with the parts in front, where these are JSON that is cut
        self._before_hits: Sequence[Hit] = ()  # those in the text that these leave open
        self._left: JoinedJson | None = None
        self._ended = False

    @property
    def left(self) -> JoinedJson | None:
        """Return what goes on with JSON that the text leaves open; None if it leaves none."""
        if self._ended:
            return self._left
        scanner = self._ruling.scanner
        if self._joined is not None:
            return self._joined.copied(scanner) if self._joined.amid else None
        if not self._strand.structured:
            return None
        joined = JoinedJson(scanner, self._ruling.meter, self._strand.reader)
        return joined if joined.amid else None

    @property
    def end(self) -> str:
        """Return the last characters of the text, and of those in front of it if it has few."""
        return (self._before + self._said())[-BESIDE:]

    def feed(self, event: StreamEvent, text: str) -> Share | None:
        """See `GrowingText.feed`."""
        pieces = self._pieces
        pieces.append(text)
        if self._follows or len(pieces) > MOST_PIECES or len(text) > MOST_PIECES:
            self._more(text)
        return _feed(self, event, text)

    def finish(self) -> None:
        """See `GrowingText.finish`."""
        self._left, self._ended = self.left, True
        window, self._window = self._window, None
        if window is not None:
            self._hear(window.finish())
        joined, self._joined = self._joined, None
        if joined is not None:
            self._hear_joined(joined.finish())
        super().finish()

    def _said(self) -> str:
        """The text so far, as much of it as is kept."""
        return "".join(self._pieces)

    def _more(self, text: str) -> None:
        """A piece has come that is long, or follows another part, or is one of many."""
        said = self._said()
        if self._prior is not None:
            self._begin(self._prior)
        if self._window is not None and text:
            self._look(self._window, text, len(said))
        if self._joined is not None and text:
            self._hear_joined(self._look_joined(self._joined, text))
        self._follows = self._window is not None or self._joined is not None
        self._pieces = [said[-2 * BESIDE :] if self._window is None else said]

    def _begin(self, prior: GrowingText) -> None:
        """The first piece has come: what the part in front of it ends with is known now."""
        self._prior, self._before = None, prior.end
        scanner = self._ruling.scanner
        self._joined = prior.left
        if self._joined is not None:
            said, name = self._joined.front
            self._before_hits = hits_in(said, self._ruling, spelled(name), leading(name))
            self._hear_joined(self._joined.cross())
        elif self._before and scanner is not None:
            self._window = Window(scanner, meter=self._ruling.meter)
            self._hear(self._window.feed(self._before))

    def _look(self, window: Window, text: str, size: int) -> None:
        try:
            self._hear(window.feed(text))
        except SpentError:
            raise
        except TooManyCandidatesError:
            self._window = None
            self._unread(self.channel.path, "stream")
        # What begins in front of the part is decided by then, whatever it is.
        if size > 2 * BESIDE:
            self._window = None

    def _hear(self, released: Released | None) -> None:
        for hit in () if released is None else released.hits:
            span = hit.span
            edge = len(self._before)
            if span.end > edge > span.start - NEAR and not self._own(hit):
                self._ruling.hear((hit,), self.channel.where, self._told)
                if self._ruling.masks(span):
                    self._unread(self.channel.path, "stream")

    def _look_joined(self, joined: JoinedJson, text: str) -> Sequence[JointHit]:
        try:
            return joined.feed(text)
        except TooManyCandidatesError:
            self._joined = None
            self._unread(self.channel.path, "stream")
            return ()

    def _hear_joined(self, found: Sequence[JointHit]) -> None:
        for each in found:
            hits = (*self._before_hits, *hits_in(self._said(), self._ruling, None))
            if not known(each.hit, [(own.span.kind, own.value) for own in hits]):
                self._ruling.hear((each.hit,), self.channel.where, self._told)
                if self._ruling.masks(each.hit.span):
                    self._unread(self.channel.path, "stream")

    def _own(self, hit: Hit) -> bool:
        """True if a finding only makes one longer that lies in one of the parts; see `adjoining.crossing`."""
        start, edge, end = hit.span.start, len(self._before), hit.span.end
        return any(
            each.span.kind == hit.span.kind and each.span.start < high and each.span.end > low
            for text, low, high in ((self._before, start, edge), (self._said(), 0, end - edge))
            for each in hits_in(text, self._ruling, None)
        )
