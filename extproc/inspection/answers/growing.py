"""One text of an answer that grows from event to event, and the events that wait for what is said of it."""

import re
from typing import ClassVar

from extproc.apis.events import Channel, Entry, Share, Shares, StreamEvent
from extproc.inspection.answers.joints import JoinedJson
from extproc.inspection.answers.looking import Looking, Unread, nothing_in
from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.answers.strand import Strand
from extproc.inspection.vault import Vault

JOINED = 64
"""Characters up to which repetitions of a word are judged as one text, to see that the word is harmless. Longer ones of
letters alone are no values."""

_WORD = re.compile("[A-Za-z_-]{2,64}")
"""Words that every event may repeat: `analysis`, `final`. A text with digits is judged as growing text."""

_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")


class Track:
    """A part of an answer in which clients see one text after the other. `spoken`: pieces of text that came in it."""

    __slots__ = ("spoken",)

    def __init__(self) -> None:
        self.spoken = 0


class GrowingText:
    """A text that comes in pieces, judged as if it had come whole.

    A surrogate pair that is cut in two is judged as the character it is; its halves stay in their events.

    `paused`: it seemed to have ended, so that all of it was decided; when it goes on, it is judged with what came
    before. `resumed`: it did so. `behind`: how much came behind an event that waits for it.
    """

    __slots__ = (
        "_cut",
        "_half",
        "_heard",
        "_odd",
        "_shares",
        "_strand",
        "_torn",
        "behind",
        "channel",
        "paused",
        "resumed",
        "track",
    )

    looking: ClassVar[type[Looking]] = Looking
    """What makes the readers of the texts that it turns out to consist of."""

    def __init__(self, channel: Channel, track: Track, ruling: Ruling, vault: Vault | None, unread: Unread) -> None:
        self.channel = channel
        self.track = track
        self._heard = track.spoken  # when it spoke last
        self._strand = Strand(channel, ruling, vault, unread, self.looking)
        self._shares = Shares()
        self._half = ""  # a high surrogate at the end, which waits for the other half
        self._torn = False  # whether a text that paused had such a half at its end
        self._cut = False  # whether there are halves among what is undecided
        self._odd = False  # whether a piece needs more thought than most
        self.paused = False
        self.resumed = False
        self.behind = 0

    @property
    def held(self) -> int:
        """Return what is undecided: characters, or bytes where nobody counted characters."""
        return self._strand.held

    @property
    def end(self) -> str:
        """Return the last characters of the text, for one that goes on in its place."""
        return self._strand.seen

    @property
    def left(self) -> JoinedJson | None:
        """Return what goes on with JSON that the text leaves open; None if nobody does."""
        return None

    @property
    def structured(self) -> bool:
        """True if it is, or may be, more than plain text."""
        return self._strand.structured

    @property
    def repeated(self) -> bool:
        """True if what came last was what had come before."""
        return False

    @property
    def followed(self) -> int:
        """Pieces of others that clients see after it."""
        return self.track.spoken - self._heard

    def goes_on(self) -> None:
        """Nothing that came so far is seen after it any more."""
        self._heard = self.track.spoken
        self.behind = 0

    def feed(self, event: StreamEvent, text: str) -> Share | None:
        """The share of an event that brings `text`; None if it is decided at once and nothing is changed.

        Shares of earlier events may become decided with it.
        """
        if self._odd or not text or not (text.isascii() or _SURROGATES.search(text) is None):
            return self._feed_odd(event, text)
        strand, shares = self._strand, self._shares
        out = strand.feed(text)
        if strand.edited:
            share = Share(event, self.channel, text, len(text))
            shares.append(share)
            undecided = shares.undecided()
            strand.settled()
            shares.replace(undecided[: len(undecided) - strand.left], out)
            return share
        if not shares:
            if len(out) == len(text):
                return None
            share = Share(event, self.channel, text, len(text) - len(out))
            shares.append(share)
            return share
        if not out:
            share = Share(event, self.channel, text, len(text))
            shares.append(share)
            return share
        first = shares[0]
        left = len(text) + first.left - len(out)
        if 0 < left <= len(text) and first.new is None and len(shares) == 1:
            # As in most streams: the event before is decided by this one, of which the last word is not.
            first.left = 0
            shares[0] = share = Share(event, self.channel, text, left)
            return share
        share = Share(event, self.channel, text, len(text))
        shares.append(share)
        shares.keep(len(out))
        return share

    def pack(self, entries: list[Entry]) -> None:
        """Have events that wait for this text take less memory. `entries` are those of all texts."""
        if not self._odd:
            self._shares.pack(entries)

    def absorb(self, entries: list[Entry]) -> int:
        """Have the event before this text's latest take less memory, if that is cheap; the bytes that it had."""
        return 0 if self._odd else self._shares.absorb(entries)

    def pause(self) -> None:
        """Decides all of it, as if it had ended; it may go on."""
        if self._shares:
            self._end(ends=False)
        self.paused = self._odd = True
        self.behind = 0

    def finish(self) -> None:
        """Decides all of it: it has ended."""
        self._end(ends=True)

    def _feed_odd(self, event: StreamEvent, text: str) -> Share:
        """As `feed`, where more is to be thought of: a pause, something changed, halves of characters."""
        if self.paused and text:
            self.paused, self.resumed = False, True
        share = self._added(event, text)
        if self._torn and text:
            self._torn = False
            if "\udc00" <= text[0] <= "\udfff":
                # Its other half has left.
                self._shares.keep(1)
                text = text[1:]
        said, self._half = self._half + text, ""
        if "\ud800" <= said[-1:] <= "\udbff":
            said, self._half = said[:-1], said[-1]
        whole = _joined(said)
        self._cut = self._cut or bool(self._half) or whole != said
        out = self._strand.feed(whole)
        self._settle(out, self._strand.left + len(self._half))
        self._cut = self._cut and bool(self._shares)
        self._odd = self._cut or self.paused
        return share

    def _added(self, event: StreamEvent, text: str) -> Share:
        share = Share(event, self.channel, text, len(text))
        if text:
            self._shares.append(share)
        return share

    def _end(self, *, ends: bool) -> None:
        strand, half = self._strand, self._half
        self._half, self._torn = "", bool(half) or (self._torn and not ends)
        out = strand.feed(_joined(half)) if half else ""
        out += strand.finish() if ends else strand.pause()
        if self._shares:
            self._settle(out, 0)
        self._cut = False

    def _settle(self, out: str, left: int) -> None:
        """`out` stands in the place of all that is undecided but for the last `left` characters."""
        shares = self._shares
        if not self._cut and not self._strand.edited:
            shares.keep(len(out))
            return
        undecided = shares.undecided()
        self._strand.settled()
        if not self._cut:
            shares.replace(undecided[: len(undecided) - left], out)
            return
        said = undecided[: _units(undecided, len(_joined(undecided)) - left)]
        if _joined(said) == out:
            shares.keep(len(said))
        else:
            shares.rewrite(len(said), out)


