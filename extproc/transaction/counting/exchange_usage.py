"""The usage of one exchange: what its response reports, and what an estimate needs if it reports nothing."""

from functools import lru_cache
from typing import Final

from msgspec import Struct

from extproc import apis
from extproc.apis.api import Api
from extproc.classify.tokens import encoding_of
from extproc.payload.encodings import codings as encodings
from extproc.payload.encodings.codings import Decoder, EncodingError
from extproc.payload.fieldvalue import parse
from extproc.protocol.headers import HeaderMap
from extproc.protocol.record import NO_USAGE, Usage
from extproc.usage import UsageMeter
from extproc.usage.sketch import KEPT_MAX, RequestSketch
from extproc.usage.tally import DocumentTally, EventTally
from extproc.usage.totals import completed, usage_of

EVENTS: Final = "text/event-stream"

DECODED_RATIO: Final = 32
"""The times that encodings may make a response as large, beyond the first MiB, while it is read for its usage: JSON and
events are some ten times as large. Of one that grows more, what was read until then counts."""


REMEMBERED: Final = 64
REMEMBERED_MOST: Final = 64
"""Content-types whose tally is remembered, and bytes of one: an application uses a few short ones."""


def _tally_of(kind: bytes) -> type[EventTally | DocumentTally] | None:
    """Return the tally of responses of a content-type; None for one that reports nothing."""
    value = parse(kind.decode("latin-1")).value
    if value == EVENTS:
        return EventTally
    return DocumentTally if value == "application/json" or value.endswith("+json") else None


_remembered: Final = lru_cache(REMEMBERED)(_tally_of)


class ExchangeUsage(Struct, eq=False):
    """What is counted of one exchange.

    `api`: the one of the request; None if no API claims it, so that only a pipeline that reads the response meters it.
    `body`: the request's, of which the `sketch` is made only if its input is not reported; a large one's is made at
    once, in place of it. `adds`: the stream was asked for its usage, which the client did not do. `tally`: that of the
    response, from the time when its body is due. `meter`: the one of a pipeline.
    """

    api: Api | None
    model: str = ""
    body: bytes | None = None
    sketch: RequestSketch | None = None
    adds: bool = False
    tally: EventTally | DocumentTally | None = None
    meter: UsageMeter | None = None
    decoder: Decoder | None = None

    def takes(self, model: str, body: bytes) -> None:
        """Take the request, by which the input is estimated if it is not reported."""
        self.model = model
        if len(body) <= KEPT_MAX:
            self.body = body
        else:
            self.sketch = RequestSketch(body, encoding_of(model))

    def begin(self, fields: HeaderMap) -> bool:
        """Begin the tally of a response with these headers; False if nothing of it can be read."""
        if self.api is None or not self.api.usage_marks:
            return False
        given = fields.get("content-type") or b""
        kind = _remembered(given) if len(given) <= REMEMBERED_MOST else _tally_of(given)
        if kind is None:
            return False
        if fields.get("content-encoding") is not None:
            try:
                codings = encodings.codings(b",".join(fields.getall("content-encoding")).decode("latin-1"))
            except encodings.UnknownEncodingError:
                return False
            if codings:
                self.decoder = Decoder(codings, None, ratio=DECODED_RATIO)
        self.tally = kind(self.api, encoding_of(self.model))
        return True

    @property
    def streams(self) -> bool:
        """True if the response is an event stream without encodings."""
        return type(self.tally) is EventTally and self.decoder is None

    def metering(self, dialect: str) -> UsageMeter | None:
        """Return the meter of a pipeline that reads the response, if there is no tally of it. `dialect`: see there."""
        if self.tally is None:
            self.meter = UsageMeter(apis.current(), dialect)
        return self.meter

    @property
    def removes(self) -> bool:
        """True if the response is a stream in which an event may be that the client did not ask for."""
        return self.adds and type(self.tally) is EventTally

    def feed(self, data: bytes) -> None:
        """Take a piece of the body as it comes."""
        if self.tally is None:
            return
        if self.decoder is not None:
            try:
                data = self.decoder.feed(data)
            except EncodingError:
                return  # from now on, always
        self.tally.feed(data)

    def total(self, *, served: bool) -> Usage:
        """Return the counts. `served`: the response is no error, so that what it does not report is estimated."""
        tally, meter = self.tally, self.meter
        if tally is None or not tally.seen:
            return NO_USAGE if meter is None else meter.total
        tally.finish()
        if not served:
            return NO_USAGE if tally.reported is None else usage_of(tally.reported, "provider")
        return completed(tally.reported, self.given, lambda: tally.said)

    def unanswered(self) -> Usage:
        """Return the counts of a request that a backend got, and whose client left before the response began."""
        asked = self.given()
        return NO_USAGE if asked is None else Usage(input=asked, source="estimated")

    def given(self) -> int | None:
        """Estimate the input; None if nothing is known of it."""
        if self.sketch is None and self.body is not None:
            self.sketch = RequestSketch(self.body, encoding_of(self.model))
        return None if self.sketch is None else self.sketch.tokens

    def __repr__(self) -> str:
        return f"ExchangeUsage({self.api})"
