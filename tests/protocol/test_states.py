"""Every cell of the table of legal sequences, written out once more by hand and compared."""

import itertools

import pytest

from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode
from extproc.protocol.states import ANSWERS, MessageKind, ReplyKind, ReplyProgress, SideState, advance
from tests.gathered import gathered

ILLEGAL = "-"

NO_BODY = """
        HEADERS HEADERS_END BODY  BODY_END TRAILERS EMPTY_END
IDLE    OPEN    DONE        -     -        DONE     -
OPEN    -       -           -     -        DONE     -
WHOLE   -       -           -     -        -        -
DONE    -       -           -     -        -        DONE
"""

STREAM = """
        HEADERS HEADERS_END BODY  BODY_END TRAILERS EMPTY_END
IDLE    OPEN    DONE        OPEN  DONE     DONE     DONE
OPEN    -       -           OPEN  DONE     DONE     DONE
WHOLE   -       -           -     -        -        -
DONE    -       -           -     -        -        DONE
"""

BUFFER = """
        HEADERS HEADERS_END BODY  BODY_END TRAILERS EMPTY_END
IDLE    OPEN    DONE        WHOLE DONE     DONE     DONE
OPEN    -       -           WHOLE DONE     DONE     DONE
WHOLE   -       -           -     -        DONE     DONE
DONE    -       -           -     -        -        DONE
"""

LAW = {
    BodyMode.NONE: NO_BODY,
    BodyMode.STREAMED: STREAM,
    BodyMode.BUFFERED: BUFFER,
    BodyMode.BUFFERED_PARTIAL: BUFFER,
    BodyMode.FULL_DUPLEX_STREAMED: STREAM,
    BodyMode.GRPC: STREAM,
}


def cells(text: str) -> dict[tuple[SideState, MessageKind], str]:
    header, *rows = [line.split() for line in text.strip().splitlines()]
    return {
        (SideState[row[0]], MessageKind[event]): after
        for row in rows
        for event, after in zip(header, row[1:], strict=True)
    }


@gathered("side", Side)
@gathered(("mode", "state", "event"), list(itertools.product(BodyMode, SideState, MessageKind)))
def test_each_cell_is_as_the_law_says(mode: BodyMode, state: SideState, event: MessageKind, side: Side) -> None:
    after = cells(LAW[mode])[state, event]
    if after == ILLEGAL:
        with pytest.raises(ProtocolViolation, match=event.name):
            advance(mode, state, event, side)
    else:
        assert advance(mode, state, event, side) is SideState[after]


@pytest.mark.parametrize("mode", BodyMode)
def test_nothing_but_a_repeated_end_mark_may_follow_the_end(mode: BodyMode) -> None:
    legal = {event for event in MessageKind if cells(LAW[mode])[SideState.DONE, event] != ILLEGAL}
    assert legal == {MessageKind.EMPTY_END}


ONE_TO_ONE = {
    (ReplyProgress.AWAITED, ReplyKind.HEADERS): ReplyProgress.GOING,
    (ReplyProgress.AWAITED, ReplyKind.REPLACE): ReplyProgress.ENDED,
    (ReplyProgress.AWAITED, ReplyKind.BODY): ReplyProgress.GOING,
    (ReplyProgress.AWAITED, ReplyKind.TRAILERS): ReplyProgress.ENDED,
    (ReplyProgress.GOING, ReplyKind.BODY): ReplyProgress.GOING,
    (ReplyProgress.GOING, ReplyKind.TRAILERS): ReplyProgress.ENDED,
}
M_TO_N = {
    (ReplyProgress.AWAITED, ReplyKind.HEADERS): ReplyProgress.GOING,
    (ReplyProgress.AWAITED, ReplyKind.REPLACE): ReplyProgress.ENDED,
    (ReplyProgress.GOING, ReplyKind.CHUNK): ReplyProgress.GOING,
    (ReplyProgress.GOING, ReplyKind.CHUNK_END): ReplyProgress.ENDED,
    (ReplyProgress.GOING, ReplyKind.TRAILERS): ReplyProgress.ENDED,
}


@gathered(("mode", "reply", "answer"), list(itertools.product(BodyMode, ReplyProgress, ReplyKind)))
def test_each_answer_is_allowed_exactly_where_envoy_takes_it(
    mode: BodyMode, reply: ReplyProgress, answer: ReplyKind
) -> None:
    law = M_TO_N if mode is BodyMode.FULL_DUPLEX_STREAMED else ONE_TO_ONE
    assert ANSWERS[mode][reply].get(answer) == law.get((reply, answer))
