"""The HTTP/2 client against servers that the h2 library plays."""

import socket
from collections.abc import Callable, Iterator

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
import pytest

from extproc.testing.clients import ClientRequest, Disconnect, End, Ending, Pause, Until
from extproc.testing.clients.frames import GoAway, NoFrame, Splitter
from extproc.testing.clients.http2 import Http2, http2
from tests.testing.peer import peer, read_to_end

OK = [(":status", "200")]


class Server:
    """The server's side of one connection."""

    def __init__(self, wire: socket.socket, settings: dict[h2.settings.SettingCodes, int] | None = None) -> None:
        self.wire = wire
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        if settings is not None:
            self.http.local_settings = h2.settings.Settings(client=False, initial_values=settings)
        self.http.initiate_connection()
        self.events = self._events()
        self.flush()

    def flush(self) -> None:
        self.wire.sendall(self.http.data_to_send())

    def until(self, kind: type[h2.events.Event]) -> h2.events.Event:
        return next(event for event in self.events if isinstance(event, kind))

    def answer(self, body: bytes = b"ok") -> None:
        self.http.send_headers(1, OK)
        self.http.send_data(1, body, end_stream=True)
        self.flush()

    def _events(self) -> Iterator[h2.events.Event]:
        while data := self.wire.recv(65536):
            yield from self.http.receive_data(data)
            self.flush()


def serving(
    play: Callable[[Server], None], settings: dict[h2.settings.SettingCodes, int] | None = None
) -> Callable[[socket.socket], None]:
    def run(wire: socket.socket) -> None:
        play(Server(wire, settings))
        read_to_end(wire)

    return run


def test_a_request_is_written_as_it_is_given() -> None:
    seen: list[h2.events.Event] = []

    def play(server: Server) -> None:
        seen.append(server.until(h2.events.RequestReceived))
        seen.append(server.until(h2.events.DataReceived))
        seen.append(server.until(h2.events.TrailersReceived))
        server.answer()

    request = ClientRequest(
        "PUT", "/a?b", (("x-one", "1"), ("host", "there"), ("x-one", "2")), b"abc", (("x-sum", "3"),)
    )
    with peer(serving(play)) as port:
        assert http2(port, request).complete
    assert [getattr(event, "headers", None) or getattr(event, "data", None) for event in seen] == [
        [
            (":method", "PUT"),
            (":scheme", "http"),
            (":path", "/a?b"),
            (":authority", "there"),
            ("x-one", "1"),
            ("x-one", "2"),
        ],
        b"abc",
        [("x-sum", "3")],
    ]


@pytest.mark.parametrize(("body", "frames"), [
    (b"", []),
    (b"abc", [(b"abc", True)]),
    ([b"abc", b"", b"de"], [(b"abc", False), (b"", False), (b"de", False), (b"", True)]),
])  # fmt: skip
def test_the_end_is_merged_unless_it_is_scripted(body: bytes | list[bytes], frames: list[tuple[bytes, bool]]) -> None:
    seen: list[tuple[bytes, bool]] = []

    def play(server: Server) -> None:
        for event in server.events:
            if isinstance(event, h2.events.DataReceived):
                seen.append((event.data or b"", event.stream_ended is not None))
            if isinstance(event, h2.events.StreamEnded):
                break
        server.answer()

    with peer(serving(play)) as port:
        assert http2(port, ClientRequest(body=body)).sent
    assert seen == frames


def test_a_small_window_slows_the_sending_and_loses_nothing() -> None:
    came = bytearray()

    def play(server: Server) -> None:
        for event in server.events:
            if isinstance(event, h2.events.DataReceived):
                came.extend(event.data or b"")
                assert len(event.data or b"") <= 7
                server.http.acknowledge_received_data(event.flow_controlled_length or 0, 1)
                server.flush()
            if isinstance(event, h2.events.StreamEnded):
                break
        server.answer()

    body = bytes(range(200))
    with peer(serving(play, {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 7})) as port, Http2(port) as client:
        answer = client.request(ClientRequest(body=[Pause(0.1), body]))
    assert (answer.complete, answer.sent, bytes(came)) == (True, True, body)


def test_a_window_that_stays_shut_is_a_timeout() -> None:
    def play(server: Server) -> None:
        server.until(h2.events.RequestReceived)

    with peer(serving(play, {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})) as port:
        answer = http2(port, ClientRequest(body=[Pause(0.1), b"abc"]), within=0.3)
    assert (answer.ending, answer.sent) == (Ending.TIMEOUT, False)


