"""The bytes of a ProcessingRequest to messages."""

from collections.abc import Mapping
from typing import Final

from google.protobuf.message import DecodeError

from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Message, Side, Trailers, Unknown
from extproc.wire.beside import Attributes, ForwardedMetadata, config
from extproc.wire.pb import headers_pb2
from extproc.wire.pb.processor_pb2 import HttpBody, HttpHeaders, HttpTrailers, ProcessingRequest
from extproc.wire.tokens import counted
from extproc.wire.usual import usual

MAX_FIELDS: Final = 10_000
"""Header fields a message. Envoy itself takes 100 unless told otherwise; more than this is somebody keeping us busy."""

_NONE: Final[Mapping[str, str]] = {}
_parse: Final = ProcessingRequest.FromString


def decode(payload: bytes) -> Message:
    """The message in `payload`: `Unknown` if it is of no kind we know.

    Raises ProtocolViolation if it is no ProcessingRequest, or one that Envoy would not send.
    """
    message = usual(payload)
    return _parsed(payload) if message is None else message


def _parsed(payload: bytes) -> Message:
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
    beside = Attributes(request), config(request), ForwardedMetadata(request)
    return Headers(side, _fields(headers.headers), headers.end_of_stream, *beside)


def _body(side: Side, body: HttpBody, request: ProcessingRequest) -> Body:
    # Copied: a view would keep the parsed message, body and all, as long as the attributes are wanted.
    attributes = dict(Attributes(request)) if request.attributes else _NONE
    return Body(side, body.body, body.end_of_stream, attributes, config(request))


def _trailers(side: Side, trailers: HttpTrailers, request: ProcessingRequest) -> Trailers:
    return Trailers(side, _fields(trailers.trailers), Attributes(request), config(request), *counted(request))


def _fields(headers: headers_pb2.HeaderMap) -> HeaderMap:
    fields = [(field.key, field.raw_value or field.value.encode()) for field in headers.headers]
    if len(fields) > MAX_FIELDS:
        raise ProtocolViolation(f"more than {MAX_FIELDS} header fields in a message")
    return HeaderMap(fields)
