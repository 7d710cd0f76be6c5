"""The clients against sockets that are played by hand, where a real server would be too polite."""

import socket
import threading
import time
from collections.abc import Callable

import pytest

from extproc.testing.clients import ClientRequest, ClientResponse, Disconnect, End, Ending, Pause, Piece, Until, When
from extproc.testing.clients.http1 import Http1, http1
from extproc.testing.provider import running_provider
from tests.testing.asking import ask, chat
from tests.testing.peer import peer, read_to_end, read_until

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    def play(connection: socket.socket) -> None:
        read_until(connection, b"\r\n\r\n")
        connection.sendall(answer)

    return play


def written_by(request: ClientRequest) -> bytes:
    seen: list[bytes] = []

    def play(connection: socket.socket) -> None:
        data = b""
        while not data.endswith(b"end"):
            data += connection.recv(65536)
        seen.append(data)
        connection.sendall(OK)

    with peer(play) as port, Http1(port) as client:
        client.request(request)
        return seen[0].replace(str(port).encode(), b"PORT")


def test_a_request_is_written_as_it_is_given() -> None:
    request = ClientRequest("PUT", "/a b?\x7f", (("X-One", "1"), ("x-one", " 2")), b"the end")
    assert written_by(request) == (
        b"PUT /a b?\x7f HTTP/1.1\r\nhost: 127.0.0.1:PORT\r\nX-One: 1\r\nx-one:  2\r\ncontent-length: 7\r\n\r\nthe end"
    )


def test_a_host_that_is_given_is_not_added() -> None:
    assert written_by(ClientRequest(headers=(("Host", "a"),), body=b"end")).count(b"ost: ") == 1


def test_pieces_are_chunks_and_trailers_stand_behind_them() -> None:
    request = ClientRequest(body=[b"abc", b"", b"0123456789abcdef"], trailers=(("x-last", "the"), ("x-end", "end")))
    with running_provider() as provider, Http1(provider.port) as client:
        assert client.request(request).status == 200
        assert provider.records[0].body == b"abc0123456789abcdef"
        assert provider.records[0].trailers == (("x-last", "the"), ("x-end", "end"))


def test_a_get_says_no_length() -> None:
    with running_provider() as provider:
        http1(provider.port, ClientRequest("GET"))
        http1(provider.port, ClientRequest("POST"))
        assert [seen.header("content-length") for seen in provider.records] == [None, "0"]


def test_a_slow_upload_takes_its_time() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, [chat()[:5], Pause(0.15), chat()[5:20], Pause(0.15), chat()[20:]])
    assert answer.status == 200
    assert answer.headers_at >= 0.3


def test_the_times_of_pieces_are_those_of_their_arrival() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, chat("one two three", stream=True), "slow-100ms+gap-50ms")
    assert answer.headers_at >= 0.1
    # Seven pieces, six gaps; a busy client may see the first one late, and none early.
    assert answer.pieces[-1].at >= 0.1 + 6 * 0.05
    assert answer.pieces[0].at < answer.pieces[-1].at


def test_an_answer_that_is_cut_is_truncated() -> None:
    with peer(answering(OK[:-1])) as port:
        answer = http1(port, ClientRequest("GET"))
    assert (answer.status, answer.body, answer.ending, answer.complete) == (200, b"o", Ending.TRUNCATED, False)


def test_an_answer_without_length_ends_with_its_connection() -> None:
    with peer(answering(b"HTTP/1.1 200 OK\r\n\r\nall of it")) as port:
        answer = http1(port, ClientRequest("GET"))
    assert (answer.body, answer.complete) == (b"all of it", True)


