"""The overrides of the response's body mode, as the reply to its headers asks Envoy for them."""

from typing import Final

from extproc.protocol.effects import Phase, Proceed
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode, ModeOverride, SendMode

CAN_STOP: Final = (BodyMode.STREAMED, BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL)
"""Modes that an override may end; Envoy ignores one where full duplex is configured."""

_PIECES: Final = (BodyMode.STREAMED, BodyMode.FULL_DUPLEX_STREAMED)
"""Modes in which trailers may come behind the last piece, which has no end mark then."""

_STOP: Final = tuple(
    (Proceed(Side.RESPONSE, Phase.HEADERS, modes=ModeOverride(mode, BodyMode.NONE), lasting=True),) for mode in BodyMode
)


def without_body(request: BodyMode) -> tuple[Proceed]:
    """Return the reply that ends the response's body. `request`: the request's mode, which has to be said again."""
    return _STOP[request]


def override(request: BodyMode, response: BodyMode) -> ModeOverride:
    """Return the override to another mode of the response's body. `request` as above."""
    trailers = SendMode.SEND if response in _PIECES else SendMode.DEFAULT
    return ModeOverride(request, response, response_trailers=trailers)


_IN_PIECES: Final = tuple(
    (Proceed(Side.RESPONSE, Phase.HEADERS, modes=override(mode, BodyMode.STREAMED), lasting=True),) for mode in BodyMode
)


def in_pieces(request: BodyMode) -> tuple[Proceed]:
    """Return the reply that has the response's body shown in pieces. `request` as above."""
    return _IN_PIECES[request]
