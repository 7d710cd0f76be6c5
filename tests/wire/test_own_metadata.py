"""Metadata of one exchange: written as protobuf reads it, and not kept."""

from google.protobuf.json_format import MessageToDict

from extproc.protocol.effects import MetadataValue, OwnMetadata, Phase, Proceed
from extproc.protocol.messages import Side
from extproc.wire.encode import encode
from extproc.wire.pb.processor_pb2 import ProcessingResponse


def carried(metadata: OwnMetadata) -> object:
    written = encode(Proceed(Side.RESPONSE, Phase.BODY, metadata=metadata))
    response = ProcessingResponse.FromString(written)
    assert response.WhichOneof("response") == "response_body"
    return MessageToDict(response.dynamic_metadata)


def test_numbers_texts_truths_and_mappings_of_numbers_are_written() -> None:
    values: dict[str, MetadataValue] = {
        "tokens": 12,
        "cost": 0.0321,
        "name": "caf\u00e9 \ud800",  # a lone surrogate is no UTF-8
        "true": True,
        "zero": 0,
        "findings": {"pii": 2, "secrets": 1.0},
        "none": {},
    }
    assert carried(OwnMetadata({"a": values})) == {"a": {**values, "name": "caf\u00e9 ?"}}


def test_a_number_beyond_a_double_is_infinite() -> None:
    written = encode(Proceed(Side.RESPONSE, Phase.BODY, metadata=OwnMetadata({"a": {"tokens": 10**400}})))
    found = ProcessingResponse.FromString(written).dynamic_metadata.fields["a"].struct_value.fields["tokens"]
    assert found.number_value == float("inf")


def test_metadata_of_one_exchange_is_read_anew_each_time() -> None:
    metadata = OwnMetadata({"a": {"tokens": 1}})
    assert carried(metadata) == {"a": {"tokens": 1}}
    metadata["a"] = {"tokens": 2}
    assert carried(metadata) == {"a": {"tokens": 2}}
