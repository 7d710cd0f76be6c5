"""The events of an answer that wait: for their own texts to be decided, and for the events in front of them."""

from collections.abc import Mapping

from extproc.apis.events import Channel, Entry, Run, StreamEvent, Waiting
from extproc.apis.streams import StreamWriter
from extproc.inspection.answers.growing import GrowingText

MAX_WAITING = 4 * 1024 * 1024
"""Bytes of events that wait. The widest rule holds back 4,000 characters: half of it, at 500 bytes an event and a
character in each. Past it the answer counts as too large to be inspected."""

SMALL = 64 * 1024
"""Bytes up to which an event need not be counted at once, but when COUNTED of them have come."""

COUNTED = 16
"""Events after which those that wait are counted: so many small ones more may wait, a MiB."""

CROWDED = 64
"""Events above which those of a text are packed even if one leaves with each that comes. So many take 30 KiB."""

MAX_BEHIND = 256
"""Events that wait behind a text that does not go on: two of each of the 128 choices that OpenAI gives at most."""

PATIENCE = 3
"""The same for pieces of what clients see after that text. Words of two texts may come in turn, or pieces of
some tool calls; and where thinking ends and the answer begins, three of its words wait."""

LONG_PATIENCE = 16
"""The same for a text that went on when it was taken to have ended."""

HEAVY = 4096
"""Bytes for which an event counts as one more, so that at most a MiB waits behind such a text."""


class Queue:
    """Events in their order. Each leaves when all in front of it have left and its own texts are decided.

    An event whose texts stay as they were leaves with the very bytes it came as. `grew`: events that went on with one
    text since those that wait were packed. `room`: bytes of events that may be packed one by one until those that wait
    are counted.
    """

    __slots__ = ("_writer", "entries", "grew", "room")

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer
        self.entries: list[Entry] = []
        self.grew = 0
        self.room = COUNTED * SMALL

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return sum(map(_size, self.entries))

    @property
    def full(self) -> bool:
        """True if more bytes wait than may."""
        entries = self.entries
        count = len(entries)
        if count < 2 or (count % COUNTED != 1 and _size(entries[-1]) <= SMALL and self.light):
            return False
        size = self.size
        self.room = min(COUNTED * SMALL, MAX_WAITING - size)
        return size > MAX_WAITING

    @property
    def light(self) -> bool:
        """True unless so much was packed since those that wait were counted that they are to be counted again."""
        return self.room > 0

    def leave(self, texts: Mapping[Channel, GrowingText], latest: StreamEvent) -> bytes:
        """Write what can leave now that `latest` has come. `texts` are those that may go on."""
        entries = self.entries
        parts: list[bytes] = []
        at = 0
        while at < len(entries):
            first = entries[at]
            if isinstance(first, Run):
                if first.leave(entries, at):
                    continue
            elif not first.left:
                at += 1
                parts.append(self._writer.write(first.event, first.texts()))
                continue
            elif first.event is latest:
                break  # nothing stands behind it
            waited = [texts[channel] for channel in _undecided(first)]
            going = [_goes_on(text, latest) for text in waited]  # each counts what came behind it
            if any(going):
                break
            for text in waited:
                text.pause()
        if at:
            del entries[:at]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def end(self, texts: Mapping[Channel, GrowingText]) -> bytes:
        """Write what can leave behind the last event."""
        if not self.entries:
            return b""
        latest = self.entries[-1]
        assert not isinstance(latest, Run)  # the latest event is never packed
        return self.leave(texts, latest.event)

    def pack(self, text: GrowingText) -> None:
        """Pack the events that wait for `text`, where those that wait are many."""
        count = len(self.entries)
        if count < COUNTED:
            self.grew = 0
        elif count % COUNTED == 1 or count > CROWDED:
            self.grew = 0
            text.pack(self.entries)

    def clear(self) -> None:
        """Drops all of it."""
        self.entries.clear()


def _undecided(entry: Entry) -> list[Channel]:
    """The channels that an event waits for."""
    if isinstance(entry, Waiting):
        return [share.channel for share in entry.shares if share.left]
    return [entry.channel]


def _size(entry: Entry) -> int:
    """Bytes of an event, or of all events of a run."""
    return entry.size if isinstance(entry, Run) else len(entry.event.raw)


def _goes_on(text: GrowingText, latest: StreamEvent) -> bool:
    """False if the text is taken to have ended, for now, after so much that brings nothing of it."""
    if text.channel.may_end:
        if text.channel.recurs and not text.repeated and _brings(latest, text):
            text.behind = 0
            return True
        part = text.channel.path[:2]
        text.behind += part in latest.opens or not latest.opens
        return text.behind <= PATIENCE
    if _brings(latest, text):
        return True
    text.behind += 1 + len(latest.raw) // HEAVY
    return text.followed <= (LONG_PATIENCE if text.resumed else PATIENCE) and text.behind <= MAX_BEHIND


def _brings(event: StreamEvent, text: GrowingText) -> bool:
    return any(delta.channel == text.channel and delta.text for delta in event.deltas)
