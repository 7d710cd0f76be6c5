"""Streams that end before their API's end: the error that ends them for the client, and what tells of them."""

from typing import Final

from extproc.apis.events import UnreadableStreamError
from extproc.apis.streams import StreamReader, StreamWriter
from extproc.payload.fieldvalue import parse
from extproc.protocol.errors import ClientError
from extproc.transaction.memory import ERROR, Memory

UNFINISHED: Final = "response_unfinished"

TAIL: Final = 16 * 1024
"""Bytes at the end of a stream that came whole in which its end is looked for: some 60 events, which take a
millisecond. Behind the last text stand a finish reason, the counts and an end mark, which have a few hundred bytes."""

_EVENTS: Final = "text/event-stream"
_BOUNDARIES: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")


def unfinished() -> ClientError:
    """Return the error of a stream that its backend ended too soon."""
    return ClientError(502, UNFINISHED, "The backend's response ended before it was complete.")


def unfinished_in(memory: Memory) -> ClientError | None:
    """Return the error that a stream ends with if it ends too soon; None for an error of the backend's."""
    return None if memory.status is not None and memory.status >= ERROR else unfinished()


def added_to(body: bytes, kind: str, dialect: str, error: ClientError | None) -> bytes:
    """Return the error event that belongs behind a stream which came whole; empty if it is complete, or no stream."""
    if error is None or parse(kind).value != _EVENTS:
        return b""
    reader, writer = StreamReader(dialect), StreamWriter(dialect)
    try:
        for event in reader.feed(_last_events(body)):
            writer.write(event)
        for event in reader.close():
            writer.write(event)
    except UnreadableStreamError:
        return b""
    return writer.cut(error) if writer.unfinished else b""


def _last_events(body: bytes) -> bytes:
    """Return the events that end among the last `TAIL` bytes and begin there; the last one, if it is larger than that.

    The last event of OpenAI's responses holds all of the response, with the instructions and tools of the request.
    """
    if len(body) <= TAIL:
        return body
    text = body.rstrip(b"\r\n")
    begins = [at + len(each) for each in _BOUNDARIES if (at := text.find(each, len(body) - TAIL)) >= 0]
    if not begins:
        begins = [max(at + len(each) if (at := text.rfind(each)) >= 0 else 0 for each in _BOUNDARIES)]
    return body[min(begins) :]
