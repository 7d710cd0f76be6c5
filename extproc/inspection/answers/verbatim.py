"""One text of a response that stands as it is, on its way: scanned, masked, restored."""

import copy
from collections.abc import Callable

from extproc.apis.events import Channel
from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.answers.watch import Watch, alike, handed, seen, watch
from extproc.inspection.masking import Masker
from extproc.inspection.vault import Restorer, Vault
from extproc.matching.looks import TooManyCandidatesError
from extproc.matching.span import Distinct, Span
from extproc.matching.window import Hit, Released
from extproc.payload.parts import Readers, Segment
from extproc.protocol.meter import SpentError


class Verbatim:
    """A text that comes in pieces and stands as it is. Any pieces give the same text and the same findings.

    Its methods raise `Stopped` for what is to be blocked. If no processor can change or stop a text, it passes at once
    and is only looked at. `counted`: its findings are new.

    Of a text that was given out when it paused (see `Part.given`) nothing is changed any more: of a value that shows
    only later, the rest is masked, and the text is uninspected (`stream`), because the beginning has left unmasked.
    """

    pending = 0

    __slots__ = (
        "_before",
        "_counted",
        "_distinct",
        "_given",
        "_late",
        "_masker",
        "_name",
        "_ruling",
        "_scanner",
        "_tail",
        "_unread",
        "_watch",
        "_where",
    )

    def __init__(
        self,
        where: Channel,
        ruling: Ruling,
        vault: Vault | None,
        name: str | None,
        lead: str = "",
        *,
        unread: Callable[[str], None],
        counted: bool = True,
    ) -> None:
        self._where = where
        self._unread: Callable[[str], None] | None = unread if counted else None
        self._ruling = ruling
        self._name = name
        self._counted = counted
        self._distinct: Distinct | None = None
        self._tail = ""  # the beginning of what may look like a placeholder
        self._masker = masker(ruling, vault)
        self._scanner = ruling.scanner
        self._watch = watch(ruling.scanner, holds=ruling.enforces, name=name, lead=lead, meter=ruling.meter)
        self._given = 0  # the place up to which the text was given out when it paused
        self._before = ""  # what is judged of that, and is in no piece yet
        self._late: list[Hit] = []  # findings that go on behind that place

    @property
    def held(self) -> int:
        """Bytes held back."""
        return self._watch.held + self._masker.held

    @property
    def seen(self) -> str:
        """The end of the text so far, as much of it as rules look back on."""
        return seen(self._watch)

    def feed(self, text: str) -> list[Segment]:
        """See `Part`."""
        out = self.passed(text)
        if isinstance(out, str):
            return [(out, None)] if out else []
        return out

    def passed(self, text: str) -> str | list[Segment]:
        """The same, as one text where nothing is changed in it."""
        if self._tail or "[" in text or self._scanner is not self._ruling.scanner:
            released = self._look(text)
        else:
            # As nearly always: nothing to do but look.
            try:
                released = self._watch.feed(text)
            except Exception as error:  # noqa: BLE001  - as in `_look`
                released = self._failed(error)
            if released is not None and released.hits:
                self._hear(released.hits)
        if released is None:
            return ""
        if self._given or self._before:
            return self._resumed(released)
        if self._masker.passes(released):
            return released.text
        return self._masker.pieces(released)

    def finish(self) -> list[Segment]:
        """See `Part`."""
        released = self._look(None)
        pieces = self._resumed(released)
        pieces.append((self._masker.finish(), None))
        return pieces

    def settled(self) -> "Verbatim":
        """See `Part`."""
        return self

    def copied(self, readers: Readers) -> "Verbatim":  # noqa: ARG002  the protocol's
        """See `Part`. What it finds is not counted: this one finds it, too. What has left before it is told."""
        other: Verbatim = copy.copy(self)
        other._counted, other._distinct = False, None
        other._watch, other._masker, other._late = alike(self._watch), self._masker.copied(), self._late.copy()
        return other

    def given(self, *, torn: bool = False) -> None:  # noqa: ARG002  the protocol's: a character is none in parts here
        """See `Part`."""
        start, text = self._watch.unjudged
        self._before += self._masker.finish()
        self._given = start + len(text)

    def _look(self, said: str | None) -> Released | None:
        """The part of the text that is free to go, once its findings are heard; None ends the text."""
        ruling = self._ruling
        if said and ("[" in said or self._tail):
            self._tail = ruling.overhear(self._tail, said)
        while True:
            if self._scanner is not ruling.scanner:
                self._watch, self._scanner = self._handed(), ruling.scanner
                self._distinct = None  # others may have the numbers now
            try:
                released = self._watch.finish() if said is None else self._watch.feed(said)
                break
            except SpentError:
                raise
            except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the response
                ruling.give_up()
                # It has come in already.
                said = None if said is None else ""
        if released is not None and released.hits:
            self._hear(released.hits)
        return released

    def _failed(self, error: Exception) -> Released | None:
        """Return what may go when scanning failed: another scanner takes over, which has seen only what is held."""
        if isinstance(error, SpentError):
            raise error
        self._ruling.give_up()
        return self._look("")

    def _hear(self, hits: tuple[Hit, ...]) -> None:
        if self._distinct is None and self._counted:
            self._distinct = Distinct()
        self._ruling.hear(hits, self._where.where, self._distinct)

    def _handed(self) -> Watch:
        ruling = self._ruling
        return handed(self._watch, ruling.scanner, name=self._name, meter=ruling.meter)

    def _resumed(self, released: Released | None) -> list[Segment]:
        """The pieces of what is free to go; what was given out is in them as it came."""
        pieces: list[Segment] = [(self._before, None)] if self._before else []
        self._before = ""
        if released is None:
            return pieces
        start, end = max(released.start, self._given), released.start + len(released.text)
        if self._given and self._unread is not None and any(self._left(hit) for hit in released.hits):
            self._unread("stream")
        hits = [_from(hit, start) for hit in released.hits if hit.span.end > start]
        if end <= self._given:
            self._late += hits
            return [*pieces, (released.text, None)]
        if start > released.start:
            pieces.append((released.text[: start - released.start], None))
        hits, self._late, self._given = [*self._late, *hits], [], 0
        return pieces + self._masker.pieces(Released(start, released.text[start - released.start :], tuple(hits)))

    def _left(self, hit: Hit) -> bool:
        """True if a value that is to be masked began in what was given out, where nothing showed it yet."""
        span, scanner, given = hit.span, self._ruling.scanner, self._given
        if not span.start < given < span.end or scanner is None or not self._ruling.masks(span):
            return False
        try:
            seen = scanner.scan(hit.value[: given - span.start], self._name, self._ruling.meter)
        except TooManyCandidatesError:
            return True
        return not any(each.kind == span.kind for each in seen)


def masker(ruling: Ruling, vault: Vault | None) -> Masker:
    """Return what writes a text anew: masks in it what is found, and restores what is not."""
    return Masker(ruling, None if vault is None else Restorer(vault))


def _from(hit: Hit, start: int) -> Hit:
    """The part of a finding from `start` on."""
    span = hit.span
    if span.start >= start:
        return hit
    return Hit(Span(start, span.end, span.kind, span.rule, span.score), hit.value[start - span.start :])
