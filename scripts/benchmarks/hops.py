"""Counts what a reader has to enter to follow a message through the processor: files, functions, hops between files.

Two messages are followed: a request body in which a value is masked, from the DATA frame to the mutation, and an event
of a streamed response that changes nothing, from its DATA frame to the bytes that are to be written. The policy masks
personal data and secrets on both sides; Envoy is in full duplex, and the h2 transport's calls are fed with frames,
without sockets. An exchange went before, so that what is made once and kept is there.

The counting rule: a file of extproc/ counts once a Python function of it is entered, from `Calls.receive` on; the shell
that reads and writes the socket is left out. Each function counts once; comprehensions and lambdas do, too: they are
functions to Python 3.11. Those of libraries and built-in ones do not. A hop is a call, not the resumption of a
generator, from a function of one file to one of another. A reading at 469595e said 44 files, 148 functions and
94 hops for the body, 26 and 54 for the event; this program counts the same there, but 93 hops.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, Self

from scripts.benchmarks.replay import frame, greeting, opening
from scripts.benchmarks.report import BenchError

POLICY: Final = """
version: 1
usage: {from: none, metadata: null}
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local}]}]
pipelines:
  - name: all-rules
    request: &all [{use: pii, action: mask}, {use: secrets, action: mask}]
    response: *all
"""
VALUE: Final = "anna.schmidt@example.com"
BODY: Final = {"model": "chat", "messages": [{"role": "user", "content": f"Please write to {VALUE} about it."}]}
CHUNK: Final = {"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "word "}}]}
EVENT: Final = b"data: %b\n\n" % json.dumps(CHUNK).encode()
EVENTS: Final = 8
"""Events of a stream: the last is followed, when what precedes the first is over."""

UNNOTED: Final = nullcontext()

LIMITS: Final = {"body": (25, 90), "event": (26, 54)}
"""The most files and functions that --check lets pass."""


@dataclass(frozen=True, slots=True)
class Step:
    """A function that is entered: `depth` calls of ours below the first; `hop`: called from another file."""

    file: str
    line: int
    name: str
    depth: int
    hop: bool


class Followed:
    """Notes the functions of extproc/ that are entered while it is on."""

    def __init__(self, root: Path) -> None:
        self._root = f"{root}/"
        self._entered: dict[int, FrameType] = {}
        self.steps: list[Step] = []

    def __enter__(self) -> Self:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        self._entered.clear()

    def _ours(self, code: CodeType) -> bool:
        return code.co_filename.startswith(self._root)

    def _note(self, entered: FrameType, event: str, _: object) -> None:
        # A generator's frame comes again whenever it goes on; kept, so that no other frame gets its number.
        if event != "call" or not self._ours(entered.f_code) or id(entered) in self._entered:
            return
        self._entered[id(entered)] = entered
        above = [each.f_code for each in _callers(entered) if self._ours(each.f_code)]
        code = entered.f_code
        hop = bool(above) and above[0].co_filename != code.co_filename
        file = code.co_filename.removeprefix(self._root)
        self.steps.append(Step(file, code.co_firstlineno, code.co_qualname, len(above), hop))


def _callers(entered: FrameType) -> Iterator[FrameType]:
    above = entered.f_back
    while above is not None:
        yield above
        above = above.f_back


class Silent:
    """The methods by which a call may act on its stream outside of a response: none may be called here."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name}: a response was expected, and no more")


def _module(*names: str) -> Any:
    """The first of the modules that the checkout has: the log was in another room once."""
    for name in names:
        with suppress(ModuleNotFoundError):
            return import_module(name)
    raise BenchError(f"this checkout has none of {', '.join(names)}")


def _limits() -> Any:
    """The limits of a connection, by the name that the checkout has for them."""
    limits = import_module("extproc.server.h2.limits")
    return (getattr(limits, "ConnectionLimits", None) or limits.Limits)()


class Envoy:
    """One connection's calls, fed with frames."""

    def __init__(self) -> None:
        log = _module("extproc.server.log", "extproc.telemetry")
        from extproc.policy import loads  # noqa: PLC0415  - the other checkout's, in its process
        from extproc.server.h2.calls import Calls  # noqa: PLC0415
        from extproc.server.h2.services import OPENERS  # noqa: PLC0415
        from extproc.server.runtime import Runtime  # noqa: PLC0415
        from extproc.transaction import Plan  # noqa: PLC0415

        self.log = log.Log(log.Sink("none"))
        self._runtime = Runtime(Plan.compile(loads(POLICY, "hops.yaml"), {}), self.log)
        self._openers = OPENERS
        self._calls = Calls(_limits(), OPENERS.keys(), 0.0)
        self.send(greeting())

    def send(self, read: bytes, noting: AbstractContextManager[object] = UNNOTED) -> None:
        """Has a read worked through."""
        with noting:
            events = list(self._calls.receive(read, 0.0))
        for event in events:
            call = event.call
            # An older checkout's calls have no configuration.
            said = (call.configuration,) if hasattr(call, "configuration") else ()
            call.handler = self._openers[call.path](self._runtime, Silent(), *said)

    def written(self) -> bytes:
        """Return what is to be written since the last call."""
        return self._calls.data_to_send()

    def exchange(self, stream_id: int, root: Path) -> dict[str, list[Step]]:
        """The steps of the body and of the last event of an exchange."""
        headers, body, answered, event = (_data(stream_id, each) for each in _messages())
        whole, streamed = Followed(root), Followed(root)
        self.send(frame(1, 4, stream_id, opening()))
        self.send(headers)
        self.written()
        self.send(body, whole)
        written = self.written()
        if VALUE.encode() in written or b'"messages"' not in written:
            raise AssertionError("the body was not masked")
        self.send(answered)
        for _ in range(EVENTS - 1):
            self.send(event)
        self.written()
        self.send(event, streamed)
        with streamed:
            written = self.written()
        if EVENT not in written:
            raise AssertionError("the event was changed")
        return {"body": whole.steps, "event": streamed.steps}


