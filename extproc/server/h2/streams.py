"""All streams of a connection: the open ones whole, the others by their number alone."""

from collections import OrderedDict

from extproc.server.h2.states import VERDICTS, FrameVerdict, StreamState, StreamTransition
from extproc.server.h2.stream import Stream


class Streams:
    """Knows in which state any stream is, in bounded memory.

    A client's streams have odd, rising numbers, so a number says whether its stream is still to come (IDLE) or over
    (CLOSED); only streams in RESET, where late frames are no fault, must be remembered one by one.
    """

    __slots__ = ("_remembered", "_resets", "last", "open")

    def __init__(self, remembered: int) -> None:
        self.open: dict[int, Stream] = {}
        self.last = 0
        """The highest number that the client has used."""
        self._resets: OrderedDict[int, None] = OrderedDict()
        self._remembered = remembered

    def state(self, stream_id: int) -> StreamState:
        """Return where a stream is."""
        stream = self.open.get(stream_id)
        if stream is not None:
            return stream.state
        if stream_id in self._resets:
            return StreamState.RESET
        # Even numbers are ours to use, and we use none.
        return StreamState.CLOSED if stream_id & 1 and stream_id <= self.last else StreamState.IDLE

    def judge(self, stream_id: int, kind: int) -> FrameVerdict:
        """Return what becomes of a frame."""
        return VERDICTS[self.state(stream_id)][kind]

    def add(self, stream: Stream) -> None:
        """A new stream opens; all lower numbers that were not used are closed by that (RFC 9113, 5.1.1)."""
        stream.step(StreamTransition.OPENED)
        self.open[stream.id] = stream
        self.last = stream.id

    def end(self, stream: Stream, step: StreamTransition) -> None:
        """A stream is over, by the step given."""
        stream.step(step)
        del self.open[stream.id]
        if stream.state is StreamState.RESET:
            self._resets[stream.id] = None
            if len(self._resets) > self._remembered:
                self._resets.popitem(last=False)

    def peer_ended(self, stream_id: int) -> None:
        """The peer has ended a stream that we had reset: nothing of it can be on its way any more."""
        self._resets.pop(stream_id, None)
