"""Responses of the stand-in provider: the same for the same request, in pieces as a model would stream it."""

import json
import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from extproc.testing.provider.ask import Question, words
from extproc.testing.provider.orders import Orders

CREATED: Final = 1_700_000_000
"""Unix seconds: answers are the same on every day."""

FILLER: Final = "word "
"""The text that padding is made of: no detector finds anything in it."""


class ModelReply(Struct, frozen=True):
    """The answer to a `Question`. `pieces` joined are its text, or the arguments of the tool call.

    `key` is a digest of the request, from which ids are made; `provider` is the provider's name.
    """

    provider: str
    key: str
    model: str
    pieces: Sequence[str]
    tool: str
    prompt_tokens: int
    completion_tokens: int

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.pieces)


def compose(ask: Question, orders: Orders, provider: str, key: str) -> ModelReply:
    """The reply: `echo: ` and the last user text, or the ordered number of pieces, or a tool call with that text."""
    pieces = _pieces(ask, orders)
    spoken = orders.events if orders.events and not ask.tool else words("".join(pieces))
    return ModelReply(provider, key, ask.model, pieces, ask.tool, ask.prompt_tokens, spoken)


def _pieces(ask: Question, orders: Orders) -> Sequence[str]:
    if ask.tool:
        return re.findall(r"(?s).{1,16}", json.dumps({"text": ask.text}, ensure_ascii=False))
    if orders.events:
        return (filler(orders.size),) * orders.events
    return re.findall(r"\s*\S+|\s+\Z", f"echo: {ask.text}")


def filler(length: int) -> str:
    """Harmless text of that many characters (and bytes)."""
    return (FILLER * (length // len(FILLER) + 1))[:length]
