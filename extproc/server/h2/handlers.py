"""Handlers of the frames, and the phases of the connection in which each frame may come."""

from collections.abc import Callable
from typing import Final, TypeAlias

from extproc.server.h2 import checks, frames, requests
from extproc.server.h2.core import DRAIN_PING, HEADER_BLOCK, PREFACE, SETTINGS_ACK, ConnectionPhase, Core
from extproc.server.h2.events import Data, RequestStarted, Reset
from extproc.server.h2.frames import ConnectionFault, ErrorCode, StreamFault
from extproc.server.h2.states import VERDICTS, FrameVerdict, StreamState, StreamTransition
from extproc.server.h2.stream import Stream

FrameHandler: TypeAlias = Callable[[Core, int, int, bytes], None]
"""Takes flags, stream number and payload; raises StreamFault or ConnectionFault."""

LAST_NUMBERS: Final = frames.MAX_STREAM_ID - 2_000_000
"""From here a million streams are left, minutes of a busy Envoy: time to say so gently. It takes three days to get here
at 4,000 exchanges a second."""

# What the receive loop reads is in plain constants and tuples: attributes of an Enum class are slow in Python 3.11.
_PROTOCOL_ERROR: Final = ErrorCode.PROTOCOL_ERROR
_ACCEPT: Final = FrameVerdict.ACCEPT
_DATA_VERDICTS: Final = tuple(VERDICTS[state][frames.DATA] for state in StreamState)
_RST_VERDICTS: Final = tuple(VERDICTS[state][frames.RST_STREAM] for state in StreamState)
_NEW: Final = VERDICTS[StreamState.IDLE][frames.HEADERS] is _ACCEPT
_ENDED: Final = StreamTransition.PEER_ENDED
_PEER_RESET: Final = StreamTransition.PEER_RESET
_UNUSUAL: Final = frames.PADDED | frames.PRIORITY_FLAG


def _data(core: Core, flags: int, stream_id: int, payload: bytes) -> None:
    size = len(payload)
    stream = core.streams.open.get(stream_id)
    if stream is None or _DATA_VERDICTS[stream.state] is not _ACCEPT:
        _stray_data(core, flags, stream_id, size)
        return
    padding = 0
    if flags & frames.PADDED:
        payload = checks.unpad(payload, 0)
        padding = size - len(payload)
    core.receiving.take(stream, size, size - padding)
    ended = flags & frames.END_STREAM != 0
    if stream.expected is not None:
        _count_down(stream, len(payload), ended=ended)
    if ended:
        stream.step(_ENDED)
    elif size == padding:
        core.idle_frames.count(core.now)
    core.events.append(Data(stream_id, payload, ended))


def _stray_data(core: Core, flags: int, stream_id: int, size: int) -> None:
    """DATA that its stream does not take still counts on the connection (RFC 9113, 5.1)."""
    checks.require_stream(stream_id)
    core.receiving.drop(size)
    checks.refuse(core.streams.judge(stream_id, frames.DATA))
    core.updates.count(core.now)
    if flags & frames.END_STREAM:
        core.streams.peer_ended(stream_id)


def _count_down(stream: Stream, size: int, *, ended: bool) -> None:
    assert stream.expected is not None
    stream.expected -= size
    if stream.expected < 0 or (ended and stream.expected):
        raise StreamFault(_PROTOCOL_ERROR, "a body that is not as long as content-length says")


def _headers(core: Core, flags: int, stream_id: int, payload: bytes) -> None:
    if flags & frames.END_HEADERS and not flags & _UNUSUAL and stream_id > core.streams.last and _NEW:
        # A whole block on a stream that is idle, by its number: nothing else has to be asked.
        _open(core, stream_id, payload, ended=flags & frames.END_STREAM != 0)
        return
    checks.require_stream(stream_id)
    priority = 5 if flags & frames.PRIORITY_FLAG else 0
    if flags & frames.PADDED:
        payload = checks.unpad(payload, priority)
    if len(payload) < priority:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority")
    fragment = payload[priority:] if priority else payload
    ended = flags & frames.END_STREAM != 0
    if flags & frames.END_HEADERS:
        _header_block(core, stream_id, fragment, ended=ended)
        return
    core.block_stream, core.block_ended, core.block_frames = stream_id, ended, 0
    core.phase = ConnectionPhase.BLOCK
    core.timers.set(HEADER_BLOCK, core.now + core.limits.header_block)
    _keep(core, fragment)


