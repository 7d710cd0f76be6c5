"""`extproc explain`: what would happen to a request and why, sending nothing."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from extproc.cli.common import USAGE, CommandError, Subparsers, compile_or_exit, load_with_notes_or_exit
from extproc.transaction import Plan, Shared
from extproc.transaction.explanation import Explanation, explain
from extproc.transaction.lines import read_line

_ENCODER: Final = msgspec.json.Encoder()
_WIDTH: Final = 2


def add_parser(subparsers: Subparsers) -> None:
    """Add `explain` and its options."""
    parser = subparsers.add_parser(
        "explain",
        help="say what would happen to a request, and why",
        description='A request is {"path": "/v1/...", "headers": {...}, "body": {...}}, method POST unless said; '
        'with "response": {"status": 200, "headers": {...}, "body": {...}} the answer is judged.',
    )
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="policy.yaml", help="the policy to go by")
    parser.add_argument("request", nargs="?", type=Path, metavar="request.json", help="a file with one request")
    parser.add_argument("--lines", metavar="requests.jsonl", help="a file with a request a line, or - for stdin")


def run(args: argparse.Namespace) -> int:
    """Explain one request, or one a line."""
    if (args.request is None) == (args.lines is None):
        raise CommandError("name a file with one request, or --lines and a file with many", USAGE)
    plan = compile_or_exit(load_with_notes_or_exit(args.config))
    if args.request is not None:
        told = _ENCODER.encode(_explained(plan, Shared(detailed=True), _read(args.request)))
        print(msgspec.json.format(told, indent=_WIDTH).decode())
        return 0
    if args.lines == "-":
        return _lines(plan, sys.stdin.buffer)
    try:
        with Path(args.lines).open("rb") as lines:
            return _lines(plan, lines)
    except OSError as error:
        raise CommandError(f"{args.lines}: {error.strerror}", USAGE) from None


def _lines(plan: Plan, lines: Iterable[bytes]) -> int:
    shared, out = Shared(detailed=True), sys.stdout.buffer
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            out.write(_ENCODER.encode(_explained(plan, shared, text)) + b"\n")
        except CommandError as error:
            raise CommandError(f"line {number}: {error}", USAGE) from None
        # Each at once: whoever sends the next line may be waiting for this one's answer.
        out.flush()
    return 0


def _explained(plan: Plan, shared: Shared, text: bytes) -> Explanation:
    try:
        return explain(plan, shared, read_line(text))
    except ValueError as error:
        raise CommandError(str(error), USAGE) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", USAGE) from None
