"""Random messages of our protos, made from their descriptors."""

from collections.abc import Container
from typing import TypeVar

from google.protobuf import message_factory
from google.protobuf.any_pb2 import Any as PbAny
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import BoolValue
from hypothesis import strategies as st

from tests.wire.schemas import short

M = TypeVar("M", bound=Message)

_SCALARS: dict[int, st.SearchStrategy[object]] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=300),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_STRING: st.text(max_size=20),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
}
_scalar = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8)
_json = _scalar | st.lists(_scalar, max_size=2) | st.dictionaries(st.text(max_size=8), _scalar, max_size=2)


@st.composite
def structs(draw: st.DrawFn) -> Struct:
    """Structs with scalars, lists and maps in them."""
    struct = Struct()
    struct.update(draw(st.dictionaries(st.text(max_size=8), _json, max_size=3)))
    return struct


_WELL_KNOWN: dict[str, st.SearchStrategy[Message]] = {
    "google.protobuf.Struct": structs(),
    "google.protobuf.Any": st.builds(PbAny, type_url=st.text(max_size=20), value=st.binary(max_size=20)),
    "google.protobuf.BoolValue": st.builds(BoolValue, value=st.booleans()),
    "google.protobuf.Duration": st.builds(Duration, seconds=st.integers(-1000, 1000)),
}


def values(field: FieldDescriptor, *, without: Container[tuple[str, str]] = ()) -> st.SearchStrategy[object]:
    """Values for one field, as its message's constructor takes them; repeated fields are not empty."""
    one: st.SearchStrategy[object]
    if field.enum_type is not None:
        one = st.sampled_from([value.number for value in field.enum_type.values])
    elif field.message_type is None:
        one = _SCALARS[field.type]
    elif field.message_type.GetOptions().map_entry:
        inner = values(field.message_type.fields_by_name["value"], without=without)
        return st.dictionaries(st.text(max_size=8), inner, min_size=1, max_size=2)
    elif field.message_type.full_name in _WELL_KNOWN:
        one = _WELL_KNOWN[field.message_type.full_name]
    else:
        one = messages(message_factory.GetMessageClass(field.message_type), without=without)
    return st.lists(one, min_size=1, max_size=3) if field.is_repeated else one


def messages(kind: type[M], *, without: Container[tuple[str, str]] = ()) -> st.SearchStrategy[M]:
    """Messages with any of the fields but those named `without` (message, field); one member of a oneof stays."""
    chosen = {
        field.name: values(field, without=without)
        for field in Default().FindMessageTypeByName(kind.DESCRIPTOR.full_name).fields
        if (short(kind.DESCRIPTOR.full_name), field.name) not in without
    }
    return st.fixed_dictionaries({}, optional=chosen).map(lambda picked: kind(**picked))