def _continuation(core: Core, flags: int, stream_id: int, payload: bytes) -> None:
    if stream_id != core.block_stream:
        raise ConnectionFault(_PROTOCOL_ERROR, "CONTINUATION of another stream")
    core.block_frames += 1
    if core.block_frames > core.limits.continuations:
        raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "header block in too many pieces")
    _keep(core, payload)
    if flags & frames.END_HEADERS:
        core.phase = ConnectionPhase.READY
        core.timers.drop(HEADER_BLOCK)
        block, core.block = bytes(core.block), bytearray()
        _header_block(core, stream_id, block, ended=core.block_ended)


def _keep(core: Core, fragment: bytes) -> None:
    # An encoded block is shorter than its decoded list, whose fields count 32 bytes more each: one limit does for both.
    if len(core.block) + len(fragment) > core.limits.header_list:
        raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "header block too large")
    core.block += fragment


def _header_block(core: Core, stream_id: int, block: bytes, *, ended: bool) -> None:
    verdict = core.streams.judge(stream_id, frames.HEADERS)
    if verdict is not _ACCEPT:
        if verdict is not FrameVerdict.CONNECTION_STREAM_CLOSED:
            core.blocks.fields(block)  # HPACK's state is the connection's (RFC 9113, 4.3)
        checks.refuse(verdict)
        core.updates.count(core.now)
        if ended:
            core.streams.peer_ended(stream_id)
        return
    stream = core.streams.open.get(stream_id)
    if stream is None:
        _open(core, stream_id, block, ended=ended)
    else:
        _trail(core, stream, block, ended=ended)


def _open(core: Core, stream_id: int, block: bytes, *, ended: bool) -> None:
    if not stream_id & 1:
        raise ConnectionFault(_PROTOCOL_ERROR, "a stream with an even number")
    limits, streams = core.limits, core.streams
    stream = Stream(stream_id, limits.stream_window, core.sending.peer.window)
    streams.add(stream)
    if ended:
        stream.step(_ENDED)
    request = core.blocks.request(block)
    if len(streams.open) > limits.streams:
        raise StreamFault(ErrorCode.REFUSED_STREAM, "too many streams")
    if core.draining is not None and stream_id > core.draining:
        raise StreamFault(ErrorCode.REFUSED_STREAM, "going away")
    if stream_id > LAST_NUMBERS:
        core.drain()  # "so that the client is forced to open a new connection for new streams" (RFC 9113, 5.1.1)
    if request.length is not None:
        stream.expected = request.length
        _count_down(stream, 0, ended=ended)
    else:
        stream.plain = _DATA_VERDICTS[stream.state] is _ACCEPT
    stream.announced = True
    core.events.append(RequestStarted(stream_id, request, ended))


def _trail(core: Core, stream: Stream, block: bytes, *, ended: bool) -> None:
    """A second header block: trailers, which end the stream (RFC 9113, 8.1)."""
    fields = core.blocks.fields(block)
    if not ended:
        raise StreamFault(_PROTOCOL_ERROR, "trailers that do not end the stream")
    requests.check_trailers(fields)
    if stream.expected is not None:
        _count_down(stream, 0, ended=True)
    stream.step(StreamTransition.PEER_ENDED)
    core.events.append(Data(stream.id, b"", ended=True))