def test_a_chunked_answer_without_its_last_chunk_is_truncated() -> None:
    with peer(answering(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n")) as port:
        answer = http1(port, ClientRequest("GET"))
    assert (answer.body, answer.ending) == (b"ok", Ending.TRUNCATED)


def test_no_answer_at_all_is_truncated() -> None:
    with peer(lambda _: None) as port:
        assert http1(port, ClientRequest("GET")).ending in {Ending.TRUNCATED, Ending.RESET}


def test_a_reset_is_told_from_an_end() -> None:
    def play(connection: socket.socket) -> None:
        read_until(connection, b"\r\n\r\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with peer(play) as port:
        assert http1(port, ClientRequest("GET")).ending is Ending.RESET


def test_what_is_not_http_is_garbled() -> None:
    with peer(answering(b"* OK IMAP4rev1\r\n\r\n")) as port:
        assert http1(port, ClientRequest("GET")).ending is Ending.GARBLED


def test_what_comes_behind_an_answer_is_shown() -> None:
    with peer(answering(OK + b"HTTP/1.1 200 OK\r\n")) as port:
        answer = http1(port, ClientRequest("GET"))
    assert (answer.body, answer.surplus, answer.complete) == (b"ok", b"HTTP/1.1 200 OK\r\n", False)


def test_what_comes_behind_an_answer_later_is_shown_if_one_waits() -> None:
    def play(connection: socket.socket) -> None:
        read_until(connection, b"\r\n\r\n")
        connection.sendall(OK)
        read_until(connection, b"more")
        connection.sendall(b"surplus")

    with peer(play) as port:
        answer = http1(port, ClientRequest(body=[Until(2), b"more", Pause(0.2)]))
    assert answer.surplus == b"surplus"


def test_answers_before_the_answer_are_kept_apart() -> None:
    with peer(answering(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK)) as port:
        answer = http1(port, ClientRequest("GET"))
    assert (answer.interim, answer.status, answer.body) == ((103, 100), 200, b"ok")


def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    def play(connection: socket.socket) -> None:
        read_to_end(connection)

    with peer(play) as port:
        started = time.monotonic()
        assert http1(port, ClientRequest("GET"), within=0.2).ending is Ending.TIMEOUT
        assert time.monotonic() - started < 2


def test_a_script_that_waits_in_vain_is_a_timeout_too() -> None:
    def play(connection: socket.socket) -> None:
        read_to_end(connection)

    with peer(play) as port:
        answer = http1(port, ClientRequest(body=[b"a", Until(), b"b"]), within=0.2)
    assert (answer.ending, answer.sent) == (Ending.TIMEOUT, False)


def test_a_script_goes_on_when_what_it_waits_for_holds() -> None:
    seen = threading.Event()

    def play(connection: socket.socket) -> None:
        read_until(connection, b"a")
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        seen.set()
        read_until(connection, b"b")
        connection.sendall(OK)

    with peer(play) as port:
        answer = http1(port, ClientRequest(body=[b"a", When(seen.is_set), b"b"]))
    assert (answer.interim, answer.status, answer.sent) == ((100,), 200, True)


@pytest.mark.parametrize("last", [b"", OK])
def test_a_script_does_not_wait_beyond_the_answer(last: bytes) -> None:
    def play(connection: socket.socket) -> None:
        read_until(connection, b"a")
        connection.sendall(last)

    with peer(play) as port:
        answer = http1(port, ClientRequest(body=[b"a", When(lambda: False), b"b"]), within=5)
    assert answer.ending is (Ending.COMPLETE if last else Ending.TRUNCATED)


def test_a_script_that_waits_for_what_never_holds_is_a_timeout() -> None:
    with peer(read_to_end) as port:
        answer = http1(port, ClientRequest(body=[b"a", When(lambda: False), b"b"]), within=0.2)
    assert (answer.ending, answer.sent) == (Ending.TIMEOUT, False)


def test_a_peer_that_takes_nothing_more_ends_the_sending() -> None:
    def play(connection: socket.socket) -> None:
        connection.recv(1)

    with peer(play) as port:
        answer = http1(port, ClientRequest(body=b"x" * 20_000_000))
    assert (answer.sent, answer.complete) == (False, False)


def test_an_answer_before_the_end_of_the_request_is_read_whole() -> None:
    def play(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_WR)
        read_to_end(connection)

    with peer(play) as port:
        answer = http1(port, ClientRequest(body=[b"x" * 1000, Until(2), b"y" * 1000]))
    assert (answer.body, answer.complete) == (b"ok", True)


@pytest.mark.parametrize(("how", "error"), [("reset", ConnectionResetError), ("close", None)])
def test_leaving_is_a_reset_or_a_close_as_told(how: str, error: type[Exception] | None) -> None:
    ended: list[type[Exception] | None] = []

    def play(connection: socket.socket) -> None:
        try:
            read_until(connection, b"no such mark")
            ended.append(None)
        except ConnectionResetError as caught:
            ended.append(type(caught))

    abort = Disconnect("reset") if how == "reset" else Disconnect("close")
    with peer(play) as port:
        answer = http1(port, ClientRequest(body=[b"abc", Pause(0.05), abort, b"never"]))
    assert (answer.ending, answer.sent, ended) == (Ending.ABORTED, False, [error])


def test_a_body_that_is_left_says_that_it_is_longer() -> None:
    assert ClientRequest(body=[b"abc", Disconnect()]).size == 4
    assert ClientRequest(body=[b"abc", End(), Disconnect()]).size == 3


def test_raw_bytes_go_out_as_they_are() -> None:
    with peer(answering(OK)) as port, Http1(port) as client:
        assert client.raw(b"BREW /pot HTCPCP/1.0\r\n\r\n", method="BREW").body == b"ok"


def test_a_slow_reader_leaves_the_answer_where_it_is() -> None:
    with running_provider() as provider:
        answer = ask(provider.port, [chat(), End(), Pause(0.3, read=False)], "body-9000")
    assert answer.complete
    assert answer.headers_at >= 0.3


def test_events_are_read_whatever_ends_their_lines() -> None:
    body = b"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\ndata: cut"
    assert ClientResponse(pieces=(Piece(body[:20], 0.0), Piece(body[20:], 0.1))).events() == [b"1", b"2"]
