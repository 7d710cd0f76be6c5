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

_decode: Final = msgspec.json.Decoder().decode
_NULL: Final = (b":null", b": null")
"""The bytes after the name if a provider reports nothing yet: OpenAI writes `"usage":null` into every chunk."""


class UsageMeter:
    """The tokens of one response so far: the first stage of its pipe, which passes every event as it came.

    One user at a time; to read an event or a body again changes nothing.

    `name`: the API of the request, or empty. An event of another API's shape is read as that API's.

    Cost: a search of 0.1 us for an event that reports nothing, a parse of the JSON for one that does.
    """

    __slots__ = ("_api", "_registry", "_reported")

    def __init__(self, registry: Registry, name: str) -> None:
        self._registry = registry
        self._api = registry.named(name)
        self._reported: ReportedUsage | None = None

    def event(self, event: StreamEvent) -> tuple[StreamEvent]:
        """Take what an event reports, and pass it. Streams report sums: what comes later replaces what came before."""
        api, dialect = self._api, event.dialect
        if dialect and (api is None or api.name != dialect):
            api = self._registry.named(dialect)
        if api is not None and _reports(api, event.raw):
            self._take(api, data_of(event.raw) or event.raw)
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
        if self._reported is None:
            return NO_USAGE
        counts = self._reported.inclusive()
        return Usage(
            counts.input_tokens,
            counts.output_tokens,
            counts.cached_input_tokens,
            counts.reasoning_tokens,
            counts.cache_creation_input_tokens,
            source="provider",
        )

    def _take(self, api: Api, data: bytes) -> None:
        try:
            value = _decode(data)
        except (ValueError, RecursionError):  # msgspec's errors are of the former kind
            return
        found = api.usage(value) if isinstance(value, Mapping) else None
        if found is not None:
            self._reported = found if self._reported is None else self._reported.updated(found)

    def __repr__(self) -> str:
        return f"UsageMeter({self.total})"


def _reports(api: Api, raw: bytes) -> bool:
    """True if a mark of the API stands in `raw` with anything but null behind it."""
    for mark in api.usage_marks:
        at = raw.find(mark)
        if at >= 0 and (not raw.startswith(_NULL, at + len(mark)) or raw.find(mark, at + 1) >= 0):
            return True
    return False
