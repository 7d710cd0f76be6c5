"""One text of an answer on its way: read without its escapes, scanned, masked, restored, written with them again."""

from collections.abc import Sequence

from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.answers.watch import handed, watch
from extproc.inspection.masking import Masker
from extproc.inspection.naming import called
from extproc.inspection.span import Distinct
from extproc.inspection.vault import Piece, Restorer, Vault, written
from extproc.inspection.window import Hit, Released
from extproc.llm.streams import Channel, Delta, JsonText
from extproc.protocol.meter import SpentError


class Strand:
    """A text that comes in pieces. Any pieces give the same text and the same finds.

    `vault`: where values come back from, or None. Its methods raise `Stopped` for what is to be blocked. When nobody at
    work can object to a text, it passes at once and is only looked at.
    """

    __slots__ = ("_channel", "_distinct", "_json", "_masker", "_ruling", "_scanner", "_watch")

    def __init__(self, channel: Channel, ruling: Ruling, vault: Vault | None) -> None:
        self._channel = channel
        self._ruling = ruling
        self._json = JsonText() if channel.json else None
        self._distinct: Distinct | None = None
        self._masker = _masker(ruling, vault)
        self._scanner = ruling.scanner
        self._watch = watch(ruling.scanner, holds=ruling.enforces, meter=ruling.meter)

    @property
    def held(self) -> int:
        """What is held back: characters, or bytes where nothing is decided yet."""
        return self._watch.held + self._masker.held if self._json is None else self._json.held

    def feed(self, text: str) -> str:
        """What goes out once `text` has come."""
        json = self._json
        released = self._look(text if json is None else json.feed(text))
        if released is None:
            return ""
        if json is None:
            return self._masker.feed(released)
        if self._masker.passes(released):
            return json.take(len(released.text))
        return _edited(json, self._masker.pieces(released))

    def finish(self) -> str:
        """The rest, now that the text has ended."""
        json = self._json
        last = [] if json is None else [self._look(json.finish())]
        last.append(self._look(None))
        pieces = [piece for each in last if each is not None for piece in self._masker.pieces(each)]
        pieces.append((self._masker.finish(), None))
        return written(pieces) if json is None else _edited(json, pieces) + json.close()

    def _look(self, said: str | None) -> Released | None:
        """What of the text is free to go, once its finds are heard; None ends it."""
        ruling = self._ruling
        while True:
            if self._scanner is not ruling.scanner:
                self._watch, self._scanner = handed(self._watch, ruling.scanner, ruling.meter), ruling.scanner
                self._distinct = None  # others may have the numbers now
            try:
                released = self._watch.finish() if said is None else self._watch.feed(said)
                break
            except SpentError:
                raise
            except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the answer
                ruling.give_up()
                # It has come in already.
                said = None if said is None else ""
        if released is not None and released.hits:
            if self._distinct is None:
                self._distinct = Distinct()
            ruling.hear(released.hits, self._channel.where, self._distinct)
        return released


def at_once(delta: Delta, ruling: Ruling, vault: Vault | None, *, counted: bool) -> str:
    """What goes out for a text that comes whole. Raises `Stopped` for what is to be blocked."""
    channel, text = delta.channel, delta.text
    json = JsonText(quotes=delta.form != "line") if channel.json else None
    said = text if json is None else json.feed(text) + json.finish()
    hits = _hits(said, ruling, None if channel.json else _name(channel))
    if hits:
        ruling.hear(hits, channel.where, Distinct() if counted else None)
    masker = _masker(ruling, vault)
    pieces = [*masker.pieces(Released(0, said, hits)), (masker.finish(), None)]
    return written(pieces) if json is None else _edited(json, pieces) + json.close()


def _name(channel: Channel) -> str | None:
    """The words of the name of the member that holds the text; see `naming`."""
    return called(channel.path)


def _hits(said: str, ruling: Ruling, name: str | None) -> tuple[Hit, ...]:
    while ruling.scanner is not None:
        try:
            return tuple(
                [Hit(span, said[span.start : span.end]) for span in ruling.scanner.scan(said, name, ruling.meter)]
            )
        except SpentError:
            raise
        except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the answer
            ruling.give_up()
    return ()


def _masker(ruling: Ruling, vault: Vault | None) -> Masker:
    return Masker(ruling.write, ruling.masks, None if vault is None else Restorer(vault))


def _edited(json: JsonText, pieces: Sequence[Piece]) -> str:
    return json.edit([(len(text), new) for text, new in pieces])
