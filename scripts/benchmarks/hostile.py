"""Clients that mean no good, each of one kind, at a rate that costs them next to nothing.

Runs in a process of its own (`python -m scripts.benchmarks.hostile KIND`), until it is ended. `upstream` is the
backend whose responses are the load.
"""

import argparse
import asyncio
import contextlib
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from extproc.server import tasks
from scripts.benchmarks.texts import KIB

MIB: Final = 1024 * KIB
COSTLY: Final = 16 * KIB - 200
"""Bytes of a text in a body that is just judged between two messages."""

HELD: Final = 200
"""Connections of the loads that keep something open. Envoy holds them, too, and all are on this machine."""

PIECE: Final = 16 * KIB


def said(text: str, model: str = "chat", **more: object) -> bytes:
    """A chat request."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


def repeated(text: str, size: int = COSTLY) -> bytes:
    """A chat request of a text over and over."""
    return said((text * (size // len(text) + 1))[:size])


def post(body: bytes, *, encoding: str = "", length: int | None = None) -> bytes:
    """The bytes of a POST; with `length` it promises as many bytes of body."""
    coded = f"content-encoding: {encoding}\r\n" if encoding else ""
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: hostile\r\ncontent-type: application/json\r\n"
        f"{coded}content-length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body


def bomb() -> bytes:
    """165 bytes in three layers of gzip, for 32 MB."""
    body = said("a" * (31 * MIB))
    for _ in range(3):
        body = gzip.compress(body, 9, mtime=0)
    return post(body, encoding="gzip, gzip, gzip")


def nested() -> bytes:
    """Arrays in arrays, a megabyte of them."""
    block = "[" * 60 + "]" * 60
    return post(b'{"model":"chat","messages":[],"x":[' + f"{block},".encode() * (MIB // 121) + b"1]}")


def members() -> bytes:
    """A megabyte of members, each with a name of its own."""
    named = b",".join(b'"name%d":%d' % (number, number) for number in range(MIB // 18))
    return post(b'{"model":"chat","messages":[],"x":{' + named + b"}}")


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of client and its rate: `clients` that send `payload` each `every` seconds.

    `slowly`: a piece of the payload each `every` seconds, on as many connections, and no end.
    """

    payload: Callable[[], bytes]
    clients: int = 2
    every: float = 0.25
    slowly: bool = False
    to_processor: bool = False


LOADS: Final[dict[str, Load]] = {
    "chained-gzip": Load(bomb),
    "tokens-16k": Load(lambda: post(repeated("tokens="))),
    "password-16k": Load(lambda: post(repeated("password="))),
    "phones-16k": Load(lambda: post(repeated("+14155552671 "))),
    "cards-16k": Load(lambda: post(repeated("4111 "))),
    "password-2m": Load(lambda: post(repeated("password=", 2 * MIB - KIB)), every=1.0),
    "nesting-1m": Load(nested, every=0.5),
    "members-1m": Load(members, every=0.5),
    "huge-events": Load(lambda: post(said("go on", model="loud", stream=True)), every=1.0),
    "slow-senders": Load(lambda: post(b"{" + b" " * (4 * KIB), length=MIB), HELD, 1.0, slowly=True),
    "held-bodies": Load(lambda: post(b"{" + b" " * (512 * KIB), length=MIB), HELD, 60.0),
    "idle-connections": Load(lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HELD, 60.0, to_processor=True),
}


async def attack(kind: str, port: int, grpc: int) -> None:
    """Sends a load until it is cancelled."""
    load = LOADS[kind]
    payload = load.payload()
    to = grpc if load.to_processor else port
    client = _slow if load.slowly else _client
    await asyncio.gather(*(client(load, payload, to, number / load.clients) for number in range(load.clients)))


async def _client(load: Load, payload: bytes, port: int, phase: float) -> None:
    """One connection; another one as soon as it was closed."""
    await asyncio.sleep(load.every * phase if load.every < HELD else 0)
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            swallowing = tasks.spawn(_swallow(reader))
            while not swallowing.done():
                writer.write(payload)
                await asyncio.sleep(load.every)
            writer.close()
        await asyncio.sleep(0.05)


async def _slow(load: Load, payload: bytes, port: int, phase: float) -> None:
    """One connection that gives a few bytes at a time."""
    await asyncio.sleep(load.every * phase)
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            swallowing = tasks.spawn(_swallow(reader))
            writer.write(payload)
            while not swallowing.done():
                await asyncio.sleep(load.every)
                writer.write(b" ")
            writer.close()
        await asyncio.sleep(0.05)


async def _swallow(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(MIB):
            pass


def loud() -> Iterator[bytes]:
    """An event stream of a few events of a quarter of a megabyte, full of what takes long to judge."""
    for text in ("tokens=", "4111 "):
        content = text * (256 * KIB // len(text))
        delta = {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}
        yield b"data: %b\n\n" % json.dumps({"id": "x", "object": "chat.completion.chunk", **delta}).encode()
    yield b"data: [DONE]\n\n"


async def upstream(port: int) -> None:
    """Answers each request with such a stream."""
    events = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in loud()) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                length = int(request.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(head + events)
                await writer.drain()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


def main() -> None:
    """Runs one kind of load until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=[*LOADS, "upstream"])
    parser.add_argument("--port", type=int, required=True, help="the gateway's; the upstream's own")
    parser.add_argument("--grpc", type=int, default=0, help="the processor's")
    args = parser.parse_args()
    work = upstream(args.port) if args.kind == "upstream" else attack(args.kind, args.port, args.grpc)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(work)


if __name__ == "__main__":
    main()
