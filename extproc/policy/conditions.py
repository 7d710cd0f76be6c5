"""Conditions: expressions in CEL over the facts of an exchange."""

from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from extproc.policy.base import refusal
from extproc.policy.cel import program

FACTS: Final = ("model", "path", "route_name", "headers", "findings", "stream", "tools", "images", "mcp")
"""What a condition may ask."""


class ConditionError(Exception):
    """A condition could not be evaluated. The text says which one, and nothing of the facts."""


class Condition:
    """A CEL expression that was found right. Equal to another of the same text; immutable.

    `facts`: the facts it reads. `headers`: the header fields it reads.
    """

    __slots__ = ("_program", "facts", "headers", "text")

    text: str
    facts: frozenset[str]
    headers: frozenset[str]

    def __init__(self, text: str) -> None:
        self.text = text
        self._program = program(text)
        self.facts = frozenset(self._program.variables()) & frozenset(FACTS)
        self.headers = frozenset()

    def holds(self, facts: Mapping[str, object]) -> bool:
        """Whether it is true of these facts. Raises ConditionError."""
        try:
            found = self._program.execute(dict(facts))
        except Exception:  # noqa: BLE001  - whatever the library raises, its text may quote a fact
            raise ConditionError(f"the condition {self.text} cannot be evaluated") from None
        if not isinstance(found, bool):
            raise ConditionError(f"the condition {self.text} is neither true nor false")
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.text,)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validated, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.text)
        )

    @classmethod
    def _validated(cls, value: Any) -> "Condition":
        if isinstance(value, Condition):
            return value
        if not isinstance(value, str):
            raise refusal("a condition is an expression in quotes", "write it like 'tools > 0'")
        return cls(value)
