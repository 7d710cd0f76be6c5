"""The state of an open stream."""

from collections import deque
from typing import Final

from extproc.server.h2.states import STEPS, StreamState, StreamTransition

# The loops that every frame passes through read tuples and plain constants: hashing a pair is slow, and so is looking
# up an attribute of an Enum class in Python 3.11.
_STEPS: Final = tuple(tuple(STEPS.get((state, step)) for step in StreamTransition) for state in StreamState)
_IDLE: Final = StreamState.IDLE

NO_WINDOW: Final = -1
"""The window of a stream that is over: below zero, so that not even an empty message may be sent."""


class Stream:
    """One stream's state, windows and waiting answers. Only `Connection` and its halves touch it."""

    __slots__ = (
        "announced",
        "answered",
        "clogged",
        "expected",
        "held",
        "id",
        "plain",
        "queue",
        "queued",
        "send_window",
        "state",
        "trailers",
        "window",
    )

    def __init__(self, stream_id: int, window: int, send_window: int) -> None:
        self.id = stream_id
        self.state = _IDLE
        self.window = window
        """Bytes that the peer may still send."""
        self.held = 0
        """Received and handed on, and not yet consumed."""
        self.plain = False
        """DATA is accepted, and nothing has to be counted but the windows."""
        self.expected: int | None = None
        """Body bytes that content-length still promises, if there is one."""
        self.send_window = send_window
        """Bytes we may still send; negative after the peer lowered SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, 6.9.2)."""
        self.queue: deque[memoryview] | None = None
        """Body bytes that wait for the peer's window; None as long as none had to."""
        self.queued = 0
        """Their size."""
        self.trailers: bytes | None = None
        """The header block that ends the stream once the queue is empty."""
        self.clogged = False
        """More waits than `ConnectionLimits.write_high`; a `Writable` is due when it falls to `write_low`."""
        self.announced = False
        """`RequestStarted` was told of it; what the owner never heard of ends without a word."""
        self.answered = False
        """Response headers are out."""

    def step(self, step: StreamTransition) -> None:
        """Moves to the state that the table names. Whoever opens the stream says whether it is plain from now on."""
        after = _STEPS[self.state][step]
        if after is None:
            raise KeyError(self.state, step)
        self.state = after
        self.plain = False
