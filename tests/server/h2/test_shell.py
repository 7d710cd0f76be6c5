"""The transport over real sockets: its own frames to raw clients, on both loops."""

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from extproc.protocol.effects import AbortCode, Effect
from extproc.protocol.messages import Message, StreamClosed
from extproc.server.h2 import frames, listener, peers
from extproc.server.h2.core import DRAIN_PING
from extproc.server.h2.frames import ErrorCode
from extproc.server.h2.limits import MIB, ConnectionLimits
from extproc.server.h2.listener import H2Transport
from extproc.server.h2.peers import Peers
from extproc.server.h2.shell import WRITE_BUFFER
from tests.server.h2.client import data, frame, headers, message, rst
from tests.server.h2.serving import Raw, play, raw, serving
from tests.server.h2.test_calls import ending
from tests.server.support import Decider, body, kind, until
from tests.server.support import headers as request_headers

LOOPS = pytest.mark.parametrize("uvloop", [True, False], ids=["uvloop", "asyncio"])
WIDE = ConnectionLimits(stream_window=64 * MIB, connection_window=128 * MIB)
"""Windows that let a client send much without reading a thing."""
GRPC = message(request_headers("/"))


async def answer(client: Raw, stream_id: int = 1) -> str | None:
    """What the next message on a stream answers."""
    return kind((await client.until(frames.DATA, stream_id)).payload[5:])


async def statuses(client: Raw, *stream_ids: int) -> dict[int, int]:
    """The statuses that calls end with, in whatever order."""
    found: dict[int, int] = {}
    while found.keys() != set(stream_ids):
        each = await client.until(frames.HEADERS)
        if each.flags & frames.END_STREAM:
            sent = frames.headers(each.stream_id, each.payload, end=True)
            found[each.stream_id] = ending(sent, each.stream_id)[0]
    return found


async def status(client: Raw) -> int:
    """The status that the one call ends with."""
    return (await statuses(client, 1))[1]


