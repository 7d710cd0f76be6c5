"""Faults of a peer, by what they cost: one stream, or the connection (RFC 9113, 5.4)."""

from extproc.server.h2.frames import ErrorCode


class ConnectionFault(Exception):  # noqa: N818  - a fault of the peer's, not an error of ours
    """The connection ends with GOAWAY. `reason` is fixed text and holds nothing the peer sent."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class StreamFault(Exception):  # noqa: N818  - as above
    """The stream ends with RST_STREAM; the connection lives on."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
