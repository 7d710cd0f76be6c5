"""The end of a gRPC call, as header blocks: status and message in trailers, or in trailers alone."""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final

from extproc.protocol.enums import plain
from extproc.server.h2 import fields


@plain
class Status(IntEnum):
    """gRPC status codes, those that this server gives."""

    OK = 0
    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


_CONTENT_TYPE: Final = (b"content-type", b"application/grpc")
# Said with every answer: a client that compresses must learn what it may send instead ("Compression" in gRPC's spec).
_ENCODINGS: Final = (b"grpc-accept-encoding", b"identity")

RESPONSE: Final = fields.status(200) + fields.encode((_CONTENT_TYPE, _ENCODINGS))
"""The response headers of every call that gets a message."""

_LONGEST: Final = 1_024
"""Bytes of a message before encoding; ours are short sentences, and a block must fit a frame."""

# "Percent-Byte-Unencoded": %x20-%x24 / %x26-%x7E, of UTF-8.
_TO_ENCODE: Final = re.compile(rb"[^\x20-\x24\x26-\x7e]")


def percent_encode(message: str) -> bytes:
    """A `grpc-message`: UTF-8, with all that is not printable ASCII, and "%", as %XX."""
    text = message.encode("utf-8", "replace")[:_LONGEST]
    return _TO_ENCODE.sub(lambda match: b"%%%02X" % match[0][0], text)


@lru_cache(maxsize=256)  # messages are fixed sentences of ours
def trailers(code: Status, message: str = "") -> bytes:
    """The block that ends a call after its response headers."""
    return fields.encode(_status_fields(code, message))


@lru_cache(maxsize=256)
def only_trailers(code: Status, message: str = "", http: int = 200) -> bytes:
    """The block that is a whole answer: response headers and trailers in one ("Trailers-Only")."""
    return fields.status(http) + fields.encode((_CONTENT_TYPE, _ENCODINGS, *_status_fields(code, message)))


def _status_fields(code: Status, message: str) -> tuple[tuple[bytes, bytes], ...]:
    status = (b"grpc-status", b"%d" % code)
    return (status, (b"grpc-message", percent_encode(message))) if message else (status,)
