"""Every bound of the transport, and the meter that counts what is cheap to send and dear to receive."""

from dataclasses import dataclass, field

from extproc.server.h2.frames import ConnectionFault, ErrorCode

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then `per_second` on average."""

    burst: int
    per_second: float


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits on what one connection may cost. Sizes are bytes, times are seconds.

    The rates are far above what Envoy and grpc-core do and far below what hurts: a metered frame costs us about a
    microsecond, so 10,000 a second are one per cent of a core.
    """

    streams: int = 16_384
    """Open at once. Advertised, and above Envoy's own 1024 a connection, so that Envoy never sees REFUSED_STREAM."""
    stream_window: int = 256 * KIB
    """Bytes a stream may send before we consume them: 250 MB/s at a millisecond's distance, and bounded when held."""
    connection_window: int = 64 * MIB
    """The same for all streams together: 256 streams may stand still with full windows before the others do."""
    message: int = 40 * MIB
    """A gRPC message: the largest body a policy takes by default (32 MiB) and its headers, with room."""
    assembling: int = 256 * MIB
    """Incomplete and held messages of one connection together; past it a message ends with RESOURCE_EXHAUSTED."""
    header_list: int = 32 * KIB
    """Decoded header fields, each counted with 32 bytes more (RFC 9113, 6.5.2). A gRPC request has about 1 KiB."""
    continuations: int = 16
    """CONTINUATION frames a header block; a block of 32 KiB needs one."""
    cached_blocks: int = 256
    """Header blocks remembered by their bytes. Envoy sends the same few for ever, unless it traces."""
    cached_block_size: int = 1 * KIB
    """Longer blocks are not remembered: 256 of 1 KiB are a quarter of a MiB."""
    write_high: int = 1 * MIB
    """Answers that wait for the peer's window, at which a stream is no longer read."""
    write_low: int = 256 * KIB
    """Waiting bytes at which the stream is read again."""
    write_limit: int = 64 * MIB
    """Waiting bytes at which the stream is reset. One response may wait whatever its size (it may be a whole body), two
    of the largest may not."""
    write_total: int = 256 * MIB
    """Answers waiting on all streams of a connection together."""
    stall: float = 60.0
    """Waiting answers of which nothing moved for so long: the stream is reset. Envoy gives up a client sooner."""
    preface: float = 10.0
    """From the connection's start to the client's first SETTINGS."""
    settings_ack: float = 10.0
    """From our SETTINGS to their acknowledgement (RFC 9113, 6.5.3)."""
    header_block: float = 10.0
    """From a HEADERS frame to the end of its block: nothing else can come in between."""
    drain_ping: float = 1.0
    """Between the two GOAWAYs of a drain if the peer does not answer the PING that separates them."""
    remembered_resets: int = 16_384
    """Streams that we reset and whose late frames are dropped in silence; as many as can be open."""
    pings: Rate = field(default=Rate(1_000, 100))
    """PING. Envoy's keepalive is one in seconds, grpc-core measures with ten a second."""
    settings: Rate = field(default=Rate(200, 20))
    """SETTINGS, which can touch every stream. Envoy sends one, grpc-core one when its estimate changes."""
    updates: Rate = field(default=Rate(20_000, 20_000))
    """WINDOW_UPDATE, and what comes for streams that are over: Envoy sends either about once an exchange."""
    resets: Rate = field(default=Rate(16_384, 1_000))
    """Streams reset before we answered anything, or through a fault of the peer (rapid reset, CVE-2023-44487)."""
    idle_frames: Rate = field(default=Rate(1_000, 100))
    """PRIORITY, unknown types, and DATA that carries nothing and ends nothing."""


class RateMeter:
    """Counts down and looks at the clock only when it is used up, so that counting is nearly free."""

    __slots__ = ("_burst", "_left", "_per_second", "_reason", "_since")

    def __init__(self, rate: Rate, reason: str, now: float) -> None:
        self._burst = rate.burst
        self._per_second = rate.per_second
        self._left = rate.burst
        self._since = now
        self._reason = reason

    def count(self, now: float) -> None:
        """Counts one.

        Raises:
            ConnectionFault: more came than the rate allows.
        """
        self._left -= 1
        if self._left >= 0:
            return
        earned = min(self._burst, int((now - self._since) * self._per_second))
        if earned < 1:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, self._reason)
        self._left = earned - 1
        self._since = now
