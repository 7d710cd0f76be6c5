"""The texts of a streamed response as they grow: what of them the next window shows, and what may leave already.

A window has what came of a text since the judgement before the last one, and what is as long as a step before its new
part if many texts come side by side. So whatever is no longer than one step lies in one window whole, and a response of
one step is judged as if it had come whole.
"""

import re
from hashlib import blake2b
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from extproc.apis.events import Channel, StreamEvent
from extproc.apis.events.event import Delta
from extproc.detectors.length import PARTS_ASCII, PARTS_OTHER
from extproc.inspection.vault import Vault
from extproc.inspection.window_edits import TextEdits
from extproc.inspection.windowing import HUNDREDTHS, Windows

TEXTS_MAX: Final = 512
"""Texts of a response whose ends are remembered: in 128 choices a text, its reasoning, a refusal and a tool call. A
stream with more ends, as a client could hide a text among them."""

KEPT_MAX: Final = 262_144
"""Code points of their ends, sixteen of the longest windows: 128 choices with reasoning, of windows of 200 tokens, keep
200,000. A stream with more ends."""

REPEATED_MAX: Final = 512
"""Texts that are remembered so that they are not judged again when a later event repeats them."""

EDITS_MAX: Final = 10_000
"""Changed places of a response that are remembered, as a later event may repeat the text: as many as there may be
placeholders. A stream with more ends. They are remembered only where windows mask."""


HEAD: Final = 64
"""Characters by which a text is taken for JSON, whose strings have escapes and bounds that a mask could break."""

_HALF: Final = re.compile("[\ud800-\udfff]")

_JSON: Final = re.compile(r"""\{\s*(?:["}]|\Z)|\[\s*(?:["\[{\]0-9-]|true\b|false\b|null\b|\Z)""")


class WindowedText:
    """One text as it grows.

    `begin`: where the next window begins; what is before `judged` was judged, and what is before `released` may leave.
    `edits`: its changed places. `masks`: False for a value of JSON, for a text that events repeat with more behind it,
    for one of which events share a character in halves. `whole`: it comes at once.
    """

    __slots__ = (
        "_head",
        "_low",
        "_pieces",
        "begin",
        "digest",
        "edits",
        "judged",
        "masks",
        "number",
        "place",
        "released",
        "size",
        "whole",
    )

    def __init__(self, number: int, place: Channel, *, whole: bool = False) -> None:
        self.number = number
        self.whole = whole
        self.place = place
        self.edits = TextEdits()
        self.masks = not place.json
        self._head = ""  # what it begins with, without blanks
        self._pieces: list[str] = []
        self._low = 0  # where what is kept of it begins
        self.begin = self.judged = self.released = self.size = 0
        self.digest = blake2b(digest_size=16)

    def add(self, piece: str) -> None:
        """Take what comes next of it."""
        if len(self._head) < HEAD:
            self._head = (self._head + piece).lstrip()[:HEAD]
        if not piece.isascii() and _HALF.search(piece) is not None:
            self.masks = False
        self._pieces.append(piece)
        self.size += len(piece)
        self.digest.update(_bytes(piece))

    @property
    def maskable(self) -> bool:
        """True if a part of it can be masked."""
        return self.masks and _JSON.match(self._head) is None

    @property
    def kept(self) -> int:
        """Code points of it that are kept."""
        return self.size - self._low

    def window(self) -> str:
        """Return the text from `begin` on."""
        return self._said()[self.begin - self._low :]

    def move(self, overlap: int, vault: Vault | None) -> None:
        """The window was judged: the next one begins where this one's new part did, or `overlap` before its end.

        All may leave now, or, with a `vault` for what is masked, what the next window does not show again.
        """
        said = self._said()
        self.begin = self.size if self.whole else max(self.begin, min(self.judged, self.size - overlap))
        self.judged = self.size
        self._leave(said, self.size if vault is None else self.begin, vault)

    def rest(self, vault: Vault | None) -> None:
        """Nothing comes of it any more, or for now: all of it may leave."""
        self.edits.close(vault)
        self._leave(self._said(), self.size, vault)

    def begins(self, text: str) -> bool:
        """True if `text` begins with all that came."""
        return len(text) >= self.size and _digest(text[: self.size]) == self.digest.digest()

    def _said(self) -> str:
        """The part of the text that is kept."""
        said = "".join(self._pieces)
        self._pieces = [said]
        return said

    def _leave(self, said: str, limit: int, vault: Vault | None) -> None:
        if vault is None:
            self.released = limit
        else:
            self.released = max(self.released, self.edits.before(limit))
            self.edits.settle(self.released, said, self._low, vault)
        low = min(self.begin, self.released)
        self._pieces = [said[low - self._low :]]
        self._low = low

    def __repr__(self) -> str:
        return f"WindowedText({self.number}, {self.size} code points)"


