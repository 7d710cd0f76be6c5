"""Effects to the bytes of a ProcessingResponse."""

from typing import Final, assert_never

from extproc.protocol.effects import (
    Abort,
    Chunk,
    Effect,
    HeaderMutation,
    Inspect,
    Metadata,
    Override,
    OwnMetadata,
    Phase,
    Proceed,
    Reject,
    StreamBody,
    StreamHeaders,
    StreamTrailers,
    Withdraw,
)
from extproc.protocol.messages import Side
from extproc.protocol.modes import ModeOverride
from extproc.protocol.record import AttemptRecord, Record
from extproc.wire.fields import ByteParts, Kept, delimited, enclose, flag, key, length, text, varint
from extproc.wire.headers import header_map, header_mutation
from extproc.wire.metadata import own_struct, struct
from extproc.wire.pb.modes_pb2 import ProcessingMode
from extproc.wire.pb.processor_pb2 import (
    BodyMutation,
    BodyResponse,
    CommonResponse,
    HeadersResponse,
    HttpHeaders,
    HttpStatus,
    ImmediateResponse,
    ProcessingResponse,
    StreamedBodyResponse,
    StreamedImmediateResponse,
    TrailersResponse,
)

_REQUEST: Final = Side.REQUEST
_HEADERS, _BODY, _TRAILERS = Phase.HEADERS, Phase.BODY, Phase.TRAILERS

_REQUEST_HEADERS: Final = key(ProcessingResponse, "request_headers")
_REQUEST_BODY: Final = key(ProcessingResponse, "request_body")
_REQUEST_TRAILERS: Final = key(ProcessingResponse, "request_trailers")
_RESPONSE_HEADERS: Final = key(ProcessingResponse, "response_headers")
_RESPONSE_BODY: Final = key(ProcessingResponse, "response_body")
_RESPONSE_TRAILERS: Final = key(ProcessingResponse, "response_trailers")
_IMMEDIATE: Final = key(ProcessingResponse, "immediate_response")
_STREAMED: Final = key(ProcessingResponse, "streamed_immediate_response")
# By phase.
_REQUEST_KEYS: Final = (_REQUEST_HEADERS, _REQUEST_BODY, _REQUEST_TRAILERS)
_RESPONSE_KEYS: Final = (_RESPONSE_HEADERS, _RESPONSE_BODY, _RESPONSE_TRAILERS)
_METADATA: Final = key(ProcessingResponse, "dynamic_metadata")
_OVERRIDE: Final = key(ProcessingResponse, "mode_override")

# Answers to headers and to bodies have their CommonResponse under the same key.
_COMMON: Final = key(HeadersResponse, "response")
assert key(BodyResponse, "response") == _COMMON
_REPLACE: Final = flag(CommonResponse, "status")
assert CommonResponse.CONTINUE_AND_REPLACE == 1
_HEADER_MUTATION: Final = key(CommonResponse, "header_mutation")
_BODY_MUTATION: Final = key(CommonResponse, "body_mutation")
_CLEAR_ROUTE: Final = flag(CommonResponse, "clear_route_cache")
_GUARD: Final = delimited(
    _HEADER_MUTATION, header_mutation(HeaderMutation(more=(("x-extproc-guard", b"not\nfull duplex"),)))
)
"""A header field with a line end in its value, which Envoy refuses in every mode that looks at it at all."""
_TRAILER_MUTATION: Final = key(TrailersResponse, "header_mutation")
_NEW_BODY: Final = key(BodyMutation, "body")
_CLEAR_BODY: Final = flag(BodyMutation, "clear_body")
_PIECE: Final = key(BodyMutation, "streamed_response")
_PIECE_DATA: Final = key(StreamedBodyResponse, "body")
_PIECE_END: Final = flag(StreamedBodyResponse, "end_of_stream")

_STATUS: Final = key(ImmediateResponse, "status")
_CODE: Final = key(HttpStatus, "code")
_REJECT_HEADERS: Final = key(ImmediateResponse, "headers")
_REJECT_BODY: Final = key(ImmediateResponse, "body")
_DETAILS: Final = key(ImmediateResponse, "details")

_STREAM_HEADERS: Final = key(StreamedImmediateResponse, "headers_response")
_STREAM_BODY: Final = key(StreamedImmediateResponse, "body_response")
_STREAM_TRAILERS: Final = key(StreamedImmediateResponse, "trailers_response")
_STREAM_MAP: Final = key(HttpHeaders, "headers")
_STREAM_END: Final = flag(HttpHeaders, "end_of_stream")

_MODE_KEYS: Final = (
    ("response_headers", key(ProcessingMode, "response_header_mode")),
    ("request_body", key(ProcessingMode, "request_body_mode")),
    ("response_body", key(ProcessingMode, "response_body_mode")),
    ("request_trailers", key(ProcessingMode, "request_trailer_mode")),
    ("response_trailers", key(ProcessingMode, "response_trailer_mode")),
)


