"""Cost expressions: numbers that CEL computes from the tokens of an exchange."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from extproc.policy.base import refusal
from extproc.policy.cel import program
from extproc.policy.conditions import unparsed
from extproc.policy.expressions import reads
from extproc.policy.signals import SignalDeclaration, Vocabulary
from extproc.policy.tokens import ExpressionTokens, tokens

COST_MAX: Final = 1024
"""Characters of a cost expression: a price for each of twenty models."""

COUNTS: Final = (
    "input_tokens",
    "cached_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
    "total_tokens",
    "reasoning_tokens",
)
"""The variables that are whole numbers."""

TEXTS: Final = ("model", "backend", "route_name")
"""The variables that are texts."""

VARIABLES: Final = Vocabulary(
    (
        *(SignalDeclaration(name, "string", "x", f"the {name}") for name in TEXTS),
        *(SignalDeclaration(name, "int", 1000, f"the {name}") for name in COUNTS),
    )
)

_EXAMPLE: Final = "write it like 'input_tokens + 4 * output_tokens'"
_MIXED: Final = "CEL does not mix whole numbers and fractions: write double(input_tokens) * 0.5"


class CostExpression:
    """A CEL expression over `TEXTS` and `COUNTS`; immutable, and equal to another of the same text.

    `uint(...)` and `5u`, which Envoy AI Gateway has in such expressions, are read as whole numbers. Making one raises a
    refusal.
    """

    __slots__ = ("_program", "signals", "text")

    text: str
    signals: frozenset[str]

    def __init__(self, text: str) -> None:
        if not text.strip() or len(text) > COST_MAX:
            raise refusal(f"a cost expression has 1 to {COST_MAX} characters", _EXAMPLE)
        self.text = text
        try:
            program(text)
        except ValueError as error:
            raise unparsed(text, str(error)) from None
        words = tokens(text)
        if words is None:
            raise refusal("an expression is written in ASCII outside of quotes", _EXAMPLE)
        plain = _signed(text, words)
        words = tokens(plain)
        assert words is not None
        self.signals = frozenset(reads(words, VARIABLES).signals)
        self._program = program(plain)
        for texts, count in (("", 0), ("x", 1000)):
            self._try_out({**dict.fromkeys(TEXTS, texts), **dict.fromkeys(COUNTS, count)})

    def value(self, variables: Mapping[str, object]) -> float | None:
        """Return the number; None if it cannot be computed, or is not finite, or less than 0."""
        try:
            found = self._program.execute({name: variables[name] for name in self.signals})
        except Exception:  # noqa: BLE001  - whatever the library raises: a division by zero, an overflow
            return None
        if isinstance(found, bool) or not isinstance(found, int | float):
            return None
        return found if isfinite(found) and found >= 0 else None

    def _try_out(self, variables: Mapping[str, object]) -> None:
        try:
            found = self._program.execute({name: variables[name] for name in self.signals})
        except TypeError:
            raise refusal("this compares or adds what does not go together", _MIXED) from None
        except Exception:  # noqa: BLE001  - of all that the library raises
            raise refusal(
                "this cannot be computed for every exchange", "check for what is 0 first, as in n > 0 ? m / n : 0"
            ) from None
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise refusal("the value of this is not a number", _EXAMPLE)
        if found < 0:
            raise refusal("the value of this may be less than 0, which no limit can count", _EXAMPLE)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CostExpression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"CostExpression({self.text!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.text,)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validated, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.text)
        )

    @classmethod
    def _validated(cls, value: Any) -> "CostExpression":
        if isinstance(value, CostExpression):
            return value
        if not isinstance(value, str):
            raise refusal("a cost is an expression in quotes", _EXAMPLE)
        return cls(value)


def _signed(text: str, words: ExpressionTokens) -> str:
    """Return the expression with signed numbers in place of unsigned ones."""
    parts, at = list[str](), 0
    for index, token in enumerate(words.every):
        unsigned = token.kind == "number" and token.written[-1:] in "uU"
        if unsigned or (token.kind == "name" and token.written == "uint" and words.calls(index)):
            parts += (text[at : token.at], token.written[:-1] if unsigned else "int")
            at = token.at + len(token.written)
    return "".join((*parts, text[at:]))
