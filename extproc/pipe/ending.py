"""The end of a stream that its provider ended too soon: an error event, so that no client takes a part for the whole.

Envoy resets the client's connection where the backend's is reset. A body that ends well in the middle of its stream is
what only a reader of its events can tell.
"""

from collections.abc import Sequence

from extproc.apis.events import StreamEvent
from extproc.apis.streams import StreamWriter
from extproc.protocol.errors import ClientError


class UnfinishedEnd:
    """Adds `error` to a stream of which `writer` has not seen the end; None adds nothing.

    `added`: the bytes; empty for a proper end.
    """

    __slots__ = ("_error", "_writer", "added")

    def __init__(self, writer: StreamWriter, error: ClientError | None) -> None:
        self._writer = writer
        self._error = error
        self.added = b""

    @property
    def dialect(self) -> str:
        """The name of the API that the stream is of, as far as it has shown that."""
        return self._writer.dialect

    def left(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Return the events that the end of a body leaves, without the torn beginning of one: no client can read it.

        Written in front of an event of ours it would be an event by itself, and an error of the client's own parser.
        One that some client may read all the same (it is doubted) is for inspection to judge.
        """
        if self._error is None or not events or not self._writer.unfinished:
            return events
        last = events[-1]
        torn = not (last.ended or last.dialect or last.doubt) and last.kind == "other"
        return events[:-1] if torn else events

    def close(self) -> bytes:
        """Return what is added behind the last event."""
        if self._error is not None and self._writer.unfinished:
            self.added = self._writer.cut(self._error)
        return self.added
