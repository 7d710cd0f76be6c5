"""Our protos against what others publish (xds-protos, grpcio-health-checking) and against the Envoy binary itself."""

import subprocess
import sys
from collections.abc import Mapping, MutableSequence
from itertools import permutations
from pathlib import Path

import pytest
from google.protobuf import message_factory
from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from hypothesis import given

from extproc.wire.pb.processor_pb2 import (
    HttpBody,
    HttpHeaders,
    ProcessingRequest,
    ProcessingResponse,
    StreamedBodyResponse,
    StreamedImmediateResponse,
)
from tests.gathered import gathered
from tests.wire.schemas import Schemas, fields, in_the_binary, ours, published, short
from tests.wire.strategies import messages, values

ROOT = Path(__file__).parents[2]

# What Envoy 1.40 has and xds-protos 1.85 has not, or has otherwise, with the numbers of Envoy 1.40.
NEWER = {
    ("ProcessingRequest", "flow_control_init"): 12,
    ("ProcessingRequest", "client_window_update"): 13,
    ("ProcessingResponse", "streamed_immediate_response"): 11,
    ("ProcessingResponse", "request_drain"): 12,  # 11 in xds-protos
    ("ProcessingResponse", "typed_dynamic_metadata"): 13,
    ("ProcessingResponse", "server_window_update"): 14,
    ("ProcessingResponse", "request_drain_requests"): 15,
    ("ProcessingResponse", "request_drain_responses"): 16,
    ("HttpBody", "drain_complete"): 5,
    ("StreamedBodyResponse", "drain_complete"): 5,
    ("StreamedImmediateResponse", "headers_response"): 1,
    ("StreamedImmediateResponse", "body_response"): 2,
    ("StreamedImmediateResponse", "trailers_response"): 3,
    ("ProcessingRequest.FlowControlInit", "initial_window_downstream_to_sidestream"): 1,
    ("ProcessingRequest.FlowControlInit", "initial_window_sidestream_to_upstream"): 2,
    ("ProcessingRequest.FlowControlInit", "initial_window_upstream_to_sidestream"): 3,
    ("ProcessingRequest.FlowControlInit", "initial_window_sidestream_to_downstream"): 4,
    ("ProcessingRequest.ClientWindowUpdate", "window_increment_sidestream_to_upstream"): 1,
    ("ProcessingRequest.ClientWindowUpdate", "window_increment_sidestream_to_downstream"): 2,
    ("ProcessingResponse.ServerWindowUpdate", "window_increment_downstream_to_sidestream"): 1,
    ("ProcessingResponse.ServerWindowUpdate", "window_increment_upstream_to_sidestream"): 2,
    ("ProcessingResponse.TypedDynamicMetadataEntry", "key"): 1,
    ("ProcessingResponse.TypedDynamicMetadataEntry", "value"): 2,
}


OUR_FIELDS = [(message, field) for message, schema in ours().messages.items() for field in fields(schema)]
SHARED = [(message, field) for message, field in OUR_FIELDS if (short(message), field) not in NEWER]
PROCESSING = [name for name in ours().messages if name.startswith("extproc.v1.")]


def shape(theirs: Schemas, message: DescriptorProto, field: FieldDescriptorProto) -> tuple[object, ...]:
    """Everything of a field that decides its bytes; types by the names that `theirs` has for them."""
    kind = field.type_name.removeprefix(".")
    kind = (theirs.namesake(kind) or kind) if kind.startswith("extproc.") else kind
    oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None
    return field.number, field.type, field.label, kind, oneof


def same_shape(theirs: Schemas, message: str, field: str) -> bool:
    name = theirs.namesake(message)
    if name is None or field not in fields(theirs.messages[name]):
        return False
    mine, other = ours().messages[message], theirs.messages[name]
    return shape(theirs, mine, fields(mine)[field]) == shape(theirs, other, fields(other)[field])


@gathered("message", PROCESSING)
def test_a_message_has_every_field_that_the_envoy_binary_has_and_no_other(message: str) -> None:
    theirs = in_the_binary()
    name = theirs.namesake(message)
    assert name is not None
    assert set(fields(ours().messages[message])) == set(fields(theirs.messages[name]))
    assert all(same_shape(theirs, message, field) for field in fields(ours().messages[message]))


@gathered(("message", "field"), SHARED)
def test_a_field_has_the_number_type_and_label_that_others_publish(message: str, field: str) -> None:
    assert same_shape(published(), message, field)


def test_what_differs_from_the_published_protos_is_exactly_what_is_newer() -> None:
    differing = {
        (short(message), field) for message, field in OUR_FIELDS if not same_shape(published(), message, field)
    }
    assert differing == set(NEWER)


@gathered(("message", "field"), NEWER)
def test_a_newer_field_has_the_number_of_envoy_1_40(message: str, field: str) -> None:
    assert fields(ours().messages[f"extproc.v1.{message}"])[field].number == NEWER[message, field]


