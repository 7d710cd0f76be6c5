"""A request as its header block states it, or the reason that HTTP/2 does not allow it (RFC 9113, 8.2 and 8.3)."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from extproc.server.h2.frames import ErrorCode, StreamFault

# A token (RFC 9110, 5.6.2) without upper case (RFC 9113, 8.2.1).
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_BAD_VALUE: Final = re.compile(rb"[\x00\r\n]|\A[ \t]|[ \t]\Z")
_PSEUDO: Final = frozenset({b":method", b":scheme", b":path", b":authority"})
_CONNECTION_SPECIFIC: Final = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
)


class RequestHead(Struct, frozen=True):
    """The head of a request. `fields` has each name once, repeated ones joined by commas (RFC 9110, 5.2).

    `length` is the value of content-length, None without one. Values are not rendered: they may hold credentials.
    """

    method: bytes
    path: bytes
    fields: Mapping[bytes, bytes]
    length: int | None = None

    def __repr__(self) -> str:
        return f"RequestHead({len(self.fields)} fields)"


def parse(fields: Iterable[tuple[bytes, bytes]]) -> RequestHead:
    """The request that a decoded header block makes.

    Raises:
        StreamFault: it is malformed.
    """
    pseudo: dict[bytes, bytes] = {}
    regular: dict[bytes, bytes] = {}
    for name, value in fields:
        if _BAD_VALUE.search(value):
            raise _malformed("a field value with a forbidden byte")
        if not name.startswith(b":"):
            _check_regular(name, value)
            regular[name] = regular[name] + b", " + value if name in regular else value
        elif regular or name in pseudo or name not in _PSEUDO:
            raise _malformed("a pseudo-header field unknown, repeated or out of place")
        else:
            pseudo[name] = value
    _check_target(pseudo)
    _check_host(pseudo.get(b":authority"), regular.get(b"host"))
    return RequestHead(pseudo[b":method"], pseudo.get(b":path", b""), regular, _length(regular.get(b"content-length")))


def check_trailers(fields: Iterable[tuple[bytes, bytes]]) -> None:
    """Checks what follows a body.

    Raises:
        StreamFault: they are malformed; pseudo-header fields are, here (RFC 9113, 8.1).
    """
    for name, value in fields:
        if _BAD_VALUE.search(value):
            raise _malformed("a field value with a forbidden byte")
        _check_regular(name, value)


def _check_regular(name: bytes, value: bytes) -> None:
    if not _NAME.fullmatch(name):
        raise _malformed("a field name with a forbidden byte")
    if name in _CONNECTION_SPECIFIC or (name == b"te" and value.lower() != b"trailers"):
        raise _malformed("a connection-specific field")


def _check_target(pseudo: Mapping[bytes, bytes]) -> None:
    """Which pseudo-header fields there must be (RFC 9113, 8.3.1 and 8.5)."""
    method, path = pseudo.get(b":method"), pseudo.get(b":path")
    if not method:
        raise _malformed("no :method")
    if method == b"CONNECT":
        if path is not None or b":scheme" in pseudo or not pseudo.get(b":authority"):
            raise _malformed("CONNECT with a :scheme or :path, or without :authority")
    elif not pseudo.get(b":scheme") or not path:
        raise _malformed("no :scheme or no :path")
    elif not path.startswith(b"/") and (path, method) != (b"*", b"OPTIONS"):
        raise _malformed("a :path that is none")


def _check_host(authority: bytes | None, host: bytes | None) -> None:
    if authority is not None and b"@" in authority:
        raise _malformed("an :authority with user information")
    if authority is not None and host is not None and authority.lower() != host.lower():
        raise _malformed("a host that is not the :authority")


def _length(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not value.isdigit() or len(value) > 18:
        raise _malformed("the content-length header is not a number")
    return int(value)


def _malformed(reason: str) -> StreamFault:
    return StreamFault(ErrorCode.PROTOCOL_ERROR, reason)
