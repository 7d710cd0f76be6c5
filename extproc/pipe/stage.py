"""A stage: takes the events of one response in their order, and gives those that go on."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from extproc.apis.events import StreamEvent
from extproc.inspection.verdict import Count
from extproc.payload.sse_lines import BOM, Style

_NAME: Final = re.compile(rb"(?:\A|[\r\n])event:[ ]?([^\r\n]*)")
_DOCUMENT: Final = (b"{", b"[")


class AnswerFacts(Struct, frozen=True):
    """The facts that a stage is opened with.

    `api`: the name of the API that the request was for. `status`: that of the response. `streams`: True for events;
    False for one JSON document, which comes as one event, and in whose place exactly one document must go on. (A
    document that is a list of events, as of Gemini without `alt=sse`, comes as those events.)
    """

    api: str
    status: int
    streams: bool


class EventStage(Protocol):
    """The methods of a stage of the program's own, such as the usage meter."""

    def event(self, event: StreamEvent, /) -> Sequence[StreamEvent]:
        """Return what goes on now that `event` has come."""

    def finish(self) -> Sequence[StreamEvent]:
        """Return what goes on behind the last event."""


def through(stages: Iterable[EventStage], events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
    """Return what stages, one after the other, give for events."""
    for stage in stages:
        events = [given for event in events for given in stage.event(event)]
    return events


def finished(stages: Iterable[EventStage]) -> Sequence[StreamEvent]:
    """Return what stages give behind the last event; those of each pass the stages behind it."""
    events: Sequence[StreamEvent] = ()
    for stage in stages:
        events = [*through((stage,), events), *stage.finish()]
    return events


class AnswerStage:
    """One stage in one response, used by one thread at a time. Subclasses keep the state of that response.

    `event` may pass an event (give that very object, which goes on with its very bytes), give another in its place
    (see `made_like`), give more, keep it for later, or drop it. Of an event that is not the one just taken, only `raw`
    counts: it is read anew, so that whoever comes behind sees the texts that its bytes have.

    A stage must not depend on time or on how often it is opened: a document may be tried, and worked on again in a
    thread. An event takes it microseconds; whatever takes longer delays every other exchange of the worker.
    """

    __slots__ = ()

    @property
    def held(self) -> int:
        """Bytes of events that the stage keeps for later."""
        return 0

    def event(self, event: StreamEvent) -> Iterable[StreamEvent]:
        """Return what goes on now that `event` has come."""
        return (event,)

    def finish(self) -> Iterable[StreamEvent]:
        """Return what goes on behind the last event. Not called for a response that was cut."""
        return ()


class ReportingStage(AnswerStage):
    """A stage of the program's own that has findings. `report` counts one, once the stage is opened for a response."""

    __slots__ = ("report",)

    def __init__(self) -> None:
        self.report: Callable[[Count], None] = unheard


def unheard(count: Count) -> None:
    """Count nothing: nobody has opened the stage for a response."""


def made_like(event: StreamEvent, data: bytes, name: str | None = None) -> StreamEvent:
    """Return an event with other `data`, framed as `event` is: with its line ends, and its name unless told another.

    For an event that is a document without lines, the document `data`. Raises ValueError for data of several lines.
    """
    raw = event.raw.removeprefix(BOM)
    style = Style.of(raw)
    if style is None:
        if raw.lstrip()[:1] in _DOCUMENT:
            return StreamEvent(data)
        style = Style()
    if b"\n" in data or b"\r" in data:
        raise ValueError("the data of an event is one line")
    if name is None:
        named = _NAME.search(raw)
        name = "" if named is None else named[1].decode("utf-8", "replace")
    return StreamEvent(style.frame(data, name))
