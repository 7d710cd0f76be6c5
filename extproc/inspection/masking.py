"""Writing something else in the place of a find. The only room in which text is changed for what was found in it."""

import copy
import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import accumulate
from typing import Final, Protocol, TypeAlias

from extproc.inspection.adjoining import BLANK, parted
from extproc.inspection.stage import CompiledProcessor
from extproc.inspection.vault import Restorer, Vault, label, restorations, written
from extproc.matching.span import Span, Union, order, unite
from extproc.matching.window import Hit, Released
from extproc.payload import Document, Edit
from extproc.payload.chains import Chain
from extproc.payload.document import apply
from extproc.payload.json.members import Splice
from extproc.payload.parts import Segment
from extproc.protocol.meter import Meter

SHOWN = 4
"""Characters at the end of a value that a partial mask leaves: as many as a receipt prints of a card."""

DIGEST_DIGITS = 16
"""Hexadecimal digits of a keyed hash: 64 bits, so that a million values hardly ever share one."""


def replacement(processor: CompiledProcessor, vault: Vault, kind: str, value: str) -> str:
    """Return what a processor writes in place of a finding: `[EMAIL_1]`, `****1234` or `[EMAIL:9f86d081884c7d65]`.

    A placeholder comes back from `vault` if the processor restores. A partial mask shows the last four characters, but
    never more than a third of the value. A hash is the same for the same value wherever its key is; without the key,
    nobody can guess the value.
    """
    match processor.format:
        case "partial":
            shown = min(SHOWN, len(value) // 3)
            return "****" + value[len(value) - shown :]
        case "hash":
            said = f"{kind}\0{value}".encode("utf-8", "replace")
            digest = hmac.new(processor.key, said, hashlib.sha256).hexdigest()
            return f"[{label(kind)}:{digest[:DIGEST_DIGITS]}]"
    return vault.placeholder(kind, value, restorable=processor.restore)


class Masking(Protocol):
    """Says what is done about finds."""

    def masks(self, span: Span) -> bool:
        """True if a find is to be replaced; others are only reported."""

    def write(self, span: Span, value: str) -> str:
        """Return what is written in place of a find."""


class Masker:
    """Masks one streamed text, release by release; put together it is what `edits` make of the whole.

    With a `restorer`, values come back into the text that is not masked: never into what was written, nor out of it.
    """

    __slots__ = ("_at", "_masking", "_restorer", "_union")

    def __init__(self, masking: Masking, restorer: Restorer | None = None) -> None:
        self._masking = masking
        self._restorer = restorer
        self._union: Union | None = None
        self._at = 0

    @property
    def held(self) -> int:
        """Code points held back, because they may be part of a placeholder."""
        return 0 if self._restorer is None else self._restorer.held

    def feed(self, released: Released) -> str:
        """Return what goes out for `released`; a find's replacement goes as soon as the find begins."""
        return released.text if self.passes(released) else written(self.pieces(released))

    def passes(self, released: Released) -> bool:
        """True if `released` goes out as it is. If it does, it has gone: `feed` is for what does not."""
        start, text = released.start, released.text
        if released.hits or self._at > start:
            return False
        restorer = self._restorer
        if restorer is not None and (restorer.cut or "[" in text) and not restorer.idle(text):
            return False
        self._at = start + len(text)
        return True

    def pieces(self, released: Released) -> list[Segment]:
        """The same piece by piece: what a find covers in later releases is replaced by nothing there."""
        start, text = released.start, released.text
        end = start + len(text)
        pieces: list[Segment] = []
        if self._at > start:
            pieces.append((text[: self._at - start], ""))
        for hit in released.hits:
            piece = self._piece(hit)
            if piece is not None:
                span, value = piece
                pieces += self._passed(text[max(0, self._at - start) : max(0, span.start - start)], ends=True)
                pieces.append((text[span.start - start : max(0, span.end - start)], self._masking.write(span, value)))
                self._at = span.end
        pieces += self._passed(text[max(0, self._at - start) :], ends=False)
        self._at = max(self._at, end)
        return pieces

    def finish(self) -> str:
        """Return what was still held back."""
        return "" if self._restorer is None else self._restorer.finish()

    def copied(self) -> "Masker":
        """Another that has seen the same."""
        other: Masker = copy.copy(self)
        other._union = copy.copy(self._union)
        other._restorer = copy.copy(self._restorer)
        return other

    def _passed(self, text: str, *, ends: bool) -> list[Segment]:
        if self._restorer is None:
            return [(text, None)]
        pieces = self._restorer.pieces(text)
        if ends:
            # A placeholder that a mask cuts in two is none.
            pieces.append((self._restorer.finish(), None))
        return pieces

    def _piece(self, hit: Hit) -> tuple[Span, str] | None:
        if not self._masking.masks(hit.span):
            return None
        if self._union is None:
            self._union = Union()
        span = self._union.cut(hit.span)
        return None if span is None else (span, hit.value[span.start - hit.span.start :])


NO_GIVEN: Final[Mapping[str, str]] = {}

EditedBody: TypeAlias = tuple[bytes, Sequence[Splice] | None]
"""A body that was edited, and its splices; see `Verdict`."""

STEPS_A_MASK, STEPS_AN_EDIT = 4, 6
"""Steps of a meter that it takes to write a finding's placeholder, and to put that into the body. So work that nobody
waits for stops between them, whatever was found."""


def edits(
    texts: Sequence[str],
    found: Sequence[tuple[int, Span, CompiledProcessor]],
    vault: Vault,
    meter: Meter,
    *,
    restores: bool,
    chained: Sequence[Chain] = (),
    given: Mapping[str, str] = NO_GIVEN,
) -> dict[int, list[Edit]]:
    """Return the edits of the texts of a body, by their numbers: masks, and with `restores` values that come back.

    A finding that goes on behind its text is one in the texts of a chain: it is masked in the first of them, and what
    the others have of it is removed. `given`: what guards want in the place of findings, by their rules; where
    another mask lies in such a place, a placeholder is written, because the guard may have repeated what the other
    hides. Raises SpentError.
    """
    made: dict[int, list[Edit]] = {}
    masks: dict[int, set[Span]] = {}
    owners: dict[str, CompiledProcessor] = {}  # by the name of the rule, which is one's own
    for index, span, each in found:
        if each.masks:
            masks.setdefault(index, set()).add(span)
            owners[span.rule] = each
    if masks:
        for said in texts:
            if "[" in said:
                vault.reserve(said)
        for instead in given.values():
            vault.reserve(instead)
    joined = _joined(masks, texts, chained) if chained else {}
    for index in sorted(masks):
        spans, said = masks[index], texts[index]
        if index in joined:
            chain = joined[index]
            if chain is not None:
                meter.spend(STEPS_A_MASK * sum(len(masks.get(number, ())) for number in chain))
                _mask_chain(
                    made,
                    masks,
                    texts,
                    chain,
                    lambda piece, value: replacement(owners[piece.rule], vault, piece.kind, value),
                )
            continue
        meter.spend(STEPS_A_MASK * len(spans))
        pieces = made[index] = []
        own = alone(spans, given) if given else given
        for piece in unite(spans):
            value = said[piece.start : piece.end]
            new = own.get(piece.rule) if own else None
            if new is None:
                new = replacement(owners[piece.rule], vault, piece.kind, value)
            pieces.append((piece.start, piece.end, new))
    if restores:
        _restore(texts, vault, made)
    meter.spend(STEPS_AN_EDIT * sum(map(len, made.values())))
    return made


def alone(spans: Collection[Span], given: Mapping[str, str]) -> dict[str, str]:
    """What stands in the places of a text that no other find shares."""
    ordered, alone, end = sorted(spans, key=order), dict[str, str](), 0
    for number, span in enumerate(ordered):
        following = ordered[number + 1].start if number + 1 < len(ordered) else span.end
        if span.rule in given and end <= span.start and span.end <= following:
            alone[span.rule] = given[span.rule]
        end = max(end, span.end)
    return alone


def _joined(
    masks: Mapping[int, Collection[Span]], texts: Sequence[str], chained: Sequence[Chain]
) -> dict[int, Chain | None]:
    """The texts that are masked together, each chain by its first text with a mask; None for its others."""
    joined: dict[int, Chain | None] = {}
    for chain in chained:
        masked = [number for number in chain if number in masks]
        if any(span.end > len(texts[number]) for number in masked for span in masks[number]):
            joined |= dict.fromkeys(masked)
            joined[masked[0]] = chain
    return joined


def _mask_chain(
    made: dict[int, list[Edit]],
    masks: Mapping[int, Collection[Span]],
    texts: Sequence[str],
    chain: Chain,
    write: Callable[[Span, str], str],
) -> None:
    """Add the edits of texts that are parts of one."""
    said = "".join([texts[number] for number in chain])
    begins = [0, *accumulate(len(texts[number]) for number in chain)]
    spans = [
        Span(each.start + begin, each.end + begin, each.kind, each.rule, each.score)
        for number, begin in zip(chain, begins, strict=False)
        for each in masks.get(number, ())
    ]
    for piece in unite(spans):
        new = write(piece, said[piece.start : piece.end])
        for number, start, end in parted(begins, chain, piece.start, piece.end):
            blank = not new and end - start == len(texts[number])
            made.setdefault(number, []).append((start, end, BLANK if blank else new))
            new = ""


def edited(document: Document, made: Mapping[int, Sequence[Edit]]) -> EditedBody:
    """Return a body with edits of its texts made, and where its bytes differ then.

    Whoever has read the body need not read it again where it is the same. None is for a body whose members may have
    other names than before, and for one that is not in UTF-8.
    """
    splices = sorted(document.splices(made))
    if not splices:
        return document.body, ()
    text, passages, moved, at, last = document.sources[0].text, document.passages, list[Splice](), 0, 0
    body = apply(text, splices).encode(document.charset, "surrogateescape")
    if document.charset != "utf-8":
        return body, None
    for index in made:
        if passages[index].kind == "name":
            return body, None
    ascii_alone = text.isascii() and body.isascii()
    for start, end, new in splices:
        if ascii_alone:
            moved.append((start, end, len(new)))
            continue
        first = last + len(text[at:start].encode("utf-8", "surrogateescape"))
        last = first + len(text[start:end].encode("utf-8", "surrogateescape"))
        moved.append((first, last, len(new.encode("utf-8", "surrogateescape"))))
        at = end
    return body, moved


def _restore(texts: Sequence[str], vault: Vault, made: dict[int, list[Edit]]) -> None:
    """Add the values that come back into texts, where nothing is masked."""
    for index, said in enumerate(texts):
        found = restorations(vault, said) if "[" in said else ()
        if found:
            edits = made.setdefault(index, [])
            taken = [(start, end) for start, end, _ in edits]
            edits += [each for each in found if all(each[1] <= first or each[0] >= last for first, last in taken)]
