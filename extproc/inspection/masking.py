"""Writing something else in the place of a find. The only room in which text is changed for what was found in it."""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import TypeAlias

from extproc.inspection.span import Span, Union, unite
from extproc.inspection.vault import Vault, label
from extproc.inspection.window import Hit, Released

Writer: TypeAlias = Callable[[str, str], str]
"""Kind and value to what is written instead."""

SHOWN = 4
"""Characters at the end of a value that a partial mask leaves: as many as a receipt prints of a card."""

DIGEST_DIGITS = 16
"""Hexadecimal digits of a keyed hash: 64 bits, so that a million values hardly ever share one."""


def placeholders(vault: Vault) -> Writer:
    """Writes `[EMAIL_1]`, to be restored from `vault`."""
    return vault.placeholder


def partial(_kind: str, value: str) -> str:
    """Writes `****1234`: the last four characters, but never more than a third of the value."""
    shown = min(SHOWN, len(value) // 3)
    return "****" + value[len(value) - shown :]


def keyed_hash(key: bytes) -> Writer:
    """Writes `[EMAIL:9f86d081884c7d65]`, the same for the same value wherever `key` is; without it nobody can guess."""

    def write(kind: str, value: str) -> str:
        digest = hmac.new(key, f"{kind}\0{value}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        return f"[{label(kind)}:{digest[:DIGEST_DIGITS]}]"

    return write


def mask(text: str, spans: Iterable[Span], write: Writer) -> str:
    """The whole of `text` with every find replaced; `spans` may overlap and come in any order."""
    parts: list[str] = []
    at = 0
    for piece in unite(spans):
        parts += (text[at : piece.start], write(piece.kind, text[piece.start : piece.end]))
        at = piece.end
    parts.append(text[at:])
    return "".join(parts)


class Masker:
    """Masks one streamed text, release by release; put together it is what `mask` makes of the whole.

    `masked` says which hits to replace; a window may carry others, that are only reported.
    """

    __slots__ = ("_at", "_masked", "_union", "_write")

    def __init__(self, write: Writer, masked: Callable[[Span], bool] = lambda _: True) -> None:
        self._write = write
        self._masked = masked
        self._union = Union()
        self._at = 0

    def feed(self, released: Released) -> str:
        """What goes out for `released`; a find's replacement goes as soon as the find begins."""
        start, text = released.start, released.text
        end = start + len(text)
        parts: list[str] = []
        for hit in released.hits:
            piece = self._piece(hit)
            if piece is not None:
                span, value = piece
                parts += (text[max(0, self._at - start) : max(0, span.start - start)], self._write(span.kind, value))
                self._at = span.end
        parts.append(text[max(0, self._at - start) :])
        self._at = max(self._at, end)
        return "".join(parts)

    def _piece(self, hit: Hit) -> tuple[Span, str] | None:
        if not self._masked(hit.span):
            return None
        span = self._union.cut(hit.span)
        return None if span is None else (span, hit.value[span.start - hit.span.start :])
