"""The same random clients to us and to the `h2` library as a server: both take them, or both refuse them.

They need not agree on how much ends: `h2` makes a connection error of every malformed request, which RFC 9113, 8.1.1,
lets it do; so what is compared is whether a frame is refused at all, and, if not, what it says.
"""

import h2.events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hypothesis import given

from extproc.server.h2 import frames
from extproc.server.h2.connection import Connection
from extproc.server.h2.events import ConnectionEvent, Data, RequestStarted, Reset
from extproc.server.h2.limits import ConnectionLimits
from tests.server.h2.client import greeting, parse
from tests.server.h2.scripts import SCRIPTS
from tests.server.h2.test_splits import split_at_frames

WINDOW = 40_000
LIMITS = ConnectionLimits(stream_window=WINDOW, connection_window=100_000)
ALTSVC = 10
"""A frame that `h2` knows and RFC 9113 does not."""

Said = list[tuple[object, ...]]


def library() -> H2Connection:
    connection = H2Connection(H2Configuration(client_side=False, header_encoding=None))
    wanted = {
        SettingCodes.HEADER_TABLE_SIZE: 0,
        SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
        SettingCodes.MAX_CONCURRENT_STREAMS: LIMITS.streams,
    }
    connection.local_settings = Settings(client=False, initial_values=wanted)
    connection.initiate_connection()
    connection.increment_flow_control_window(LIMITS.connection_window - frames.DEFAULT_WINDOW)
    connection.data_to_send()
    return connection


def refuses(sent: bytes) -> bool:
    return any(each.kind in (frames.RST_STREAM, frames.GOAWAY) for each in parse(sent))


def ours(connection: Connection, sent: bytes) -> Said | None:
    """What a frame says, or None where it is refused."""
    events = connection.receive(sent, 0.0)
    return None if refuses(connection.data_to_send()) else [each for event in events for each in described(event)]


def described(event: ConnectionEvent) -> Said:
    match event:
        case RequestStarted(stream_id, request, ended):
            return [("opened", stream_id, request.path), *ending(stream_id, ended)]
        case Data(stream_id, data, ended):
            return [*([("data", stream_id, data)] if data else []), *ending(stream_id, ended)]
        case Reset(stream_id, code, True):
            return [("reset", stream_id, code)]
        case _:
            raise AssertionError(event)


def ending(stream_id: int, ended: bool) -> Said:
    return [("ended", stream_id)] if ended else []


def theirs(connection: H2Connection, sent: bytes) -> Said | None:
    try:
        events = connection.receive_data(sent)
    except ProtocolError:
        return None
    if refuses(connection.data_to_send()):
        return None
    said: Said = []
    for event in events:
        match event:
            case h2.events.RequestReceived():
                said.append(("opened", event.stream_id, dict(event.headers)[b":path"]))
            case h2.events.DataReceived():
                said += [("data", event.stream_id, event.data)] if event.data else []
            case h2.events.StreamEnded():
                said.append(("ended", event.stream_id))
            case h2.events.StreamReset():
                said.append(("reset", event.stream_id, event.error_code))
    return said


def is_stricter(sent: bytes) -> bool:
    """Where we refuse what `h2` lets pass.

    RST_STREAM on an idle stream MUST be refused (RFC 9113, 6.4), and so must PUSH_PROMISE from a client (8.4); an
    acknowledgement of SETTINGS that were not sent has no meaning.
    """
    (frame,) = parse(sent)
    return frame.kind in (frames.RST_STREAM, frames.PUSH_PROMISE) or (
        frame.kind == frames.SETTINGS and frame.flags & frames.ACK != 0
    )


@given(SCRIPTS)
def test_a_random_client_is_taken_or_refused_by_both_servers_and_says_the_same(script: list[bytes]) -> None:
    here, there = Connection(LIMITS, 0.0), library()
    here.data_to_send()
    assert ours(here, greeting(1000)) == []
    assert theirs(there, greeting(1000)) == []
    for sent in split_at_frames(b"".join(script)):
        if parse(sent)[0].kind == ALTSVC:
            continue
        said, expected = ours(here, sent), theirs(there, sent)
        if said is None and expected is not None:
            assert is_stricter(sent)
        else:
            assert said == expected
        # After a client's GOAWAY `h2` takes nothing more; RFC 9113, 6.8, lets the streams that are open go on.
        if said is None or expected is None or parse(sent)[0].kind == frames.GOAWAY:
            break
