"""The law of an exchange as tables: what Envoy may send next, and what may be answered to it.

Two rules. Everything about legality lives in this file; code looks it up, tests walk every cell. And this file does not
know what anybody wants: that is the transaction's business.
"""

from enum import IntEnum
from typing import Final

from extproc.protocol.enums import plain
from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode


@plain
class SideState(IntEnum):
    """The progress of one side."""

    IDLE = 0  # nothing has arrived
    OPEN = 1  # headers, or the first of a body, have; more may follow
    WHOLE = 2  # a buffered body has, without an end mark: only trailers may follow
    DONE = 3  # the side has ended


@plain
class MessageKind(IntEnum):
    """A message, as far as legality is concerned."""

    HEADERS = 0
    HEADERS_END = 1
    BODY = 2
    BODY_END = 3
    TRAILERS = 4
    EMPTY_END = 5  # an end mark without data; Envoy 1.35 to 1.37 sent some twice


_S = SideState
_E = MessageKind
_START = {_E.HEADERS: _S.OPEN, _E.HEADERS_END: _S.DONE, _E.TRAILERS: _S.DONE}
# A filter with header mode SKIP starts with the body: legal in every mode that has bodies.
_FLOWING = {_E.BODY: _S.OPEN, _E.BODY_END: _S.DONE, _E.EMPTY_END: _S.DONE, _E.TRAILERS: _S.DONE}
# One message holds the body. Without an end mark, trailers follow (BUFFERED) or the rest bypasses us (PARTIAL).
_AT_ONCE = {_E.BODY: _S.WHOLE, _E.BODY_END: _S.DONE, _E.EMPTY_END: _S.DONE, _E.TRAILERS: _S.DONE}
_ENDED = {_E.EMPTY_END: _S.DONE}

_NO_BODY: Final = {_S.IDLE: _START, _S.OPEN: {_E.TRAILERS: _S.DONE}, _S.WHOLE: {}, _S.DONE: _ENDED}
_STREAM: Final = {_S.IDLE: _START | _FLOWING, _S.OPEN: _FLOWING, _S.WHOLE: {}, _S.DONE: _ENDED}
_BUFFER: Final = {
    _S.IDLE: _START | _AT_ONCE,
    _S.OPEN: _AT_ONCE,
    _S.WHOLE: {_E.TRAILERS: _S.DONE, _E.EMPTY_END: _S.DONE},
    _S.DONE: _ENDED,
}

TRANSITIONS: Final[dict[BodyMode, dict[SideState, dict[MessageKind, SideState]]]] = {
    BodyMode.NONE: _NO_BODY,
    BodyMode.STREAMED: _STREAM,
    BodyMode.BUFFERED: _BUFFER,
    BodyMode.BUFFERED_PARTIAL: _BUFFER,
    BodyMode.FULL_DUPLEX_STREAMED: _STREAM,
    # Envoy 1.40 accepts GRPC and treats it as plain chunks.
    BodyMode.GRPC: _STREAM,
}
"""Mode -> state -> what may arrive -> the state after it. What is absent is a violation."""


def _dense(mode: BodyMode) -> tuple[tuple[SideState | None, ...], ...]:
    return tuple(tuple(TRANSITIONS[mode][state].get(event) for event in MessageKind) for state in SideState)


_DENSE: Final = tuple(_dense(mode) for mode in BodyMode)  # the same table as tuples: one index per lookup, no hashing


def advance(mode: BodyMode, state: SideState, event: MessageKind, side: Side) -> SideState:
    """The state after `event`. Raises ProtocolViolation where the table has no such cell."""
    after = _DENSE[mode][state][event]
    if after is None:
        raise ProtocolViolation(f"{side.value} {event.name} may not follow in state {state.name} of mode {mode.name}")
    return after


@plain
class ReplyKind(IntEnum):
    """An answer of ours, as far as legality is concerned."""

    HEADERS = 0  # Proceed for headers
    REPLACE = 1  # Proceed for headers with the whole body
    BODY = 2  # Proceed for a body message
    CHUNK = 3  # a piece in full duplex
    CHUNK_END = 4
    TRAILERS = 5


@plain
class ReplyProgress(IntEnum):
    """The progress of the replies to one side."""

    AWAITED = 0  # headers not answered
    GOING = 1  # headers answered
    ENDED = 2  # nothing more may be answered


_A = ReplyKind
_R = ReplyProgress
_ONE_TO_ONE: Final = {
    _R.AWAITED: {_A.HEADERS: _R.GOING, _A.REPLACE: _R.ENDED, _A.BODY: _R.GOING, _A.TRAILERS: _R.ENDED},
    _R.GOING: {_A.BODY: _R.GOING, _A.TRAILERS: _R.ENDED},
    _R.ENDED: {},
}
_M_TO_N: Final = {
    _R.AWAITED: {_A.HEADERS: _R.GOING, _A.REPLACE: _R.ENDED},
    _R.GOING: {_A.CHUNK: _R.GOING, _A.CHUNK_END: _R.ENDED, _A.TRAILERS: _R.ENDED},
    _R.ENDED: {},
}

ANSWERS: Final[dict[BodyMode, dict[ReplyProgress, dict[ReplyKind, ReplyProgress]]]] = {
    mode: (_M_TO_N if mode is BodyMode.FULL_DUPLEX_STREAMED else _ONE_TO_ONE) for mode in BodyMode
}
"""Mode -> how far our answers are -> what may be answered -> how far they are then.

Besides this, outside full duplex there is exactly one answer for each message, in order; Envoy takes a body answer with
no message outstanding as spurious and fails the exchange.
"""
