"""The tokens that Envoy's filter ai_protocol_manager counted, from the typed metadata of a message."""

from typing import Final

from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import UInt64Value

from extproc.protocol.record import Usage
from extproc.wire.pb.processor_pb2 import ProcessingRequest
from extproc.wire.pb.tokens_pb2 import TokenUsage

NAMESPACE: Final = "envoy.ai.token_usage"
"""The namespace in which the filter writes them, unless its configuration names another."""

MODEL_MAX: Final = 128
"""Characters of the model's name, which a backend writes as it likes."""

COUNT_MAX: Final = 2**53
"""A count from here on is none: no response has a thousandth of it."""

Counted = tuple[Usage | None, str]

NOT_COUNTED: Final[Counted] = (None, "")


def counted(request: ProcessingRequest) -> Counted:
    """Return the counts, None if there are none, and the model that the response names."""
    metadata = request.metadata_context.typed_filter_metadata
    if NAMESPACE not in metadata:
        return NOT_COUNTED
    try:
        found = TokenUsage.FromString(metadata[NAMESPACE].value)
    except DecodeError:
        return NOT_COUNTED
    given, made = _number(found, "input_tokens"), _number(found, "output_tokens")
    model = found.model[:MODEL_MAX]
    if given is None and made is None:
        return None, model
    inside, outside = found.input_token_details, found.output_token_details
    usage = Usage(
        given,
        made,
        _number(inside, "cached_tokens"),
        _number(outside, "reasoning_tokens"),
        _number(inside, "cache_creation_tokens"),
        source="envoy",
    )
    return usage, model if model.isprintable() else ""


def _number(found: object, name: str) -> int | None:
    if not found.HasField(name):  # type: ignore[attr-defined]
        return None
    number: UInt64Value = getattr(found, name)
    return number.value if number.value < COUNT_MAX else None
