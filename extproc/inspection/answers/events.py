"""The events of an answer, one after the other: what each looks like when its texts were judged."""

from collections.abc import Callable

from extproc.inspection.answers.ruling import Ruling, Stopped
from extproc.inspection.answers.strand import Strand, at_once
from extproc.inspection.answers.tally import Tally
from extproc.inspection.judge import SEALED
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import Blocked
from extproc.llm.streams import Channel, Delta, StreamEvent, StreamWriter
from extproc.llm.streams.event import Scope, within

MAX_OPEN = 256
"""Texts of an answer that are open at a time: OpenAI gives at most 128 choices, which may think aloud. One takes about
1 KiB, and 2 where it is JSON."""

MAX_NAMED = 256
"""Places that are remembered to have been named as uninspected, so that sound in a thousand events is named once."""

MAX_PLACES = 128
"""Texts that are remembered, so that what repeats them is not counted again. Answers have some ten."""

MAX_ENDED = 512
"""Texts that are remembered to have ended: in 128 choices a text, its reasoning, a refusal and a tool call."""

_REASONED = frozenset({"openai.chat", "openai.completions", "gemini"})
"""Dialects in which what ends a text is a finish reason."""


class Events:
    """Judges event by event, and writes what goes out. All methods raise `Stopped` where the answer must end.

    `unread` is the verdict on what cannot be read, None where it passes. An event in which something is to be blocked
    does not go out at all, so that what was told before does not depend on cuts.
    """

    __slots__ = (
        "_dialect",
        "_distrusts",
        "_doubted",
        "_known",
        "_named",
        "_open",
        "_over",
        "_reasons",
        "_repeats",
        "_tally",
        "_unread",
        "_vault",
        "_writer",
        "ruling",
    )

    def __init__(
        self, writer: StreamWriter, ruling: Ruling, vault: Vault | None, tally: Tally, unread: Blocked | None
    ) -> None:
        self._writer = writer
        self.ruling = ruling
        self._vault = vault
        self._tally = tally
        self._unread = unread
        self._open: dict[Channel, Strand] = {}
        self._speak(writer.dialect)
        self._doubted = False  # true once it was told that nobody can join the events
        self._over: set[int] = set()  # hashes of channels that one ended
        self._distrusts = False  # whether such a one went on: from then on nothing ends before the answer does
        self._named: set[int] = set()  # hashes of places that are named as uninspected
        self._known: set[int] = set()  # hashes of places, and of places with the text there

    @property
    def writer(self) -> StreamWriter:
        """Which knows how to end the answer."""
        return self._writer

    @property
    def held(self) -> int:
        """What is held back of all texts."""
        return sum(each.held for each in self._open.values())

    def unreadable(self, reason: str) -> None:
        """Something cannot be read."""
        self._tally.unread[reason] += 1
        if self._unread is not None:
            raise Stopped(self._unread)

    def _unread_at(self, place: Scope, reason: str) -> None:
        """A place of the response cannot be read: named once."""
        key = hash((place, reason))
        if key in self._named:
            return
        if len(self._named) < MAX_NAMED:
            self._named.add(key)
        self._tally.unread[reason] += 1
        if self._unread is not None and reason not in SEALED:
            raise Stopped(self._unread)

    def _unread_in(self, channel: Channel) -> Callable[[str], None]:
        return lambda reason: self._unread_at(channel.path, reason)

    def passed(self, event: StreamEvent) -> bytes:
        """What goes out for an event."""
        deltas = event.deltas
        if len(deltas) == 1 and not event.ends and not event.unread and not event.doubt:
            channel = deltas[0].channel
            strand = self._open.get(channel)
            if strand is not None:
                return self._writer.write(event, {channel: strand.feed(deltas[0].text)})
        if event.dialect and event.dialect != self._dialect:
            self._speak(event.dialect)
        for place, reason in event.unread:
            self._unread_at(place, reason)
        texts = self._pieces(deltas)
        ended = self._ended(event, texts) if event.ends and self._open else []
        for delta in deltas:
            if delta.channel.whole:
                texts[delta.channel] = self._whole(delta)
        if event.doubt:
            self._doubt(event.doubt)  # a finding in it counts for more
        before = b"".join([self._writer.flush(channel, text) for channel, text in ended])
        return before + self._writer.write(event, texts)

    def flush(self) -> bytes:
        """The rest of all texts, behind the last event."""
        rest = [(channel, strand.finish()) for channel, strand in self._open.items()]
        self._open.clear()
        return b"".join([self._writer.flush(channel, text) for channel, text in rest])

    def drop(self) -> None:
        """Nothing that is held back is needed any more."""
        self._open.clear()

    def _speak(self, dialect: str) -> None:
        self._dialect = dialect
        self._repeats = dialect == "openai.responses"
        self._reasons = dialect in _REASONED

    def _doubt(self, doubt: str) -> None:
        if doubt == "stream":
            if self._doubted:
                return
            self._doubted = True
        self.unreadable(doubt)

    def _pieces(self, deltas: tuple[Delta, ...]) -> dict[Channel, str]:
        """What goes out on the channels of pieces."""
        pieces: dict[Channel, list[str]] = {}
        for delta in deltas:
            if not delta.channel.whole:
                pieces.setdefault(delta.channel, []).append(self._grown(delta))
        return {channel: "".join(parts) for channel, parts in pieces.items()}

    def _grown(self, delta: Delta) -> str:
        strand = self._open.get(delta.channel)
        if strand is None:
            if len(self._open) >= MAX_OPEN:
                self.unreadable("complexity")
                return delta.text
            if self._over and hash(delta.channel) in self._over:
                # What was told to have ended goes on: some servers give a finish reason with every piece.
                self._distrusts = True
            strand = self._open[delta.channel] = Strand(
                delta.channel, self.ruling, self._vault, self._unread_in(delta.channel)
            )
            self._remember(hash(delta.channel.path))
        return strand.feed(delta.text)

    def _ended(self, event: StreamEvent, texts: dict[Channel, str]) -> list[tuple[Channel, str]]:
        """Ends the texts that end with the event: in it where they stand in it, else to be told in front of it."""
        ended: list[tuple[Channel, str]] = []
        ends = frozenset(event.ends)
        if self._distrusts:
            ends &= {()}
        for channel in [each for each in self._open if within(each.path, ends)]:
            if self._reasons:
                self._over.add(hash(channel))
            rest = self._open.pop(channel).finish()
            if channel in texts:
                texts[channel] += rest
            else:
                ended.append((channel, rest))
        # Beyond the bound nobody would know of a text that goes on.
        self._distrusts = self._distrusts or len(self._over) >= MAX_ENDED
        return ended

    def _whole(self, delta: Delta) -> str:
        told = delta.grows or ((self._repeats or delta.repeats) and self._told(delta))
        return at_once(delta, self.ruling, self._vault, self._unread_in(delta.channel), counted=not told)

    def _told(self, delta: Delta) -> bool:
        """Whether this very text was there before: streamed, or whole in an event that has most of an answer in it."""
        place = hash(delta.channel.path)
        exact = hash((delta.channel.path, delta.text))
        told = exact in self._known or (delta.repeats and place in self._known)
        self._remember(exact)
        return told

    def _remember(self, key: int) -> None:
        if len(self._known) < MAX_PLACES:
            self._known.add(key)
