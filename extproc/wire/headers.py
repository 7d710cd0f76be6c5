"""Header changes and header maps to bytes."""

from collections.abc import Iterable
from typing import Final

from extproc.protocol.effects import HeaderMutation
from extproc.protocol.headers import Field
from extproc.wire.fields import Memo, delimited, flag, key, text, varint
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


# Backends, models and credentials repeat; both hold what the policy holds and forget it under pressure.
_set_memo: Final = Memo(_set)
_removals_memo: Final = Memo(_removals)


def header_mutation(mutation: HeaderMutation) -> bytes:
    """The content of a HeaderMutation."""
    fields = [_set_memo[field] for field in mutation.set]
    for field in mutation.more:
        fields.append(_set(field))  # noqa: PERF401  - there is one at most, and extending by a generator costs more
    if mutation.remove:
        fields.append(_removals_memo[mutation.remove])
    return b"".join(fields)


def header_map(fields: Iterable[Field]) -> bytes:
    """The content of a HeaderMap."""
    return b"".join([delimited(_HEADERS, _header(field)) for field in fields])
