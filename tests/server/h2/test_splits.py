"""However the bytes of a client are cut, they mean the same and are answered the same."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from extproc.server.h2 import frames
from extproc.server.h2.call import CallAborted, CallEvent, HalfClosed, Received, Started
from extproc.server.h2.calls import Calls
from extproc.server.h2.connection import Connection
from extproc.server.h2.events import ConnectionEvent
from extproc.server.h2.limits import ConnectionLimits
from tests.server.h2.client import PROCESS, Frame, greeting, parse
from tests.server.h2.scripts import SCRIPTS

LIMITS = ConnectionLimits(
    stream_window=40_000, connection_window=100_000, message=15_000, write_high=500, write_low=100
)
CUTS = st.lists(st.integers(0, 400_000), max_size=40)


def pieces(wire: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    return [wire[start:stop] for start, stop in pairwise(places)]


def events_of(parts: list[bytes]) -> tuple[list[ConnectionEvent], bytes]:
    connection = Connection(LIMITS, 0.0)
    events, sent = [], b""
    for part in parts:
        events += connection.receive(part, 0.0)
        sent += connection.data_to_send()
    return events, sent


def described(event: CallEvent) -> tuple[str, int, bytes]:
    return type(event).__name__, event.call.id, event.payload if isinstance(event, Received) else b""


def dialogue_of(parts: list[bytes]) -> tuple[list[tuple[str, int, bytes]], list[Frame]]:
    """What an echo hears and says on each call, and what goes out but for the windows, which follow the reads."""
    calls = Calls(LIMITS, {PROCESS}, 0.0)
    heard, sent = [], b""
    for part in parts:
        for event in calls.receive(part, 0.0):
            heard.append(described(event))
            if isinstance(event, Received):
                calls.send(event.call, [event.payload], 0.0)
            elif isinstance(event, HalfClosed):
                calls.finish(event.call)
            else:
                assert isinstance(event, Started | CallAborted)
        sent += calls.data_to_send()
    return heard, parse(sent)


@given(SCRIPTS, CUTS)
def test_any_split_of_a_conversation_gives_the_same_events_and_bytes(script: list[bytes], cuts: list[int]) -> None:
    wire = greeting(1000) + b"".join(script)
    assert events_of(pieces(wire, cuts)) == events_of([wire])


@given(SCRIPTS)
def test_a_conversation_byte_by_byte_gives_the_same_events_and_bytes(script: list[bytes]) -> None:
    wire = (greeting(1000) + b"".join(script))[:3_000]
    assert events_of([wire[at : at + 1] for at in range(len(wire))]) == events_of([wire])


@given(SCRIPTS, CUTS)
def test_any_split_between_frames_or_not_gives_an_echo_the_same_messages(script: list[bytes], cuts: list[int]) -> None:
    """Split at frames against split anywhere: a read of several frames may see a reset before its answers are out."""
    parts = [greeting(1000), *script]
    each_frame = [part for whole in parts for part in split_at_frames(whole)]
    heard, _sent = dialogue_of(each_frame)
    finer = [piece for part in each_frame for piece in pieces(part, cuts)]
    heard_again, _sent_again = dialogue_of(finer)
    assert heard_again == heard
    assert _sent_again == _sent


def split_at_frames(wire: bytes) -> list[bytes]:
    """A conversation cut into its frames; what is no frame stays in one piece."""
    found = []
    if wire.startswith(frames.PREFACE):
        found.append(frames.PREFACE)
        wire = wire[len(frames.PREFACE) :]
    while len(wire) >= 9:
        size = 9 + int.from_bytes(wire[:3])
        found.append(wire[:size])
        wire = wire[size:]
    return [*found, wire] if wire else found
