"""`extproc audit`: verify an audit record, make a key that signs it, read a captured body."""

import argparse
import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from extproc.cli.common import FAILED, STDIN, USAGE, CommandError, Subparsers
from extproc.telemetry.audit.bodies import BodyCipher, opened
from extproc.telemetry.audit.signing import LIBRARY, AuditKeyError, PublicKey, installed, new_key
from extproc.telemetry.audit.verification import ChainReport, Verification, Verified

UNCLOSED: Final = 3
"""The exit code for a record in which nothing is wrong but that a chain has no end."""

LINE_MAX: Final = 16 << 20
"""Bytes of a line, of which more is no line of ours: the longest has 130 KB, that of a captured body 64 MiB at most."""

BODY_LINE_MAX: Final = 200 << 20
KEY_MAX: Final = 64 * 1024
KEY_MODE: Final = 0o600


def add_parser(subparsers: Subparsers) -> Any:
    """Add the command's own parser."""
    parser = subparsers.add_parser(
        "audit", help="verify an audit record, and more", description="Work with the audit record; see docs/audit.md."
    )
    tasks = parser.add_subparsers(dest="task", metavar="task", required=True)
    verify = tasks.add_parser(
        "verify",
        help="find what was changed, cut, reordered or put in",
        description="Exits with 0 if the record is whole, with 1 if anything is wrong with it, and with 3 if only the "
        "end of a chain is open: its writer runs or was killed, or the end was cut off.",
    )
    verify.add_argument("files", type=Path, nargs="+", metavar="FILE", help="files in their order (*.gz, - for stdin)")
    verify.add_argument("--key", type=Path, metavar="public.pem", help="check signatures by this Ed25519 key")
    verify.add_argument(
        "--has", action="append", default=[], metavar="HASH", help="the hash of a line that must be there (repeatable)"
    )
    verify.add_argument("--partial", action="store_true", help="the files are not all: chains may begin before them")
    verify.add_argument("--running", action="store_true", help="chains may be open: exit with 0 for them")
    verify.add_argument("--json", action="store_true", help="print one JSON object")
    keygen = tasks.add_parser("keygen", help="make a key that signs: PATH, and PATH.pub for who verifies")
    keygen.add_argument("path", type=Path, metavar="PATH")
    show = tasks.add_parser("show", help="print captured requests, one request line each")
    show.add_argument("files", type=Path, nargs="+", metavar="FILE", help="files of bodies, such as audit.bodies")
    show.add_argument("--id", metavar="REQUEST", help="only the request with this id")
    show.add_argument("--decrypt-key", type=Path, metavar="FILE", help="the key that `encrypt` names")
    return parser


def run(args: argparse.Namespace) -> int:
    """Do the task."""
    match args.task:
        case "verify":
            return _verify(args)
        case "keygen":
            return _keygen(args.path)
    return _show(args)


# -- verify


def _verify(args: argparse.Namespace) -> int:
    verification = Verification(None if args.key is None else _public_key(args.key), partial=args.partial)
    verification.wants(args.has)
    for path in args.files:
        try:
            with _opened(path) as file:
                verification.read(str(path), _lines(file, LINE_MAX))
        except (OSError, EOFError, zlib.error) as error:  # the latter two of a *.gz that is cut or damaged
            raise CommandError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", USAGE) from None
    found = verification.finish()
    (_print_json if args.json else _print)(found, signed=args.key is not None)
    if found.problems:
        return FAILED
    return UNCLOSED if found.running and not args.running else 0


def _print(found: Verified, *, signed: bool) -> None:
    for each in found.problems:
        place = f"{each.file}:{each.line}: " if each.line else f"{each.file}: " if each.file else ""
        print(_printable(f"{place}{f'writer {each.writer}: ' if each.writer else ''}{each.what}"), file=sys.stderr)
    if found.cut_short:
        print("there is more that is wrong", file=sys.stderr)
    for chain in found.chains:
        print(_printable(_described(chain, signed=signed)))
    if found.problems:
        print(f"{found.lines} lines: NOT as they were written")
    else:
        print(f"{found.lines} lines: {'OK, but an end is open' if found.running else 'OK'}")


def _printable(text: str) -> str:
    """Return text for a terminal: what stands in a record that was changed may be meant to steer one."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


_ENDS: Final = {
    "closed": "closed in order",
    "ended": "without an end of its own, but the next chain says where it ended",
    "open": "open: its writer runs or was killed, or the end was cut off",
}


def _described(chain: ChainReport, *, signed: bool) -> str:
    parts = [f"writer {chain.writer}: lines {chain.first} to {chain.last}", _ENDS[chain.end]]
    if signed:
        parts.append(f"{chain.unproven} lines after the last signature" if chain.unproven else "all lines signed for")
    elif chain.key is not None:
        parts.append(f"signed by {chain.key}, which was not checked: name the key with --key")
    if chain.lost or chain.refused:
        parts.append(f"declared by the writer: {chain.lost} records lost, {chain.refused} requests refused")
    return "; ".join(parts)


def _print_json(found: Verified, *, signed: bool) -> None:
    told = {
        "ok": not found.problems,
        "closed": not found.running,
        "signatures_checked": signed,
        "lines": found.lines,
        "problems": found.problems,
        "chains": found.chains,
    }
    print(msgspec.json.encode(told).decode())


def _public_key(path: Path) -> PublicKey:
    _needs_library()
    try:
        return PublicKey.read(_read(path))
    except AuditKeyError as error:
        raise CommandError(f"{path}: {error}", USAGE) from None


# -- keygen


def _keygen(path: Path) -> int:
    _needs_library()
    private, public = new_key()
    made = list[Path]()
    try:
        for at, content, mode in ((path, private, KEY_MODE), (path.with_name(path.name + ".pub"), public, 0o644)):
            descriptor = os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            made.append(at)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
    except OSError as error:
        for at in made:
            with suppress(OSError):
                at.unlink()
        raise CommandError(f"{error.filename or path} cannot be written: {error.strerror}", USAGE) from None
    print(f"private key: {path}  (audit: {{sign: {{file: {path}}}}})")
    print(f"public key: {made[-1]}  (extproc audit verify --key {made[-1]}), id {PublicKey.read(public).key}")
    return 0


# -- show


def _show(args: argparse.Namespace) -> int:
    cipher, shown = None, 0
    if args.decrypt_key is not None:
        _needs_library()
        try:
            cipher = BodyCipher.read(_read(args.decrypt_key))
        except AuditKeyError as error:
            raise CommandError(f"{args.decrypt_key}: {error}", USAGE) from None
    for path in args.files:
        try:
            with _opened(path) as file:
                for line in _lines(file, BODY_LINE_MAX):
                    if args.id is not None and args.id.encode() not in line:
                        continue
                    kept, request = opened(line, cipher)
                    if args.id in {None, kept.id}:
                        print(request.decode())
                        shown += 1
        except (OSError, EOFError, zlib.error) as error:
            raise CommandError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", USAGE) from None
        except ValueError as error:
            raise CommandError(f"{path}: {error}") from None
    return 0 if shown else FAILED


def _needs_library() -> None:
    if not installed():
        raise CommandError(f"this needs the package {LIBRARY}: install the extra `audit`", USAGE)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(KEY_MAX)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", USAGE) from None


def _opened(path: Path) -> IO[bytes]:
    if path == STDIN:
        return sys.stdin.buffer
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _lines(file: IO[bytes], most: int) -> Iterator[bytes]:
    """Yield the lines of a file; of one that is too long, a piece without its end."""
    while line := file.readline(most):
        yield line
