"""The cost of the processor's Python: exchanges as Envoy sends them, played in-process without sockets or load.

`python scripts/benchmarks/replay.py [--against CHECKOUT]` prints CPU time and calls of functions for an exchange, or an
event of a stream; with another checkout beside it, in alternating rounds. Only the ratio of two such figures means
anything: what the kernel and the loop cost comes on top, and `scripts/bench transport` measures it.

`request` and `event` are decided by a policy that decides nothing. `routed` is an exchange for a model with two targets
and a fallback, whose response headers say how the backend is; `plain` is such an exchange with its response,
`counted` the same with its tokens counted. `passed` is an event of a stream that nobody reads, `metered` one of a
stream that is read for its usage, and `edited` one of a stream from which the event with the usage is taken out. With
all rules: `prompt` has nothing to be found in it, `values` has five values that are masked, `json` is the prompt with a
response that is read, `said` is an event of a streamed response with a piece of text.
"""

import argparse
import asyncio
import cProfile
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, cast

REQUESTS: Final = 2_000
AT_ONCE: Final = 16
"""Clients of the full-speed load, each in the same phase as the others: their frames come in one read."""
EVENTS: Final = 10_000
INSPECTED: Final = 800
SAID: Final = 4_000
"""Exchanges, and events, with all rules."""
ROUNDS: Final = 5
EVENTS_AT_ONCE: Final = 5
"""Events of different streams in one read, as seen with 32 streams and 10 ms between events."""

STREAM: Final = "text/event-stream"

POLICY: Final = """
version: 1
backends: [{name: fixed, url: "http://127.0.0.1:9/v1", api: openai}]
unknown_models: pass
default_backend: none
usage: {from: none, metadata: null}
"""
"""Decides nothing."""

CHOOSING: Final = """
version: 1
backends:
  - {name: north, url: "http://127.0.0.1:9/v1", api: openai}
  - {name: south, url: "http://127.0.0.1:9/v1", api: openai}
models:
  - name: gpt-4o-mini
    targets: [{backend: north, model: large, weight: 80}, {backend: south, model: small, weight: 20}]
    fallback: [{backend: south, model: spare}]
default_backend: none
usage: {from: none, metadata: null}
"""
"""Two ways to serve a model, and one more."""

METERED: Final = CHOOSING.replace("from: none", "from: processor")
"""The same, and the tokens are counted. A checkout that knows no `usage` reads nothing for it."""

RULES: Final = """
pipelines:
  - name: all-rules
    request: [{use: pii, action: mask}, {use: secrets, action: mask}]
"""
ANSWERS: Final = "    response: [{use: pii, action: mask}, {use: secrets, action: mask}]\n"

PROMPT: Final = 300
"""Characters of a prompt or response, and of words in a streamed one."""
VALUES: Final = (
    "ann.lee@example.com",
    "+44 20 7946 0958",
    "4111 1111 1111 1111",
    "10.20.30.40",
    "GB82 WEST 1234 5698 7654 32",
)


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

    def __init__(self, policy: str) -> None:
        from extproc.policy import loads  # noqa: PLC0415  - the other checkout's, in its process
        from extproc.server.h2 import limits  # noqa: PLC0415
        from extproc.server.runtime import Runtime  # noqa: PLC0415
        from extproc.transaction import Plan  # noqa: PLC0415

        try:
            from extproc.server.log import Log, Sink  # noqa: PLC0415
        except ImportError:  # a checkout in which the log was not the server's yet
            from extproc.telemetry import Log, Sink  # type: ignore[attr-defined,no-redef]  # noqa: PLC0415

        from extproc.policy import Policy  # noqa: PLC0415

        if "usage" not in Policy.model_fields:
            policy = "".join(line for line in policy.splitlines(keepends=True) if not line.startswith("usage:"))
        # A checkout from before each class had a name of its own calls them so.
        self.limits = vars(limits)["ConnectionLimits" if hasattr(limits, "ConnectionLimits") else "Limits"]()
        self.runtime = Runtime(Plan.compile(loads(policy, "replay.yaml"), {}), Log(Sink("none")))

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


