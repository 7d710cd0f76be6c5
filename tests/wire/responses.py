"""Answers written with protobuf objects, plainly and slowly: what `encode` must be equal to."""

from collections.abc import Iterable
from typing import assert_never, cast

from extproc.protocol.effects import (
    Abort,
    Chunk,
    Effect,
    HeaderMutation,
    Inspect,
    Metadata,
    Override,
    Proceed,
    Reject,
    StreamBody,
    StreamHeaders,
    StreamTrailers,
    Withdraw,
)
from extproc.protocol.headers import Field
from extproc.protocol.messages import Side
from extproc.protocol.modes import ModeOverride
from extproc.protocol.record import AttemptRecord, Record
from extproc.wire.pb.headers_pb2 import HeaderMap, HeaderValue, HeaderValueOption
from extproc.wire.pb.headers_pb2 import HeaderMutation as PbHeaderMutation
from extproc.wire.pb.processor_pb2 import CommonResponse, ProcessingResponse, StatusCode


def response(effect: Effect) -> ProcessingResponse:
    written = ProcessingResponse()
    match effect:
        case Proceed():
            _proceed(written, effect)
        case Chunk():
            answer = written.request_body if effect.side is Side.REQUEST else written.response_body
            piece = answer.response.body_mutation.streamed_response
            piece.SetInParent()
            piece.body, piece.end_of_stream = effect.data, effect.end
            _metadata(written, effect.metadata)
        case Override():
            _modes(written, effect.modes)
        case Reject():
            immediate = written.immediate_response
            immediate.status.code = cast("StatusCode", effect.status)  # an open enumeration takes any number
            if effect.headers:
                immediate.headers.CopyFrom(_mutation(HeaderMutation(effect.headers)))
            immediate.body, immediate.details = effect.body, effect.details
            _metadata(written, effect.metadata)
        case StreamHeaders():
            opening = written.streamed_immediate_response.headers_response
            opening.headers.CopyFrom(_map([(":status", str(effect.status).encode()), *effect.headers]))
            opening.end_of_stream = effect.end
        case StreamBody():
            data = written.streamed_immediate_response.body_response
            data.SetInParent()
            data.body, data.end_of_stream = effect.data, effect.end
        case StreamTrailers():
            written.streamed_immediate_response.trailers_response.CopyFrom(_map(effect.headers))
            written.streamed_immediate_response.trailers_response.SetInParent()
        case Inspect() | Withdraw() | Abort() | Record() | AttemptRecord():
            raise AssertionError("not for Envoy")
        case _:
            assert_never(effect)
    return written


def _proceed(written: ProcessingResponse, answer: Proceed) -> None:
    member = getattr(written, f"{answer.side.value}_{answer.phase.value}")
    member.SetInParent()
    if answer.phase.value == "trailers":
        if answer.headers is not None:
            member.header_mutation.CopyFrom(_mutation(answer.headers))
            member.header_mutation.SetInParent()
    elif answer.headers is not None or answer.body is not None or answer.replace or answer.clear_route:
        _common(member.response, answer)
    if answer.modes is not None:
        _modes(written, answer.modes)
    _metadata(written, answer.metadata)


def _common(common: CommonResponse, answer: Proceed) -> None:
    common.SetInParent()
    common.status = CommonResponse.CONTINUE_AND_REPLACE if answer.replace else CommonResponse.CONTINUE
    common.clear_route_cache = answer.clear_route
    if answer.headers is not None:
        common.header_mutation.CopyFrom(_mutation(answer.headers))
        common.header_mutation.SetInParent()
    if answer.body:
        common.body_mutation.body = answer.body
    elif answer.body is not None:
        common.body_mutation.clear_body = True


def _mutation(mutation: HeaderMutation) -> PbHeaderMutation:
    options = [
        HeaderValueOption(
            header=HeaderValue(key=name, raw_value=value),
            append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
            keep_empty_value=not value,
        )
        for name, value in mutation.sets
    ]
    return PbHeaderMutation(set_headers=options, remove_headers=mutation.remove)


def _map(fields: Iterable[Field]) -> HeaderMap:
    return HeaderMap(headers=[HeaderValue(key=name, raw_value=value) for name, value in fields])


def _modes(written: ProcessingResponse, modes: ModeOverride) -> None:
    override = written.mode_override
    override.SetInParent()
    for field, value in (
        ("request_body_mode", modes.request_body),
        ("response_body_mode", modes.response_body),
        ("response_header_mode", modes.response_headers),
        ("request_trailer_mode", modes.request_trailers),
        ("response_trailer_mode", modes.response_trailers),
    ):
        setattr(override, field, int(value))


def _metadata(written: ProcessingResponse, metadata: Metadata | None) -> None:
    if metadata is None:
        return
    written.dynamic_metadata.SetInParent()
    for namespace, values in metadata.items():
        struct = written.dynamic_metadata.fields[namespace].struct_value
        struct.SetInParent()
        for key, value in values.items():
            # `update` of a Struct would do, but for integers that are too large for a double.
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**1023:
                struct[key] = float("inf") if value > 0 else float("-inf")
            else:
                struct[key] = value
