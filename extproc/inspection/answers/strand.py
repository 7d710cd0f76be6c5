"""One text of a response on its way: read without its escapes, scanned, masked, restored, written with them again."""

from collections.abc import Mapping, Sequence

from extproc.apis.events import Channel, Delta, JsonText
from extproc.apis.events.event import Form
from extproc.inspection.answers.looking import Looking, Unread
from extproc.inspection.answers.ruling import Ruling, Stopped
from extproc.inspection.answers.verbatim import Verbatim
from extproc.inspection.vault import Vault, written
from extproc.payload import Kind
from extproc.payload.json.growing import GrowingJson
from extproc.payload.json.growing_string import GrowingString
from extproc.payload.parts import Keys, Part, Segment

_KINDS: Mapping[Form, Kind] = {"number": "number", "name": "name"}


WHOLE_STEPS = 4
"""Steps of a meter for a text that comes whole, beside those of looking for findings in it."""


SIGN_STEPS = 5
"""The same for each sign of JSON in a text that is, or may be, more than plain: it costs as much to know the string or
the value that the sign begins or ends."""


class Strand:
    """A text of a response that comes in pieces; see `GrowingString`.

    `vault`: where values come back from, or None. Its methods raise `Stopped` for what is to be blocked.

    `left`: characters of the text, as it came, for which nothing was given out yet. `edited`: something else than the
    text may have been given out since `settled` was called last. While it is False, `feed` gives the text's next
    characters.
    """

    __slots__ = (
        "_ahead",
        "_channel",
        "_open",
        "_plain",
        "_ruling",
        "_shut",
        "_text",
        "_unread",
        "_vault",
        "edited",
        "left",
    )

    def __init__(
        self,
        channel: Channel,
        ruling: Ruling,
        vault: Vault | None,
        unread: Unread,
        looking: type[Looking] = Looking,
    ) -> None:
        self._ruling = ruling
        self._vault = vault
        self._text: Part = _text(channel, looking(channel, ruling, vault, unread, counted=True))
        self._channel = channel
        self._unread = unread
        self._open = True  # whether the reader may turn out not to be needed
        self._plain: Verbatim | None = None  # the reader, if the text was found to be plain, as most are
        self._ahead = 0  # characters that were sent before they were in a piece
        self._shut = False  # whether the last of these are a mask: of a number, a name or base64 that had not ended
        self.edited = False
        self.left = 0

    @property
    def held(self) -> int:
        """Characters held back, or bytes where nothing is decided yet."""
        return max(0, self._text.held - self._ahead)

    @property
    def reader(self) -> Part:
        """Return what reads the text."""
        return self._text

    @property
    def seen(self) -> str:
        """The end of a plain text so far, as much of it as rules look back on; nothing of another."""
        return self._text.seen if isinstance(self._text, Verbatim) else ""

    @property
    def structured(self) -> bool:
        """True if the text is, or may be, more than plain."""
        return self._plain is None and not isinstance(self._text, Verbatim)

    def feed(self, text: str) -> str:
        """The text to send once another piece has come."""
        plain = self._plain
        if plain is None:
            return self._feed(text)
        out = plain.passed(text)
        if out.__class__ is str:
            self.left += len(text) - len(out)
            return out
        self.left += len(text)
        return self._due(out)  # type: ignore[arg-type]

    def _feed(self, text: str) -> str:
        """As `feed`, where the text may be more than plain, or some of it was sent before it was decided."""
        self._ruling.meter.spend(_signs(text))
        passes = not self.left and self._passes()
        pieces = self._text.feed(text)
        if passes:
            self._ahead += len(text) - sum([len(piece) for piece, _ in pieces])
            out = text
        else:
            self.left += len(text)
            if len(pieces) == 1 and pieces[0][1] is None and not self._ahead:
                out = pieces[0][0]
                self.left -= len(out)
            else:
                out = self._due(pieces) if pieces else ""
        if self._open:
            self._decide()
        return out

    def settled(self) -> None:
        """Mark that the output so far has found its place."""
        self.edited = False

    def pause(self) -> str:
        """The rest, as if the text had ended. When it goes on, it is judged with what was not decided by then.

        What was given out stays so: of a value that shows only later, the rest is masked.
        """
        given = self._ahead + self.left
        mute = Looking(self._channel, self._ruling, self._vault, self._unread, counted=False)
        try:
            pieces = self._text.copied(mute).finish()
            shut = self._ends_masked(pieces)
            out = self._due(pieces)
        except Stopped:
            self._text.finish()  # what stops the response counts, and nothing goes on behind it
            raise
        self._text.given()
        self._ahead, self.left, self._plain, self._open, self._shut = given, 0, None, True, shut
        return out

    def finish(self) -> str:
        """The rest, now that the text has ended."""
        return self._due(self._text.finish())

    def _decide(self) -> None:
        """Go on with the reader that the text was found to need: most are plain, and each piece costs less then."""
        part = self._text = self._text.settled()
        if isinstance(part, Verbatim) and not self._ahead:
            self._plain, self._open = part, False

    def _passes(self) -> bool:
        """True if no processor can change or stop the text, and no value can come back into it."""
        return not self._ruling.enforces and (self._vault is None or not self._vault.restores)

    def _due(self, pieces: Sequence[Segment]) -> str:
        """The text to send for pieces, without the characters that were sent already."""
        due: list[str] = []
        ahead = left = self._ahead
        size = 0
        for text, new in pieces:
            size += len(text)
            sent = min(left, len(text)) if left else 0
            left -= sent
            if new is not None:
                self.edited = True
            if 0 < sent < len(text):
                due.append(self._rest(text[sent:], new))
            elif not sent:
                due.append(text if new is None else new)
        self._ahead = left
        self._shut = self._shut and left > 0
        self.left -= size - (ahead - left)
        return "".join(due)

    def _rest(self, text: str, new: str | None) -> str:
        """The text to send for a number, a name or base64 of which the beginning left when the text paused."""
        if self._shut:
            self.edited = True
            return ""  # a mask stands for all of it
        if new is None:
            return text
        self._unread(self._channel.path, "stream")
        return new

    def _ends_masked(self, pieces: Sequence[Segment]) -> bool:
        """True if what is open at a pause leaves as a mask; `pieces` are those of the text as if it had ended."""
        at, masked, begun = 0, False, False
        for text, new in pieces:
            if text.strip():
                masked, begun = new is not None, at < self._ahead
            at += len(text)
        return masked or (self._shut and begun)


