"""A trial of what a piece of a stream costs, which changes nothing of the stream.

A stream cannot be begun again: its pieces change its state. So that it can be tried under a meter whether a piece is
cheap, the piece is read and judged on the side, with new texts in the place of those that are open.
"""

from extproc.apis.events import StreamEvent, StreamReader, StreamWriter, UnreadableStreamError
from extproc.inspection.answers.events import Events
from extproc.inspection.answers.plain import Plain
from extproc.inspection.answers.ruling import Stopped
from extproc.inspection.answers.tally import Tally
from extproc.protocol.meter import Meter, SpentError


def affordable(reader: StreamReader, events: Events, data: bytes, *, end: bool, steps: int) -> bool:
    """True if reading and judging what `data` completes takes no more than `steps`; with `end`, what it leaves, too."""
    meter = Meter(steps)
    ruling = events.ruling.tried(meter)
    copied = reader.copied(Plain(ruling, None), meter)
    trial = Events(StreamWriter(events.writer.dialect), ruling, None, Tally(), None)
    try:
        return _judged(copied, trial, events, data, end=end)
    except SpentError:
        return False
    except Stopped:
        return True  # the stream ends there


def _judged(reader: StreamReader, trial: Events, events: Events, data: bytes, *, end: bool) -> bool:
    for event in _read(reader, data, end=end):
        if events.structured(event):
            return False
        trial.passed(event)
    trial.flush()
    return True


def _read(reader: StreamReader, data: bytes, *, end: bool) -> list[StreamEvent]:
    try:
        read = reader.feed(data)
        return read + reader.close() if end else read
    except UnreadableStreamError as error:
        return error.events  # what follows passes as it is, or the stream ends
