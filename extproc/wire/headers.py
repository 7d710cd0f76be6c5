"""Header changes and header maps to bytes."""

from collections.abc import Iterable
from typing import Final

from extproc.protocol.effects import HeaderMutation
from extproc.protocol.headers import Field
from extproc.wire.fields import Kept, delimited, flag, key, text, varint
from extproc.wire.pb.headers_pb2 import HeaderMap, HeaderValue, HeaderValueOption
from extproc.wire.pb.headers_pb2 import HeaderMutation as PbHeaderMutation

_NAME: Final = key(HeaderValue, "key")
_VALUE: Final = key(HeaderValue, "raw_value")
_HEADER: Final = key(HeaderValueOption, "header")
_OVERWRITE: Final = key(HeaderValueOption, "append_action") + varint(HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
_KEEP_EMPTY: Final = flag(HeaderValueOption, "keep_empty_value")
_SET: Final = key(PbHeaderMutation, "set_headers")
_REMOVE: Final = key(PbHeaderMutation, "remove_headers")
_HEADERS: Final = key(HeaderMap, "headers")


def _header(field: Field) -> bytes:
    name, value = field
    return delimited(_NAME, text(name)) + delimited(_VALUE, value)


def _set(field: Field) -> bytes:
    keep = b"" if field[1] else _KEEP_EMPTY
    return delimited(_SET, delimited(_HEADER, _header(field)) + _OVERWRITE + keep)


def _removals(names: tuple[str, ...]) -> bytes:
    return b"".join([delimited(_REMOVE, text(name)) for name in names])


# Backends, models and credentials repeat: a plan gives the same tuples with each request for the same destination.
_sets_kept: Final = Kept[tuple[Field, ...]]()
_removals_kept: Final = Kept[tuple[str, ...]]()


def header_mutation(mutation: HeaderMutation) -> bytes:
    """The content of a HeaderMutation."""
    sets, remove, more = mutation.set, mutation.remove, mutation.more
    encoded = b""
    if sets:
        encoded = _sets_kept.known.get(id(sets)) or _sets_kept.put(sets, b"".join([_set(field) for field in sets]))
    for field in more:
        encoded += _set(field)
    if remove:
        encoded += _removals_kept.known.get(id(remove)) or _removals_kept.put(remove, _removals(remove))
    return encoded


def header_map(fields: Iterable[Field]) -> bytes:
    """The content of a HeaderMap."""
    return b"".join([delimited(_HEADERS, _header(field)) for field in fields])
