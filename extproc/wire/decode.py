"""The bytes of a ProcessingRequest to messages."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Final

from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct, Value

from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Message, Side, Trailers, Unknown
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.wire.pb import headers_pb2
from extproc.wire.pb.processor_pb2 import HttpBody, HttpHeaders, HttpTrailers, ProcessingRequest

ATTRIBUTES_KEY: Final = "envoy.filters.http.ext_proc"
"""The one key under which Envoy sends attributes, whatever name the filter has in its configuration."""

MAX_FIELDS: Final = 10_000
"""Header fields a message. Envoy itself takes 100 unless told otherwise; more than this is somebody keeping us busy."""

MAX_ATTRIBUTES: Final = 256
"""Attributes a message. The operator names each in the filter's configuration, and Envoy knows about 70."""

_NONE: Final[Mapping[str, str]] = {}
_CONFIGS: Final = {
    (int(request), int(response), early): ProtocolConfig(request, response, early)
    for request, response, early in product(BodyMode, BodyMode, (False, True))
}
"""Every configuration there can be, made once."""
_parse: Final = ProcessingRequest.FromString


def decode(payload: bytes) -> Message:
    """The message in `payload`: `Unknown` if it is of no kind we know.

    Raises ProtocolViolation if it is no ProcessingRequest, or one that Envoy would not send.
    """
    try:
        request = _parse(payload)
    except DecodeError:
        raise ProtocolViolation("not a ProcessingRequest") from None
    match request.WhichOneof("request"):
        case "request_headers":
            return _headers(Side.REQUEST, request.request_headers, request)
        case "request_body":
            return _body(Side.REQUEST, request.request_body, request)
        case "response_headers":
            return _headers(Side.RESPONSE, request.response_headers, request)
        case "response_body":
            return _body(Side.RESPONSE, request.response_body, request)
        case "request_trailers":
            return _trailers(Side.REQUEST, request.request_trailers, request)
        case "response_trailers":
            return _trailers(Side.RESPONSE, request.response_trailers, request)
        case _:
            return Unknown()


def _headers(side: Side, headers: HttpHeaders, request: ProcessingRequest) -> Headers:
    return Headers(side, _fields(headers.headers), headers.end_of_stream, _Attributes(request), _config(request))


def _body(side: Side, body: HttpBody, request: ProcessingRequest) -> Body:
    # Copied: a view would keep the parsed message, body and all, as long as the attributes are wanted.
    attributes = dict(_Attributes(request)) if request.attributes else _NONE
    return Body(side, body.body, body.end_of_stream, attributes, _config(request))


def _trailers(side: Side, trailers: HttpTrailers, request: ProcessingRequest) -> Trailers:
    return Trailers(side, _fields(trailers.trailers), _Attributes(request), _config(request))


def _fields(headers: headers_pb2.HeaderMap) -> HeaderMap:
    fields = [(field.key, field.raw_value or field.value.encode()) for field in headers.headers]
    if len(fields) > MAX_FIELDS:
        raise ProtocolViolation(f"more than {MAX_FIELDS} header fields in a message")
    return HeaderMap(fields)


def _config(request: ProcessingRequest) -> ProtocolConfig | None:
    if not request.HasField("protocol_config"):
        return None
    config = request.protocol_config
    early = config.send_body_without_waiting_for_header_response
    modes = config.request_body_mode, config.response_body_mode
    known = _CONFIGS.get((*modes, early))
    if known is None:
        unknown = next(mode for mode in modes if int(mode) not in {int(known) for known in BodyMode})
        raise ProtocolViolation(f"protocol_config has body mode {unknown}, which this version does not know")
    return known


class _Attributes(Mapping[str, str]):
    """The scalars among a message's attributes, as text. Looked for when they are asked for, which is seldom."""

    __slots__ = ("_request",)

    def __init__(self, request: ProcessingRequest) -> None:
        self._request = request

    def __getitem__(self, name: str) -> str:
        text = _text(fields[name]) if name in (fields := self._fields()) else None
        if text is None:
            raise KeyError(name)
        return text

    def __iter__(self) -> Iterator[str]:
        fields = self._fields()
        if len(fields) > MAX_ATTRIBUTES:
            raise ProtocolViolation(f"more than {MAX_ATTRIBUTES} attributes in a message")
        return (name for name in fields if _text(fields[name]) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Attributes({', '.join(self)})"

    def _fields(self) -> Mapping[str, Value]:
        struct: Struct | None = self._request.attributes.get(ATTRIBUTES_KEY)
        return {} if struct is None else struct.fields


def _text(value: Value) -> str | None:
    """A scalar as text, whole numbers without a fraction; None for what is none (Envoy sends maps as text itself)."""
    plain = value.string_value
    if plain:
        return plain
    match value.WhichOneof("kind"):
        case "string_value":
            return ""
        case "number_value":
            number = value.number_value
            return str(int(number) if number.is_integer() else number)
        case "bool_value":
            return "true" if value.bool_value else "false"
        case _:
            return None
