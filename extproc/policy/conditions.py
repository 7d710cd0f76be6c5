"""Conditions: expressions in CEL over the facts of an exchange."""

import re
from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from extproc.policy.base import refusal
from extproc.policy.cel import program
from extproc.policy.expressions import FACTS, Reads, reads
from extproc.policy.tokens import Tokens, tokens

CONDITION_MAX: Final = 4096
"""Characters of a condition. What may stand in it takes at most milliseconds at this length."""

_EMPTY: Final[Mapping[str, object]] = {
    "model": "",
    "path": "/",
    "route_name": "",
    "findings": [],
    "stream": False,
    "tools": 0,
    "images": 0,
    "mcp": {"method": "", "tool": ""},
}
"""What is known of a request of which little is known."""
_FULL: Final[Mapping[str, object]] = {
    "model": "gpt-4o",
    "path": "/v1/chat/completions",
    "route_name": "llm",
    "findings": [{"kind": "email", "processor": "pii", "count": 1, "where": "request"}],
    "stream": True,
    "tools": 1,
    "images": 1,
    "mcp": {"method": "tools/call", "tool": "search"},
}
_PARSE: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
_CHECK: Final = "check quotes, brackets and operators there"
_SLIPS: Final = {
    "=": "write == to compare",
    "&": "write && for and",
    "|": "write || for or",
    "and ": "write && for and",
    "or ": "write || for or",
    "not ": "write ! for not",
    '"': "close the quotes, and write a backslash in them twice",
    "'": "close the quotes, and write a backslash in them twice",
}
"""What operators write who think of another language, and the mend."""


class ConditionError(Exception):
    """A condition could not be evaluated. The text says which one, and nothing of the facts."""


class Condition:
    """A CEL expression that was found right; immutable, and equal to another of the same text.

    `facts`: the facts it reads. `headers`: the header fields it reads. Making one raises a refusal.
    """

    __slots__ = ("_program", "facts", "headers", "text")

    text: str
    facts: frozenset[str]
    headers: frozenset[str]

    def __init__(self, text: str) -> None:
        if not text.strip() or len(text) > CONDITION_MAX:
            raise refusal(f"a condition has 1 to {CONDITION_MAX} characters", "write it like 'tools > 0'")
        self.text = text
        try:
            self._program = program(text)
        except ValueError as error:
            raise _unparsed(text, str(error)) from None
        words = tokens(text)
        if words is None:
            raise refusal("a condition is written in ASCII outside of quotes", "write it like 'tools > 0'")
        found = reads(words)
        self.facts, self.headers = frozenset(found.facts), frozenset(found.headers)
        self._try_out(found, words)

    def holds(self, facts: Mapping[str, object]) -> bool:
        """Return whether it is true of these facts, which hold all of `self.facts`. Raises ConditionError.

        `headers` maps names to text; one that is absent reads as "". `findings` is a list of mappings. A fact that is
        None cannot be told. If `mcp` is a tuple, the request makes several calls: one that it is true of is enough.
        """
        asked = self._asked(facts)
        if any(value is None for value in asked.values()):
            raise ConditionError(f"the condition {self.text} is about a fact that cannot be told")
        several = asked.get("mcp")
        if not isinstance(several, tuple):
            return self._true(asked)
        # Each is asked: the verdict must not depend on which call comes first.
        verdicts = [self._true({**asked, "mcp": call}) for call in several]
        return any(verdicts)

    def _true(self, asked: dict[str, object]) -> bool:
        try:
            found = self._program.execute(asked)
        except Exception:  # noqa: BLE001  - whatever the library raises, its text may quote a fact
            raise ConditionError(f"the condition {self.text} cannot be evaluated") from None
        if not isinstance(found, bool):
            raise ConditionError(f"the condition {self.text} is neither true nor false")
        return found

    def _asked(self, facts: Mapping[str, object]) -> dict[str, object]:
        """Only what it reads: handing a fact to the library costs more than asking it."""
        asked = {name: facts[name] for name in self.facts}
        if self.headers:
            headers = asked["headers"]
            assert isinstance(headers, Mapping)
            asked["headers"] = {name: headers.get(name, "") for name in self.headers}
        return asked

    def _try_out(self, found: Reads, words: Tokens) -> None:
        """Evaluate it for what little and for what much is known, and each operand by itself."""
        full = {**_FULL, "headers": dict.fromkeys(found.headers, "1")}
        for facts in (full, {**_EMPTY, "headers": {}}):
            try:
                result = self._program.execute(self._asked(facts))
            except Exception as error:  # noqa: BLE001  - of all that the library raises
                raise _failed(error) from None
            if not isinstance(result, bool):
                raise refusal("this is neither true nor false", "compare it with something, such as tools > 0")
        for begin, end in words.operands():
            operand = self.text[begin:] if end < 0 else self.text[begin:end]
            try:
                program(operand).execute(self._asked(full))
            except TypeError as error:  # && and || forgive it where the other operand decides
                raise _failed(error) from None
            except Exception:  # noqa: BLE001, S112  - may be right where the other operand guards it
                continue

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


def _unparsed(text: str, said: str) -> PydanticCustomError:
    """The library's first error that has a place, in an operator's words."""
    found = [error for error in _PARSE.findall(said) if not error[2].startswith("Incomplete")]
    if not found:
        return refusal("this is not an expression in CEL", "check quotes and brackets")
    line, column, reason = int(found[0][0]), int(found[0][1]), found[0][2]
    place = f"line {line}, character {column}" if "\n" in text.strip() else f"character {column}"
    if "<EOF>" in reason.partition(" expecting")[0]:
        return refusal(f"the expression ends too early, at {place}", "write the rest, or close what is open")
    before, wrong = _around(text, line, column)
    mend = next((mend for start, mend in _SLIPS.items() if wrong.startswith(start)), _CHECK)
    return refusal(f"this is not CEL at {place}", _SLIPS["not "] if before.endswith("not ") else mend)


def _around(text: str, line: int, column: int) -> tuple[str, str]:
    """What stands before and from a place on, in its line."""
    found = text.split("\n")[line - 1]
    return found[: column - 1], found[column - 1 :]


def _failed(error: Exception) -> PydanticCustomError:
    """An error of a trial, in which all facts are our own."""
    match error:
        case TypeError():
            mend = "compare numbers with numbers and text with text; facts are " + ", ".join(FACTS)
            return refusal("this compares or adds what does not go together", mend)
        case ZeroDivisionError():
            return refusal("this may divide by zero", "check for 0 first")
        case _:
            return refusal(
                "this cannot be evaluated for every request",
                'check for what is empty first, such as headers["x-n"] != "" && ...',
            )
