"""Bodies that nobody reads, answered without being looked into.

Envoy's HttpBody (in a request to us) and its StreamedBodyResponse (in our answer) have the same fields under the same
numbers, so the content of one is the content of the other: an echo is the same bytes in other wrappings.
"""

from typing import Final

from extproc.protocol.effects import Phase, Proceed
from extproc.protocol.messages import Side
from extproc.wire.encode import encode
from extproc.wire.fields import enclose, key
from extproc.wire.pb.processor_pb2 import (
    BodyMutation,
    BodyResponse,
    CommonResponse,
    HttpBody,
    ProcessingRequest,
    ProcessingResponse,
    StreamedBodyResponse,
)

REQUEST_BODY: Final = key(ProcessingRequest, "request_body")
RESPONSE_BODY: Final = key(ProcessingRequest, "response_body")
"""The key that begins a ProcessingRequest with a body: Envoy writes fields by number; no lower one comes beside it."""

PASSED_REQUEST: Final = encode(Proceed(Side.REQUEST, Phase.BODY))
PASSED_RESPONSE: Final = encode(Proceed(Side.RESPONSE, Phase.BODY))
"""The answer to one in every mode but full duplex."""

_LAST: Final = key(HttpBody, "end_of_stream") + b"\x01"
_PATH: Final = (
    key(BodyMutation, "streamed_response"),
    key(CommonResponse, "body_mutation"),
    key(BodyResponse, "response"),
    key(ProcessingResponse, "response_body"),
)
_CONTENT: Final = key(HttpBody, "body")
_KEY: Final = _CONTENT[0]
_NOTHING: Final = (b"", key(ProcessingRequest, "metadata_context") + b"\x00")
"""Bytes that may follow the body: Envoy names the metadata that it is configured to forward, even if there is none."""
_ENCLOSED_MAX: Final = 2048
_ENCLOSED: Final = tuple(enclose((bytes(size),), *_PATH)[0] for size in range(_ENCLOSED_MAX))
"""The bytes before a content of each size that events have; 100 KiB."""
assert len(REQUEST_BODY) == len(RESPONSE_BODY) == 1
assert key(StreamedBodyResponse, "body") == _CONTENT
assert key(StreamedBodyResponse, "end_of_stream") + b"\x01" == _LAST


def echo(payload: bytes) -> bytes | None:
    """The answer in full duplex that gives back what came; None where it has to be looked at.

    That is so for the end of a body, which must be answered once only, for an empty piece, which is not answered, and
    for a message that holds more than a body.
    """
    if len(payload) < 3:
        return None
    size, at = payload[1], 2
    if size > 0x7F:
        size, at = size & 0x7F | payload[2] << 7, 3
        if size > 0x3FFF:  # three bytes of length or more: 16 KiB and beyond, where parsing is the least of the costs
            return None
    end = at + size
    if payload[end:] not in _NOTHING or not payload.startswith(_CONTENT, at) or payload.endswith(_LAST, at, end):
        return None
    if size >= _ENCLOSED_MAX:
        head, content = enclose((payload[at:end],), *_PATH)
        return head + content
    return _ENCLOSED[size] + payload[at:end] if end <= len(payload) else None


def content(payload: bytes) -> bytes | None:
    """The bytes of the body in a piece; None for a piece that `echo` does not answer either, or an unusual one."""
    try:
        size, at = payload[1], 2
        if size > 0x7F:
            size, at = size & 0x7F | payload[2] << 7, 3
            if size > 0x3FFF:
                return None
        end = at + size
        if payload[end:] not in _NOTHING or payload[at] != _KEY:
            return None
        inside, start = payload[at + 1], at + 2
        if inside > 0x7F:
            inside, start = inside & 0x7F | payload[start] << 7, start + 1
    except IndexError:  # too short for a body
        return None
    # With an end mark, the body's bytes end before the message does.
    return payload[start:end] if start + inside == end else None
