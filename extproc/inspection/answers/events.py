"""The events of an answer, one after the other: what each looks like when its texts were judged."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from extproc import apis
from extproc.apis.events import Channel, Delta, Entry, Run, Share, StreamEvent, Waiting
from extproc.apis.events.event import Scope, within
from extproc.apis.events.shares import MORE
from extproc.apis.streams import StreamWriter
from extproc.inspection.answers.growing import GrowingText, LooseText, Track
from extproc.inspection.answers.parts import PartText, WholeParts, part_before, part_of, thought_before
from extproc.inspection.answers.recurring import RecurringText
from extproc.inspection.answers.repeated import RepeatedTexts
from extproc.inspection.answers.ruling import Ruling, Stopped
from extproc.inspection.answers.strand import at_once
from extproc.inspection.answers.tally import Tally
from extproc.inspection.answers.waiting import COUNTED, SMALL, Queue
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import SEALED, Blocked

MAX_OPEN = 256
"""Texts of an answer that are open at a time: OpenAI gives at most 128 choices, which may think aloud. One takes about
1 KiB, and 2 where it is JSON."""

MAX_RECURRING = 256
"""Texts that come whole and are joined to what stood in the same place before. Calls of tools have up to some thirty,
the sources of a search a hundred. Another text is judged by itself, and the next in its place is uninspected."""

MAX_ALONE = 4096
"""Places of such other texts that are remembered. Past it any such place is taken for one of them."""

MAX_NAMED = 256
"""Places that are remembered to have been named as uninspected, so that sound in a thousand events is named once."""

MAX_ENDED = 512
"""Texts that are remembered to have ended: in 128 choices a text, its reasoning, a refusal and a tool call."""

_NOTHING: Mapping[Channel, str] = MappingProxyType({})

_NONE: AbstractSet[int] = frozenset()
"""The empty set that most responses share; they never need one of their own."""


class Events:
    """Judges event by event, and writes what goes out. All methods raise `Stopped` where the answer must end.

    `unread` is the verdict on what cannot be read, None where it passes. An event in which something is to be blocked
    does not go out at all, nor do those that wait, so that what was told before does not depend on cuts.
    """

    __slots__ = (
        "_alone",
        "_calls",
        "_dialect",
        "_distrusts",
        "_doubted",
        "_ended",
        "_named",
        "_open",
        "_over",
        "_parts",
        "_queue",
        "_reasons",
        "_recurring",
        "_repeated",
        "_repeats",
        "_tally",
        "_tracks",
        "_unread",
        "_vault",
        "_whole_parts",
        "_writer",
        "entries",
        "ruling",
    )

    def __init__(
        self, writer: StreamWriter, ruling: Ruling, vault: Vault | None, tally: Tally, unread: Blocked | None
    ) -> None:
        self._writer = writer
        self._queue = Queue(writer)
        self.entries: Sequence[Entry] = self._queue.entries
        """The events that wait, packed ones as one."""
        self.ruling = ruling
        self._vault = vault
        self._tally = tally
        self._unread = unread
        self._open: dict[Channel, GrowingText] = {}
        self._ended: dict[Channel, GrowingText] = {}  # those that a finish reason ended
        self._parts: dict[Scope, tuple[int, PartText]] = {}  # the last part of each message, if it grows
        self._whole_parts = WholeParts(ruling, self._unread_at)
        self._recurring = 0  # texts that were opened and may recur
        self._alone: AbstractSet[int] = _NONE  # hashes of channels that may recur and were judged by themselves
        self._tracks: dict[Scope, Track] = {}
        self._calls: dict[Scope, int] = {}  # hashes of the identifiers of tool calls, by their places
        self._speak(writer.dialect)
        self._doubted = False  # true once it was told that nobody can join the events
        self._over: AbstractSet[int] = _NONE  # hashes of channels that one ended
        self._distrusts = False  # whether such a one went on: from then on nothing ends before the answer does
        self._named: AbstractSet[int] = _NONE  # hashes of places that are named as uninspected
        self._repeated = RepeatedTexts()

    @property
    def writer(self) -> StreamWriter:
        """Which knows how to end the answer."""
        return self._writer

    @property
    def held(self) -> int:
        """Return what is undecided of all texts."""
        return sum(each.held for each in self._open.values())

    @property
    def waiting(self) -> int:
        """Bytes of the events that wait."""
        return self._queue.size

    def structured(self, event: StreamEvent) -> bool:
        """True if an event goes on with a text that is more than plain: JSON in a string, say."""
        texts = self._open
        return any(
            (text := texts.get(delta.channel)) is not None and text.structured
            for delta in event.deltas
            if not delta.channel.whole
        )

    def unreadable(self, reason: str) -> None:
        """Something cannot be read."""
        self._tally.saw(reason)
        if self._unread is not None:
            raise Stopped(self._unread)

    def _unread_at(self, place: Scope, reason: str) -> None:
        """A place of the response cannot be read: named once."""
        key = hash((place, reason))
        if key in self._named:
            return
        if len(self._named) < MAX_NAMED:
            self._named = _with(self._named, key)
        self._tally.saw(reason)
        if self._unread is not None and reason not in SEALED:
            raise Stopped(self._unread)

    def passed(self, event: StreamEvent) -> bytes:
        """Return what goes out once an event has come: it, if all of it is decided, and what waited for it."""
        deltas = event.deltas
        if len(deltas) == 1 and not event.ends and not event.unread and not event.calls and not event.doubt:
            text = self._open.get(deltas[0].channel)
            if text is not None:
                return self._grown(event, text, deltas[0].text)
        elif event.kind == "alive" and not deltas:
            return self._writer.write(event)
        return self._queued(self._judged(event))

    def _grown(self, event: StreamEvent, text: GrowingText, said: str) -> bytes:
        """Return what goes out for an event that brings a piece of one text and nothing else, as nearly all do."""
        share = text.feed(event, said)
        queue = self._queue
        entries = queue.entries
        if share is None:
            return self._queued(Waiting(event, ())) if entries else self._writer.write(event)
        if entries:
            first = entries[0]
            if not first.left:
                if share.left and len(entries) == 1:
                    # This event waits, and the one before it leaves.
                    entries[0] = share
                    texts = first.texts()  # type: ignore[union-attr]  # a run never looks decided
                    return self._writer.write(first.event, texts) if texts else self._writer.write(first.event)  # type: ignore[union-attr]
            elif first.waits_for(share) and len(entries) % COUNTED and len(event.raw) <= SMALL and queue.light:
                text.goes_on()
                queue.grew += 1
                if len(entries) > 1 and isinstance(entries[-2], Run):
                    queue.room -= text.absorb(entries)
                entries.append(share)
                return b""
        _speak(text)
        out = self._queued(share)
        queue.grew += 1
        if queue.grew >= MORE:
            queue.pack(text)
        return out

    def flush(self) -> bytes:
        """Write all that waits, behind the last event."""
        self._finish()
        return self._left()

    def drop(self) -> None:
        """Nothing that waits is needed any more."""
        self._open.clear()
        self._ended.clear()
        self._queue.clear()

    def _speak(self, dialect: str) -> None:
        self._dialect = dialect
        api = apis.current().named(dialect)
        events = None if api is None else api.events
        self._repeats = events is not None and events.repeats
        self._reasons = events is not None and events.by_reason

    def _doubt(self, doubt: str) -> None:
        if doubt == "stream":
            if self._doubted:
                return
            self._doubted = True
        self.unreadable(doubt)

    def _queued(self, entry: Share | Waiting) -> bytes:
        queue = self._queue
        queue.entries.append(entry)
        out = queue.leave(self._open, entry.event)
        if not queue.full:
            return out
        self.unreadable("size")
        for text in self._open.values():
            text.pause()
        return out + self._left()

    def _left(self) -> bytes:
        return self._queue.end(self._open)

    def _judged(self, event: StreamEvent) -> Waiting:
        if event.dialect and event.dialect != self._dialect:
            self._speak(event.dialect)
        for at, reason in event.unread:
            self._unread_at(at, reason)
        for place, call in event.calls:
            self._begin(place, call)
            self._track(place).spoken += 1
        whole = [delta for delta in event.deltas if delta.channel.whole and not self._joins(delta)]
        shares = self._pieces(event, whole)
        if event.ends:
            self._end(event)
        for delta in event.deltas:
            if delta.channel.whole or delta.channel.loose:
                if self._repeated.strays(delta, event.deltas):
                    self._doubt("stream")
                told = delta.grows or self._repeated.repeats(delta)
                self._whole_parts.take(delta, counted=not told)
        changed = {delta.channel: self._whole(delta) for delta in whole}
        if event.doubt:
            self._doubt(event.doubt)  # a finding in it counts for more
        return Waiting(event, shares, changed or _NOTHING)

    def _begin(self, place: Scope, call: int) -> None:
        """A tool call begins. Another one that had its place has ended: some servers number none of them."""
        known = self._calls.get(place)
        if known is not None and known != call:
            for texts in (self._open, self._ended):
                for channel in [each for each in texts if each.within(place)]:
                    texts.pop(channel).finish()
        if known is not None or len(self._calls) < MAX_OPEN:
            self._calls[place] = call

    def _joins(self, delta: Delta) -> bool:
        """True if a text that comes whole is to be joined to others in its place."""
        channel = delta.channel
        if not channel.recurs or self._repeated.repeats(delta):
            return False
        if channel in self._open or channel in self._ended:
            return True
        if self._recurring < MAX_RECURRING:
            self._recurring += 1
            return True
        key = hash(channel)
        if key in self._alone or len(self._alone) >= MAX_ALONE:
            self._doubt("stream")
        else:
            self._alone = _with(self._alone, key)
        return False

    def _pieces(self, event: StreamEvent, whole: Collection[Delta]) -> tuple[Share, ...]:
        """The shares of an event in growing texts, of those that wait or are changed. `whole`: its other texts."""
        pieces: dict[Channel, str] = {}
        apart = {delta.channel for delta in whole}
        for delta in event.deltas:
            channel = delta.channel
            if channel not in apart:
                pieces[channel] = pieces[channel] + delta.text if channel in pieces else delta.text
        texts = [(text, said) for channel, said in pieces.items() if (text := self._text(channel, said, pieces))]
        for text, said in texts:
            if said:
                _speak(text)
        shares = [text.feed(event, said) for text, said in texts]
        return tuple([share for share in shares if share is not None])

    def _text(self, channel: Channel, said: str, beside: Collection[Channel]) -> GrowingText | None:
        """The text that grows by `said`; None for one that nobody can look at, and where nothing is said.

        `beside`: the texts that grow with the same event.
        """
        text = self._open.get(channel)
        if text is not None:
            return text
        if said and channel.path in self._parts:
            self._doubt("stream")
        elif said and (channel in self._ended or hash(channel) in self._over):
            # What was told to have ended goes on: some servers give a finish reason with every piece.
            self._distrusts = True
        elif channel in self._ended:
            return None
        text = self._ended.pop(channel) if channel in self._ended else self._opened(channel, beside)
        if text is not None:
            self._open[channel] = text
        return text

    def _opened(self, channel: Channel, beside: Collection[Channel]) -> GrowingText | None:
        if not channel.recurs and len(self._open) + len(self._ended) - self._recurring >= MAX_OPEN:
            if not self._ended:
                self.unreadable("complexity")
                return None
            self._ended.pop(next(iter(self._ended))).finish()
        if not channel.recurs:
            self._repeated.begin(channel.path)
        track = self._track(channel.path)
        place = None if channel.may_end else part_of(channel)
        if place is not None:
            self._beside_string(place[0], track)
            return self._part(channel, track, *place)
        if (thought := thought_before(channel, self._open, beside)) is not None:
            return PartText(channel, track, self.ruling, self._vault, self._unread_at, thought)
        kind = RecurringText if channel.recurs else LooseText if channel.loose else GrowingText
        return kind(channel, track, self.ruling, self._vault, self._unread_at)

    def _beside_string(self, holder: Scope, track: Track) -> None:
        """A part begins that has an index. If its holder is a string, too, each client joins the two in its own way."""
        string = Channel(holder)
        text = self._open.pop(string, None)
        if text is not None:
            text.pause()
            self._ended[string] = text
            if track.spoken:
                self._doubt("stream")

    def _part(self, channel: Channel, track: Track, holder: Scope, at: int) -> PartText:
        """The text that is a part of a message, which knows the part in front of it."""
        before = part_before(self._parts, holder, at)
        part = PartText(channel, track, self.ruling, self._vault, self._unread_at, before)
        self._parts[holder] = at, part
        return part

    def _track(self, path: Scope) -> Track:
        """The choice that it lies in, or the whole answer."""
        place = path[:2] if path[0] in {"choices", "candidates"} else ()
        if place in self._tracks or len(self._tracks) < MAX_OPEN:
            return self._tracks.setdefault(place, Track())
        return Track()

    def _end(self, event: StreamEvent) -> None:
        """Ends the texts that end with the event."""
        ends = frozenset(event.ends)
        if () in ends:
            self._finish()
        if self._distrusts:
            return
        for channel in [each for each in self._open if within(each.path, ends)]:
            if channel.recurs:
                # Whatever ends here, another may come in its place.
                if self._reasons:
                    self._open[channel].pause()
                continue
            text = self._open.pop(channel)
            if self._reasons:
                self._over = _with(self._over, hash(channel))
                self._ended[channel] = text
                text.pause()
            else:
                text.finish()
        # Past the bound nobody would know of a text that goes on.
        if len(self._over) >= MAX_ENDED:
            self._distrusts = True

    def _finish(self) -> None:
        """Ends all texts."""
        for texts in (self._open, self._ended):
            for text in texts.values():
                text.finish()
            texts.clear()
        self._recurring = 0

    def _whole(self, delta: Delta) -> str:
        told = delta.grows or ((self._repeats or delta.repeats) and self._repeated.told(delta))
        return at_once(delta, self.ruling, self._vault, self._unread_at, counted=not told)


def _with(known: AbstractSet[int], key: int) -> AbstractSet[int]:
    """The set with another key, made with the first."""
    if isinstance(known, set):
        known.add(key)
        return known
    return {*known, key}


def _speak(text: GrowingText) -> None:
    if not text.channel.recurs:
        text.track.spoken += 1
    text.goes_on()
