"""The end of a pipe where nobody judges: events are written as the stages leave them."""

from collections.abc import Sequence

from extproc.apis.events import StreamEvent
from extproc.apis.streams import StreamWriter


class Unjudged:
    """Writes each event at once. The same methods as `inspection.answers.events.Events`, which judges them."""

    __slots__ = ("writer",)

    entries: Sequence[object] = ()
    held = 0
    waiting = 0

    def __init__(self, writer: StreamWriter) -> None:
        self.writer = writer

    def passed(self, event: StreamEvent) -> bytes:
        """Return what goes out for an event."""
        return self.writer.write(event)

    def flush(self) -> bytes:
        """Return what waits: nothing."""
        return b""

    def drop(self) -> None:
        """Forget what waits: nothing."""

    def unreadable(self, reason: str) -> None:
        """Nothing is inspected, so that nothing can be left uninspected."""
