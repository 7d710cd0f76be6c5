"""The fields beside a message in a ProcessingRequest: the attributes and, in the first one, the configuration."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct, Value
from msgspec import Struct as Record

from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.wire.pb.processor_pb2 import ProcessingRequest

ATTRIBUTES_KEY: Final = "envoy.filters.http.ext_proc"
"""The one key under which Envoy sends attributes, whatever name the filter has in its configuration."""

MAX_ATTRIBUTES: Final = 256
"""Attributes a message. The operator names each in the filter's configuration, and Envoy knows about 70."""

METADATA_DEPTH: Final = 8
"""Structs within each other in metadata: tokens nest claims one or two deep."""

_CONFIGS: Final = {
    (int(request), int(response), early): ProtocolConfig(request, response, early)
    for request, response, early in product(BodyMode, BodyMode, (False, True))
}
"""Every configuration there can be, made once."""


class Beside(Record, frozen=True):
    """The modes, the attributes and the metadata. The latter two look into what came when they are asked."""

    attributes: Mapping[str, str]
    config: ProtocolConfig | None
    metadata: Mapping[str, object]


class BesideMemo(dict[bytes, Beside | None]):
    """The meaning of the bytes beside a message; None if they say more, or are too many to be remembered.

    An operator's choice of attributes makes them the same few bytes for ever, or others each time. Metadata of a token
    comes with every message of its exchange: most have less than `LONGEST`. At most a MiB of bytes.
    """

    MOST: Final = 1024
    LONGEST: Final = 1024

    __slots__ = ()

    def __missing__(self, encoded: bytes) -> Beside | None:
        if len(encoded) > self.LONGEST:
            return None
        try:
            request = ProcessingRequest.FromString(encoded)
        except DecodeError:
            return None
        if request.WhichOneof("request") is not None:
            return None
        found = Beside(Attributes(request), config(request), ForwardedMetadata(request))
        if len(self) >= self.MOST:
            self.clear()
        self[encoded] = found
        return found


def config(request: ProcessingRequest) -> ProtocolConfig | None:
    """The configuration, where there is one. Raises ProtocolViolation for one that we do not know."""
    if not request.HasField("protocol_config"):
        return None
    told = request.protocol_config
    early = told.send_body_without_waiting_for_header_response
    modes = told.request_body_mode, told.response_body_mode
    known = _CONFIGS.get((*modes, early))
    if known is None:
        unknown = next(mode for mode in modes if int(mode) not in {int(known) for known in BodyMode})
        raise ProtocolViolation(f"protocol_config has body mode {unknown}, which this version does not know")
    return known


class Attributes(Mapping[str, str]):
    """The scalars among a message's attributes, as text. Looked for when they are asked for, and then remembered."""

    __slots__ = ("_request", "_seen")

    def __init__(self, request: ProcessingRequest) -> None:
        self._request = request
        # By the names that were asked for: this program's own, so that there are a few.
        self._seen: dict[str, str | None] = {}

    def __getitem__(self, name: str) -> str:
        seen = self._seen
        text = seen[name] if name in seen else self._look(name)
        if text is None:
            raise KeyError(name)
        return text

    def get(self, name: str, default: Any = None) -> Any:
        """As for any mapping, without an exception on the way: a response asks for what is mostly not there."""
        seen = self._seen
        text = seen[name] if name in seen else self._look(name)
        return default if text is None else text

    def _look(self, name: str) -> str | None:
        fields = self._fields()
        text = self._seen[name] = _text(fields[name]) if name in fields else None
        return text

    def __iter__(self) -> Iterator[str]:
        fields = self._fields()
        if len(fields) > MAX_ATTRIBUTES:
            raise ProtocolViolation(f"more than {MAX_ATTRIBUTES} attributes in a message")
        return (name for name in fields if _text(fields[name]) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Attributes({', '.join(self)})"

    def _fields(self) -> Mapping[str, Value]:
        struct: Struct | None = self._request.attributes.get(ATTRIBUTES_KEY)
        return {} if struct is None else struct.fields


class ForwardedMetadata(Mapping[str, object]):
    """The dynamic metadata of a message by namespace, as plain values. Converted when it is asked for."""

    __slots__ = ("_request",)

    def __init__(self, request: ProcessingRequest) -> None:
        self._request = request

    def __getitem__(self, namespace: str) -> object:
        return _plain(self._request.metadata_context.filter_metadata[namespace], 0)

    def get(self, namespace: str, default: Any = None) -> Any:
        """As for any mapping: looking a namespace up in a protobuf map would add it."""
        return self[namespace] if namespace in self._request.metadata_context.filter_metadata else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._request.metadata_context.filter_metadata)

    def __len__(self) -> int:
        return len(self._request.metadata_context.filter_metadata)

    def __repr__(self) -> str:
        return f"ForwardedMetadata({len(self)} namespaces)"


def _plain(struct: Struct, depth: int) -> dict[str, object]:
    """A struct as plain values; what is nested deeper than `METADATA_DEPTH` is left out."""
    return {name: _unwrapped(value, depth) for name, value in struct.fields.items()}


def _unwrapped(value: Value, depth: int) -> object:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case "struct_value" if depth < METADATA_DEPTH:
            return _plain(value.struct_value, depth + 1)
        case "list_value" if depth < METADATA_DEPTH:
            return [_unwrapped(each, depth + 1) for each in value.list_value.values]
    return None


def _text(value: Value) -> str | None:
    """A scalar as text, whole numbers without a fraction; None for what is none (Envoy sends maps as text itself)."""
    plain = value.string_value
    if plain:
        return plain
    match value.WhichOneof("kind"):
        case "string_value":
            return ""
        case "number_value":
            number = value.number_value
            return str(int(number) if number.is_integer() else number)
        case "bool_value":
            return "true" if value.bool_value else "false"
        case _:
            return None
