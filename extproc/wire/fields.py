"""Protobuf's wire format, as far as answers need it: keys, lengths, and messages within messages.

Answers are written by hand because this is what every message of every exchange pays for: joining a few bytes, most of
them known beforehand, takes a fraction of the time of building message objects. Field numbers are not written here or
anywhere else: they come from the descriptors, by name.
"""

from collections.abc import Callable
from struct import Struct
from typing import ClassVar, Final, Generic, TypeAlias, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_VARINT, _FIXED64, _DELIMITED = 0, 1, 2
_WIRE_TYPES: Final = {
    FieldDescriptor.TYPE_BOOL: _VARINT,
    FieldDescriptor.TYPE_ENUM: _VARINT,
    FieldDescriptor.TYPE_DOUBLE: _FIXED64,
    FieldDescriptor.TYPE_STRING: _DELIMITED,
    FieldDescriptor.TYPE_BYTES: _DELIMITED,
    FieldDescriptor.TYPE_MESSAGE: _DELIMITED,
}

double: Final = Struct("<d").pack

ByteParts: TypeAlias = tuple[bytes, ...]
"""Bytes to be joined. A body of many MB within four messages is copied once, not four times."""

K = TypeVar("K")


def varint(number: int) -> bytes:
    """`number` in groups of seven bits, lowest first; a negative one as 64 bits of two's complement."""
    number &= (1 << 64) - 1
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


SHORT: Final = 2048
"""Header fields, metadata and most server-sent events are shorter; the table takes 90 KiB."""
LENGTHS: Final = tuple(varint(number) for number in range(SHORT))


def length(size: int) -> bytes:
    """The varint of a size in bytes."""
    return LENGTHS[size] if size < SHORT else varint(size)


def key(message: type[Message], name: str) -> bytes:
    """Return what stands before the value of the field `name` of `message`: its number and wire type."""
    field = message.DESCRIPTOR.fields_by_name[name]
    return varint(field.number << 3 | _WIRE_TYPES[field.type])


def flag(message: type[Message], name: str) -> bytes:
    """The field `name` of `message`, a bool or an enumeration, with the value true or 1."""
    return key(message, name) + b"\x01"


def delimited(before: bytes, value: bytes) -> bytes:
    """A whole field of bytes, text or a message; `before` is its key."""
    size = len(value)
    # Not by `length`: with it, half of the calls that an answer takes would be to that.
    return before + (LENGTHS[size] if size < SHORT else varint(size)) + value


def enclose(parts: ByteParts, *path: bytes) -> ByteParts:
    """Messages within messages, each the only field of the next: `path` has their keys, from the inside out."""
    content = sum(map(len, parts))
    head = b""
    for before in path:
        size = content + len(head)
        head = before + (LENGTHS[size] if size < SHORT else varint(size)) + head
    return head, *parts


def text(value: str) -> bytes:
    """UTF-8, which protobuf insists on: a lone surrogate, legal in JSON, would make Envoy refuse the whole answer."""
    return value.encode("utf-8", "replace")


class Memo(dict[K, bytes]):
    """Encodings by value, for what repeats from one exchange to the next.

    A lookup that hits costs no Python call. Bounded twice: an encoding longer than `LONGEST` is not kept, and a memo
    that holds `MOST` is emptied, so that a run of values that never repeat (request ids) costs no more than the
    rebuilding of those that do. At most 1 MiB a memo.
    """

    MOST: ClassVar[int] = 1024
    LONGEST: ClassVar[int] = 512

    __slots__ = ("_build",)

    def __init__(self, build: Callable[[K], bytes]) -> None:
        super().__init__()
        self._build = build

    def __missing__(self, value: K) -> bytes:
        encoding = self._build(value)
        if len(encoding) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[value] = encoding
        return encoding


class Kept(Generic[K]):
    """Encodings by identity, for objects that are given again and again: no hash of their content is computed.

    An object is held as long as its encoding, so that its identity is nobody else's. Bounded as a `Memo` is by `MOST`.
    """

    MOST: Final = 1024

    __slots__ = ("_held", "known")

    def __init__(self) -> None:
        self._held: list[K] = []
        self.known: dict[int, bytes] = {}
        """By `id`. To be looked into: a method for that would cost as much as the rest."""

    def put(self, value: K, encoding: bytes) -> bytes:
        """Keeps and gives the encoding."""
        if len(self._held) >= self.MOST:
            self.known.clear()
            self._held.clear()
        self._held.append(value)
        self.known[id(value)] = encoding
        return encoding
