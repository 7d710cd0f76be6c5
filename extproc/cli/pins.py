"""`extproc pins`: the pins of a server's tools, from a list of tools that it has sent."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from extproc.apis.mcp.listing import MAX_MESSAGES, listed
from extproc.apis.mcp.pins import UnpinnableError, pin
from extproc.cli.common import STDIN, USAGE, CommandError, Subparsers
from extproc.payload.json.members import elements, members
from extproc.protocol.errors import ClientError

ANSWER_MAX: Final = 16 << 20
"""Bytes of a list of tools: thousands of them."""


def add_parser(subparsers: Subparsers) -> Any:
    """Add the command's own parser."""
    parser = subparsers.add_parser(
        "pins",
        help="print the pins of a list of tools",
        description="Print the pins of an MCP server's tools, for `mcp.servers[].pins`. Read their descriptions first.",
    )
    parser.add_argument(
        "answer", type=Path, help="the JSON response to tools/list, or an array of its pages (- for standard input)"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the pins as a JSON object, by the names of the tools."""
    print(json.dumps(pins_in(_read(args.answer)), indent=2, sort_keys=True))
    return 0


def pins_in(answer: bytes) -> dict[str, str]:
    """Return the pins of a response to `tools/list`, or of several pages. Raises CommandError."""
    pins: dict[str, str] = {}
    try:
        for page in _pages(answer):
            for name, tool in _tools(page):
                found = pin(tool)
                if pins.setdefault(name, found) != found:
                    raise CommandError(f"there are two different tools with the name {name!r}", USAGE)
    except ClientError as error:
        raise CommandError(f"this cannot be read as a list of tools: {error.message}", USAGE) from None
    except UnpinnableError:
        raise CommandError(
            "a tool has a member twice, or a number without a value: no client can rely on it", USAGE
        ) from None
    return pins


def _pages(answer: bytes) -> tuple[bytes, ...]:
    if answer.lstrip()[:1] != b"[":
        return (answer,)
    return tuple(answer[start:end] for start, end in elements(answer, MAX_MESSAGES) or ())


def _tools(page: bytes) -> tuple[tuple[str, bytes], ...]:
    page = page.strip()
    spans = members(page)
    start, end = spans.get("result", (0, len(page)))
    found = listed(page[start:end])
    if found is None:
        raise CommandError('there is no list of tools: expected {"result": {"tools": [...]}}', USAGE)
    return found


def _read(path: Path) -> bytes:
    try:
        if path == STDIN:
            raw = sys.stdin.buffer.read(ANSWER_MAX + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(ANSWER_MAX + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", USAGE) from None
    if len(raw) > ANSWER_MAX:
        raise CommandError(f"{path} is larger than {ANSWER_MAX >> 20} MiB", USAGE)
    return raw