@pytest.mark.parametrize("name", ours().enums)
@pytest.mark.parametrize("theirs", [published(), in_the_binary()], ids=["published", "binary"])
def test_an_enumeration_has_the_names_and_numbers_of_others(name: str, theirs: Schemas) -> None:
    namesake = theirs.namesake(name)
    if name.startswith("extproc.health.") and theirs is in_the_binary():
        assert namesake is None  # the binary's own health messages are not looked for
        return
    assert namesake is not None
    mine = {value.name: value.number for value in ours().enums[name].value}
    other = {value.name: value.number for value in theirs.enums[namesake].value}
    # Statuses are HTTP's own numbers, and only the zero that proto3 demands is named.
    assert mine == ({"Empty": 0} if name == "extproc.v1.StatusCode" else other)
    assert mine.items() <= other.items()


# Bytes: what one writes, the other reads to the same values and writes again to the same bytes.


def namesake_of(message: Message) -> Message:
    name = published().namesake(message.DESCRIPTOR.full_name)
    assert name is not None
    return message_factory.GetMessageClass(Default().FindMessageTypeByName(name))()


def read(value: object) -> object:
    """What a message says, by field names; what was parsed as an unknown field is not part of it."""
    if isinstance(value, Message) and value.DESCRIPTOR.file.package != "google.protobuf":
        return {field.name: read(inner) for field, inner in value.ListFields()}
    if isinstance(value, Mapping):
        return {name: read(inner) for name, inner in value.items()}
    return [read(inner) for inner in value] if isinstance(value, MutableSequence) else value


def agree(mine: Message) -> bool:
    written = mine.SerializeToString(deterministic=True)
    theirs = namesake_of(mine)
    theirs.ParseFromString(written)
    back = type(mine)()
    back.ParseFromString(theirs.SerializeToString())
    return read(theirs) == read(mine) and theirs.SerializeToString(deterministic=True) == written and back == mine


@gathered(("message", "field"), [each for each in SHARED if not each[0].endswith("Entry")])
def test_a_field_that_one_writes_the_other_reads(message: str, field: str) -> None:
    descriptor = Default().FindMessageTypeByName(message)
    kind = message_factory.GetMessageClass(descriptor)

    @given(values(descriptor.fields_by_name[field], without=NEWER).filter(bool))
    def check(value: object) -> None:
        mine = kind(**{field: value})
        assert mine.ByteSize() > 0
        assert agree(mine)

    if field == "code":
        assert agree(kind(code=403))  # the published enumeration names it, ours does not
    else:
        check()


@given(messages(ProcessingRequest, without=NEWER) | messages(ProcessingResponse, without=NEWER))
def test_a_whole_message_that_one_writes_the_other_reads(message: Message) -> None:
    assert agree(message)


@pytest.mark.parametrize(
    ("message", "written"),
    [
        (
            ProcessingResponse(
                streamed_immediate_response=StreamedImmediateResponse(headers_response=HttpHeaders(end_of_stream=True))
            ),
            "5a 04 0a 02 18 01",
        ),
        (
            ProcessingResponse(
                streamed_immediate_response=StreamedImmediateResponse(body_response=StreamedBodyResponse(body=b"hi"))
            ),
            "5a 06 12 04 0a 02 68 69",
        ),
        (ProcessingResponse(streamed_immediate_response={"trailers_response": {}}), "5a 02 1a 00"),
        (ProcessingResponse(request_drain=True), "60 01"),
        (ProcessingResponse(typed_dynamic_metadata={"a": PbAny(value=b"b")}), "6a 08 0a 01 61 12 03 12 01 62"),
        (ProcessingResponse(server_window_update={"window_increment_upstream_to_sidestream": 3}), "72 02 10 03"),
        (ProcessingResponse(request_drain_requests=True, request_drain_responses=True), "78 01 80 01 01"),
        (ProcessingRequest(flow_control_init={"initial_window_sidestream_to_downstream": 3}), "62 02 20 03"),
        (ProcessingRequest(client_window_update={"window_increment_sidestream_to_downstream": 3}), "6a 02 10 03"),
        (HttpBody(drain_complete=True), "28 01"),
        (StreamedBodyResponse(drain_complete=True), "28 01"),
    ],
)
def test_a_newer_field_has_the_bytes_of_envoy_1_40(message: Message, written: str) -> None:
    assert message.SerializeToString() == bytes.fromhex(written)


# Living together.

LIBRARIES = (
    "extproc.wire.pb.processor_pb2, extproc.wire.pb.health_pb2",
    "envoy.service.ext_proc.v3.external_processor_pb2",
    "grpc_health.v1.health_pb2",
)


@pytest.mark.parametrize("order", list(permutations(LIBRARIES)))
def test_our_protos_load_beside_those_of_others_in_any_order(order: tuple[str, ...]) -> None:
    script = "\n".join(f"import {modules}" for modules in order)
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, cwd=ROOT, timeout=60)
