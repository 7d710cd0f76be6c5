"""Server-sent events as bytes."""

from typing import Self

import msgspec
from msgspec import Struct


class ProviderEvent(Struct, frozen=True):
    """One event; `data` is a single line."""

    name: str | None
    data: bytes

    @classmethod
    def of(cls, document: dict[str, object], name: str | None = None) -> Self:
        """An event with JSON in it."""
        return cls(name, msgspec.json.encode(document))

    @classmethod
    def typed(cls, kind: str, **fields: object) -> Self:
        """An event whose name stands in its JSON, too, as `type`."""
        return cls.of({"type": kind, **fields}, kind)

    def encode(self, *, crlf: bool = False) -> bytes:
        """The event's lines and the empty line that ends it."""
        end = b"\r\n" if crlf else b"\n"
        name = b"" if self.name is None else b"event: " + self.name.encode() + end
        return name + b"data: " + self.data + end + end
