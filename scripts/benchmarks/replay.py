"""The cost of the h2 transport's Python: exchanges as Envoy sends them, played in-process without sockets or load.

`python scripts/benchmarks/replay.py [--against CHECKOUT]` prints CPU time and calls of functions for a request of four
messages and for an event of a stream; with another checkout beside it, in alternating rounds. Only the ratio of two
such figures means anything: what the kernel and the loop cost comes on top, and `scripts/bench transport` measures it.
"""

import argparse
import asyncio
import cProfile
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

REQUESTS: Final = 2_000
AT_ONCE: Final = 16
"""Clients of the full-speed load, each in the same phase as the others: their frames come in one read."""
EVENTS: Final = 10_000
EVENTS_AT_ONCE: Final = 5
"""Events of different streams in one read, as seen with 32 streams and 10 ms between events."""

POLICY: Final = """
version: 1
backends: [{name: fixed, url: "http://127.0.0.1:9/v1", api: openai}]
unknown_models: pass
default_backend: none
"""
"""Decides nothing."""


class Loop:
    """Of a loop, what a connection asks for; nothing is ever due."""

    time = staticmethod(time.monotonic)

    def call_soon(self, *_: object) -> None:
        """Nothing."""

    def call_later(self, *_: object) -> "Loop":
        """A timer that does not fire."""
        return self

    def cancel(self) -> None:
        """Nothing."""


class Wire:
    """Of a transport, the same; what is written is dropped."""

    def get_extra_info(self, _: str) -> None:
        """No TLS."""

    def set_write_buffer_limits(self, high: int) -> None:
        """Nothing."""

    def is_closing(self) -> bool:
        """Never."""
        return False

    def write(self, data: bytes) -> None:
        """Nothing."""


class Home:
    """Of a listener, the same."""

    closed = False

    def __init__(self) -> None:
        from extproc.policy import loads  # noqa: PLC0415  - the other checkout's, in its process
        from extproc.server.h2 import limits  # noqa: PLC0415
        from extproc.server.runtime import Runtime  # noqa: PLC0415
        from extproc.transaction import Plan  # noqa: PLC0415

        try:
            from extproc.server.log import Log, Sink  # noqa: PLC0415
        except ImportError:  # a checkout in which the log was not the server's yet
            from extproc.telemetry import Log, Sink  # type: ignore[attr-defined,no-redef]  # noqa: PLC0415

        # A checkout from before each class had a name of its own calls them so.
        self.limits = vars(limits)["ConnectionLimits" if hasattr(limits, "ConnectionLimits") else "Limits"]()
        self.runtime = Runtime(Plan.compile(loads(POLICY, "replay.yaml"), {}), Log(Sink("none")))

    def joined(self, _: object) -> None:
        """Nothing."""

    def left(self, _: object) -> None:
        """Nothing."""


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """One HTTP/2 frame."""
    return (len(payload) << 8 | kind).to_bytes(4) + bytes((flags,)) + stream_id.to_bytes(4) + payload


def opening() -> bytes:
    """The header block of a call, without Huffman coding and with the table of size 0."""
    fields = {":method": "POST", ":scheme": "http", ":path": "/envoy.service.ext_proc.v3.ExternalProcessor/Process"}
    fields |= {":authority": "ext_proc", "te": "trailers", "content-type": "application/grpc"}
    pairs = [(name.encode(), value.encode()) for name, value in fields.items()]
    literals = (b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value for name, value in pairs)
    return b"\x20" + b"".join(literals)


def messages() -> list[bytes]:
    """The four messages of an exchange, as DATA payloads."""
    from extproc.wire.pb.headers_pb2 import HeaderMap, HeaderValue  # noqa: PLC0415
    from extproc.wire.pb.modes_pb2 import ProtocolConfiguration  # noqa: PLC0415
    from extproc.wire.pb.processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest  # noqa: PLC0415

    def head(**fields: str) -> HttpHeaders:
        named = [(name.replace("_", "-").replace("--", ":"), value.encode()) for name, value in fields.items()]
        return HttpHeaders(headers=HeaderMap(headers=[HeaderValue(key=name, raw_value=value) for name, value in named]))

    path, number = "/v1/chat/completions", "4c508197-4eee-4a63-8972-55e0bbea137c"
    asked = head(__path=path, __method="POST", content_length="286", x_request_id=number)
    modes = ProtocolConfiguration(request_body_mode="BUFFERED", response_body_mode="BUFFERED")
    first = ProcessingRequest(request_headers=asked, protocol_config=modes)
    answered = ProcessingRequest(response_headers=head(__status="200", content_length="283"))
    answered.attributes["envoy.filters.http.ext_proc"].update({"response.code_details": "via_upstream"})
    body = HttpBody(body=b"x" * 285, end_of_stream=True)
    all_ = [first, ProcessingRequest(request_body=body), answered, ProcessingRequest(response_body=body)]
    for each in all_:
        each.metadata_context.SetInParent()
    return [b"\0" + len(wire).to_bytes(4) + wire for wire in (each.SerializeToString() for each in all_)]


