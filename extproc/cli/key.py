"""`extproc key`: make, list and revoke the virtual keys that clients show."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Any, Final

from msgspec.structs import replace
from pydantic_core import PydanticCustomError

from extproc.cli.common import USAGE, CommandError, Subparsers
from extproc.cli.key_file import KeyTuple, changed, keys_in
from extproc.policy.tenants import is_tenant
from extproc.policy.units import duration
from extproc.policy.virtual_keys import KEY_PREFIX, SECRET_BYTES, VirtualKey, hash_of

ID_BYTES: Final = 6
"""Random bytes of a key's id, which is no secret. Two of 100,000 are the same once in 50,000 files; then another is
drawn."""

COLUMNS: Final = ("id", "tenant", "state", "created", "expires", "models", "budgets", "label")


def add_parser(subparsers: Subparsers) -> None:
    """Add `key` with its own commands."""
    parser = subparsers.add_parser(
        "key",
        help="make, list and revoke virtual keys",
        description="Make, list and revoke the keys that clients show the gateway (`tenants: {from: {keys: FILE}}`). "
        "Workers read the file again within a second of a change; nothing needs a reload.",
    )
    commands = parser.add_subparsers(dest="what", metavar="command", required=True)
    new = commands.add_parser("new", help="make a key and print it, once: the file holds its hash only")
    new.add_argument("--tenant", required=True, metavar="NAME", help="the tenant that the key names")
    new.add_argument("--models", metavar="NAME,NAME", help="the models that it may ask for; if absent, its tenant's")
    new.add_argument("--budget", action="append", default=[], metavar="NAME=LIMIT", help="its own limit of a budget")
    new.add_argument("--expires", metavar="90d", help="how long it is good, such as 90d or 12h; if absent, for ever")
    new.add_argument("--label", default="", help="a note of your own")
    listing = commands.add_parser("list", help="list the keys, without their hashes")
    listing.add_argument("--json", action="store_true", help="print a JSON array")
    revoke = commands.add_parser("revoke", help="revoke a key: it gets 401 from then on")
    revoke.add_argument("id", help="the id of the key, as `extproc key list` prints it")
    for each in (new, listing, revoke):
        each.add_argument("--file", type=Path, required=True, metavar="keys.jsonl", help="the file of keys")


def run(args: argparse.Namespace) -> int:
    """Do one of the three."""
    commands: Mapping[str, Callable[[argparse.Namespace], int]] = {"new": _new, "list": _list, "revoke": _revoke}
    return commands[args.what](args)


def _new(args: argparse.Namespace) -> int:
    """Make a key, add its line to the file, and print the key."""
    shown, now = KEY_PREFIX + token_urlsafe(SECRET_BYTES), _now()
    key = VirtualKey(
        id=_drawn(),
        hash=hash_of(shown),
        tenant=_tenant(args.tenant),
        created=now,
        models=None if args.models is None else tuple(each.strip() for each in args.models.split(",")),
        budgets=dict(map(_budget, args.budget)),
        expires=None if args.expires is None else _after(now, args.expires),
        label=args.label,
    )

    def added(keys: KeyTuple) -> KeyTuple:
        nonlocal key
        while any(each.id == key.id for each in keys):
            key = replace(key, id=_drawn())
        return (*keys, key)

    changed(args.file, added, create=True)
    print(f"{key.id} for tenant {key.tenant}; the key is shown this once:", file=sys.stderr)
    print(shown)
    return 0


def _list(args: argparse.Namespace) -> int:
    """Print the keys as a table or as JSON."""
    now = datetime.now(UTC).timestamp()
    rows = [_row(each, now) for each in keys_in(args.file)]
    if args.json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_table([[_cell(row[name]) for name in COLUMNS] for row in rows])))
    return 0


def _revoke(args: argparse.Namespace) -> int:
    """Revoke a key; one that is revoked already stays as it is."""

    def revoked(keys: KeyTuple) -> KeyTuple:
        if all(each.id != args.id for each in keys):
            raise CommandError(f"{args.file} has no key with the id {args.id!r}")
        return tuple(
            replace(each, revoked=_now()) if each.id == args.id and each.revoked is None else each for each in keys
        )

    changed(args.file, revoked)
    print(f"{args.id} is revoked")
    return 0


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _drawn() -> str:
    return f"key_{token_hex(ID_BYTES)}"


def _tenant(name: str) -> str:
    if not is_tenant(name):
        raise CommandError("--tenant: a name has 1 to 256 printable characters and no space at its ends", USAGE)
    return name


def _budget(written: str) -> tuple[str, float]:
    name, _, limit = written.rpartition("=")
    try:
        amount = float(limit)
    except ValueError:
        amount = -1.0
    if not name or not 0 <= amount < float("inf"):
        raise CommandError("--budget: write a budget's name and a limit, such as --budget team=50000", USAGE)
    return name, amount


def _after(now: datetime, written: str) -> datetime:
    try:
        seconds = duration(written)
        return now + timedelta(seconds=seconds)
    except (PydanticCustomError, OverflowError):
        raise CommandError("--expires: write a number with s, m, h or d, such as 90d", USAGE) from None


def _row(key: VirtualKey, now: float) -> dict[str, Any]:
    state = "revoked" if key.revoked is not None else "expired" if key.expired(now) else "active"
    return {
        "id": key.id,
        "tenant": key.tenant,
        "state": state,
        "created": _moment(key.created),
        "expires": _moment(key.expires),
        "revoked": _moment(key.revoked),
        "models": None if key.models is None else list(key.models),
        "budgets": dict(key.budgets),
        "label": key.label,
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case list():
            return ",".join(value)
        case dict():
            return ",".join(f"{name}={limit:g}" for name, limit in value.items()) or "-"
        case _:
            return str(value) or "-"


def _table(rows: list[list[str]]) -> Iterable[str]:
    """Return lines with the columns below each other."""
    every = [[name.upper() for name in COLUMNS], *rows]
    widths = [max(len(row[at]) for row in every) for at in range(len(COLUMNS))]
    return ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every)