def _priority(core: Core, _flags: int, stream_id: int, payload: bytes) -> None:
    """Deprecated; checked, counted and forgotten (RFC 9113, 5.3.2 and 6.3)."""
    checks.require_stream(stream_id)
    if len(payload) != 5:
        raise StreamFault(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY of a wrong size")
    core.idle_frames.count(core.now)


def _rst_stream(core: Core, _flags: int, stream_id: int, payload: bytes) -> None:
    stream = core.streams.open.get(stream_id)
    if len(payload) != 4 or stream is None or _RST_VERDICTS[stream.state] is not _ACCEPT:
        checks.require_stream(stream_id)
        checks.require_size(payload, 4, "RST_STREAM")
        checks.refuse(core.streams.judge(stream_id, frames.RST_STREAM))
        core.updates.count(core.now)
        core.streams.peer_ended(stream_id)
        return
    (core.updates if stream.answered else core.resets).count(core.now)
    core.events.append(Reset(stream_id, frames.UINT32.unpack(payload)[0], by_peer=True))
    core.end(stream, _PEER_RESET)


def _settings(core: Core, flags: int, stream_id: int, payload: bytes) -> None:
    if stream_id:
        raise ConnectionFault(_PROTOCOL_ERROR, "SETTINGS on a stream")
    if flags & frames.ACK:
        _settings_ack(core, payload)
        return
    if len(payload) % 6:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a wrong size")
    core.settings.count(core.now)
    delta = core.sending.peer.apply(payload)
    core.sending.out.append(frames.SETTINGS_ACK)
    if delta:
        core.sending.shift(list(core.streams.open.values()), delta, core.events, core.now)


def _settings_ack(core: Core, payload: bytes) -> None:
    checks.require_size(payload, 0, "an acknowledgement of SETTINGS")
    if not core.ack_due:
        raise ConnectionFault(_PROTOCOL_ERROR, "an acknowledgement of SETTINGS that were not sent")
    core.ack_due = False
    core.timers.drop(SETTINGS_ACK)
    core.blocks.acknowledged()


def _first(core: Core, flags: int, stream_id: int, payload: bytes) -> None:
    if flags & frames.ACK:
        _not_settings(core, flags, stream_id, payload)
    _settings(core, flags, stream_id, payload)
    core.timers.drop(PREFACE)
    core.phase = ConnectionPhase.READY


def _ping(core: Core, flags: int, stream_id: int, payload: bytes) -> None:
    if stream_id:
        raise ConnectionFault(_PROTOCOL_ERROR, "PING on a stream")
    checks.require_size(payload, 8, "PING")
    core.pings.count(core.now)
    if not flags & frames.ACK:
        core.sending.out.append(frames.ping(payload, ack=True))
    elif payload == DRAIN_PING:
        core.drain_further()


def _goaway(core: Core, _flags: int, stream_id: int, payload: bytes) -> None:
    """The client will close; the streams that it has opened go on (RFC 9113, 6.8)."""
    if stream_id:
        raise ConnectionFault(_PROTOCOL_ERROR, "GOAWAY on a stream")
    if len(payload) < 8:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY too short")
    core.idle_frames.count(core.now)


def _window_update(core: Core, _flags: int, stream_id: int, payload: bytes) -> None:
    checks.require_size(payload, 4, "WINDOW_UPDATE")
    core.updates.count(core.now)
    increment = frames.UINT32.unpack(payload)[0] & frames.MAX_WINDOW
    if not stream_id:
        core.sending.widen(None, increment, core.events, core.now)
        return
    verdict = core.streams.judge(stream_id, frames.WINDOW_UPDATE)
    if verdict is _ACCEPT:
        core.sending.widen(core.streams.open[stream_id], increment, core.events, core.now)
    else:
        checks.refuse(verdict)


def _unknown(core: Core, _flags: int, _stream_id: int, _payload: bytes) -> None:
    """To be ignored (RFC 9113, 5.5)."""
    core.idle_frames.count(core.now)


def _push_promise(_core: Core, _flags: int, _stream_id: int, _payload: bytes) -> None:
    raise ConnectionFault(_PROTOCOL_ERROR, "PUSH_PROMISE from a client")


def _not_settings(_core: Core, _flags: int, _stream_id: int, _payload: bytes) -> None:
    raise ConnectionFault(_PROTOCOL_ERROR, "the first frame is not SETTINGS")


def _not_continuation(_core: Core, _flags: int, _stream_id: int, _payload: bytes) -> None:
    raise ConnectionFault(_PROTOCOL_ERROR, "a frame within a header block")


def _no_block(_core: Core, _flags: int, _stream_id: int, _payload: bytes) -> None:
    raise ConnectionFault(_PROTOCOL_ERROR, "CONTINUATION without HEADERS")


_READY: Final[tuple[FrameHandler, ...]] = (
    _data,
    _headers,
    _priority,
    _rst_stream,
    _settings,
    _push_promise,
    _ping,
    _goaway,
    _window_update,
    _no_block,
)


def _only(kind: int, handler: FrameHandler, otherwise: FrameHandler) -> tuple[FrameHandler, ...]:
    return tuple(handler if each == kind else otherwise for each in range(256))


PHASES: Final = (
    _only(frames.SETTINGS, _first, _not_settings),
    _READY + (_unknown,) * (256 - len(_READY)),
    _only(frames.CONTINUATION, _continuation, _not_continuation),
)
"""Connection phase -> any frame type that a byte can name -> what it does."""
