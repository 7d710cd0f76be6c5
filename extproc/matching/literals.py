"""Fixed texts in a stream: of what passes, nothing waits but what may be the beginning of one of them."""

from collections.abc import Iterable
from typing import Final

from extproc.matching.compiled import CompiledRule, compile_rule
from extproc.matching.holdback import Hold
from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner

BEGUN_LEAST: Final = 3
"""Characters at the end of a text that have to stand in one of the texts `parts` to be held back. One or two of them
are the end of nearly any text: every event would wait for the next one. So few are held back where a word begins with
them, and so does one of `parts`."""


class LiteralHold(Hold):
    """As `Hold`, but exact. That one holds back any short last word, as nearly any may begin a match of some rule.

    `values`: texts whose beginnings are held back. `parts`: texts of which any part is, from BEGUN_LEAST characters on,
    in either case.
    """

    def __init__(self, values: Iterable[bytes], parts: Iterable[bytes]) -> None:
        super().__init__(())
        self._values = tuple(values)
        small = [each.lower() for each in parts]
        self._parts = b"\0".join(small)
        self._most = max(map(len, small), default=0)
        self._begins = frozenset(each[:size] for each in small for size in range(1, BEGUN_LEAST))
        self._ends = frozenset(
            each[at : at + BEGUN_LEAST] for each in small for at in range(len(each) - BEGUN_LEAST + 1)
        )

    def start(self, data: bytes, first: int) -> int:
        """See `Hold.start`."""
        at = min((_begun(value, data, first) for value in self._values), default=len(data))
        tail = data[-BEGUN_LEAST:].lower()
        if tail in self._ends:
            return min(at, self._part_begun(data, first))
        for size in range(min(at, BEGUN_LEAST, len(data) - first + 1) - 1, 0, -1):
            if tail[-size:] in self._begins and not tail[-size - 1 : -size].isalnum():
                return min(at, len(data) - size)
        return at

    def _part_begun(self, data: bytes, first: int) -> int:
        """The first byte from `first` on at which all that is left of `data` stands in one of the parts."""
        end = len(data)
        tail = data[max(first, end - self._most) :].lower()
        size = min(BEGUN_LEAST, len(tail))
        while size < len(tail) and tail[-size - 1 :] in self._parts:
            size += 1
        return end - size


class LiteralScanner(Scanner):
    """Rules for fixed texts, exact in what they hold back. `values`: the texts that the rules are for.

    `parts`: texts of which the rules find parts, too.
    """

    def __init__(self, lanes: tuple[CompiledRule, ...], values: Iterable[str], parts: Iterable[str]) -> None:
        super().__init__(lanes)
        self.hold = LiteralHold((value.encode() for value in values), (each.encode() for each in parts))

    @classmethod
    def of(cls, rules: Iterable[Rule], values: Iterable[str], parts: Iterable[str] = ()) -> "LiteralScanner":
        """A scanner for `rules`, which are for `values` and `parts`. Raises RuleError."""
        return cls(tuple(compile_rule(rule) for rule in rules), values, parts)

    def plain(self, data: bytes, first: int) -> int:  # noqa: ARG002  - as a scanner of other rules
        """Return 0: what is told by words would hold back the last one."""
        return 0


def _begun(value: bytes, data: bytes, first: int) -> int:
    """The first byte from `first` on at which all that is left of `data` begins `value`, or the length of `data`."""
    at = data.find(value[:1], max(first, len(data) - len(value) + 1))
    while at >= 0 and not value.startswith(data[at:]):
        at = data.find(value[:1], at + 1)
    return at if at >= 0 else len(data)
