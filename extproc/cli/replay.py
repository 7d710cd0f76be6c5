"""`extproc replay`: a recorded day against a new policy."""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from extproc.cli.common import STDIN, USAGE, CommandError, Subparsers, complain, prepare_or_exit
from extproc.cli.explain import lines_of
from extproc.cli.progress import ProgressBar
from extproc.explain.explanation import Explanation, explain
from extproc.explain.lines import SampleRequest
from extproc.explain.replaying.decisions import (
    Replayed,
    as_sent,
    both_explained,
    key_of,
    undecided,
    with_record,
    without_body,
)
from extproc.explain.replaying.recorded import RecordedExchange, read_recorded
from extproc.explain.replaying.summary import ReplaySummary
from extproc.protocol.record import Record
from extproc.telemetry.audit.bodies import BodyCipher, opened
from extproc.telemetry.audit.signing import AuditKeyError
from extproc.transaction import Shared
from extproc.transaction.prepared import PreparedPolicy

CHANGED: Final = 3
"""The exit code with `--exit-code` when a decision changes."""

BAD_SHOWN: Final = 5
"""Bad lines that are told of one by one; all are counted."""


def add_parser(subparsers: Subparsers) -> None:
    """Add `replay` and its options."""
    parser = subparsers.add_parser(
        "replay",
        help="say which decisions a new policy would change",
        description="Reads the audit record, with the bodies that were captured beside it, the log, or request lines "
        "as `extproc explain --lines` takes them. Sends nothing. Without --against, what the record says is compared. "
        "Exits with 0, or with 2 after a line that is none of these.",
    )
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="new.yaml", help="the policy to come")
    parser.add_argument(
        "--against", type=Path, metavar="old.yaml", help="compare with what this policy decides about the same bodies"
    )
    parser.add_argument("records", type=Path, nargs="+", metavar="audit.jsonl", help="files to replay; - for stdin")
    parser.add_argument(
        "--capture", type=Path, action="append", metavar="bodies.jsonl", help="a file of captured bodies"
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="the key that the bodies are encrypted with")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--exit-code", action="store_true", help=f"exit with {CHANGED} if a decision changes")


def run(args: argparse.Namespace) -> int:
    """Replay."""
    new = prepare_or_exit(args.config)
    old = None if args.against is None else prepare_or_exit(args.against)
    with ExitStack() as stack:
        bodies = CapturedBodies(_cipher(args.key))
        for path in args.capture or ():
            bodies.add(stack.enter_context(_opened(path)))
        replay = Replay(new, old, bodies)
        for path in args.records:
            replay.file(path)
    summary = replay.summary
    if args.json:
        document = {"policy": new.plan.digest, "against": None if old is None else old.plan.digest}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document | summary.document())).decode() + "\n")
    else:
        print("\n".join(summary.table()))
    if summary.bad:
        complain(f"{summary.bad} lines could not be read")
        return USAGE
    return CHANGED if args.exit_code and summary.changed else 0


class CapturedBodies:
    """Files of captured bodies, found by the exchange's id and the hash of its request line."""

    def __init__(self, cipher: BodyCipher | None) -> None:
        self._cipher = cipher
        self._places: dict[tuple[str, str], tuple[BinaryIO, int]] = {}

    def add(self, file: BinaryIO) -> None:
        """Take note of where each body of a file is. A day's bodies do not fit in memory, their places do."""
        at = 0
        for line in file:
            try:
                name = _named(line)
                self._places[name.id, name.sha256] = (file, at)
            except (msgspec.DecodeError, UnicodeError):
                pass  # the audit's own tool finds what is wrong with a file
            at += len(line)

    def find(self, name: str, digest: str) -> bytes | None:
        """Return a request line. Raises ValueError if it cannot be read."""
        place = self._places.get((name, digest))
        if place is None:
            return None
        file, at = place
        file.seek(at)
        return self.read(file.readline())[1]

    def read(self, line: bytes) -> tuple[str, bytes]:
        """Return the id and the request line of a line of such a file. Raises ValueError."""
        try:
            kept, plain = opened(line, self._cipher)
        except AuditKeyError as error:
            raise CommandError(f"captured bodies: {error}", USAGE) from None
        return kept.id, plain


class BodyName(Struct, frozen=True):
    """The name of a captured body."""

    id: str
    sha256: str


_named: Final = msgspec.json.Decoder(BodyName).decode


class Replay:
    """Replays lines under one policy or two, and sums up what came of it."""

    def __init__(self, new: PreparedPolicy, old: PreparedPolicy | None, bodies: CapturedBodies) -> None:
        self.summary = ReplaySummary()
        self._bodies = bodies
        self._new = new
        self._old = old
        # The same draws for both, so that weights alone are no difference.
        self._shared = [Shared(detailed=True, epoch=time.time()) for _ in range(2)]

    def file(self, path: Path) -> None:
        """Replay the lines of a file."""
        with lines_of(path) as lines:
            for number, text in enumerate(_shown(lines, path), 1):
                if text.strip():
                    self._line(text, number, path)

    def _line(self, text: bytes, number: int, path: Path) -> None:
        summary = self.summary
        try:
            exchange = read_recorded(text, number, self._bodies.find, self._bodies.read)
            if exchange is None:
                return
            summary.lines += 1
            found = self._replayed(exchange)
        except ValueError as error:
            summary.bad += 1
            if summary.bad <= BAD_SHOWN:
                complain(f"{path}:{number}: {error}")
            return
        if isinstance(found, str):
            summary.unreplayable[found] += 1
        else:
            summary.take(exchange.id, found)

    def _replayed(self, exchange: RecordedExchange) -> Replayed | str:
        record, request, plan = exchange.record, exchange.request, self._new.plan
        if record is not None and undecided(record):
            return "undecided"
        if request is None:
            assert record is not None, "a line is one or the other"
            found = without_body(record, plan)
            self.summary.by_record += found is not None
            return found or "no_body"
        after = self._explained(1, request, record)
        if self._old is not None:
            plans = (self._old.plan, plan)
            return both_explained(self._explained(0, request, record), after, record, plans)
        if record is None:
            raise CommandError("request lines do not say what was decided: name the old policy with --against", USAGE)
        return with_record(exchange, record, after, plan)

    def _explained(self, which: int, request: SampleRequest, record: Record | None) -> Explanation:
        prepared = self._new if which else self._old
        assert prepared is not None
        sent = as_sent(request, record, prepared.loaded.policy.tenants)
        self._shared[which].ring = key_of(record)
        return explain(prepared.plan, self._shared[which], sent)


def _shown(lines: Iterable[bytes], path: Path) -> Iterator[bytes]:
    """Yield lines, and show on a terminal how far they are."""
    with ProgressBar(None if path == STDIN else path.stat().st_size, path.name) as bar:
        for line in lines:
            yield line
            bar.advance(len(line))


def _cipher(path: Path | None) -> BodyCipher | None:
    if path is None:
        return None
    try:
        return BodyCipher.read(path.read_bytes())
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", USAGE) from None
    except AuditKeyError as error:
        raise CommandError(f"{path}: {error}", USAGE) from None


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", USAGE) from None