def _data(stream_id: int, message: bytes) -> bytes:
    return frame(0, 0, stream_id, b"\0" + len(message).to_bytes(4) + message)


def _messages() -> Iterator[bytes]:
    from extproc.wire.pb.headers_pb2 import HeaderMap, HeaderValue  # noqa: PLC0415
    from extproc.wire.pb.modes_pb2 import ProtocolConfiguration  # noqa: PLC0415
    from extproc.wire.pb.processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest  # noqa: PLC0415

    def head(fields: dict[str, str]) -> HttpHeaders:
        pairs = [HeaderValue(key=name, raw_value=value.encode()) for name, value in fields.items()]
        return HttpHeaders(headers=HeaderMap(headers=pairs))

    content = json.dumps(BODY).encode()
    asked = {":path": "/v1/chat/completions", ":method": "POST", "content-type": "application/json"}
    duplex = "FULL_DUPLEX_STREAMED"
    modes = ProtocolConfiguration(request_body_mode=duplex, response_body_mode=duplex)
    for message in (
        ProcessingRequest(request_headers=head(asked), protocol_config=modes),
        ProcessingRequest(request_body=HttpBody(body=content, end_of_stream=True)),
        ProcessingRequest(response_headers=head({":status": "200", "content-type": "text/event-stream"})),
        ProcessingRequest(response_body=HttpBody(body=EVENT)),
    ):
        message.metadata_context.SetInParent()
        yield message.SerializeToString()


def one() -> None:
    """Follows the messages through this process's own checkout, and prints the steps as JSON."""
    import extproc  # noqa: PLC0415

    root = Path(extproc.__file__).parent
    envoy = Envoy()
    envoy.exchange(1, root)
    found = envoy.exchange(3, root)
    envoy.log.close()
    print(json.dumps({name: [[getattr(s, f) for f in Step.__slots__] for s in each] for name, each in found.items()}))


def followed(checkout: Path) -> dict[str, list[Step]]:
    """The steps of any checkout, by a process of its own."""
    # This file by its path, all that it imports from the checkout.
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, __file__, "--one"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise SystemExit(done.stderr)
    return {name: [Step(*step) for step in each] for name, each in json.loads(done.stdout).items()}


def counted(steps: list[Step]) -> tuple[int, int, int]:
    """Files, functions and hops."""
    functions = {(step.file, step.line, step.name) for step in steps}
    return len({step.file for step in steps}), len(functions), sum(step.hop for step in steps)


def listed(steps: list[Step]) -> str:
    """The functions in the order in which they are first entered, those called from another file with an arrow."""
    seen: dict[tuple[str, str], Step] = {}
    for step in steps:
        seen.setdefault((step.file, step.name), step)
    return "\n".join(f"{'  ' * s.depth}{'> ' * s.hop}{s.file}:{s.line} {s.name}" for s in seen.values())


def main() -> int:
    """Prints a table; 1: with --check, more was entered than is allowed."""
    parser = argparse.ArgumentParser(
        prog="scripts/hops", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="print the functions in the order of their first entry")
    parser.add_argument("--check", action="store_true", help="fail above the limits")
    for name, most in LIMITS.items():
        parser.add_argument(f"--{name}", help=f"limits of --check: files,functions (default: {most[0]},{most[1]})")
    parser.add_argument("--against", type=Path, help="count in another checkout, too")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one()
        return 0
    own = followed(Path(__file__).parents[2])
    rows = [("", own)] + ([(str(args.against), followed(args.against))] if args.against else [])
    print(f"{'':8}{'files':>7}{'functions':>11}{'hops':>7}")
    for name in LIMITS:
        for where, steps in rows:
            files, functions, hops = counted(steps[name])
            print(f"{name:8}{files:7}{functions:11}{hops:7}   {where}".rstrip())
    if args.list:
        print("\n".join(f"\n{name}\n{listed(steps)}" for name, steps in own.items()))
    return _check(own, {name: getattr(args, name) for name in LIMITS}) if args.check else 0


def _check(own: dict[str, list[Step]], given: dict[str, str | None]) -> int:
    worst = 0
    for name, default in LIMITS.items():
        text = given[name]
        most = default if text is None else tuple(int(each) for each in text.split(","))
        for what, found, limit in zip(("files", "functions"), counted(own[name]), most, strict=False):
            if found > limit:
                print(f"{name}: {found} {what}, more than {limit}", file=sys.stderr)
                worst = 1
    return worst


if __name__ == "__main__":
    sys.exit(main())
