"""What a fuzzer drives: any bytes as a client of an echo, and what must hold whatever they are.

The first byte of an input says into what reads the rest is cut, and how large the client's windows are; the second how
much time passes between reads. `tests/server/h2/corpus` holds what to start from: what real clients sent.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from extproc.server.h2 import frames
from extproc.server.h2.call import CallAborted, CallEvent, HalfClosed, Received, Started
from extproc.server.h2.calls import Calls
from extproc.server.h2.frames import MAX_WINDOW
from extproc.server.h2.limits import ConnectionLimits
from tests.server.h2.client import PROCESS, parse

CORPUS = Path(__file__).with_name("corpus")
LIMITS = ConnectionLimits(
    streams=20,
    stream_window=5_000,
    connection_window=70_000,
    message=20_000,
    assembling=40_000,
    header_list=32_768,
    write_high=4_000,
    write_low=1_000,
    write_limit=50_000,
    write_total=100_000,
    remembered_resets=50,
)
PATHS = frozenset({PROCESS, b"/grpc.health.v1.Health/Check"})
READS = (65_536, 16_384, 1_000, 100, 9, 7, 3, 1)


def run(data: bytes) -> Calls:
    """Plays the client that `data` is. Raises whatever must not be raised, AssertionError for what must not be."""
    control, data = data[:2].ljust(2, b"\0"), data[2:]
    size = READS[control[0] & 7]
    calls = Calls(LIMITS, PATHS, 0.0)
    now = 0.0
    sent = calls.data_to_send()
    for at in range(0, len(data), size):
        now += control[1] / 1000
        sent += _step(calls, data[at : at + size], now, blocked=bool(control[0] & 8), drains=bool(control[0] & 16))
    for event in calls.tick(now + 1000):
        assert isinstance(event, CallAborted | Received | HalfClosed)
    parse(sent + calls.data_to_send())  # whole frames, to the last byte
    return calls


def _step(calls: Calls, read: bytes, now: float, *, blocked: bool, drains: bool) -> bytes:
    if blocked:
        calls.block()
    for event in calls.receive(read, now):
        match event:
            case Received(call, payload):
                if len(payload) == 3:
                    calls.pause(call)
                calls.send(call, [payload], now)
            case HalfClosed(call):
                calls.finish(call)
            case Started():
                if drains:
                    calls.drain(now)
            case CallAborted(call):
                assert call.over
    for call in [each for each in calls._calls.values() if each.paused]:
        _echo(calls, calls.resume(call), now)
    if blocked:
        _echo(calls, calls.unblock(now), now)
    check(calls)
    return calls.data_to_send()


def _echo(calls: Calls, events: Iterator[CallEvent], now: float) -> None:
    for event in events:
        if isinstance(event, Received):
            calls.send(event.call, [event.payload], now)
        elif isinstance(event, HalfClosed):
            calls.finish(event.call)


def check(calls: Calls) -> None:
    """What holds between any two reads."""
    core = calls._connection.core
    streams = core.streams.open
    assert len(streams) <= LIMITS.streams
    assert len(calls) <= len(streams) or calls.over
    assert core.sending.queued == sum(stream.queued for stream in streams.values()) <= LIMITS.write_total
    assert calls._kept == sum(call.kept for call in calls._calls.values()) <= LIMITS.assembling
    assert core.sending.window <= MAX_WINDOW
    if calls.over:
        return
    assert core.receiving.held == sum(stream.held for stream in streams.values())
    assert 0 <= core.receiving.window <= LIMITS.connection_window - core.receiving.held
    for stream in streams.values():
        assert stream.queued == sum(len(part) for part in stream.queue or ()) <= LIMITS.write_limit
        assert stream.send_window <= MAX_WINDOW
        assert 0 <= stream.window <= LIMITS.stream_window - stream.held
        assert stream.held >= 0
    assert len(core.block) <= LIMITS.header_list
    assert len(core.blocks) <= LIMITS.cached_blocks
    assert len(calls._connection._rest) < 9 + frames.DEFAULT_FRAME_SIZE


def mutated(seed: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """A neighbour of `seed`: frames moved, doubled, dropped or taken from elsewhere, bytes and bits changed."""
    parts = [seed[:2], *_frames(seed[2:])]
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(parts))
        match chance.randrange(7):
            case 0:
                parts.insert(at, chance.choice(parts))
            case 1:
                parts[at] = b""
            case 2:
                parts.insert(at, chance.choice(_frames(chance.choice(others)[2:]) or [b""]))
            case 3:
                parts[at] = _flipped(parts[at], chance)
            case 4:
                parts[at] = parts[at][: chance.randint(0, len(parts[at]))]
            case 5:
                parts[at] += chance.randbytes(chance.randint(1, 20))
            case _:
                other = chance.randrange(len(parts))
                parts[at], parts[other] = parts[other], parts[at]
    return b"".join(parts)


def _flipped(part: bytes, chance: random.Random) -> bytes:
    if not part:
        return part
    changed = bytearray(part)
    # The nine bytes of a frame's header say the most.
    at = chance.randrange(min(len(part), 12)) if chance.random() < 0.7 else chance.randrange(len(part))
    changed[at] = chance.choice([changed[at] ^ 1 << chance.randrange(8), 0, 255, chance.randrange(256)])
    return bytes(changed)


def _frames(data: bytes) -> list[bytes]:
    found = []
    if data.startswith(frames.PREFACE):
        found.append(frames.PREFACE)
        data = data[len(frames.PREFACE) :]
    while data:
        size = 9 + int.from_bytes(data[:3])
        found.append(data[:size])
        data = data[size:]
    return found
