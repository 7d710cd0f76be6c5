"""The texts that one text of a response turns out to consist of, and those that come whole."""

from collections.abc import Callable, Iterable
from typing import Any

from extproc.apis.events import Channel
from extproc.apis.events.event import Scope
from extproc.detectors.naming import spelled
from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.answers.verbatim import Verbatim, masker
from extproc.inspection.led import leading, led
from extproc.inspection.tables import tabled
from extproc.inspection.vault import Vault
from extproc.matching.span import Distinct, order
from extproc.matching.window import Hit, Released
from extproc.payload import Edit, Kind, TextLimitError, read_string
from extproc.payload.json.growing_string import GrowingString
from extproc.payload.json.hints import Told
from extproc.payload.parts import Keys, Part, Segment
from extproc.protocol.meter import SpentError

Unread = Callable[[Scope, str], None]
"""Takes the place of a text and the reason why something in it cannot be read."""


TEXT_STEPS = 4
"""Steps of a meter for each text in a text, beside those of looking for findings in it."""


TOLD_STEPS = 100
"""The same for a string that is looked at again, because of a word behind it: it is read twice, by itself."""


class Looking:
    """Makes the readers of the texts that one text of a response turns out to consist of. See `Readers`."""

    __slots__ = ("_channel", "_counted", "_ruling", "_unread", "_vault")

    def __init__(self, channel: Channel, ruling: Ruling, vault: Vault | None, unread: Unread, *, counted: bool) -> None:
        self._channel = channel
        self._ruling = ruling
        self._vault = vault
        self._unread = unread
        self._counted = counted

    def plain(self, name: str, kind: Kind = "text") -> Verbatim:
        """See `Readers`."""
        return self._reader(Verbatim, name, kind)

    def _reader(self, made: type[Verbatim], name: str, kind: Kind, **more: Any) -> Verbatim:
        """Return the reader of a plain text, of that class."""
        self._ruling.meter.spend(TEXT_STEPS)
        lead = leading(name) if kind == "text" else ""
        words, more = _words(name, kind), {"unread": self.unread, "counted": self._counted, **more}
        return made(self._channel, self._ruling, self._vault, words, lead, **more)

    def whole(self, text: str, name: str, kind: Kind = "text") -> list[Segment]:
        """See `Readers`."""
        ruling = self._ruling
        ruling.meter.spend(TEXT_STEPS)
        ruling.overhear("", text)
        hits = hits_in(text, ruling, _words(name, kind), leading(name) if kind == "text" else "")
        if hits:
            ruling.hear(hits, self._channel.where, Distinct() if self._counted else None)
        writer = masker(ruling, self._vault)
        return [*writer.pieces(Released(0, text, hits)), (writer.finish(), None)]

    def string(self, keys: Keys, name: str, level: int) -> Part:
        """See `Readers`."""
        return GrowingString(self, keys, name, level)

    def carried(self, text: str, keys: Keys, level: int, *, whole: bool) -> list[Segment]:
        """See `Readers`."""
        name = keys.key or keys.holder or self._channel.name
        try:
            document = read_string(text, keys, nested=level > 0)
        except TextLimitError:
            self.unread("complexity")
            return [(text, None)]
        for each in document.uninspected:
            self.unread(each.reason)
        if not whole:
            if not document.uninspected:
                self.unread("binary")
            return [(text, None)]
        edits = {
            index: _edits(self.whole(each.text, each.name or name, each.kind))
            for index, each in enumerate(document.passages)
        }
        return _pieces(text, document.splices(edits) if any(edits.values()) else ())

    def told(self, text: str, keys: Keys, level: int, before: Told) -> None:
        """See `Readers`."""
        self._ruling.meter.spend(TOLD_STEPS)
        try:
            then = read_string(text, keys, nested=level > 0, beside=before)
            now = read_string(text, keys, nested=level > 0)
        except TextLimitError:
            self.unread("complexity")
            return
        reasons = {each.reason for each in now.uninspected} - {each.reason for each in then.uninspected}
        for reason in sorted(reasons):
            self.unread(reason)
        if not reasons and [each.text for each in now.passages] != [each.text for each in then.passages]:
            self.unread("binary")  # it writes a text that nobody has read

    def unread(self, reason: str) -> None:
        """See `Readers`."""
        self._unread(self._channel.path, reason)


def hits_in(said: str, ruling: Ruling, name: str | None, lead: str = "") -> tuple[Hit, ...]:
    """The findings in the whole of a text. `name`: see `Scanner.find`; `lead`: see `leading`."""
    while ruling.scanner is not None:
        try:
            found = tabled(ruling.scanner.scan(said, name, ruling.meter), said, ruling.scanner, ruling.meter)
            if lead and ruling.scanner.assigned:
                found = sorted({*found, *led(ruling.scanner, said, lead, ruling.meter)}, key=order)
            return tuple([Hit(span, said[span.start : span.end]) for span in found])
        except SpentError:
            raise
        except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the response
            ruling.give_up()
    return ()


def nothing_in(text: str, ruling: Ruling) -> bool:
    """True if nobody has any interest in a text, nor holds back anything of it that may come back."""
    return not hits_in(text, ruling, None) and "[" not in text


def _words(name: str, kind: Kind) -> str | None:
    """The words of a member's name that count as context; see `naming`."""
    return "" if kind == "name" else spelled(name)


def _edits(pieces: Iterable[Segment]) -> list[Edit]:
    """The pieces of a whole text that are written anew."""
    found: list[Edit] = []
    at = 0
    for text, new in pieces:
        if new is not None:
            found.append((at, at + len(text), new))
        at += len(text)
    return found


def _pieces(text: str, edits: Iterable[Edit]) -> list[Segment]:
    """The pieces of a whole text with these edits."""
    found: list[Segment] = []
    at = 0
    for start, end, new in sorted(edits):
        found += ((text[at:start], None), (text[start:end], new))
        at = end
    return [*found, (text[at:], None)]
