"""The usage meter: reads the tokens that a provider reports in a response, whole or streamed."""

from collections.abc import Mapping
from typing import Final

import msgspec

from extproc.apis.api import Api
from extproc.apis.events import StreamEvent
from extproc.apis.events.added import data_of
from extproc.apis.registry import Registry
from extproc.apis.usage import ReportedUsage
from extproc.protocol.record import NO_USAGE, Usage
from extproc.usage.marks import reports
from extproc.usage.tally import EventTally
from extproc.usage.totals import usage_of

_decode: Final = msgspec.json.Decoder().decode


class UsageMeter:
    """The tokens of one response so far: the first stage of its pipe, which passes every event as it came.

    One user at a time; to read an event or a body again changes nothing.

    `name`: the API of the request, or empty. An event of another API's shape is read as that API's. `said`: gets every
    event, for an estimate; None if there is none to be made. `reported` is the usage that was reported so far.

    Cost: a search of 0.1 us for an event that reports nothing, a parse of the JSON for one that does.
    """

    __slots__ = ("_api", "_registry", "_said", "reported")

    def __init__(self, registry: Registry, name: str, said: EventTally | None = None) -> None:
        self._registry = registry
        self._api = registry.named(name)
        self._said = said
        self.reported: ReportedUsage | None = None

    def event(self, event: StreamEvent) -> tuple[StreamEvent]:
        """Take what an event reports, and pass it. Streams report sums: what comes later replaces what came before."""
        api, dialect = self._api, event.dialect
        if dialect and (api is None or api.name != dialect):
            api = self._registry.named(dialect)
        if api is not None and reports(api.usage_marks, event.raw):
            self._take(api, data_of(event.raw) or event.raw)
        if self._said is not None:
            self._said.feed(event.raw)
        return (event,)

    def finish(self) -> tuple[()]:
        """Give nothing: the meter holds no event."""
        return ()

    def body(self, body: bytes) -> None:
        """Take what the JSON of a whole response reports, which is a stream of one event."""
        if body.lstrip()[:1] == b"{":
            self.event(StreamEvent(body))

    @property
    def total(self) -> Usage:
        """The counts of the record: cached tokens are among `input`, those of reasoning among `output`."""
        return NO_USAGE if self.reported is None else usage_of(self.reported, "provider")

    def _take(self, api: Api, data: bytes) -> None:
        try:
            value = _decode(data)
        except (ValueError, RecursionError):  # msgspec's errors are of the former kind
            return
        found = api.usage(value) if isinstance(value, Mapping) else None
        if found is not None:
            self.reported = found if self.reported is None else self.reported.updated(found)

    def __repr__(self) -> str:
        return f"UsageMeter({self.total})"