def messages(
    *, said: bytes = b"x" * 285, answer: bytes = b"x" * 285, kind: str = "", modes: str = "BUFFERED"
) -> list[bytes]:
    """The four messages of an exchange, as DATA payloads; `kind` is the content type of the response."""
    from extproc.wire.pb.headers_pb2 import HeaderMap, HeaderValue  # noqa: PLC0415
    from extproc.wire.pb.modes_pb2 import ProtocolConfiguration  # noqa: PLC0415
    from extproc.wire.pb.processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest  # noqa: PLC0415

    def head(**fields: str) -> HttpHeaders:
        named = [(name.replace("_", "-").replace("--", ":"), value.encode()) for name, value in fields.items()]
        return HttpHeaders(headers=HeaderMap(headers=[HeaderValue(key=name, raw_value=value) for name, value in named]))

    path, number = "/v1/chat/completions", "4c508197-4eee-4a63-8972-55e0bbea137c"
    typed = {"content_type": "application/json"} if kind else {}
    asked = head(__path=path, __method="POST", content_length="286", x_request_id=number, **typed)
    first = ProcessingRequest(
        request_headers=asked, protocol_config=ProtocolConfiguration(request_body_mode=modes, response_body_mode=modes)
    )
    typed = {"content_type": kind} if kind else {}
    sized = {} if kind == STREAM else {"content_length": "283"}
    answered = ProcessingRequest(response_headers=head(__status="200", **sized, **typed))
    answered.attributes["envoy.filters.http.ext_proc"].update({"response.code_details": "via_upstream"})
    bodies = [HttpBody(body=said, end_of_stream=True), HttpBody(body=answer, end_of_stream=kind != STREAM)]
    all_ = [first, ProcessingRequest(request_body=bodies[0]), answered, ProcessingRequest(response_body=bodies[1])]
    for each in all_:
        each.metadata_context.SetInParent()
    return [b"\0" + len(wire).to_bytes(4) + wire for wire in (each.SerializeToString() for each in all_)]


def greeting() -> bytes:
    """Preface, SETTINGS with a wide window, and the acknowledgement of ours."""
    wide = (1 << 30).to_bytes(4)
    settings = frame(4, 0, 0, b"\0\4" + wide) + frame(4, 1, 0, b"")
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + frame(8, 0, 0, wide)


def exchanges(played: Callable[[int], list[bytes]], count: int) -> Iterator[bytes]:
    """Reads: `count` exchanges, some side by side, one message of each at a time."""
    block = opening()
    for start in range(0, count, AT_ONCE):
        several = [(1 + 2 * number, played(number)) for number in range(start, min(start + AT_ONCE, count))]
        yield b"".join(frame(1, 4, each, block) + frame(0, 0, each, parts[0]) for each, parts in several)
        for at in range(1, len(several[0][1])):
            yield b"".join(frame(0, 0, each, parts[at]) for each, parts in several)
        yield b"".join(frame(3, 0, each, bytes(4)) for each, _ in several)


def streams(begun: list[bytes], pieces: Callable[[int], Iterable[bytes]]) -> tuple[list[bytes], list[bytes]]:
    """Reads that begin some streams, and those of their events; `pieces` gives those of a stream by its number."""
    block = opening()
    ids = [1 + 2 * number for number in range(EVENTS_AT_ONCE)]
    start = [
        b"".join((frame(1, 4, each, block) if part is begun[0] else b"") + frame(0, 0, each, part) for each in ids)
        for part in begun
    ]
    events = zip(*(pieces(number) for number in range(EVENTS_AT_ONCE)), strict=True)
    return start, [b"".join(map(partial(frame, 0, 0), ids, event)) for event in events]


def chat(text: str, **more: Any) -> bytes:
    """A chat request."""
    return json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}).encode()


