"""The tokens that Envoy counted, from the typed metadata of a message with trailers."""

from google.protobuf.any_pb2 import Any
from google.protobuf.wrappers_pb2 import UInt64Value

from extproc.protocol.messages import Side, Trailers
from extproc.protocol.record import Usage
from extproc.wire.decode import decode
from extproc.wire.pb.processor_pb2 import HttpTrailers, ProcessingRequest
from extproc.wire.pb.tokens_pb2 import InputTokenDetails, OutputTokenDetails, TokenUsage
from extproc.wire.tokens import COUNT_MAX, MODEL_MAX, NAMESPACE


def number(value: int) -> UInt64Value:
    return UInt64Value(value=value)


def trailers(value: bytes | None, namespace: str = NAMESPACE) -> Trailers:
    request = ProcessingRequest(response_trailers=HttpTrailers())
    if value is not None:
        url = "type.googleapis.com/envoy.data.ai.v3.TokenUsage"
        request.metadata_context.typed_filter_metadata[namespace].CopyFrom(Any(type_url=url, value=value))
    message = decode(request.SerializeToString())
    assert isinstance(message, Trailers)
    assert message.side is Side.RESPONSE
    return message


def test_counts_of_every_kind_are_read() -> None:
    counted = TokenUsage(
        llm_protocol=3,
        model="opus",
        input_tokens=number(1110),
        output_tokens=number(7),
        total_tokens=number(1117),
        input_token_details=InputTokenDetails(cached_tokens=number(100), cache_creation_tokens=number(1000)),
        output_token_details=OutputTokenDetails(reasoning_tokens=number(0)),
        extraction_status=TokenUsage.COMPLETE,
    )
    found = trailers(counted.SerializeToString())
    assert found.usage == Usage(1110, 7, 100, 0, 1000, source="envoy")
    assert found.model == "opus"


def test_what_was_not_counted_is_not_known() -> None:
    assert trailers(None).usage is None
    assert trailers(TokenUsage(model="m").SerializeToString()).usage is None
    assert trailers(TokenUsage(model="m").SerializeToString()).model == "m"
    assert trailers(TokenUsage(input_tokens=number(3)).SerializeToString(), "another").usage is None
    assert trailers(TokenUsage(input_tokens=number(3)).SerializeToString()).usage == Usage(3, source="envoy")


def test_nonsense_is_not_counted() -> None:
    assert trailers(b"\xff\xff").usage is None
    assert trailers(TokenUsage(input_tokens=number(COUNT_MAX)).SerializeToString()).usage is None
    most = trailers(TokenUsage(input_tokens=number(COUNT_MAX - 1)).SerializeToString()).usage
    assert most == Usage(COUNT_MAX - 1, source="envoy")
    long = TokenUsage(input_tokens=number(1), model="m" * (MODEL_MAX + 1)).SerializeToString()
    assert trailers(long).model == "m" * MODEL_MAX
    assert trailers(TokenUsage(input_tokens=number(1), model="a\nb").SerializeToString()).model == ""
