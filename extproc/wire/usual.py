"""Headers and bodies as Envoy writes them, read straight from their bytes.

Protobuf makes an object for each header field, and that is most of what a message costs. What looks in any way unusual
is left to it, so nothing is decided here but what the usual bytes say: fields in the order of their numbers, each once,
lengths of one or two bytes.
"""

from collections.abc import Callable
from typing import Final

from google.protobuf.message import DecodeError

from extproc.protocol.headers import Field, HeaderMap
from extproc.protocol.messages import Body, Headers, Side
from extproc.wire.beside import Beside, BesideMemo
from extproc.wire.fields import flag, key
from extproc.wire.pb import headers_pb2
from extproc.wire.pb.processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest

_MAP: Final = key(HttpHeaders, "headers")[0]
_LAST: Final = flag(HttpHeaders, "end_of_stream")
_FIELD: Final = key(headers_pb2.HeaderMap, "headers")[0]
_NAME: Final = key(headers_pb2.HeaderValue, "key")[0]
_VALUE: Final = key(headers_pb2.HeaderValue, "raw_value")[0]
_DATA: Final = key(HttpBody, "body")[0]
_LAST_DATA: Final = flag(HttpBody, "end_of_stream")

_LONG: Final = 1 << 14
"""Sizes from here take three bytes: large bodies, where a copy more or less is what counts, and not this."""


class Names(dict[bytes, str]):
    """Header names as text. Bounded, as clients can invent them: 1,024 of up to 127 bytes."""

    MOST: Final = 1024

    __slots__ = ()

    def __missing__(self, name: bytes) -> str:
        if len(self) >= self.MOST:
            self.clear()
        text = self[name] = name.decode()
        return text


_names: Final = Names()
_beside: Final = BesideMemo()


def _headers(side: Side, payload: bytes, at: int, stop: int, beside: Beside) -> Headers | None:
    size = payload[at + 1]
    start = at + 2
    if size > 0x7F:
        size, start = size & 0x7F | payload[start] << 7, start + 1
    end = start + size
    last = payload[end:stop] == _LAST
    if payload[at] != _MAP or not (last or end == stop):
        return None
    fields = _fields(payload, start, end)
    return (
        None
        if fields is None
        else Headers(side, HeaderMap(fields), last, beside.attributes, beside.config, beside.metadata)
    )


def _fields(payload: bytes, at: int, end: int) -> list[Field] | None:
    fields = []
    while at < end:
        size = payload[at + 1]
        value = at + 6 + payload[at + 3]
        stop = at + 2 + size
        if payload[at] != _FIELD:
            return None
        if (
            size < 0x80
            and payload[at + 2] == _NAME
            and payload[value - 2] == _VALUE
            and value + payload[value - 1] == stop
        ):
            fields.append((_names[payload[at + 4 : value - 2]], payload[value:stop]))
        else:
            field, stop = _unusual_field(payload, at + 1)
            fields.append(field)
        at = stop
    return fields if at == end else None


def _unusual_field(payload: bytes, at: int) -> tuple[Field, int]:
    """A field that is longer than 127 bytes or has no value, or one that is no raw one; and where it ends."""
    size, at = payload[at], at + 1
    if size > 0x7F:
        size, at = size & 0x7F | payload[at] << 7, at + 1
    if at + size > len(payload):
        raise IndexError
    field = headers_pb2.HeaderValue.FromString(payload[at : at + size])
    return (field.key, field.raw_value or field.value.encode()), at + size


def _body(side: Side, payload: bytes, at: int, stop: int, beside: Beside) -> Body | None:
    size = payload[at + 1]
    start = at + 2
    if size > 0x7F:
        size, start = size & 0x7F | payload[start] << 7, start + 1
    end = start + size
    last = payload[end:stop] == _LAST_DATA
    if payload[at] != _DATA or not (last or end == stop):
        return None
    return Body(side, payload[start:end], last, beside.attributes, beside.config)


_READERS: Final[dict[int, tuple[Callable[[Side, bytes, int, int, Beside], Headers | Body | None], Side]]] = {
    key(ProcessingRequest, "request_headers")[0]: (_headers, Side.REQUEST),
    key(ProcessingRequest, "response_headers")[0]: (_headers, Side.RESPONSE),
    key(ProcessingRequest, "request_body")[0]: (_body, Side.REQUEST),
    key(ProcessingRequest, "response_body")[0]: (_body, Side.RESPONSE),
}


def usual(payload: bytes) -> Headers | Body | None:
    """The message in `payload`, or None where it has to be looked at more closely.

    Raises ProtocolViolation for a configuration that we do not know.
    """
    try:
        found = _READERS.get(payload[0])
        size, at = payload[1], 2
        if size > 0x7F:
            size, at = size & 0x7F | payload[2] << 7, 3
        stop = at + size
        if found is None or size >= _LONG or stop > len(payload):
            return None
        beside = _beside[payload[stop:]]
        if beside is None:
            return None
        read, side = found
        return read(side, payload, at, stop, beside)
    except (IndexError, UnicodeDecodeError, DecodeError):
        return None
