"""Conditions: expressions in CEL over the signals of an exchange."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Self, cast

from pydantic import AfterValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from extproc.policy.base import Written, refusal
from extproc.policy.cel import program
from extproc.policy.expressions import reads
from extproc.policy.signals import BUILT_IN, HEADERS, OF_BACKENDS, TENANT, TENANT_ATTRIBUTES, Vocabulary, vocabulary_of
from extproc.policy.tokens import ExpressionTokens, tokens

CONDITION_MAX: Final = 4096
"""Characters of a condition. What may stand in it takes at most milliseconds at this length."""

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
"""Notations of operators who think of another language, and the fix for each."""


class ConditionError(Exception):
    """A condition could not be evaluated. The text says which one, and no value of a signal."""


class Condition:
    """A CEL expression that was found right; immutable, and equal to another of the same text.

    `signals`: those it reads; `named`: for each that is asked by names, these. `kinds`: the texts that it compares
    kinds of findings with. `compared`: for each signal, the texts and numbers that it is compared with. `headers`: the
    header fields that it, or one of its signals, reads. `reads_body`: one of them is computed from the request's body.
    `reads_places`: it asks where a finding is. `steps` estimates its cost (see `expressions.STEPS_MAX`). Making one
    raises a refusal.
    """

    __slots__ = (
        "_program",
        "_vocabulary",
        "_written",
        "compared",
        "headers",
        "kinds",
        "named",
        "reads_body",
        "reads_places",
        "signals",
        "steps",
        "text",
    )

    text: str
    signals: frozenset[str]
    headers: frozenset[str]
    kinds: frozenset[str]
    compared: Mapping[str, frozenset[str | float]]
    named: Mapping[str, frozenset[str]]
    reads_body: bool
    reads_places: bool
    steps: int

    def __init__(self, text: str, vocabulary: Vocabulary = BUILT_IN) -> None:
        if not text.strip() or len(text) > CONDITION_MAX:
            raise refusal(f"a condition has 1 to {CONDITION_MAX} characters", "write it like 'tools > 0'")
        self.text = text
        try:
            self._program = program(text)
        except ValueError as error:
            raise unparsed(text, str(error)) from None
        words = tokens(text)
        if words is None:
            raise refusal("a condition is written in ASCII outside of quotes", "write it like 'tools > 0'")
        found = reads(words, vocabulary)
        self._written = text
        if found.asked:
            # In CEL a name has one type: the attributes of the tenant get a name of their own, which nobody can write.
            self._written = _renamed(text, found.asked)
            self._program, words = program(self._written), tokens(self._written) or words
        self._vocabulary = vocabulary
        self.named = {signal: frozenset(names) for signal, names in found.named.items()}
        self.signals = frozenset(found.signals)
        self.kinds = frozenset(found.kinds)
        self.compared = {signal: frozenset(values) for signal, values in found.compared.items()}
        self.headers = self.named.get(HEADERS.name, frozenset()) | vocabulary.headers(found.signals)
        self.reads_body = vocabulary.reads_body(found.signals)
        self.reads_places, self.steps = found.places, found.steps
        self._try_out(words)

    @property
    def attributes(self) -> frozenset[str]:
        """Return the attributes of the tenant that it asks for."""
        return self.named.get(TENANT_ATTRIBUTES.name, frozenset())

    @property
    def written(self) -> str:
        """The expression as the library gets it."""
        return self._written

    def holds(self, signals: Mapping[str, object]) -> bool:
        """Return whether it is true of these signals, which hold all of `self.signals`. Raises ConditionError.

        `headers` maps names to text; one that is absent reads as "". `findings` is a list of mappings. A signal that is
        None cannot be determined. If one is a tuple, the request has several of it, such as calls of MCP: one that the
        condition is true of is enough.
        """
        asked = self._asked(signals)
        several: str | None = None
        # A loop, as generators took a third of the time of a short condition, and a model's rules are many.
        for name, value in asked.items():
            if value is None:
                raise ConditionError(f"the condition {self.text} is about a signal that cannot be determined")
            if isinstance(value, tuple):
                several = name
        if several is None:
            return self._true(asked)
        # Each is asked: the verdict must not depend on which comes first.
        verdicts = [self._true({**asked, several: one}) for one in cast("tuple[object, ...]", asked[several])]
        return any(verdicts)

    def _true(self, asked: dict[str, object]) -> bool:
        try:
            found = self._program.execute(asked)
        except Exception:  # noqa: BLE001  - whatever the library raises, its text may quote a fact
            raise ConditionError(f"the condition {self.text} cannot be evaluated") from None
        if not isinstance(found, bool):
            raise ConditionError(f"the condition {self.text} is neither true nor false")
        return found

    def _asked(self, signals: Mapping[str, object]) -> dict[str, object]:
        """Only what it reads: handing a value to the library costs more than asking it."""
        return only_named({name: signals[name] for name in self.signals}, self.named)

    def _try_out(self, words: ExpressionTokens) -> None:
        """Evaluate it for what little and for what much is known, and each operand by itself."""
        much = {name: self._vocabulary[name].trial for name in self.signals}
        little = {name: self._vocabulary[name].lowest for name in self.signals}
        for signal, names in self.named.items():
            much[signal] = dict.fromkeys(names, much[signal])
            little[signal] = dict.fromkeys(names, little[signal])
        for signals in (much, little):
            try:
                result = self._program.execute(self._asked(signals))
            except Exception as error:  # noqa: BLE001  - of all that the library raises
                raise _failed(error, self._vocabulary) from None
            if not isinstance(result, bool):
                raise refusal("this is neither true nor false", "compare it with something, such as tools > 0")
        for begin, end in words.operands():
            operand = self._written[begin:] if end < 0 else self._written[begin:end]
            try:
                program(operand).execute(self._asked(much))
            except TypeError as error:  # && and || forgive it where the other operand decides
                raise _failed(error, self._vocabulary) from None
            except Exception:  # noqa: BLE001, S112  - may be right where the other operand guards it
                continue

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[str, Vocabulary]]:
        return type(self), (self.text, self._vocabulary)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls._validated, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.text)
        )

    @classmethod
    def _validated(cls, value: Any, info: ValidationInfo) -> "Condition":
        if isinstance(value, Condition):
            return value
        if not isinstance(value, str):
            raise refusal("a condition is an expression in quotes", "write it like 'tools > 0'")
        return cls(value, vocabulary_of(info))


def _placeless(when: Condition) -> Condition:
    """Refuse what is not known of findings once the whole request was judged."""
    if when.reads_places:
        raise refusal("a rule cannot ask where a finding is", "ask for its kind, processor or count")
    return when


def _unrouted(when: Condition) -> Condition:
    """Refuse signals that are known only where the backend of a model is chosen."""
    for name in OF_BACKENDS:
        if name in when.signals:
            raise refusal(
                f"only rules of models can ask for {name}", "ask for it in `rules` of a model, or leave it out"
            )
    return when


_AnyWhen = Annotated[Condition, Written("CEL expression", "'tools > 0'")]

When = Annotated[_AnyWhen, AfterValidator(_unrouted)]
"""A condition as a field of the policy."""

RequestWhen = Annotated[When, AfterValidator(_placeless)]
"""A condition on a whole request, whose findings are counted without their places."""

RoutingWhen = Annotated[_AnyWhen, AfterValidator(_placeless)]
"""A condition of a model's rule, which may ask about backends, too."""


