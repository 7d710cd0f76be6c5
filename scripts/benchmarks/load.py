"""Load on a loopback address: a fixed number of connections, each sending its next request when it has its answer.

Runs in a process of its own (`python -m scripts.benchmarks.load`), so that its CPU time is not the gateway's, and is
bounded in time. Prints one JSON object.
"""

import argparse
import asyncio
import json
import statistics
import time
from functools import partial
from typing import Final, cast

import uvloop

BODY: Final = json.dumps(
    {
        "model": "chat",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant. Answer in one sentence."},
            {
                "role": "user",
                "content": "What does an external processor see of a request that passes through Envoy?" + " " * 40,
            },
        ],
        "temperature": 0.2,
    }
).encode()
"""A chat request of about 300 bytes."""


def large(size: int) -> bytes:
    """A chat request with a prompt of about `size` bytes of prose."""
    prose = "An external processor sees each request that passes through Envoy, headers first. "
    return json.dumps(
        {"model": "chat", "messages": [{"role": "user", "content": prose * (size // len(prose))}]}
    ).encode()


def request(body: bytes, host: str, agent: str = "bench") -> bytes:
    """The bytes of a POST."""
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nauthorization: Bearer client\r\nuser-agent: {agent}\r\naccept: */*\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One client: sends, reads an answer with a content-length, notes how long it took, and sends again."""

    def __init__(
        self, payload: bytes, until: float, pause: float, times: list[float], done: asyncio.Future[None]
    ) -> None:
        self._payload, self._until, self._pause = payload, until, pause
        self._times, self._done = times, done
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the first request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no class of asyncio's
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        self._sent = time.perf_counter()
        if self._sent >= self._until:
            self._transport.close()
        else:
            self._transport.write(self._payload)

    def data_received(self, data: bytes) -> None:
        """Takes an answer; anything but a 200 ends the load, since figures of failures mean nothing."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            self._end(RuntimeError(f"the gateway answered {self._buffer[:200]!r}"))
            return
        if not _is_whole(self._buffer, head, end + 4):
            return
        self._buffer = b""
        self._times.append(time.perf_counter() - self._sent)
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._send)
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells that this client is done."""
        self._end(exc)

    def _end(self, error: Exception | None) -> None:
        if self._done.done():
            return
        if error is None and time.perf_counter() >= self._until:
            self._done.set_result(None)
        else:
            self._done.set_exception(error or RuntimeError("the gateway closed the connection"))


def _is_whole(answer: bytes, head: bytes, body_at: int) -> bool:
    at = head.find(b"content-length:")
    if at < 0:  # chunked; what the benches answer holds no such line itself
        return answer.endswith(b"0\r\n\r\n")
    line = head.find(b"\r\n", at)
    return len(answer) >= body_at + int(head[at + 15 : line if line > 0 else body_at])


async def unary(
    port: int, connections: int, seconds: float, pause: float, size: int = 0, agent: str = "bench"
) -> dict[str, float]:
    """Requests over kept connections: how many, and how long they took (ms). Of `size` bytes on every other one."""
    loop = asyncio.get_running_loop()
    times, ends = list[float](), list[asyncio.Future[None]]()
    start = time.perf_counter()
    for number in range(connections):
        payload = request(large(size) if size and number % 2 else BODY, f"127.0.0.1:{port}", agent)
        end = loop.create_future()
        ends.append(end)
        await loop.create_connection(
            partial(Connection, payload, start + seconds, pause, times, end), "127.0.0.1", port
        )
        await asyncio.sleep(pause / connections)  # or all would send at once after each pause
    await asyncio.wait_for(asyncio.gather(*ends), seconds + 30)
    took = time.perf_counter() - start
    times.sort()
    return {
        "requests": len(times),
        "seconds": took,
        "p50_ms": statistics.median(times) * 1000,
        "p99_ms": times[int(len(times) * 0.99)] * 1000,
    }


async def events(port: int, connections: int, model: str, *, usage: bool = False) -> dict[str, float]:
    """Event streams side by side, one each connection: bytes and events that came, and the first one's delay (ms)."""
    asked = {"model": model, "stream": True, "messages": [{"role": "user", "content": "count"}]}
    body = json.dumps(asked | ({"stream_options": {"include_usage": True}} if usage else {})).encode()
    answers = await asyncio.gather(*(_stream(port, request(body, f"127.0.0.1:{port}")) for _ in range(connections)))
    return {
        "events": sum(count for count, _ in answers),
        "first_ms": statistics.median(first for _, first in answers) * 1000,
    }


async def _stream(port: int, payload: bytes) -> tuple[int, float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    start, first, body = time.perf_counter(), 0.0, b""
    writer.write(payload)
    while b"\r\n0\r\n\r\n" not in body[-7:]:
        data = await asyncio.wait_for(reader.read(65536), 60)
        if not data:
            raise RuntimeError("the stream was cut")
        body += data
        if not first and b"data:" in body:
            first = time.perf_counter() - start
    writer.close()
    if not body.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the gateway answered {body[:200]!r}")
    return body.count(b"data: "), first


def main() -> None:
    """Runs one load and prints what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["unary", "events"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--large", type=int, default=0, help="bytes of the requests of every other connection")
    parser.add_argument("--model", default="chat")
    parser.add_argument("--usage", action="store_true", help="streams are asked for their usage")
    parser.add_argument("--agent", default="bench", help="the user-agent of requests, by which a policy may know them")
    args = parser.parse_args()
    load = (
        unary(args.port, args.connections, args.seconds, args.pause, args.large, args.agent)
        if args.kind == "unary"
        else events(args.port, args.connections, args.model, usage=args.usage)
    )
    print(json.dumps(uvloop.run(load)))


if __name__ == "__main__":
    main()
