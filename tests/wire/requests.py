"""What Envoy would send, written with protobuf objects: the other half of `decode`."""

from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Side, Trailers
from extproc.wire.beside import ATTRIBUTES_KEY
from extproc.wire.pb.headers_pb2 import HeaderMap as PbHeaderMap
from extproc.wire.pb.headers_pb2 import HeaderValue
from extproc.wire.pb.modes_pb2 import ProcessingMode, ProtocolConfiguration
from extproc.wire.pb.processor_pb2 import HttpBody, HttpHeaders, HttpTrailers, ProcessingRequest


def header_map(fields: HeaderMap) -> PbHeaderMap:
    return PbHeaderMap(headers=[HeaderValue(key=name, raw_value=value) for name, value in fields])


def payload(message: Headers | Body | Trailers) -> bytes:
    """The ProcessingRequest that says `message`."""
    request = ProcessingRequest()
    on_request = message.side is Side.REQUEST
    match message:
        case Headers():
            headers = request.request_headers if on_request else request.response_headers
            headers.CopyFrom(HttpHeaders(headers=header_map(message.fields), end_of_stream=message.end))
            headers.SetInParent()
        case Body():
            body = request.request_body if on_request else request.response_body
            body.CopyFrom(HttpBody(body=message.data, end_of_stream=message.end))
            body.SetInParent()
        case Trailers():
            trailers = request.request_trailers if on_request else request.response_trailers
            trailers.CopyFrom(HttpTrailers(trailers=header_map(message.fields)))
            trailers.SetInParent()
    for name, value in message.attributes.items():
        request.attributes[ATTRIBUTES_KEY].fields[name].string_value = value
    if message.config is not None:
        request.protocol_config.CopyFrom(
            ProtocolConfiguration(
                request_body_mode=ProcessingMode.BodySendMode.Name(message.config.request_body),
                response_body_mode=ProcessingMode.BodySendMode.Name(message.config.response_body),
                send_body_without_waiting_for_header_response=message.config.body_early,
            )
        )
        request.protocol_config.SetInParent()
    return request.SerializeToString()