def _text(channel: Channel, readers: Looking) -> GrowingString | GrowingJson:
    """A reader of a text on this channel: JSON that is a value itself stands in no string."""
    if channel.json:
        return GrowingJson(readers, channel.name, -1)
    holder, key = ("", "", *(step if isinstance(step, str) else "" for step in channel.path))[-2:]
    return GrowingString(readers, Keys(key, holder), channel.name)


def at_once(delta: Delta, ruling: Ruling, vault: Vault | None, unread: Unread, *, counted: bool) -> str:
    """The text to send for one that comes whole. Raises `Stopped` for what is to be blocked.

    Of one that the next event repeats with more behind it, no more is sent than of the same text in pieces.
    """
    readers = Looking(delta.channel, ruling, vault, unread, counted=counted)
    text = delta.text
    ruling.meter.spend(WHOLE_STEPS)
    if delta.form in {"line", "fragment"}:
        ruling.meter.spend(_signs(text))
        return _line(delta, readers)
    if delta.form != "string":
        return written(readers.whole(text, delta.channel.name, _KINDS.get(delta.form, "text")))
    part = _text(delta.channel, readers)
    if not delta.grows and isinstance(part, GrowingString) and not part.may_hold(text):
        return written(readers.whole(text, delta.channel.name))
    ruling.meter.spend(_signs(text))
    out = written(part.feed(text))
    return out if delta.grows else out + written(part.finish())


def _signs(text: str) -> int:
    return SIGN_STEPS * (text.count('"') + text.count(",") + text.count("[") + text.count("{"))


def _line(delta: Delta, readers: Looking) -> str:
    if not delta.channel.json:
        return written(readers.whole(delta.text, ""))
    json = JsonText(quotes=delta.form != "line")
    said = json.feed(delta.text) + json.finish()
    pieces = readers.whole(said, "")
    return json.edit([(len(text), new) for text, new in pieces]) + json.close()