def unparsed(text: str, said: str) -> PydanticCustomError:
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


def only_named(asked: dict[str, object], named: Mapping[str, Collection[str]]) -> dict[str, object]:
    """Leave of each signal that is asked by names what these are of, absent ones empty."""
    for signal, names in named.items():
        known = asked[signal]
        if known is not None:
            assert isinstance(known, Mapping)
            asked[signal] = {name: known.get(name, "") for name in names}
    return asked


def _renamed(text: str, asked: list[int]) -> str:
    """Return an expression in which `tenant`, at these places, has the name of the tenant's attributes."""
    for at in reversed(asked):
        text = text[:at] + TENANT_ATTRIBUTES.name + text[at + len(TENANT.name) :]
    return text


def _around(text: str, line: int, column: int) -> tuple[str, str]:
    """Return what stands before and from a place on, in its line."""
    found = text.split("\n")[line - 1]
    return found[: column - 1], found[column - 1 :]


def _failed(error: Exception, vocabulary: Vocabulary) -> PydanticCustomError:
    """An error of a trial, in which all values are our own."""
    match error:
        case TypeError():
            mend = "compare numbers with numbers and text with text; signals are " + ", ".join(vocabulary.names)
            return refusal("this compares or adds what does not go together", mend)
        case ZeroDivisionError():
            return refusal("this may divide by zero", "check for 0 first")
        case _:
            return refusal(
                "this cannot be evaluated for every request",
                'check for what is empty first, such as headers["x-n"] != "" && ...',
            )
