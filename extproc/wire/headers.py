"""Header changes and header maps to bytes."""

from collections.abc import Iterable
from typing import Final

from extproc.protocol.effects import HeaderMutation
from extproc.protocol.headers import Field
from extproc.wire.fields import LENGTHS, SHORT, Kept, Memo, delimited, flag, key, text, varint
from extproc.wire.pb.headers_pb2 import HeaderMap, HeaderValue, HeaderValueOption
from extproc.wire.pb.headers_pb2 import HeaderMutation as PbHeaderMutation

_NAME: Final = key(HeaderValue, "key")
_VALUE: Final = key(HeaderValue, "raw_value")
_HEADER: Final = key(HeaderValueOption, "header")
_OVERWRITE: Final = key(HeaderValueOption, "append_action") + varint(HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
_OVERWRITE_EMPTY: Final = _OVERWRITE + flag(HeaderValueOption, "keep_empty_value")
_SET: Final = key(PbHeaderMutation, "set_headers")
_REMOVE: Final = key(PbHeaderMutation, "remove_headers")
_HEADERS: Final = key(HeaderMap, "headers")


# Names are the policy's and this program's own, values are not: a length, a credential.
_names: Final = Memo[str](lambda name: delimited(_NAME, text(name)))


def _set(field: Field) -> bytes:
    name, value = field
    size = len(value)
    # Not by `delimited`, whose three calls would be half of what a header takes.
    header = _names[name] + _VALUE + (LENGTHS[size] if size < SHORT else varint(size)) + value
    size = len(header)
    option = _HEADER + (LENGTHS[size] if size < SHORT else varint(size)) + header
    option += _OVERWRITE if value else _OVERWRITE_EMPTY
    size = len(option)
    return _SET + (LENGTHS[size] if size < SHORT else varint(size)) + option


# Backends, models and credentials repeat: a plan gives the same tuples with each request for the same destination.
_sets_kept: Final = Kept[tuple[Field, ...]]()


class RemovalsMemo(Memo[tuple[str, ...]]):
    """Encodings of removals by their names: those that only some requests need are put together for each of them.

    At most 1 MiB, as any memo. The headers that may hold a client's credential take 800 bytes.
    """

    MOST = 256
    LONGEST = 4096

    __slots__ = ()


_removals: Final = RemovalsMemo(lambda names: b"".join([delimited(_REMOVE, text(name)) for name in names]))


def header_mutation(mutation: HeaderMutation) -> bytes:
    """The content of a HeaderMutation."""
    sets, remove, more = mutation.set, mutation.remove, mutation.more
    encoded = b""
    if sets:
        encoded = _sets_kept.known.get(id(sets)) or _sets_kept.put(sets, b"".join([_set(field) for field in sets]))
    for field in more:
        encoded += _set(field)
    return encoded + _removals[remove] if remove else encoded


def header_map(fields: Iterable[Field]) -> bytes:
    """The content of a HeaderMap."""
    return b"".join([delimited(_HEADERS, _names[name] + delimited(_VALUE, value)) for name, value in fields])