class ShownPiece(Struct, frozen=True):
    """The place of an event's text in a text that grows. `repeats`: the event repeats all of it."""

    channel: Channel
    text: WindowedText
    start: int
    end: int
    repeats: bool = False


class WindowedTexts:
    """Takes the texts of the events of one stream. `vault`: of the exchange, where windows mask what is held.

    `unjudged`: hundredths of tokens or characters since the last window. `done`: the event has come behind which
    nothing follows. `full_of_ends`: there is more to remember than may be, so that the stream can be judged no further.
    """

    __slots__ = (
        "_held",
        "_how",
        "_new",
        "_number",
        "_repeated",
        "_texts",
        "_vault",
        "done",
        "full_of_ends",
        "unjudged",
    )

    def __init__(self, how: Windows, vault: Vault | None = None) -> None:
        self._how = how
        self._vault = vault if how.masks else None
        self._texts: dict[Channel, WindowedText] = {}
        self._new: dict[WindowedText, None] = {}
        self._held: dict[WindowedText, None] = {}  # those of which something may wait that was judged
        self._repeated: dict[bytes, WindowedText] = {}
        self._number = 0
        self.unjudged = 0
        self.done = False
        self.full_of_ends = False

    @property
    def full(self) -> bool:
        """True if a window has come."""
        return self.unjudged >= self._how.step * HUNDREDTHS

    def event(self, event: StreamEvent) -> list[ShownPiece]:
        """Take the texts of the next event; return their places."""
        pieces: list[ShownPiece] = []
        for delta in event.deltas:
            if delta.form in {"number", "tokens"} or not delta.text:
                continue
            piece = self._take(delta)
            last = pieces[-1] if pieces else None
            if last is not None and last.text is piece.text and last.end == piece.start and not piece.repeats:
                pieces[-1] = replace(last, end=piece.end)
            else:
                pieces.append(piece)
        self.done = self.done or event.kind == "done"
        return pieces

    def windows(self) -> list[WindowedText]:
        """Return the texts of which something was not judged."""
        return list(self._new)

    def judged(self) -> None:
        """All of them were judged. Of texts of which nothing new came, all may leave."""
        vault = self._vault
        for each in [text for text in self._held if text not in self._new]:
            each.rest(vault)
            del self._held[each]
        for each in self._new:
            each.move(self._how.overlap, vault)
            self._held[each] = None
        self._new.clear()
        self.unjudged = 0
        every = (*self._texts.values(), *self._repeated.values())
        self.full_of_ends |= sum(each.kept for each in every) > KEPT_MAX
        self.full_of_ends |= sum(each.edits.count for each in every) > EDITS_MAX

    def finish(self) -> None:
        """The response is over, and all of it was judged."""
        for each in self._held:
            each.rest(self._vault)
        self._held.clear()

    def _take(self, delta: Delta) -> ShownPiece:
        piece = delta.text
        if delta.repeats:
            return self._repeat(delta)
        text = self._texts.pop(delta.channel, None)
        start = 0
        if text is not None and delta.grows:
            if text.begins(piece):
                piece = piece[text.size :]
            else:
                text = None
        elif text is not None:
            start = text.size
        if text is None:
            text = self._begun(delta)
        self._texts[delta.channel] = text  # the last of them
        self.full_of_ends |= len(self._texts) > TEXTS_MAX
        if piece:
            self._add(text, piece)
        return ShownPiece(delta.channel, text, start, text.size)

    def _repeat(self, delta: Delta) -> ShownPiece:
        """Take a text that an event repeats; one that did not come before is a text of its own."""
        key = _digest(delta.text)
        text = self._repeated.get(key) or next(
            (each for each in self._texts.values() if each.digest.digest() == key), None
        )
        if text is not None:
            return ShownPiece(delta.channel, text, 0, len(delta.text), repeats=True)
        text = self._begun(delta)
        self._add(text, delta.text)
        if len(self._repeated) < REPEATED_MAX:
            self._repeated[key] = text
        return ShownPiece(delta.channel, text, 0, text.size)

    def _begun(self, delta: Delta) -> WindowedText:
        self._number += 1
        text = WindowedText(self._number - 1, delta.channel, whole=delta.repeats)
        text.masks = text.masks and delta.form == "string" and not delta.grows
        return text

    def _add(self, text: WindowedText, piece: str) -> None:
        text.add(piece)
        self._new[text] = None
        if self._how.tokens and not piece.isascii():
            plain = sum(map(str.isascii, piece))
            self.unjudged += PARTS_ASCII * plain + PARTS_OTHER * (len(piece) - plain)
        else:
            self.unjudged += len(piece) * (PARTS_ASCII if self._how.tokens else HUNDREDTHS)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _digest(text: str) -> bytes:
    return blake2b(_bytes(text), digest_size=16).digest()
