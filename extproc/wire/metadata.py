"""Dynamic metadata to the bytes of a google.protobuf.Struct of Structs."""

from math import inf
from typing import Final, TypeAlias

from google.protobuf.struct_pb2 import Struct, Value

from extproc.protocol.effects import Metadata, MetadataValue
from extproc.wire.fields import Memo, delimited, double, key, text

_FIELDS: Final = key(Struct, "fields")
_KEY: Final = key(Struct.FieldsEntry, "key")
_VALUE: Final = key(Struct.FieldsEntry, "value")
_STRING: Final = key(Value, "string_value")
_NUMBER: Final = key(Value, "number_value")
_BOOL: Final = key(Value, "bool_value")
_STRUCT: Final = key(Value, "struct_value")

# The type belongs to the key: to a dict, True and 1 and 1.0 are one.
_Typed: TypeAlias = tuple[str, MetadataValue, type]


def _number(value: float) -> bytes:
    """A double; an integer beyond its range (a provider can claim any token count) is infinite."""
    try:
        return double(float(value))
    except OverflowError:
        return double(inf if value > 0 else -inf)


def _value(value: MetadataValue) -> bytes:
    if isinstance(value, str):
        return delimited(_STRING, text(value))
    if isinstance(value, bool):
        return _BOOL + (b"\x01" if value else b"\x00")
    return _NUMBER + _number(value)


def _entry(name: str, value: bytes) -> bytes:
    return delimited(_FIELDS, delimited(_KEY, text(name)) + delimited(_VALUE, value))


def _typed_entry(typed: _Typed) -> bytes:
    name, value, _ = typed
    return _entry(name, _value(value))


_entries: Final[Memo[_Typed]] = Memo(_typed_entry)


def struct(metadata: Metadata) -> bytes:
    """The content of a Struct that maps each namespace to a Struct of its values."""
    namespaces = []
    for name, values in metadata.items():
        entries = b"".join([_entries[key, value, value.__class__] for key, value in values.items()])
        namespaces.append(_entry(name, delimited(_STRUCT, entries)))
    return b"".join(namespaces)
