"""One text of an answer on its way: read without its escapes, scanned, masked, restored, written with them again."""

from collections.abc import Sequence

from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.answers.watch import handed, watch
from extproc.inspection.masking import Masker
from extproc.inspection.naming import called
from extproc.inspection.span import Distinct, Span
from extproc.inspection.vault import Piece, Restorer, Vault, written
from extproc.inspection.window import Hit, Released, Window
from extproc.llm.streams import Channel, Delta, JsonText
from extproc.protocol.meter import SpentError


class Strand:
    """A text that comes in pieces. Any pieces give the same text and the same finds.

    `vault`: where values come back from, or None. Its methods raise `Stopped` for what is to be blocked. When nobody at
    work can object to a text, it passes at once and is only looked at.

    `edited`: something else than the text may have been given out, or will be, since `settled` was called last. While
    it is False, what `feed` gives is the text's next characters.
    """

    __slots__ = (
        "_ahead",
        "_channel",
        "_distinct",
        "_json",
        "_late",
        "_masker",
        "_ruling",
        "_scanner",
        "_watch",
        "edited",
    )

    def __init__(self, channel: Channel, ruling: Ruling, vault: Vault | None) -> None:
        self._channel = channel
        self._ruling = ruling
        self._json = JsonText() if channel.json else None
        self._distinct: Distinct | None = None
        self._masker = _masker(ruling, vault)
        self._scanner = ruling.scanner
        self._watch = watch(ruling.scanner, holds=ruling.enforces, meter=ruling.meter)
        self._late: list[Hit] = []  # findings that go on behind that place
        self._ahead = 0  # the place up to which the text was given out when it paused
        self.edited = False

    @property
    def held(self) -> int:
        """What is held back: characters, or bytes where nothing is decided yet."""
        return self._watch.held + self._masker.held if self._json is None else self._json.held

    @property
    def left(self) -> int:
        """Characters of the text, as it came, for which nothing was given out yet."""
        if self._json is not None:
            return self._json.left
        start, text = self._watch.unjudged
        return start + len(text) - max(start, min(self._ahead, start + len(text))) + self._masker.held

    def feed(self, text: str) -> str:
        """What goes out once `text` has come."""
        json = self._json
        released = self._look(text if json is None else json.feed(text))
        if released is None:
            return ""
        if self._masker.passes(released):
            return released.text if json is None else json.take(len(released.text))
        return self._written(self._masker.pieces(released))

    def settled(self) -> None:
        """What was given out so far has found its place."""
        self.edited = self._json is not None and self._json.owes

    def pause(self) -> str:
        """The rest, as if the text had ended. When it goes on, it is judged with what was not decided by then.

        What was given out stays so: of a value that shows only later, the rest is masked.
        """
        json = self._json
        out = self._pieces([self._look("" if json is None else json.finish())])
        watch = self._watch
        if isinstance(watch, Window):
            start, text = watch.unjudged
            kept = watch.handed(watch.scanner)
            out += self._pieces([self._look(None)])
            if self._watch is watch:
                self._watch, self._ahead = kept, start + len(text)
        rest = self._written([*out, (self._masker.finish(), None)])
        return rest if json is None else rest + json.close()

    def finish(self) -> str:
        """The rest, now that the text has ended."""
        json = self._json
        last = [] if json is None else [self._look(json.finish())]
        last.append(self._look(None))
        rest = self._written([*self._pieces(last), (self._masker.finish(), None)])
        return rest if json is None else rest + json.close()

    def _pieces(self, released: Sequence[Released | None]) -> list[Piece]:
        return [piece for each in released if each is not None for piece in self._masker.pieces(each)]

    def _written(self, pieces: Sequence[Piece]) -> str:
        self.edited = True
        return written(pieces) if self._json is None else _edited(self._json, pieces)

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
        return self._fresh(released) if self._ahead and released is not None else released

    def _fresh(self, released: Released) -> Released | None:
        """What of it was not given out when the text paused."""
        start, end = max(released.start, self._ahead), released.start + len(released.text)
        hits = [_from(hit, start) for hit in released.hits if hit.span.end > start]
        if end <= self._ahead:
            self._late += hits
            return None
        hits, self._late, self._ahead = [*self._late, *hits], [], 0
        return Released(start, released.text[start - released.start :], tuple(hits))


def _from(hit: Hit, start: int) -> Hit:
    """The part of a finding from `start` on."""
    span = hit.span
    if span.start >= start:
        return hit
    return Hit(Span(start, span.end, span.kind, span.rule, span.score), hit.value[start - span.start :])


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


def nothing_in(text: str, ruling: Ruling) -> bool:
    """Whether nobody has any interest in a text, nor holds back anything of it that may come back."""
    return not _hits(text, ruling, None) and "[" not in text
