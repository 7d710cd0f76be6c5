"""`extproc diff`: what a change of the policy means, in words."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from extproc.cli.common import FAILED, Subparsers, prepare_or_exit
from extproc.explain.changes.differing import policy_changes
from extproc.explain.changes.protection import Effect, effect
from extproc.explain.changes.wording import sentence
from extproc.policy.secrets import is_public
from extproc.transaction.prepared import PreparedPolicy
from extproc.transaction.steering.fingerprint import differences

_MARKS: Final[dict[Effect | None, str]] = {"loosens": "!", "tightens": "+", "look": "?", None: " "}
_WORDS: Final[dict[Effect | None, str]] = {
    "loosens": "  [loosens protection]",
    "tightens": "  [tightens protection]",
    "look": "  [look: may loosen or tighten]",
    None: "",
}


class ToldChange(Struct, frozen=True):
    """A change as it is printed. `path`: the members that lead there, joined by dots."""

    section: str
    path: str
    kind: str
    effect: Effect | None
    text: str


class PolicyDiff(Struct, frozen=True):
    """The differences of two policies.

    `envoy`: what Envoy has to be configured anew for; `restart`: why the processor has to be started again, while all
    else comes into force by a reload.
    """

    before: str
    after: str
    same: bool
    loosens: int
    changes: tuple[ToldChange, ...]
    envoy: tuple[str, ...]
    restart: tuple[str, ...]


def add_parser(subparsers: Subparsers) -> None:
    """Add `diff` and its options."""
    parser = subparsers.add_parser(
        "diff",
        help="say in words what a change of the policy means",
        description="Compares what two policies mean, not their lines; no credential need be there. Exits with 0 if "
        "they mean the same, with 1 if not, with 2 if one of them is wrong.",
    )
    parser.add_argument("old", type=Path, metavar="old.yaml", help="the policy in force; - reads stdin")
    parser.add_argument("new", type=Path, metavar="new.yaml", help="the policy to come; - reads stdin")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Compare two policies."""
    found = compared(prepare_or_exit(args.old), prepare_or_exit(args.new))
    if args.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
    else:
        for line in lines_of(found, args.new):
            print(line)
    return 0 if found.same else FAILED


def compared(before: PreparedPolicy, after: PreparedPolicy) -> PolicyDiff:
    """Return the differences of two policies."""
    changes = [
        ToldChange(each.path[0], ".".join(each.path), each.kind, effect(each), sentence(each))
        for each in policy_changes(before.loaded.policy, after.loaded.policy)
    ]
    changes += _files(before, after)
    demands = differences(before.plan.demands, after.plan.demands)
    loosened = sum(each.effect == "loosens" for each in changes)
    old, new = before.plan, after.plan
    return PolicyDiff(
        old.digest, new.digest, not changes, loosened, tuple(changes), tuple(demands), tuple(_restart(before, after))
    )


def lines_of(found: PolicyDiff, new: Path) -> Iterator[str]:
    """Yield what a person reads."""
    if found.same:
        yield f"both mean the same (policy {found.after})"
        return
    section = None
    for each in found.changes:
        if each.section != section:
            section = each.section
            yield f"{section}:"
        yield f"  {_MARKS[each.effect]} {each.text}{_WORDS[each.effect]}"
    yield ""
    tightened, looked = (sum(each.effect == what for each in found.changes) for what in ("tightens", "look"))
    yield (
        f"{len(found.changes)} changes: {found.loosens} loosen protection, {tightened} tighten it, {looked} to look at"
        f" (policy {found.before} -> {found.after})"
    )
    if found.envoy:
        yield f"Envoy: has to be configured anew, for {', '.join(found.envoy)}: `extproc envoy -c {new}`"
    else:
        yield "Envoy: stays as it is configured"
    yield f"restart: needed, {'; '.join(found.restart)}" if found.restart else "restart: not needed, a reload is enough"


def _files(before: PreparedPolicy, after: PreparedPolicy) -> Iterator[ToldChange]:
    """Yield the files of rules, pins and prices that both name and that hold something else."""
    for name, text in after.secrets.items():
        if is_public(name) and before.secrets.get(name, text) != text:
            yield ToldChange("files", name, "changed", "look", f"{name}: the file holds something else")


def _restart(before: PreparedPolicy, after: PreparedPolicy) -> Iterator[str]:
    old, new = before.loaded.policy, after.loaded.policy
    if new.limits.request_body > old.limits.request_body:
        yield "limits.request_body grows: larger bodies are taken only after it"
