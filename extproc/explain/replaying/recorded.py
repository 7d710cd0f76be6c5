"""Recorded exchanges, as the audit record, the log or a file of request lines has them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from extproc.explain.lines import SampleRequest, read_line
from extproc.protocol.record import Record
from extproc.telemetry.audit.lines import CapturedIn

FindBody = Callable[[str, str], bytes | None]
"""Return the request line that was captured of an exchange, by its id and its hash; None if it is not there. Raises
ValueError if it cannot be read."""


class RecordedExchange(Struct, frozen=True):
    """An exchange to be replayed. `record`: what came of it then, if that was recorded. `request`: None without a body.

    `captured`: the body is one that had been masked. `id`: by which people find it again.
    """

    id: str
    record: Record | None
    request: SampleRequest | None
    captured: bool = False

    def __repr__(self) -> str:
        return f"RecordedExchange({self.id})"


class _Shape(Struct, frozen=True):
    """The members by which kinds of lines are told apart."""

    v: int | None = None
    kind: str | None = None
    event: str | None = None
    sha256: str | None = None
    request: msgspec.Raw = msgspec.Raw()
    sealed: str | None = None


class _Audited(Struct, frozen=True):
    """The part of a line of the audit record that counts here."""

    time: datetime
    exchange: Record
    capture: CapturedIn | None = None


_shape: Final = msgspec.json.Decoder(_Shape).decode
_audited: Final = msgspec.json.Decoder(_Audited).decode
_record: Final = msgspec.json.Decoder(Record).decode


def read_recorded(
    text: bytes, number: int, body: FindBody, kept: Callable[[bytes], tuple[str, bytes]]
) -> RecordedExchange | None:
    """Return the exchange of a line; None for a line about something else. Raises ValueError.

    `kept` returns the id and the request line of a line of a file of bodies.
    """
    try:
        shape = _shape(text)
    except (msgspec.DecodeError, UnicodeError):
        return RecordedExchange(f"line {number}", None, read_line(text))
    try:
        if shape.v is not None and shape.kind is not None:
            return _of_audit(_audited(text), body) if shape.kind == "exchange" else None
        if shape.event is not None:
            return _of_log(text) if shape.event == "exchange" else None
    except msgspec.DecodeError:
        raise ValueError("this is no line of a record that this version knows") from None
    if shape.sha256 is not None and (bytes(shape.request) or shape.sealed is not None):
        name, line = kept(text)
        return RecordedExchange(name, None, read_line(line), captured=True)
    return RecordedExchange(f"line {number}", None, read_line(text))


def _of_audit(line: _Audited, body: FindBody) -> RecordedExchange:
    record, request = line.exchange, None
    if line.capture is not None and line.capture.sha256 is not None:
        found = body(record.request_id, line.capture.sha256)
        request = None if found is None else replace(read_line(found), time=_begun(line.time, record))
    return RecordedExchange(record.request_id, record, request, captured=request is not None)


def _of_log(text: bytes) -> RecordedExchange:
    record = _record(text)
    return RecordedExchange(record.request_id, record, None)


def _begun(ended: datetime, record: Record) -> datetime:
    return ended - timedelta(milliseconds=record.duration_ms or 0.0)
