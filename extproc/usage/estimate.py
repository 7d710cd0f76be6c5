"""Estimates of the tokens that a model wrote, for responses whose provider reports none.

Two things are known of what passed: its text, and into how many pieces the provider cut it. Most servers send a piece
for each token, and then the pieces are the count of the provider's own tokenizer. A provider that sends several tokens
at once is told by the text, which has far more tokens than there are pieces.
"""

from typing import Final

from msgspec import Struct

from extproc.classify.tokens import Encoding, counted
from extproc.usage.said import joined, pieces

PIECES_LEAST: Final = 16
"""Pieces from which their number says something: of fewer, the first and the last weigh too much."""

LEAST_A_PIECE: Final = 0.75
MOST_A_PIECE: Final = 1.34
"""Tokens of the text for each piece, between which a piece is taken for a token. By characters, texts of most languages
are counted within a quarter of the truth; providers that bundle have two tokens and more in a piece."""


class SaidCount(Struct):
    """The tokens and the pieces of what a model said so far. Fractions come from samples."""

    tokens: float = 0.0
    pieces: float = 0.0

    def take(self, raw: bytes, names: tuple[bytes, ...], encoding: Encoding, weight: float = 1.0) -> None:
        """Count the bytes of events or of a body, `weight` times. `names`: see `Api.said`."""
        found = pieces(raw, names)
        if found:
            self.tokens += weight * counted([joined(found)], encoding)
            self.pieces += weight * len(found)

    @property
    def likely(self) -> int:
        """The tokens that the provider is likely to have counted."""
        if self.pieces >= PIECES_LEAST and LEAST_A_PIECE <= self.tokens / self.pieces <= MOST_A_PIECE:
            return round(self.pieces)
        return round(self.tokens)
