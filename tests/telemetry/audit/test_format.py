"""The format in docs/audit.md is that of the lines."""

import re
from pathlib import Path

from msgspec.structs import fields

from extproc.protocol.record import Record
from extproc.protocol.trail import Trail
from extproc.telemetry.audit.lines import MEMBERS, AuditLine

DOCS = Path(__file__).parents[3] / "docs" / "audit.md"
HIDDEN = frozenset({"captured"})
"""Members that no line has."""


def described(after: str) -> set[str]:
    """Return the members that the table behind a line of the page describes."""
    page = DOCS.read_text()
    table = page[page.index(after) + len(after) :].lstrip("\n").split("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_page_describes_every_member_of_a_line() -> None:
    assert described("Members that have their default are left out.") == {each.name for each in fields(AuditLine)}
    assert described("Of `exchange`:") == {each.name for each in fields(Record)} - HIDDEN
    assert described("Of `trail`:") == {each.name for each in fields(Trail)}


def test_the_page_names_every_kind_of_line_and_the_members_of_each() -> None:
    page = DOCS.read_text()
    assert {kind for kind, _ in MEMBERS.values()} <= set(re.findall(r"`(\w+)`", page))
    for struct, (_, member) in MEMBERS.items():
        if member not in {"exchange", "attempt"}:
            (row,) = [row for row in page.splitlines() if row.startswith(f"| `{member}` |")]
            assert {each.name for each in fields(struct)} <= set(re.findall(r"\w+", row)), member
