"""Allowed matches, which are no findings: values and expressions that the operator knows to be harmless."""

from collections.abc import Iterable

from msgspec.structs import replace

from extproc.matching.compiled import RuleError
from extproc.matching.expression import ExpressionError
from extproc.matching.re2_search import expression
from extproc.matching.render import exact
from extproc.matching.rule import Rule, Validator
from extproc.matching.syntax import read


class AllowList:
    """Exact values, and expressions that must match the whole of a find's text; letters' case counts in both.

    Raises RuleError for an expression that cannot be read.
    """

    def __init__(self, values: Iterable[str] = (), expressions: Iterable[str] = ()) -> None:
        self._values = frozenset(values)
        patterns = [_readable(pattern) for pattern in expressions]
        self._expression = expression(rf"\A(?:{'|'.join(patterns)})\z") if patterns else None

    def __call__(self, value: str) -> bool:
        """True if `value` is harmless."""
        return value in self._values or (
            self._expression is not None and self._expression.search(value.encode("utf-8", "replace")) is not None
        )


def _readable(pattern: str) -> str:
    try:
        return exact(read(pattern)[0], groups=False)
    except ExpressionError as error:
        raise RuleError(f"allow: {error}") from None


def allowing(rules: Iterable[Rule], allow: Validator) -> tuple[Rule, ...]:
    """`rules`, each without the finds that `allow` holds, besides those that it allowed before."""
    return tuple(replace(rule, allowed=_either(rule.allowed, allow)) for rule in rules)


def _either(first: Validator | None, second: Validator) -> Validator:
    return second if first is None else lambda value: first(value) or second(value)