def greeting() -> bytes:
    """Preface, SETTINGS with a wide window, and the acknowledgement of ours."""
    wide = (1 << 30).to_bytes(4)
    settings = frame(4, 0, 0, b"\0\4" + wide) + frame(4, 1, 0, b"")
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + frame(8, 0, 0, wide)


def requests() -> Iterator[bytes]:
    """Reads: so many exchanges side by side, one message of each at a time."""
    block, parts = opening(), messages()
    for start in range(0, REQUESTS, AT_ONCE):
        ids = [1 + 2 * number for number in range(start, min(start + AT_ONCE, REQUESTS))]
        yield b"".join(frame(1, 4, each, block) + frame(0, 0, each, parts[0]) for each in ids)
        for part in parts[1:]:
            yield b"".join(frame(0, 0, each, part) for each in ids)
        yield b"".join(frame(3, 0, each, bytes(4)) for each in ids)


def events() -> Iterator[bytes]:
    """Reads: pieces of answers that nobody reads."""
    block, parts = opening(), messages()
    ids = [1 + 2 * (REQUESTS + number) for number in range(EVENTS_AT_ONCE)]
    for part in (parts[0], parts[1], parts[2]):
        yield b"".join(
            (frame(1, 4, each, block) if part is parts[0] else b"") + frame(0, 0, each, part) for each in ids
        )
    for _ in range(EVENTS // EVENTS_AT_ONCE):
        yield b"".join(frame(0, 0, each, parts[3]) for each in ids)


def once(home: Home, clock: Callable[[list[bytes], Callable[[bytes], None]], float]) -> tuple[float, float]:
    """Return what `clock` makes of the reads of all requests and of all events, for one of them."""
    from extproc.server.h2.shell import Shell  # noqa: PLC0415

    shell = Shell(home, cast("asyncio.AbstractEventLoop", Loop()))
    shell.connection_made(cast("asyncio.Transport", Wire()))
    shell.data_received(greeting())
    found = clock(list(requests()), shell.data_received) / REQUESTS, clock(list(events()), shell.data_received) / EVENTS
    shell.connection_lost(None)
    return found


def cpu(reads: list[bytes], receive: Callable[[bytes], None]) -> float:
    """Microseconds of CPU."""
    start = time.process_time()
    for read in reads:
        receive(read)
    return (time.process_time() - start) * 1e6


def calls(reads: list[bytes], receive: Callable[[bytes], None]) -> float:
    """Calls of functions, built-in ones included."""
    profile = cProfile.Profile()
    profile.enable()
    for read in reads:
        receive(read)
    profile.disable()
    return float(sum(entry.callcount for entry in cast("list[Any]", profile.getstats())))


def one() -> None:
    """Measures this process's own checkout, and prints a JSON object."""
    home = Home()
    once(home, cpu)
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 5, 200)
    rounds = [once(home, cpu) for _ in range(3)]
    counted = once(home, calls)
    best = [min(column) for column in zip(*rounds, strict=True)]
    print(json.dumps({"cpu": best, "calls": counted}))
    home.runtime.log.close()


def measured(checkout: Path) -> dict[str, list[float]]:
    """The same of any checkout, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, __file__, "--one"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one()
        return
    checkouts = [Path(__file__).parents[2], *([args.against] if args.against else [])]
    rounds = [[measured(checkout) for checkout in checkouts] for _ in range(args.rounds)]
    for at, what in enumerate(("request", "event")):
        for column, checkout in enumerate(checkouts):
            spent = statistics.median(each[column]["cpu"][at] for each in rounds)
            counted = rounds[0][column]["calls"][at]
            print(f"{what:8} {spent:7.2f} us {counted:6.0f} calls  {checkout}")
        if args.against:
            ratio = statistics.median(each[0]["cpu"][at] / each[1]["cpu"][at] for each in rounds)
            print(f"{what:8} {ratio:7.3f} of the other's time")


if __name__ == "__main__":
    main()
