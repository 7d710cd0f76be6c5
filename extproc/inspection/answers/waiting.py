"""The events of an answer that wait: for their own texts to be decided, and for the events in front of them."""

from collections import deque
from collections.abc import Mapping

from extproc.inspection.answers.growing import GrowingText
from extproc.llm.streams import Channel, Entry, Share, StreamEvent, StreamWriter

MAX_WAITING = 4 * 1024 * 1024
"""Bytes of events that wait. The widest rule holds back 4,000 characters: half of it, at 500 bytes an event and a
character in each. Past it the answer counts as too large to be inspected."""

SMALL = 64 * 1024
"""Bytes up to which an event need not be counted at once, but when COUNTED of them have come."""

COUNTED = 16
"""Events after which those that wait are counted: so many small ones more may wait, a MiB."""

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

    An event whose texts stay as they were leaves with the very bytes it came as.
    """

    __slots__ = ("_writer", "entries")

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer
        self.entries: deque[Entry] = deque()

    @property
    def full(self) -> bool:
        """True if more bytes wait than may."""
        entries = self.entries
        count = len(entries)
        if count < 2 or (count % COUNTED != 1 and len(entries[-1].event.raw) <= SMALL):
            return False
        return sum(len(entry.event.raw) for entry in entries) > MAX_WAITING

    def leave(self, texts: Mapping[Channel, GrowingText], latest: StreamEvent) -> bytes:
        """Write what can leave now that `latest` has come. `texts` are those that may go on."""
        entries = self.entries
        parts: list[bytes] = []
        while entries:
            first = entries[0]
            if not first.left:
                entries.popleft()
                parts.append(self._writer.write(first.event, first.texts()))
                continue
            if first.event is latest:
                break  # nothing stands behind it
            text = texts[_undecided(first)]
            if _goes_on(text, latest):
                break
            text.pause()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def clear(self) -> None:
        """Drops all of it."""
        self.entries.clear()


def _undecided(entry: Entry) -> Channel:
    """The first of the channels that an event waits for."""
    if isinstance(entry, Share):
        return entry.channel
    return next(share.channel for share in entry.shares if share.left)


def _goes_on(text: GrowingText, latest: StreamEvent) -> bool:
    """False if the text is taken to have ended, for now, after so much that brings nothing of it."""
    if text.channel.loose:
        part = text.channel.path[:2]
        text.behind += part in latest.opens or not latest.opens
        return text.behind <= PATIENCE
    if any(delta.channel == text.channel and delta.text for delta in latest.deltas):
        return True
    text.behind += 1 + len(latest.raw) // HEAVY
    return text.followed <= (LONG_PATIENCE if text.resumed else PATIENCE) and text.behind <= MAX_BEHIND