def _joined(text: str) -> str:
    """The text with pairs of surrogates as the characters they are, and U+FFFD for lone ones."""
    return _SURROGATES.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    pair = found[0]
    return "\ufffd" if len(pair) == 1 else pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _units(text: str, count: int) -> int:
    """Return how long the beginning of `text` is that has `count` characters, pairs of surrogates taken for one."""
    at = 0
    for _ in range(count):
        at = found.end() if (found := _SURROGATES.match(text, at)) is not None else at + 1
    return at


class LooseText(GrowingText):
    """A text of which nobody knows whether it grows. A word that every event repeats is not taken for growing text."""

    __slots__ = ("_harmless", "_last", "_ruling")

    def __init__(self, channel: Channel, track: Track, ruling: Ruling, vault: Vault | None, unread: Unread) -> None:
        super().__init__(channel, track, ruling, vault, unread)
        self._ruling = ruling
        self._last = ""
        self._harmless: bool | None = None

    @property
    def repeated(self) -> bool:
        """See `GrowingText.repeated`."""
        return self._harmless is not None

    def feed(self, event: StreamEvent, text: str) -> Share | None:
        """See `GrowingText.feed`."""
        if text == self._last and text:
            if self._harmless is None:
                self._harmless = _WORD.fullmatch(text) is not None and self._nothing_in(text)
            if self._harmless:
                self.pause()
                return None
        else:
            self._last, self._harmless = text, None
        return super().feed(event, text)

    def goes_on(self) -> None:
        """Nobody knows whether it does: what came behind it is counted on."""

    def _nothing_in(self, word: str) -> bool:
        counts = range(2, 3 + JOINED // len(word))
        return nothing_in("\n".join([word * count for count in counts]), self._ruling)