def encode(effect: Effect) -> bytes:
    """The ProcessingResponse that carries out `effect`; TypeError for an effect that is not Envoy's to carry out."""
    kept = _known.get(id(effect))
    if kept is not None:
        return kept
    match effect:
        case Proceed():
            return _kept.put(effect, _proceed(effect)) if effect.lasting else _proceed(effect)
        case Chunk():
            return _chunk(effect)
        case Reject():
            return _reject(effect)
        case Override():
            return _modes(effect.modes)
        case StreamHeaders():
            fields = ((":status", b"%d" % effect.status), *effect.headers)
            return _stream(_STREAM_HEADERS, (delimited(_STREAM_MAP, header_map(fields)), _STREAM_END * effect.end))
        case StreamBody():
            return _stream(_STREAM_BODY, _piece(effect.data, effect.end))
        case StreamTrailers():
            return _stream(_STREAM_TRAILERS, (header_map(effect.headers),))
        case Inspect() | Withdraw() | Abort() | Record() | AttemptRecord():
            raise TypeError(f"{type(effect).__name__} is not for Envoy")
        case _:
            assert_never(effect)


def _proceed(answer: Proceed) -> bytes:
    phase, metadata, modes = answer.phase, answer.metadata, answer.modes
    # Comparing identities, not looking up: the hash of an enumeration is computed in Python.
    keys = _REQUEST_KEYS if answer.side is _REQUEST else _RESPONSE_KEYS
    member = keys[0 if phase is _HEADERS else 1 if phase is _BODY else 2]
    if answer.headers is None and answer.body is None and not (answer.clear_route or answer.replace):
        plain = member + b"\x00"
        if metadata is None and modes is None:
            return plain
        parts: ByteParts = (plain,)
    elif phase is _TRAILERS:
        parts = enclose(_trailer_mutation(answer), member)
    else:
        parts = enclose(_common(answer), _COMMON, member)
    if metadata is not None:
        parts += (_metadata(metadata),)
    return b"".join(parts if modes is None else (*parts, _modes(modes)))


def _common(answer: Proceed) -> ByteParts:
    """The content of a CommonResponse."""
    headers, body = answer.headers, answer.body
    head = _REPLACE if answer.replace else b""
    if headers is not None:
        head += delimited(_HEADER_MUTATION, header_mutation(headers))
    tail = _CLEAR_ROUTE if answer.clear_route else b""
    if body is None:
        return head, tail
    mutation = (_NEW_BODY, length(len(body)), body) if body else (_CLEAR_BODY,)
    return head, *enclose(mutation, _BODY_MUTATION), tail


def _trailer_mutation(answer: Proceed) -> ByteParts:
    """The content of a TrailersResponse."""
    if answer.body is not None or answer.replace or answer.clear_route:
        raise ValueError("trailers can be answered with header changes only")
    return () if answer.headers is None else (delimited(_TRAILER_MUTATION, header_mutation(answer.headers)),)


def _metadata(metadata: Metadata) -> bytes:
    if type(metadata) is OwnMetadata:
        return delimited(_METADATA, own_struct(metadata))
    # A plan gives the same metadata with each request for the same destination.
    return _metadata_kept.known.get(id(metadata)) or _metadata_kept.put(
        metadata, delimited(_METADATA, struct(metadata))
    )


def _override(modes: ModeOverride) -> bytes:
    set_modes = [before + varint(number) for name, before in _MODE_KEYS if (number := getattr(modes, name))]
    return delimited(_OVERRIDE, b"".join(set_modes))


def _modes(modes: ModeOverride) -> bytes:
    return _overrides.known.get(id(modes)) or _overrides.put(modes, _override(modes))


_overrides: Final = Kept[ModeOverride]()
_kept: Final = Kept[Effect]()
_known: Final = _kept.known
_metadata_kept: Final = Kept[Metadata]()


def _piece(data: bytes, end: bool) -> ByteParts:
    """The content of a StreamedBodyResponse."""
    mark = _PIECE_END if end else b""
    return (_PIECE_DATA, length(len(data)), data, mark) if data else (mark,)


def _chunk(chunk: Chunk) -> bytes:
    member = _REQUEST_BODY if chunk.side is _REQUEST else _RESPONSE_BODY
    piece = _piece(chunk.data, chunk.end)
    if chunk.guard:
        parts = enclose((_GUARD, *enclose(piece, _PIECE, _BODY_MUTATION)), _COMMON, member)
    else:
        parts = enclose(piece, _PIECE, _BODY_MUTATION, _COMMON, member)
    return b"".join(parts if chunk.metadata is None else (*parts, _metadata(chunk.metadata)))


def _reject(reject: Reject) -> bytes:
    # Any number can be sent: the enumeration of statuses is an open one.
    head = delimited(_STATUS, _CODE + varint(reject.status))
    if reject.headers:
        head += delimited(_REJECT_HEADERS, header_mutation(HeaderMutation(more=reject.headers)))
    content = (head, _REJECT_BODY, length(len(reject.body)), reject.body, delimited(_DETAILS, text(reject.details)))
    parts = enclose(content, _IMMEDIATE)
    return b"".join(parts if reject.metadata is None else (*parts, _metadata(reject.metadata)))


def _stream(member: bytes, content: ByteParts) -> bytes:
    return b"".join(enclose(content, member, _STREAMED))