def answered(text: str) -> bytes:
    """The response to one."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
    return json.dumps({"id": "chatcmpl-B9", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def spoken(text: str) -> Iterator[bytes]:
    """The DATA payloads of a streamed response to one, an event for each five characters."""
    for at in range(0, len(text), 5):
        choice = {"index": 0, "delta": {"content": text[at : at + 5]}, "finish_reason": None}
        event = {"id": "chatcmpl-B9", "object": "chat.completion.chunk", "model": "gpt-4o-mini", "choices": [choice]}
        yield messages(answer=b"data: %b\n\n" % json.dumps(event).encode(), kind=STREAM)[3]


def five(number: int) -> str:
    """A prompt with five values in it."""
    from scripts.benchmarks.texts import prose  # noqa: PLC0415

    size = (PROMPT - sum(map(len, VALUES))) // len(VALUES)
    return " ".join(f"{prose(size, number * len(VALUES) + at)} {value}" for at, value in enumerate(VALUES))


def subjects() -> Iterator[tuple[str, str, list[bytes], list[bytes], int]]:
    """Each subject's name, its policy, the reads before it and its own, and how many times it is in these."""
    from scripts.benchmarks.texts import prose  # noqa: PLC0415

    quiet = messages()
    yield "request", POLICY, [], list(exchanges(lambda _: quiet, REQUESTS)), REQUESTS
    before, events = streams(quiet[:3], lambda _: [quiet[3]] * (EVENTS // EVENTS_AT_ONCE))
    yield "event", POLICY, before, events, EVENTS
    routed = messages(said=chat("Hello"), kind="application/json")[:3]
    yield "routed", CHOOSING, [], list(exchanges(lambda _: routed, REQUESTS)), REQUESTS
    counted = messages(said=chat("Hello"), answer=answered(prose(PROMPT, 1)), kind="application/json")
    for name, policy in (("plain", CHOOSING), ("counted", METERED)):
        yield name, policy, [], list(exchanges(lambda _: counted, REQUESTS)), REQUESTS
    size = EVENTS // EVENTS_AT_ONCE * 5
    for name, policy in (("passed", CHOOSING), ("metered", METERED), ("edited", METERED)):
        begun = messages(said=chat("Hello", stream=name == "edited"), kind=STREAM)[:3]
        yield name, policy, *streams(begun, lambda number: spoken(prose(size, number))), EVENTS
    asked = POLICY + RULES
    json_ = partial(messages, kind="application/json")
    prompts = list(exchanges(lambda number: json_(said=chat(prose(PROMPT, number)))[:3], INSPECTED))
    yield "prompt", asked, [], prompts, INSPECTED
    values = list(exchanges(lambda number: json_(said=chat(five(number)))[:3], INSPECTED))
    yield "values", asked, [], values, INSPECTED

    def both(number: int) -> list[bytes]:
        return json_(said=chat(prose(PROMPT, number)), answer=answered(prose(PROMPT, number + INSPECTED)))

    yield "json", asked + ANSWERS, [], list(exchanges(both, INSPECTED)), INSPECTED
    begun = messages(said=chat("Hello"), kind=STREAM, modes="FULL_DUPLEX_STREAMED")[:3]
    size = SAID // EVENTS_AT_ONCE * 5
    yield "said", asked + ANSWERS, *streams(begun, lambda number: spoken(prose(size, number))), SAID


def once(clock: Callable[[list[bytes], Callable[[bytes], None]], float]) -> dict[str, float]:
    """Return what `clock` makes of the reads of each subject, for one of them."""
    from extproc.server.h2.shell import Shell  # noqa: PLC0415

    found: dict[str, float] = {}
    for name, policy, before, reads, count in made():
        shell = Shell(home(policy), cast("asyncio.AbstractEventLoop", Loop()))
        shell.connection_made(cast("asyncio.Transport", Wire()))
        for read in (greeting(), *before):
            shell.data_received(read)
        found[name] = clock(reads, shell.data_received) / count
        shell.connection_lost(None)
    return found


@cache
def home(policy: str) -> Home:
    """The listener with a policy."""
    return Home(policy)


@cache
def made() -> list[tuple[str, str, list[bytes], list[bytes], int]]:
    """`subjects`, made once."""
    return list(subjects())


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
    once(cpu)
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 5, 200)
    rounds = [once(cpu) for _ in range(ROUNDS)]
    print(json.dumps({"cpu": {name: min(each[name] for each in rounds) for name in rounds[0]}, "calls": once(calls)}))


def measured(checkout: Path) -> dict[str, dict[str, float]]:
    """The same of any checkout, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    own = checkout / ".venv/bin/python"  # another checkout may need other packages
    command = [str(own) if own.exists() else sys.executable, __file__, "--one"]
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
    for name in rounds[0][0]["cpu"]:
        for column, checkout in enumerate(checkouts):
            spent = min(each[column]["cpu"][name] for each in rounds)
            print(f"{name:8} {spent:7.2f} us {rounds[0][column]['calls'][name]:6.0f} calls  {checkout}")
        if args.against:
            ours, other = (min(each[column]["cpu"][name] for each in rounds) for column in (0, 1))
            print(f"{name:8} {ours / other:7.3f} of the other's time")


if __name__ == "__main__":
    main()
