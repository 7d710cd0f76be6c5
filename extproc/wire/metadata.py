"""Dynamic metadata to the bytes of a google.protobuf.Struct of Structs."""

from collections.abc import Mapping
from math import inf
from typing import Final, TypeAlias

from google.protobuf.struct_pb2 import Struct, Value

from extproc.protocol.effects import Metadata, MetadataValue, OwnMetadata
from extproc.wire.fields import Memo, delimited, double, key, text

_FIELDS: Final = key(Struct, "fields")
_KEY: Final = key(Struct.FieldsEntry, "key")
_VALUE: Final = key(Struct.FieldsEntry, "value")
_STRING: Final = key(Value, "string_value")
_NUMBER: Final = key(Value, "number_value")
_BOOL: Final = key(Value, "bool_value")
_MAPPING: Final = key(Value, "struct_value")

_LARGE: Final = 1e300
"""Numbers below it have a place in a double."""

_Scalar: TypeAlias = str | int | float | bool

# The type belongs to the key: to a dict, True and 1 and 1.0 are one.
_Typed: TypeAlias = tuple[str, _Scalar, type]


def _number(value: float) -> bytes:
    """A double; an integer beyond its range (a provider can claim any token count) is infinite."""
    try:
        return double(float(value))
    except OverflowError:
        return double(inf if value > 0 else -inf)


def _value(value: _Scalar) -> bytes:
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


def _number_head(name: str) -> bytes:
    """The bytes of an entry with a number, but for the number."""
    return _entry(name, _NUMBER + double(0.0))[:-8]


_entries: Final[Memo[_Typed]] = Memo(_typed_entry)
_heads: Final[Memo[str]] = Memo(_number_head)


def struct(metadata: Metadata) -> bytes:
    """The content of a Struct that maps each namespace to a Struct of its values."""
    namespaces = []
    for name, values in metadata.items():
        entries = b"".join([_of(key, value) for key, value in values.items()])
        namespaces.append(_entry(name, delimited(_MAPPING, entries)))
    return b"".join(namespaces)


def own_struct(metadata: OwnMetadata) -> bytes:
    """The same for metadata of one exchange: written for the numbers that it consists of."""
    namespaces = []
    for name, values in metadata.items():
        parts = []
        for each, value in values.items():
            # Numbers are others each time: remembered, they would push out what repeats.
            if type(value) is int or type(value) is float:
                parts.append(_heads[each] + (double(value) if value < _LARGE else _number(value)))
            else:
                parts.append(_of(each, value))
        namespaces.append(_entry(name, delimited(_MAPPING, b"".join(parts))))
    return b"".join(namespaces)


def _of(name: str, value: MetadataValue) -> bytes:
    if isinstance(value, Mapping):
        return _entry(name, delimited(_MAPPING, b"".join([_heads[each] + _number(n) for each, n in value.items()])))
    return _entries[name, value, value.__class__]
