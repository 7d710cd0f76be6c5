"""Fixed texts in a stream: of what passes, nothing waits but what may be the beginning of one of them."""

from collections.abc import Iterable

from extproc.matching.compiled import CompiledRule, compile_rule
from extproc.matching.holdback import Hold
from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner


class LiteralHold(Hold):
    """As `Hold`, but exact. That one holds back any short last word, as nearly any may begin a match of some rule."""

    def __init__(self, values: Iterable[bytes]) -> None:
        super().__init__(())
        self._values = tuple(values)

    def start(self, data: bytes, first: int) -> int:
        """See `Hold.start`."""
        return min((_begun(value, data, first) for value in self._values), default=len(data))


class LiteralScanner(Scanner):
    """Rules for fixed texts, exact in what they hold back. `values`: the texts that the rules are for."""

    def __init__(self, lanes: tuple[CompiledRule, ...], values: Iterable[str]) -> None:
        super().__init__(lanes)
        self.hold = LiteralHold(value.encode() for value in values)

    @classmethod
    def of(cls, rules: Iterable[Rule], values: Iterable[str]) -> "LiteralScanner":
        """A scanner for `rules`, which are for `values`. Raises RuleError."""
        return cls(tuple(compile_rule(rule) for rule in rules), values)

    def plain(self, data: bytes, first: int) -> int:  # noqa: ARG002  - as a scanner of other rules
        """Return 0: what is told by words would hold back the last one."""
        return 0


def _begun(value: bytes, data: bytes, first: int) -> int:
    """The first byte from `first` on at which all that is left of `data` begins `value`, or the length of `data`."""
    at = data.find(value[:1], max(first, len(data) - len(value) + 1))
    while at >= 0 and not value.startswith(data[at:]):
        at = data.find(value[:1], at + 1)
    return at if at >= 0 else len(data)
