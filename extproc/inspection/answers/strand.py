"""One text of a response on its way: read without its escapes, scanned, masked, restored, written with them again."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.answers.watch import handed, watch
from extproc.inspection.masking import Masker
from extproc.inspection.naming import spelled
from extproc.inspection.span import Distinct
from extproc.inspection.vault import Piece, Restorer, Vault, written
from extproc.inspection.window import Hit, Released
from extproc.llm.streams import Channel, Delta, JsonText
from extproc.llm.streams.event import Form
from extproc.llm.text import Edit, Kind, TextLimitError, read_string
from extproc.llm.text.opening import GrowingText
from extproc.llm.text.parts import Keys, Part
from extproc.llm.text.structure import GrowingJson

_KINDS: Mapping[Form, Kind] = {"number": "number", "name": "name"}

Unread = Callable[[str], None]
"""Takes the reason why something in a text cannot be read."""


class Leaf:
    """A text that comes in pieces and stands as it is. Any pieces give the same text and the same findings.

    Its methods raise `Stopped` for what is to be blocked. If no processor can change or stop a text, it passes at once
    and is only looked at. `counted`: its findings are new.
    """

    __slots__ = ("_counted", "_distinct", "_masker", "_ruling", "_scanner", "_tail", "_watch", "_where")

    def __init__(
        self, where: Channel, ruling: Ruling, vault: Vault | None, name: str | None, *, counted: bool = True
    ) -> None:
        self._where = where
        self._ruling = ruling
        self._counted = counted
        self._distinct: Distinct | None = None
        self._tail = ""  # the beginning of what may look like a placeholder
        self._masker = _masker(ruling, vault)
        self._scanner = ruling.scanner
        self._watch = watch(ruling.scanner, holds=ruling.enforces, name=name)

    @property
    def held(self) -> int:
        """Bytes held back."""
        return self._watch.held + self._masker.held

    def passed(self, text: str) -> str:
        """The text to send once `text` has come."""
        released = self._look(text)
        return "" if released is None else self._masker.feed(released)

    def feed(self, text: str) -> list[Piece]:
        """See `Part`."""
        released = self._look(text)
        if released is None:
            return []
        if self._masker.passes(released):
            return [(released.text, None)]
        return self._masker.pieces(released)

    def finish(self) -> list[Piece]:
        """See `Part`."""
        released = self._look(None)
        pieces = [] if released is None else self._masker.pieces(released)
        pieces.append((self._masker.finish(), None))
        return pieces

    def _look(self, said: str | None) -> Released | None:
        """The part of the text that is free to go, once its findings are heard; None ends the text."""
        ruling = self._ruling
        if said and ("[" in said or self._tail):
            self._tail = ruling.overhear(self._tail, said)
        while True:
            if self._scanner is not ruling.scanner:
                self._watch, self._scanner = handed(self._watch, ruling.scanner), ruling.scanner
                self._distinct = None  # others may have the numbers now
            try:
                released = self._watch.finish() if said is None else self._watch.feed(said)
                break
            except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the response
                ruling.give_up()
                # It has come in already.
                said = None if said is None else ""
        if released is not None and released.hits:
            if self._distinct is None and self._counted:
                self._distinct = Distinct()
            ruling.hear(released.hits, self._where.where, self._distinct)
        return released


class Looking:
    """Makes the readers of the texts that one text of a response turns out to consist of. See `Readers`."""

    __slots__ = ("_channel", "_counted", "_ruling", "_unread", "_vault")

    def __init__(self, channel: Channel, ruling: Ruling, vault: Vault | None, unread: Unread, *, counted: bool) -> None:
        self._channel = channel
        self._ruling = ruling
        self._vault = vault
        self._unread = unread
        self._counted = counted

    def plain(self, name: str, kind: Kind = "text") -> Leaf:
        """See `Readers`."""
        return Leaf(self._channel, self._ruling, self._vault, _words(name, kind), counted=self._counted)

    def whole(self, text: str, name: str, kind: Kind = "text") -> list[Piece]:
        """See `Readers`."""
        ruling = self._ruling
        ruling.overhear("", text)
        hits = _hits(text, ruling, _words(name, kind))
        if hits:
            ruling.hear(hits, self._channel.where, Distinct() if self._counted else None)
        masker = _masker(ruling, self._vault)
        return [*masker.pieces(Released(0, text, hits)), (masker.finish(), None)]

    def string(self, keys: Keys, name: str, level: int) -> Part:
        """See `Readers`."""
        return GrowingText(self, keys, name, level)

    def carried(self, text: str, keys: Keys, level: int, *, whole: bool) -> list[Piece]:
        """See `Readers`."""
        name = keys[0] or keys[1] or _name(self._channel)
        try:
            document = read_string(text, keys, nested=level > 0)
        except TextLimitError:
            self._unread("complexity")
            return [(text, None)]
        for each in document.uninspected:
            self._unread(each.reason)
        if not whole:
            if not document.uninspected:
                self._unread("binary")
            return [(text, None)]
        edits = {
            index: _edits(self.whole(each.text, each.name or name, each.kind))
            for index, each in enumerate(document.passages)
        }
        return _pieces(text, document.splices(edits) if any(edits.values()) else ())

    def unread(self, reason: str) -> None:
        """See `Readers`."""
        self._unread(reason)


def _edits(pieces: Iterable[Piece]) -> list[Edit]:
    """The pieces of a whole text that are written anew."""
    found: list[Edit] = []
    at = 0
    for text, new in pieces:
        if new is not None:
            found.append((at, at + len(text), new))
        at += len(text)
    return found


def _pieces(text: str, edits: Iterable[Edit]) -> list[Piece]:
    """The pieces of a whole text with these edits."""
    found: list[Piece] = []
    at = 0
    for start, end, new in sorted(edits):
        found += ((text[at:start], None), (text[start:end], new))
        at = end
    return [*found, (text[at:], None)]


class Strand:
    """A text of a response that comes in pieces; see `GrowingText`.

    `vault`: where values come back from, or None. Its methods raise `Stopped` for what is to be blocked.
    """

    __slots__ = ("_ahead", "_ruling", "_text", "_vault", "feed")

    feed: Callable[[str], str]
    """The text to send once another piece has come."""

    def __init__(self, channel: Channel, ruling: Ruling, vault: Vault | None, unread: Unread) -> None:
        self._ruling = ruling
        self._vault = vault
        self._text: Part = _text(channel, Looking(channel, ruling, vault, unread, counted=True))
        self.feed = self._feed
        self._ahead = 0  # characters that were sent before they were in a piece

    @property
    def held(self) -> int:
        """Characters held back, or bytes where nothing is decided yet."""
        return self._text.held - self._ahead

    def _feed(self, text: str) -> str:
        passes = self._passes()
        pieces = self._text.feed(text)
        if passes:
            self._ahead += len(text) - sum([len(piece) for piece, _ in pieces])
            out = text
        elif len(pieces) == 1 and pieces[0][1] is None and not self._ahead:
            out = pieces[0][0]
        else:
            out = written(self._due(pieces))
        self._decide()
        return out

    def _decide(self) -> None:
        """Go on with the reader that the text was found to need: most are plain, and each piece costs less then."""
        part = self._text
        if isinstance(part, GrowingText) and part.part is not None:
            part = self._text = part.part
        if isinstance(part, GrowingJson) and part.rest is not None:
            part = self._text = part.rest
        if isinstance(part, Leaf) and not self._ahead:
            self.feed = part.passed

    def finish(self) -> str:
        """The rest, now that the text has ended."""
        return written(self._due(self._text.finish()))

    def _passes(self) -> bool:
        """True if no processor can change or stop the text, and no value can come back into it."""
        return not self._ruling.enforces and (self._vault is None or not self._vault.restores)

    def _due(self, pieces: list[Piece]) -> list[Piece]:
        """The pieces without the characters that were sent already."""
        if not self._ahead:
            return pieces
        due: list[Piece] = []
        for text, new in pieces:
            sent = min(self._ahead, len(text))
            self._ahead -= sent
            if not sent or sent < len(text):
                due.append((text[sent:], new))
        return due


def _words(name: str, kind: Kind) -> str | None:
    """The words of a member's name that count as context; see `naming`."""
    return "" if kind == "name" else spelled(name)


