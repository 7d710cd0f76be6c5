"""Secrets that the name of their member tells: `{"password": "..."}` says what `password="..."` says in prose.

Rules for what is assigned to a name want both in one text. A member's value is a text by itself, so that it is read
once more with the name in front of it, if that is a name of secrets. See `docs/decisions/0062`.
"""

from functools import lru_cache
from typing import Final

from extproc.detectors.naming import MOST_NAME, words_of
from extproc.detectors.secrets.assigned import KEY_WORDS, NAMES
from extproc.detectors.secrets.named import ASSIGNED_TO
from extproc.detectors.secrets.native import NATIVE
from extproc.detectors.secrets.passwords import PASSWORDS
from extproc.matching.candidate import spans
from extproc.matching.escapes import marked, places, plain
from extproc.matching.ignorable import Ignored, hidden
from extproc.matching.re2_search import expression, searching, within
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span, foremost, order
from extproc.payload.names import KNOWN
from extproc.protocol.meter import Meter

MOST_LED = 320
"""Characters of a value that are read with its name, and wait in a stream until so many came: the longest of the rules
takes 256, and `Bearer` before it some more."""

MOST_NAMES = 1024
"""Names that are remembered."""

_WORDS = f"{NAMES}|{PASSWORDS}|{NATIVE}|{ASSIGNED_TO}|authorization"
_ANYWHERE = searching(expression(f"(?i){_WORDS}|{KEY_WORDS}"))
_TELLING = searching(expression(f"(?i){_WORDS}|{KEY_WORDS}$"))

_OWN = frozenset({"authorization", "authorization_token"})
"""Members of the APIs that take credentials which are meant for them."""

_POINTING = frozenset(
    {
        *("next", "previous", "page", "continuation", "continue", "cursor", "progress", "sync", "resume", "cache"),
        *("public", "tokens", "tokenizer", "count", "total", "max", "min"),
    }
)
"""Words in names of tokens that open nothing: those of pages and positions, and counts of a model's tokens."""


def leading(name: str) -> str:
    """The text that stands before a value of this name for the rules of assigned secrets; empty for most names."""
    return "" if len(name) > MOST_NAME else _leading(name)  # a long one would be remembered, and a client chooses it


def may_lead(names: str) -> bool:
    """True if one of several names in a text may lead a value; see `leading`."""
    return within(_ANYWHERE, names.encode("utf-8", "replace"))


@lru_cache(MOST_NAMES)
def _leading(name: str) -> str:
    if name in _OWN or not within(_TELLING, name.encode("utf-8", "replace")):
        return ""
    return f'{name}="' if _POINTING.isdisjoint(words_of(name)) else ""


LEADING: Final = frozenset(name for name in KNOWN if leading(name))
"""The names of the APIs that stand before such a value."""


def led(scanner: Scanner, text: str, lead: str, meter: Meter | None = None) -> list[Span]:
    """The findings at the beginning of `text` that its lead tells, in `span.order`.

    They are told by the first MOST_LED characters, and by whether there are more. Raises as `Scanner.scan` does.
    """
    head = text[:MOST_LED]
    end = '"' if len(text) <= MOST_LED else ""
    found = _visible(scanner, lead, head, end, meter)
    if hidden(head):
        ignored = Ignored()
        found |= {ignored.span(each) for each in _visible(scanner, lead, ignored.bare(head, meter), end, meter)}
    return sorted(found, key=order)


def _visible(scanner: Scanner, lead: str, head: str, end: str, meter: Meter | None) -> set[Span]:
    """The findings in `head` as it stands and without its escapes."""
    found = _read(scanner, lead, head, end, meter)
    if not marked(head):
        return found
    found |= _read(scanner, lead, plain(head), end, meter)
    return set(foremost(found, places(head)))


def _read(scanner: Scanner, lead: str, head: str, end: str, meter: Meter | None) -> set[Span]:
    before = b"\n" + lead.encode("utf-8", "replace")
    value = head.encode("utf-8", "replace")
    data = before + value + end.encode()
    base, limit = len(before), len(before) + len(value)
    found = scanner.find(data, 1, len(data), opening=True, final=True, meter=meter)
    kept = [each for each in found if each.lane.rule.assigned and each.match < base <= each.start and each.end <= limit]
    return set(spans(kept, data, base, 0))
