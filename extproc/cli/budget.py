"""`extproc budget`: who has spent what, and limits that are changed while the gateway runs."""

import argparse
import http.client
import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from extproc.cli.common import USAGE, CommandError, Subparsers
from extproc.cli.serve import ADMIN
from extproc.server.listen import Tcp, parse

TOKEN_VARIABLE: Final = "EXTPROC_ADMIN_TOKEN_FILE"  # noqa: S105  - the name of a variable with a path
WITHIN: Final = 10.0
"""Seconds for an answer of the admin port."""

RESPONSE_MAX: Final = 64 * 1024 * 1024
"""Bytes of an answer: a million subjects have fewer."""

COLUMNS: Final = ("budget", "subject", "unit", "used", "limit", "remaining", "set", "resets", "mode")


def add_parser(subparsers: Subparsers) -> None:
    """Add `budget` with its own commands."""
    parser = subparsers.add_parser(
        "budget",
        help="show budgets, and change limits while the gateway runs",
        description="Show what tenants and other subjects have spent, and change their limits without a deploy. A "
        "limit that was set goes before the policy's in all workers; it outlives the program if the policy has a "
        "state.memory.file.",
    )
    commands = parser.add_subparsers(dest="what", metavar="command", required=True)
    listing = commands.add_parser("list", help="list the subjects that have spent anything, or have a limit set")
    listing.add_argument("budget", nargs="?", help="the name of a budget; if absent, all")
    show = commands.add_parser("show", help="show one subject")
    set_ = commands.add_parser("set", help="set the limit of one subject, in the budget's unit")
    reset = commands.add_parser("reset", help="forget what one subject has spent in this window")
    for each in (show, set_, reset):
        each.add_argument("budget", help="the name of the budget")
        each.add_argument("subject", help='the tenant, key, model, backend or value; "" for requests without one')
    set_.add_argument("limit", help="a number, or `policy` for the policy's limit")
    for each in (set_, reset):
        each.add_argument(
            "--token-file",
            type=Path,
            metavar="FILE",
            default=os.environ.get(TOKEN_VARIABLE),
            help=f"the file of `extproc serve --admin-token-file` (default: ${TOKEN_VARIABLE})",
        )
    for each in (listing, show, set_, reset):
        each.add_argument("--admin", default=ADMIN, metavar="HOST:PORT", help=f"the admin port (default: {ADMIN})")
        each.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do one of the four."""
    if args.what == "list":
        query = "" if args.budget is None else "?" + urlencode({"budget": args.budget})
        return _print(_asked(args, "GET", f"/budgets{query}"), as_json=args.json)
    path = f"/budgets/{quote(args.budget, safe='')}/{quote(args.subject, safe='')}"
    if args.what == "show":
        return _print([_asked(args, "GET", path)], as_json=args.json)
    if args.what == "reset":
        return _print([_asked(args, "POST", path, {"reset": True})], as_json=args.json)
    if args.limit == "policy":
        return _print([_asked(args, "DELETE", path)], as_json=args.json)
    return _print([_asked(args, "PUT", path, {"limit": _number(args.limit)})], as_json=args.json)


def _asked(args: argparse.Namespace, method: str, path: str, change: Mapping[str, Any] | None = None) -> Any:
    """Return what the admin port answers. Raises CommandError."""
    address = parse(args.admin)
    if not isinstance(address, Tcp):
        raise CommandError("--admin takes host:port", USAGE)
    headers = {"host": f"{args.admin}", "connection": "close"}
    if method != "GET":
        headers |= {"authorization": f"Bearer {_token(args.token_file)}", "content-type": "application/json"}
    body = b"" if change is None else json.dumps(change).encode()
    connection = http.client.HTTPConnection(address.host, address.port, timeout=WITHIN)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read(RESPONSE_MAX)
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(f"no answer from the admin port at {args.admin}: {error}; see --admin") from None
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise CommandError(content.decode("utf-8", "replace").strip() or f"the admin port says {response.status}")
    return json.loads(content)


def _token(file: Path | str | None) -> str:
    if file is None:
        raise CommandError(f"changes need --token-file FILE, or {TOKEN_VARIABLE}", USAGE)
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"the token in {file} cannot be read: {error}", USAGE) from None


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        raise CommandError(f"{text} is no limit: write a number, or policy", USAGE) from None
    return int(found) if found.is_integer() else found


def _print(lines: list[dict[str, Any]], *, as_json: bool) -> int:
    if as_json:
        json.dump(lines, sys.stdout, indent=2)
        print()
        return 0
    for line in _table([COLUMNS, *map(_cells, lines)]):
        print(line)
    return 0


def _cells(line: Mapping[str, Any]) -> tuple[str, ...]:
    money = line["unit"] == "usd"

    def amount(value: float | None) -> str:
        return "" if value is None else f"{value:.4f}" if money else f"{value:.0f}"

    resets = "" if line["resets"] is None else datetime.fromtimestamp(line["resets"], UTC).strftime("%Y-%m-%d %H:%MZ")
    amounts = (amount(line[name]) for name in ("used", "limit", "remaining", "override"))
    return (line["budget"], line["subject"] or '""', line["unit"], *amounts, resets, line["mode"])


def _table(rows: list[tuple[str, ...]]) -> Iterable[str]:
    """Yield the lines of a table; what terminals would take for an order is shown as its code."""
    shown = [tuple(each if each.isprintable() else ascii(each) for each in row) for row in rows]
    widths = [max(len(row[at]) for row in shown) for at in range(len(COLUMNS))]
    for row in shown:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
