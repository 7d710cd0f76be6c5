"""A stream that passes as it comes, without the event that the client did not ask for."""

from typing import Final

from extproc.protocol.effects import Chunk, Phase, Proceed
from extproc.protocol.messages import Body, Side
from extproc.protocol.work import WorkResult
from extproc.transaction.answers import NOTHING, PASS_RESPONSE_BODY, PASS_RESPONSE_TRAILERS, Effects
from extproc.transaction.counting.exchange_usage import ExchangeUsage
from extproc.transaction.lanes import Tap
from extproc.usage.extra_event import ExtraEventRemover

_RESPONSE: Final = Side.RESPONSE


class EditedStream:
    """Passes the pieces of the stream. Nothing waits but an event that is cut."""

    __slots__ = ("_counting", "_duplex", "_over", "_remover")

    waits = False
    ended = False

    def __init__(self, counting: ExchangeUsage, *, duplex: bool) -> None:
        self._counting = counting
        self._duplex = duplex
        self._over = False
        self._remover = ExtraEventRemover()

    def shown(self, data: bytes) -> bool:
        """Take a piece that passes as it came; False, and nothing was taken, if it has to be looked at."""
        if not self._remover.passes(data):
            return False
        self._counting.feed(data)
        return True

    def piece(self, message: Body, now: float, *, ends: bool) -> Effects:  # noqa: ARG002  - as other responses
        """Pass a piece on; with `ends` it is the last one, whether or not trailers follow."""
        data = message.data
        if self._over:  # a second end mark
            return NOTHING if self._duplex else PASS_RESPONSE_BODY
        self._over = ends
        out = self._remover.feed(data)
        if ends:
            out += self._remover.finish()
        if self._duplex:
            return (Chunk(_RESPONSE, out, message.end),) if out or message.end else NOTHING
        return PASS_RESPONSE_BODY if out == data else (Proceed(_RESPONSE, Phase.BODY, None, out),)

    def trailers(self, now: float) -> Effects:  # noqa: ARG002
        """Trailers have ended the body. In other modes than full duplex, nothing can be added behind its last piece."""
        held = self._remover.finish() if self._duplex else b""
        return (*((Chunk(_RESPONSE, held),) if held else ()), *PASS_RESPONSE_TRAILERS)

    def judged(self, result: WorkResult, now: float) -> Effects:  # noqa: ARG002
        """Never called: there is no work to hand out."""
        raise AssertionError(result)

    def queued(self, size: int) -> Effects:
        """Never called, as `judged`."""
        raise AssertionError(size)

    def gone(self) -> None:
        """The exchange is over."""


def tapped(counting: ExchangeUsage, *, duplex: bool) -> tuple[EditedStream | None, Tap]:
    """Return what a body passes that is read for its usage alone, None if nothing; and what its pieces are shown to."""
    if counting.adds and counting.streams:
        edited = EditedStream(counting, duplex=duplex)
        return edited, edited.shown
    plain = counting.tally is not None and counting.decoder is None
    return None, counting.tally.feed if plain and counting.tally is not None else counting.feed
