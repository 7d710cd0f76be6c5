"""Admission: decides if a request is a gRPC call that we serve, and how to refuse it if it is not.

By "gRPC over HTTP2", the protocol's specification; the HTTP statuses are those that clients map back to the gRPC status
beside them.
"""

import re
from collections.abc import Collection
from typing import Final

from extproc.server.h2.requests import RequestHead
from extproc.server.h2.status import Status, only_trailers

# Any "+format" but proto would be read as protobuf and misunderstood.
_CONTENT_TYPE: Final = re.compile(rb"application/grpc(\+proto)?[ \t]*(;.*)?", re.IGNORECASE | re.DOTALL)
_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_SECONDS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def refusal(request: RequestHead, paths: Collection[bytes]) -> bytes | None:
    """The header block that answers what is no call of ours, or None for one that is."""
    if request.method != b"POST":
        return only_trailers(Status.INTERNAL, "a gRPC call is a POST", 405)
    if not _CONTENT_TYPE.fullmatch(request.fields.get(b"content-type", b"")):
        return only_trailers(Status.INTERNAL, "the content-type is not application/grpc", 415)
    if b"te" not in request.fields:  # its only value HTTP/2 allows is "trailers"
        return only_trailers(Status.INTERNAL, "te: trailers is missing: a proxy on the way may drop trailers", 400)
    if request.path not in paths:
        return only_trailers(Status.UNIMPLEMENTED, "no such method")
    given = request.fields.get(b"grpc-timeout")
    if given is not None and not _TIMEOUT.fullmatch(given):
        return only_trailers(Status.INTERNAL, "grpc-timeout is malformed", 400)
    return None


def timeout(request: RequestHead) -> float | None:
    """Return how many seconds the client gives an admitted call, or None for no bound."""
    given = request.fields.get(b"grpc-timeout")
    match = _TIMEOUT.fullmatch(given) if given is not None else None
    return int(match[1]) * _SECONDS[match[2]] if match else None


def compresses(request: RequestHead) -> bool:
    """True if messages of the call may be compressed, in whatever way."""
    return request.fields.get(b"grpc-encoding", b"identity") != b"identity"
