"""The parts of a request that are kept until its response has reported the tokens: enough to estimate its input."""

from typing import Final

from extproc.apis.demand import demand
from extproc.classify.tokens import Encoding, counted

KEPT_MAX: Final = 64 * 1024
"""Bytes of a body that is kept, and counted only if its input is not reported: that takes 1 ms. Of a larger one a
sample is counted when it comes."""

SAMPLES: Final = 16
SAMPLE: Final = 1024
"""Pieces of a large body, spread over it, and the bytes of each: together they take 0.1 ms."""

RUN_MIN: Final = 256
"""Bytes without a space or a quote that are no words, but data in base64: a picture is not counted by its bytes."""


class RequestSketch:
    """The sketch of one request. Has no rendering: it may hold the request's body, until `forget` is called."""

    __slots__ = ("_body", "_encoding", "_sampled")

    def __init__(self, body: bytes, encoding: Encoding) -> None:
        self._encoding = encoding
        self._body: bytes | None = None
        self._sampled: int | None = None
        if len(body) <= KEPT_MAX:
            self._body = body
        else:
            self._sampled = sampled(body, encoding)

    @property
    def tokens(self) -> int | None:
        """An estimate of the input tokens; None if nothing is known of them any more."""
        if self._body is not None:
            self._sampled = demand(self._body, self._encoding).input_tokens
            if self._sampled is None:  # it names files that are elsewhere, or is no JSON
                self._sampled = sampled(self._body, self._encoding)
            self._body = None
        return self._sampled

    def forget(self) -> None:
        """Drop the body: the exchange is over."""
        self._body = None

    def __repr__(self) -> str:
        return "RequestSketch()"


def sampled(body: bytes, encoding: Encoding) -> int:
    """Return about how many tokens a large body has, by pieces of it. Names and marks of the JSON count as words."""
    step = max(SAMPLE, len(body) // SAMPLES)
    texts = [body[at : at + SAMPLE] for at in range(0, len(body), step)]
    seen = sum(map(len, texts))
    words = [text.decode("utf-8", "replace") for text in texts if _is_text(text)]
    return round(counted(words, encoding) * len(body) / seen) if seen else 0


def _is_text(piece: bytes) -> bool:
    return len(piece) < RUN_MIN or b" " in piece or b'"' in piece or not piece.isascii()