def test_a_draining_server_still_answers() -> None:
    def play(server: Server) -> None:
        server.until(h2.events.StreamEnded)
        server.http.send_headers(1, OK)
        server.http.send_data(1, b"first ")
        server.flush()
        # Written by hand, because the library will say nothing more once it has said this.
        server.wire.sendall(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0")
        server.http.send_data(1, b"second", end_stream=True)
        server.flush()

    with peer(serving(play)) as port:
        answer = http2(port, ClientRequest())
    assert (answer.body, answer.complete, answer.goaway, answer.code) == (b"first second", True, True, 0)


def test_a_server_that_refuses_the_stream_ends_the_sending() -> None:
    def play(server: Server) -> None:
        server.until(h2.events.RequestReceived)
        server.wire.sendall(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b")
        server.wire.shutdown(socket.SHUT_WR)

    with peer(serving(play)) as port:
        answer = http2(port, ClientRequest(body=[b"abc", Pause(0.1), b"def"]))
    assert (answer.ending, answer.code, answer.sent) == (Ending.TRUNCATED, 11, False)


def test_a_reset_after_the_whole_answer_is_no_fault() -> None:
    def play(server: Server) -> None:
        server.until(h2.events.RequestReceived)
        server.answer()
        server.http.reset_stream(1, h2.errors.ErrorCodes.NO_ERROR)
        server.flush()

    with peer(serving(play)) as port:
        answer = http2(port, ClientRequest(body=[b"abc", Until(2), Pause(0.1), b"def"]))
    assert (answer.body, answer.complete, answer.sent, answer.code) == (b"ok", True, False, 0)


def test_a_reset_in_the_middle_says_its_code() -> None:
    def play(server: Server) -> None:
        server.until(h2.events.RequestReceived)
        server.http.send_headers(1, OK)
        server.http.send_data(1, b"o")
        server.http.reset_stream(1, h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
        server.flush()

    with peer(serving(play)) as port:
        answer = http2(port, ClientRequest())
    assert (answer.status, answer.body, answer.ending, answer.code) == (200, b"o", Ending.RESET, 11)


def test_answers_before_the_answer_are_kept_apart() -> None:
    def play(server: Server) -> None:
        server.until(h2.events.StreamEnded)
        server.http.send_headers(1, [(":status", "103")])
        server.answer()

    with peer(serving(play)) as port:
        answer = http2(port, ClientRequest())
    assert (answer.interim, answer.status, answer.body) == ((103,), 200, b"ok")


def test_trailers_end_an_answer() -> None:
    def play(server: Server) -> None:
        server.until(h2.events.StreamEnded)
        server.http.send_headers(1, OK)
        server.http.send_headers(1, [("x-sum", "1")], end_stream=True)
        server.flush()

    with peer(serving(play)) as port:
        answer = http2(port, ClientRequest())
    assert (answer.trailers, answer.complete) == ((("x-sum", "1"),), True)


def test_leaving_resets_the_stream_alone() -> None:
    codes: list[int] = []

    def play(server: Server) -> None:
        reset = server.until(h2.events.StreamReset)
        codes.append(int(getattr(reset, "error_code", -1)))
        server.until(h2.events.StreamEnded)
        server.http.send_headers(3, OK, end_stream=True)
        server.flush()

    with peer(serving(play)) as port, Http2(port) as client:
        assert client.request(ClientRequest(body=[b"abc", Disconnect("reset"), b"never"])).ending is Ending.ABORTED
        assert client.request(ClientRequest(body=b"abc")).complete
    assert codes == [h2.errors.ErrorCodes.CANCEL]


def test_leaving_a_stream_that_was_reset_sends_nothing() -> None:
    def play(server: Server) -> None:
        server.until(h2.events.RequestReceived)
        server.http.reset_stream(1, h2.errors.ErrorCodes.INTERNAL_ERROR)
        server.flush()

    with peer(serving(play)) as port:
        answer = http2(port, ClientRequest(body=[b"abc", Until(1), Disconnect("reset")]))
    assert (answer.ending, answer.code) == (Ending.RESET, 2)


def test_leaving_by_closing_ends_the_connection() -> None:
    with peer(serving(lambda _: None)) as port:
        answer = http2(port, ClientRequest(body=[b"abc", End(), Disconnect("close")]))
    assert (answer.ending, answer.sent) == (Ending.ABORTED, True)


def test_what_is_not_http_2_is_garbled() -> None:
    def play(wire: socket.socket) -> None:
        wire.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        read_to_end(wire)

    with peer(play) as port:
        assert http2(port, ClientRequest("GET")).ending is Ending.GARBLED


def test_a_peer_that_goes_leaves_a_truncated_answer() -> None:
    def play(server: Server) -> None:
        server.until(h2.events.RequestReceived)
        server.wire.shutdown(socket.SHUT_WR)

    with peer(serving(play)) as port:
        assert http2(port, ClientRequest()).ending is Ending.TRUNCATED


@pytest.mark.parametrize("size", [1, 3, 9, 10, 100])
def test_frames_are_split_the_same_however_they_arrive(size: int) -> None:
    frames = [b"\0\0\x03\0\x01\0\0\0\x01abc", b"\0\0\0\4\1\0\0\0\0"]
    goaway = b"\0\0\x08\x07\0\0\0\0\0\x80\0\0\x05\0\0\0\x02"
    data = frames[0] + goaway + frames[1]
    splitter = Splitter()
    came = [frame for start in range(0, len(data), size) for frame in splitter.feed(data[start : start + size])]
    assert came == [frames[0], GoAway(5, 2), frames[1]]


def test_the_largest_frame_is_waited_for_and_a_larger_one_is_none() -> None:
    assert list(Splitter().feed(b"\0\x40\0\0\0\0\0\0\1")) == []
    with pytest.raises(NoFrame):
        list(Splitter().feed(b"\0\x40\1\0\0\0\0\0\1"))


def test_a_frame_that_breaks_the_rules_is_garbled() -> None:
    def play(wire: socket.socket) -> None:
        wire.sendall(b"\0\0\1\4\0\0\0\0\0x")  # SETTINGS of one byte
        read_to_end(wire)

    with peer(play) as port:
        assert http2(port, ClientRequest("GET")).ending is Ending.GARBLED
