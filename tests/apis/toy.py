"""An API as a plug-in brings it: the model in the path, a family and a shape of events of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from extproc.apis import Api, ApiEvents, ApiFamily
from extproc.apis.events import Channel, StreamEvent
from extproc.apis.events.added import Added, Cut, told
from extproc.apis.events.source import EventReading, EventSource, sort
from extproc.apis.families import ErrorEvent
from extproc.payload import sse
from extproc.protocol.errors import ClientError


def error_body(error: ClientError) -> bytes:
    """The error in the toy's words."""
    return msgspec.json.encode({"oops": error.message, "kind": error.code})


FAMILY: Final = ApiFamily(
    name="toy",
    error_type=lambda status: f"toy_{status}",
    error=error_body,
    error_event=lambda error, number: sse.frame(error_body(error), f"oops{number}" if number else ""),
    model_list=lambda names, created: msgspec.json.encode({"toys": [*names], "since": created}),
    model_card=lambda name, created: msgspec.json.encode({"toy": name, "since": created}),
    missing_model="which toy?",
    headers=("x-toy",),
)


def known(value: Mapping[str, object]) -> bool:
    """Every event has a `toy`."""
    return "toy" in value


def read(source: EventSource) -> EventReading:
    """`toy` is a piece of the one text; `over` ends it."""
    found = sort(source, {}, lambda path: (Channel(("toy",), whole=path != ("toy",)), False))
    over = isinstance(source.value, dict) and "over" in source.value
    return EventReading("finish" if over else "delta", found.texts, ends=((),) if over else (), opens=(("toy",),))


@dataclass
class ToyWriter:
    """Ends a stream with `over`, and the error."""

    error_event: ErrorEvent

    def note(self, event: StreamEvent) -> None:
        """See `Scribe.note`."""

    def blocked(self, cut: Cut) -> list[Added]:
        """See `Scribe.blocked`."""
        return [Added(b'{"toy":"","over":"blocked"}'), told(self.error_event, cut.error)]


TOY: Final = Api(
    name="toy.play",
    family=FAMILY,
    paths=("/toy/models/{model}:Play", "/toy/models/{model}:streamPlay"),
    root="/toy",
    events=ApiEvents(known, read),
    scribe=ToyWriter,
)
