"""`extproc explain`: what would happen to a request and why, sending nothing unless told to."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from extproc.cli.common import STDIN, USAGE, CommandError, Subparsers, prepare_or_exit
from extproc.explain.explanation import Explanation, explain
from extproc.explain.lines import SampleRequest, read_line
from extproc.explain.rehearsal import Ask, unasked
from extproc.transaction import Shared

BLOCKED: Final = 3
"""The exit code with `--exit-code` when a request or a response would be blocked."""

_ENCODER: Final = msgspec.json.Encoder()
_WIDTH: Final = 2


Explain = Callable[[Shared, SampleRequest], Explanation]


class BadLine(Struct, frozen=True):
    """The output for a line that is no request; `line` counts from 1."""

    line: int
    error: str


def add_parser(subparsers: Subparsers) -> None:
    """Add `explain` and its options."""
    parser = subparsers.add_parser(
        "explain",
        help="report what would happen to a request, and why",
        description='A request is {"path": "/v1/...", "headers": {...}, "body": {...}}, method POST unless it has one; '
        'with "response": {"status": 200, "headers": {...}, "body": {...}} the response is judged. A bare body of the '
        "API is a request to /v1/chat/completions. Exits with 0, or with 2 after a line that is no request.",
    )
    parser.add_argument(
        "-c", "--config", type=Path, required=True, metavar="policy.yaml", help="the policy to go by; - reads stdin"
    )
    parser.add_argument("request", nargs="?", type=Path, metavar="request.json", help="one request; - reads stdin")
    parser.add_argument("--lines", type=Path, metavar="requests.jsonl", help="a request per line; - reads stdin")
    parser.add_argument(
        "--ask-guards",
        action="store_true",
        help="send texts to the guards from elsewhere that the policy names, and go by their verdicts; without it, "
        "the output only lists what they would be asked",
    )
    parser.add_argument("--exit-code", action="store_true", help=f"exit with {BLOCKED} if anything would be blocked")


def run(args: argparse.Namespace) -> int:
    """Explain one request, or one per line."""
    if (args.request is None) == (args.lines is None):
        raise CommandError("name a file with one request, or --lines and a file with many", USAGE)
    if args.config == STDIN and STDIN in {args.request, args.lines}:
        raise CommandError("only one of policy and requests can be read from stdin", USAGE)
    # Only who is to be asked needs its credentials.
    plan = prepare_or_exit(args.config, os.environ if args.ask_guards else None).plan
    blocked = BLOCKED if args.exit_code else 0
    explained = partial(explain, plan, ask=asking() if args.ask_guards else unasked)
    if args.lines is not None:
        return _lines(explained, args.lines, blocked)
    return _one(explained, args.request, blocked)


def asking() -> Ask:
    """Return what asks guards from elsewhere."""
    from extproc.server.guards.once import asked_once  # noqa: PLC0415  - only this option needs it

    return asked_once


def _one(explained: Explain, path: Path, blocked: int) -> int:
    try:
        explanation = explained(Shared(detailed=True, epoch=time.time()), read_line(_read(path)))
    except ValueError as error:
        raise CommandError(str(error), USAGE) from None
    print(msgspec.json.format(_ENCODER.encode(explanation), indent=_WIDTH).decode())
    return blocked if explanation.action == "block" else 0


def _lines(explained: Explain, path: Path, blocked: int) -> int:
    with lines_of(path) as lines:
        return _each(explained, lines, blocked)


@contextmanager
def lines_of(path: Path) -> Iterator[Iterable[bytes]]:
    """Yield the lines of a file, or of standard input. Raises CommandError where it cannot be read."""
    if path == STDIN:
        yield sys.stdin.buffer
        return
    try:
        lines = path.open("rb")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", USAGE) from None
    with lines:
        yield lines


def _each(explained: Explain, lines: Iterable[bytes], blocked: int) -> int:
    shared, out, code = Shared(detailed=True, epoch=time.time()), sys.stdout.buffer, 0
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        result = _explained(explained, shared, text, number)
        out.write(_ENCODER.encode(result) + b"\n")
        # Each at once: whoever sends the next line may be waiting for this one's explanation.
        out.flush()
        if isinstance(result, BadLine):
            code = USAGE
        elif result.action == "block":
            code = code or blocked
    return code


def _explained(explained: Explain, shared: Shared, text: bytes, number: int) -> Explanation | BadLine:
    try:
        return explained(shared, read_line(text))
    except ValueError as error:
        return BadLine(number, str(error))


def _read(path: Path) -> bytes:
    if path == STDIN:
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", USAGE) from None