def _text(channel: Channel, readers: Looking) -> GrowingText | GrowingJson:
    """A reader of a text on this channel: JSON that is a value itself stands in no string."""
    if channel.json:
        return GrowingJson(readers, _name(channel), -1)
    holder, key = ("", "", *(step if isinstance(step, str) else "" for step in channel.path))[-2:]
    return GrowingText(readers, (key, holder), _name(channel))


def _name(channel: Channel) -> str:
    """The name of the nearest member that holds the text."""
    return next((step for step in reversed(channel.path) if isinstance(step, str)), "")


def at_once(delta: Delta, ruling: Ruling, vault: Vault | None, unread: Unread, *, counted: bool) -> str:
    """The text to send for one that comes whole. Raises `Stopped` for what is to be blocked.

    Of one that the next event repeats with more behind it, no more is sent than of the same text in pieces.
    """
    readers = Looking(delta.channel, ruling, vault, unread, counted=counted)
    text = delta.text
    if delta.form in {"line", "fragment"}:
        return _line(delta, readers)
    if delta.form != "string":
        return written(readers.whole(text, _name(delta.channel), _KINDS.get(delta.form, "text")))
    part = _text(delta.channel, readers)
    if not delta.grows and isinstance(part, GrowingText) and not part.may_hold(text):
        return written(readers.whole(text, _name(delta.channel)))
    out = written(part.feed(text))
    return out if delta.grows else out + written(part.finish())


def _line(delta: Delta, readers: Looking) -> str:
    if not delta.channel.json:
        return written(readers.whole(delta.text, ""))
    json = JsonText(quotes=delta.form != "line")
    said = json.feed(delta.text) + json.finish()
    return _edited(json, readers.whole(said, "")) + json.close()


def _hits(said: str, ruling: Ruling, name: str | None) -> tuple[Hit, ...]:
    while ruling.scanner is not None:
        try:
            return tuple([Hit(span, said[span.start : span.end]) for span in ruling.scanner.scan(said, name)])
        except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the response
            ruling.give_up()
    return ()


def _masker(ruling: Ruling, vault: Vault | None) -> Masker:
    return Masker(ruling.write, ruling.masks, None if vault is None else Restorer(vault))


def _edited(json: JsonText, pieces: Sequence[Piece]) -> str:
    return json.edit([(len(text), new) for text, new in pieces])
