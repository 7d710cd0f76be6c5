"""The overrides of the response's body mode, as the reply to its headers asks Envoy for them."""

from typing import Final

from extproc.protocol.effects import HeaderMutation, Phase, Proceed
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode, ModeOverride, SendMode
from extproc.transaction.answers import PASS_RESPONSE_HEADERS, Effects

CAN_STOP: Final = (BodyMode.STREAMED, BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL)
"""Modes that an override may end; Envoy ignores one where full duplex is configured."""

PIECES: Final = (BodyMode.STREAMED, BodyMode.FULL_DUPLEX_STREAMED)
"""Modes in which trailers may come behind the last piece, which has no end mark then."""

_STOP: Final = tuple(
    (Proceed(Side.RESPONSE, Phase.HEADERS, modes=ModeOverride(mode, BodyMode.NONE), lasting=True),) for mode in BodyMode
)


def without_body(request: BodyMode) -> tuple[Proceed]:
    """Return the reply that ends the response's body. `request`: the request's mode, which has to be said again."""
    return _STOP[request]


def _made(request: BodyMode, response: BodyMode) -> ModeOverride:
    trailers = SendMode.SEND if response in PIECES else SendMode.DEFAULT
    return ModeOverride(request, response, response_trailers=trailers)


# The same objects each time: the wire edge keeps the bytes of an override by its identity.
_OVERRIDES: Final = tuple(tuple(_made(request, response) for response in BodyMode) for request in BodyMode)
assert [*BodyMode] == [*range(len(BodyMode))]


def override(request: BodyMode, response: BodyMode) -> ModeOverride:
    """Return the override to another mode of the response's body. `request` as above."""
    return _OVERRIDES[request][response]


_SHOWN: Final = tuple(
    (Proceed(Side.RESPONSE, Phase.HEADERS, modes=override(mode, BodyMode.STREAMED), lasting=True),) for mode in BodyMode
)


def in_pieces(mode: BodyMode, request: BodyMode, headers: HeaderMutation | None) -> Effects:
    """Return the reply that has the body shown in pieces, which is in `mode` so far. `request` as above."""
    if mode in PIECES:
        return PASS_RESPONSE_HEADERS if headers is None else (Proceed(Side.RESPONSE, Phase.HEADERS, headers),)
    if headers is None:
        return _SHOWN[request]
    return (Proceed(Side.RESPONSE, Phase.HEADERS, headers, modes=_OVERRIDES[request][BodyMode.STREAMED]),)