@LOOPS
def test_a_call_is_answered_and_ends_as_ok_after_the_half_close(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport) as client:
            client.send(headers(1) + data(1, GRPC))
            assert await answer(client) == "request_headers"
            assert transport.runtime.open == 1
            client.send(data(1, message(body(b"x")), end=True))
            assert await answer(client) == "request_body"
            assert await status(client) == 0
            assert transport.runtime.open == 0

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_reset_ends_the_exchange_without_a_word(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport) as client:
            client.send(headers(1) + data(1, GRPC))
            await answer(client)
            client.send(rst(1) + frame(frames.PING, 0, 0, b"are-you?"))
            assert (await client.until(frames.PING)).payload == b"are-you?"
            assert transport.runtime.open == 0

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_connection_that_is_cut_ends_its_exchanges(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport:
            async with raw(transport) as client:
                client.send(b"".join(headers(each) + data(each, GRPC) for each in (1, 3, 5)))
                await answer(client, 5)
                assert transport.runtime.open == 3
            await until(lambda: transport.runtime.open == 0)

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_client_that_shuts_down_its_side_is_gone(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport) as client:
            client.send(headers(1) + data(1, GRPC))
            await answer(client)
            client.writer.write_eof()
            await until(lambda: transport.runtime.open == 0)
            await client.rest()

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_protocol_error_is_told_before_the_connection_closes(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport) as client:
            client.send(headers(1) + data(1, GRPC) + frame(frames.PING, 0, 1, bytes(8)))
            goaway = (await client.rest())[-1]
            assert goaway.kind == frames.GOAWAY
            assert goaway.payload[4:8] == frames.UINT32.pack(ErrorCode.PROTOCOL_ERROR)
            assert transport.runtime.open == 0

    play(scene, uvloop=uvloop)


@LOOPS
def test_an_http_1_client_is_turned_away(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport, window=None) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await client.rest())[-1].kind == frames.GOAWAY

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_client_that_says_nothing_is_turned_away_after_its_time(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving(ConnectionLimits(preface=0.1)) as transport, raw(transport, window=None) as client:
            assert (await client.rest())[-1].kind == frames.GOAWAY

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_deadline_is_kept_by_the_server_though_the_client_does_not(uvloop: bool) -> None:
    from tests.server.h2.test_calls import with_timeout

    async def scene() -> None:
        async with serving() as transport, raw(transport) as client:
            client.send(headers(1, with_timeout(b"100m")) + data(1, GRPC))
            assert await status(client) == 4
            assert transport.runtime.open == 0

    play(scene, uvloop=uvloop)


@LOOPS
def test_an_answer_that_nobody_waited_for_is_sent_at_once(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport) as client:
            client.send(headers(1) + data(1, message(request_headers("/late-reject"))))
            await until(lambda: transport.runtime.open == 1)
            transport.runtime.sweep(transport.runtime.clock())
            assert await answer(client) == "immediate_response"

    play(scene, uvloop=uvloop)


@LOOPS
def test_aborting_every_exchange_ends_each_with_the_status_given(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport) as client:
            client.send(b"".join(headers(each) + data(each, GRPC) for each in (1, 3)))
            await answer(client, 3)
            assert transport.runtime.abort_all(AbortCode.UNAVAILABLE, "stopped") == 2
            assert await statuses(client, 1, 3) == {1: 14, 3: 14}

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_window_of_1_gets_its_answer_byte_by_byte(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport, window=1) as client:
            client.send(headers(1) + data(1, message(request_headers("/")), end=True))
            got = b""
            while True:
                found = await client.frame()
                if found.kind == frames.DATA:
                    assert len(found.payload) == 1
                    got += found.payload
                    client.send(frames.window_update(1, 1))
                elif found.kind == frames.HEADERS and found.flags & frames.END_STREAM:
                    break
            assert kind(got[5:]) == "request_headers"

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_window_of_0_holds_the_answer_and_its_end_until_it_opens(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport, window=0) as client:
            client.send(headers(1) + data(1, GRPC, end=True))
            assert not (await client.until(frames.HEADERS)).flags & frames.END_STREAM
            client.send(frame(frames.PING, 0, 0, bytes(8)))
            assert (await client.frame()).kind == frames.PING
            client.send(frames.settings([(4, 1000)]))
            assert await answer(client) == "request_headers"
            assert await status(client) == 0

    play(scene, uvloop=uvloop)


@LOOPS
def test_an_exchange_hears_how_it_ended(uvloop: bool) -> None:
    """A half-close is clean, a reset and a lost connection are not."""
    ends: list[bool] = []

    class Hearing(Decider):
        def receive(self, message: Message, now: float, /) -> Iterable[Effect]:
            if isinstance(message, StreamClosed):
                ends.append(message.clean)
            return super().receive(message, now)

    async def scene() -> None:
        async with serving(begin=Hearing) as transport, raw(transport) as client:
            for stream_id, last in ((1, data(1, end=True)), (3, rst(3)), (5, b"")):
                client.send(headers(stream_id) + data(stream_id, GRPC))
                await answer(client, stream_id)
                client.send(last)
                await until(lambda: transport.runtime.open == (1 if last == b"" else 0))  # noqa: B023  - awaited here
            client.writer.transport.abort()
            await until(lambda: transport.runtime.open == 0)

    play(scene, uvloop=uvloop)
    assert ends == [True, False, False]


# The end of the server.


@LOOPS
def test_a_drain_lets_open_calls_end_and_then_closes(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport) as client, raw(transport) as idle:
            client.send(headers(1) + data(1, GRPC))
            await answer(client)
            await idle.until(frames.WINDOW_UPDATE)
            await transport.drain()
            with pytest.raises(ConnectionRefusedError):
                async with raw(transport):
                    pass
            for each in (client, idle):
                await each.until(frames.GOAWAY)
                assert (await each.frame()).payload == DRAIN_PING
                each.send(frame(frames.PING, frames.ACK, 0, DRAIN_PING))
            last = await client.until(frames.GOAWAY)
            assert int.from_bytes(last.payload[:4]) == 1
            assert (await idle.rest())[-1].kind == frames.GOAWAY
            client.send(data(1, message(body(b"x")), end=True))
            assert await answer(client) == "request_body"
            assert await status(client) == 0
            assert await client.rest() == []

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_hard_close_ends_every_call_as_unavailable(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport) as client:
            client.send(b"".join(headers(each) + data(each, GRPC) for each in (1, 3)))
            await answer(client, 3)
            await transport.close()
            assert await statuses(client, 1, 3) == {1: 14, 3: 14}
            assert (await client.rest())[-1].kind == frames.GOAWAY
            assert transport.runtime.open == 0

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_hard_close_does_not_wait_for_a_client_that_does_not_read(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving(WIDE) as transport, raw(transport) as client:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio types it as the base class
            await _flood(client, transport, 20 * MIB)
            await until(lambda: any(shell._stall is not None for shell in transport._shells), 10)
            before = asyncio.get_running_loop().time()
            await transport.close()
            assert asyncio.get_running_loop().time() - before < 5
            assert transport.runtime.open == 0

    play(scene, uvloop=uvloop)


def test_closing_twice_is_fine() -> None:
    async def scene() -> None:
        async with serving() as transport, raw(transport):
            await transport.drain()
            await transport.close()
            await transport.close()

    play(scene)


# Clients that do not read.


async def _flood(client: Raw, transport: H2Transport, size: int) -> None:
    """Sends a body that is echoed, as fast as the windows allow, until the server reads no more."""
    wire = message(body(bytes(size)))
    pieces = [data(1, wire[at : at + 16_384]) for at in range(0, len(wire), 16_384)]
    client.send(headers(1) + data(1, GRPC))
    client.send(b"".join(pieces))
    await until(lambda: transport.runtime.open == 1)


@LOOPS
def test_a_client_that_does_not_read_is_cut_off_after_its_time(uvloop: bool) -> None:
    async def scene() -> None:
        limits = replace(WIDE, stall=0.3)
        async with serving(limits) as transport, raw(transport) as client:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # as above
            await _flood(client, transport, 30 * MIB)
            await until(lambda: transport.runtime.open == 0, 10)

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_client_that_does_not_read_fills_no_memory(uvloop: bool) -> None:
    """Neither with answers nor with messages, however wide the windows are that it has and gives."""
    piece = message(body(bytes(16_000)))

    async def scene() -> None:
        async with serving(WIDE) as transport, raw(transport) as client, raw(transport) as other:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # as above
            client.send(headers(1) + data(1, GRPC))
            client.send(data(1, piece) * 2_000)
            await until(lambda: any(shell._stall is not None for shell in transport._shells), 10)
            for _ in range(20):  # what the loop would still do, it does meanwhile
                other.send(frames.ping(bytes(8), ack=False))
                await other.until(frames.PING)
            (shell,) = [each for each in transport._shells if each._stall is not None]
            assert shell._transport is not None
            assert shell._calls._kept <= MIB
            assert shell._calls._core.sending.queued <= 2 * MIB
            assert shell._transport.get_write_buffer_size() <= 2 * WRITE_BUFFER
            assert sum(transport.runtime.messages.values()) < 1_900

    play(scene, uvloop=uvloop)


@LOOPS
def test_late_answers_wait_in_their_call_while_the_client_does_not_read(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving(replace(WIDE, write_limit=8 * MIB)) as transport, raw(transport) as client:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # as above
            await _flood(client, transport, 20 * MIB)
            await until(lambda: any(shell._stall is not None for shell in transport._shells), 10)
            (shell,) = transport._shells
            (call,) = shell._calls._calls.values()
            assert shell._transport is not None
            before = shell._transport.get_write_buffer_size()
            for _ in range(7):
                shell.send(call, bytes(MIB))
            await asyncio.sleep(0)
            assert shell._transport.get_write_buffer_size() <= before
            assert transport.runtime.open == 1
            shell.send(call, bytes(MIB))  # more than may wait
            assert transport.runtime.open == 0

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_client_that_reads_late_gets_every_byte(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving(WIDE) as transport, raw(transport) as client:
            reading = client.writer.transport
            reading.pause_reading()  # type: ignore[attr-defined]  # as above
            await _flood(client, transport, 20 * MIB)
            client.send(data(1, message(body(b"the end")), end=True))
            await until(lambda: any(shell._stall is not None for shell in transport._shells), 10)
            reading.resume_reading()  # type: ignore[attr-defined]  # as above
            got = 0
            while True:
                found = await client.frame()
                got += len(found.payload) if found.kind == frames.DATA else 0
                if found.kind == frames.HEADERS and found.flags & frames.END_STREAM:
                    break
            assert got > 20 * MIB
            assert not any(
                shell._stall for shell in transport._shells if shell._calls._connection.core.sending._blocked
            )

    play(scene, uvloop=uvloop)


# Where it listens.


def test_every_address_of_a_name_is_listened_at_on_one_port() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        async with serving(listen="localhost:0") as transport:
            port = transport.endpoint.port  # type: ignore[union-attr]  # Tcp
            assert port
            found = await loop.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)
            for address in {each[4][:2] for each in found}:
                _, writer = await asyncio.open_connection(*address)
                writer.transport.abort()

    play(scene)


@LOOPS
def test_a_unix_socket_is_served(uvloop: bool, tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def scene() -> None:
        async with serving(listen=f"unix:{path}") as transport, raw(transport) as client:
            client.send(headers(1) + data(1, GRPC))
            assert await answer(client) == "request_headers"

    play(scene, uvloop=uvloop)
    assert not path.exists()


def test_connections_past_the_limit_are_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "CONNECTIONS", 1)

    async def scene() -> None:
        async with serving() as transport:
            async with raw(transport) as first:
                await first.until(frames.SETTINGS)
                async with raw(transport, window=None) as second:
                    assert await second.rest() == []
            await until(lambda: not transport._shells)
            async with raw(transport) as third:
                assert (await third.frame()).kind == frames.SETTINGS

    play(scene)


def test_a_connection_that_does_nothing_is_told_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "Peers", partial(Peers, idle=0.04))

    async def scene() -> None:
        async with serving() as transport, raw(transport) as idle, raw(transport) as busy:
            busy.send(headers(1) + data(1, GRPC))
            assert await answer(busy) == "request_headers"
            await idle.until(frames.GOAWAY)
            busy.send(data(1, message(body(b"x")), end=True))
            assert await answer(busy) == "request_body"
            await until(lambda: len(transport._shells) <= 1)

    play(scene)


class Failing(socket.socket):
    """A listening socket whose first `accept` finds no descriptor left."""

    failed = False

    def accept(self) -> tuple[socket.socket, object]:
        if not self.failed:
            self.failed = True
            raise OSError(24, "Too many open files")
        return super().accept()


@LOOPS
def test_a_connection_that_comes_while_the_server_closes_does_not_stay(uvloop: bool) -> None:
    async def scene() -> None:
        async with serving() as transport:
            transport.closed = True
            async with raw(transport, window=None) as client:
                assert await client.rest() == []

    play(scene, uvloop=uvloop)


@LOOPS
def test_an_accept_that_fails_is_tried_again(uvloop: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "NO_DESCRIPTORS", 0.01)
    monkeypatch.setattr(socket, "socket", Failing)

    async def scene() -> None:
        async with serving() as transport:
            monkeypatch.undo()
            async with raw(transport) as client:
                assert (await client.frame()).kind == frames.SETTINGS

    play(scene, uvloop=uvloop)


@LOOPS
def test_a_client_of_many_streams_is_answered_in_few_writes(uvloop: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one read brings is answered in one write."""
    from extproc.server.h2.connection import Connection

    taken: list[int] = []
    real = Connection.data_to_send

    def counting(connection: Connection) -> bytes:
        sent = real(connection)
        taken.append(len(sent))
        return sent

    monkeypatch.setattr(Connection, "data_to_send", counting)

    async def scene() -> None:
        async with serving() as transport, raw(transport) as client:
            await client.until(frames.SETTINGS)
            client.send(b"".join(headers(each) + data(each, GRPC) for each in range(1, 200, 2)))
            await answer(client, 199)

    play(scene, uvloop=uvloop)
    assert len([size for size in taken if size]) < 20


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.deep)])
def test_thousands_of_exchanges_are_open_at_once_on_one_connection(count: int) -> None:
    streams = range(1, 2 * count, 2)

    async def scene() -> None:
        async with serving() as transport, raw(transport) as client:
            client.send(b"".join(headers(each) + data(each, GRPC) for each in streams))
            await answer(client, streams[-1])
            assert transport.runtime.open == count
            client.send(b"".join(data(each, message(body(b"x")), end=True) for each in streams))
            assert set((await statuses(client, *streams)).values()) == {0}
            assert transport.runtime.open == 0

    play(scene)
