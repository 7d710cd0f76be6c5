"""What is kept of an open stream."""

from collections import deque

from extproc.server.h2.states import STEPS, State, Step


class Stream:
    """One stream's state, windows and waiting answers. Only `Connection` and its halves touch it."""

    __slots__ = (
        "announced",
        "answered",
        "clogged",
        "expected",
        "id",
        "owed",
        "queue",
        "queued",
        "send_window",
        "state",
        "trailers",
        "unconsumed",
        "window",
    )

    def __init__(self, stream_id: int, window: int, send_window: int) -> None:
        self.id = stream_id
        self.state = State.IDLE
        self.window = window
        """What the peer may still send."""
        self.owed = 0
        """Consumed, and not yet given back by WINDOW_UPDATE."""
        self.unconsumed = 0
        """Received and handed on, and not yet consumed."""
        self.expected: int | None = None
        """Body bytes that content-length still promises, if there is one."""
        self.send_window = send_window
        """What we may still send; negative after the peer lowered SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, 6.9.2)."""
        self.queue: deque[memoryview] = deque()
        """Body bytes that wait for the peer's window."""
        self.queued = 0
        """Their size."""
        self.trailers: bytes | None = None
        """The header block that ends the stream once the queue is empty."""
        self.clogged = False
        """More waits than `Limits.write_high`; a `Writable` is due when it falls to `write_low`."""
        self.announced = False
        """`Opened` was told of it; what the owner never heard of ends without a word."""
        self.answered = False
        """Response headers are out."""

    def step(self, step: Step) -> None:
        """Moves to the state that the table names."""
        self.state = STEPS[self.state, step]
