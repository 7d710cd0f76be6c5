"""The backends' credentials in the texts of streamed responses: rules beside those of a pipeline, in the same scanner.

A provider that quotes the gateway's key may do so in pieces, each in an event of its own. Only a reader of texts joins
them. What such a rule finds is no finding of the pipeline: it is replaced, and neither counted nor reported.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from extproc.detectors import patterns
from extproc.matching.literals import LiteralScanner
from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span

KIND: Final = "~credential"
"""The kind of such findings; no processor of a policy can have this name."""

KEY_MOST: Final = 4096
"""Characters of a credential that is looked for in pieces: signed tokens have up to two thousand. A stream would hold
back as much of what resembles a longer one."""


class BackendKeys(Struct, frozen=True):
    """The rules, and a scanner of them alone for responses that no other rule reads. Has no rendering."""

    rules: tuple[Rule, ...]
    scanner: Scanner

    def __repr__(self) -> str:
        return f"BackendKeys({len(self.rules)} rules)"


def keys_of(credentials: Iterable[bytes]) -> BackendKeys | None:
    """Return the rules for these credentials; None if there are none that a text could have."""
    wanted = {text for each in credentials if (text := _text(each)) and len(text) <= KEY_MOST}
    if not wanted:
        return None
    rules = tuple([replace(each, private=True) for each in patterns.literals(KIND, wanted, words=False)])
    return BackendKeys(rules, LiteralScanner.of(rules, wanted))


def is_key(span: Span) -> bool:
    """True if the finding is a credential of a backend."""
    return span.kind == KIND


def _text(credential: bytes) -> str:
    try:
        return credential.decode()
    except UnicodeDecodeError:
        return ""
