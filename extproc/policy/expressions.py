"""The parts that a condition may consist of: existing signals, few functions, and nothing that takes long."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import re2
from pydantic_core import PydanticCustomError

from extproc.policy.base import meant, refusal
from extproc.policy.cel import program
from extproc.policy.names import HEADER_NAME_MAX, is_header_name
from extproc.policy.signals import BACKEND_STATE, FINDINGS, FITS, HEADERS, SPENT, TENANT, TENANT_ATTRIBUTES, Vocabulary
from extproc.policy.tokens import ExpressionTokens

METHODS: Final = ("contains", "startsWith", "endsWith", "matches", "size")
FUNCTIONS: Final = ("size", "int", "double", "string")
MACROS: Final = ("exists", "all", "exists_one")
"""Each gives a truth."""
COPYING: Final = frozenset({"map", "filter"})
"""Macros that are left out. The library copies the list for each entry (18 ms for a hundred findings), and a chain of
`map` makes texts of any length."""

NESTING_MAX: Final = 2
"""Macros within each other: more than that nobody reads."""
FINDINGS_COUNTED: Final = 100
"""Findings that an exchange is taken to have when the steps of a condition are counted."""
STEPS_MAX: Final = 50_000
"""Steps of a condition: its words, each as often as the macros around it repeat it. One takes 0.04 to 0.1 µs."""
PLUS_MAX: Final = 8
"""Of `+`: each copies all of both sides, be they texts or lists."""
REGEX_MEMORY: Final = 32 * 1024
"""Bytes of the program of a `matches`, which is compiled for each exchange: what fits is compiled in 0.25 ms."""
REGEX_STEPS: Final = 2_500
"""Steps that a `matches` counts for."""

PLACE: Final = "where"
"""The field of a finding that tells where it is."""
KIND: Final = "kind"
"""The field of a finding that tells what it is."""

_NAMED: Final = {
    HEADERS.name: ("a header", 'headers["x-team"] == "payments"'),
    SPENT.name: ("a budget", 'spent["team"] > 0.8'),
    BACKEND_STATE.name: ("a backend", 'backend_state["openai"] != "up"'),
    FITS.name: ("a model at a backend", 'fits["openai/gpt-4o-mini"]'),
}
"""The things that signals are asked for by name, and how that is written."""

_WORDS: Final = frozenset({"true", "false", "null", "in"})
_EQUAL: Final = frozenset({"==", "!="})
_ORDERED: Final = _EQUAL | {"<", "<=", ">", ">="}
_SUMS: Final = frozenset("+-*/%")
_CLASSES: Final = frozenset("wWdDsSpPbB")


@dataclass(slots=True)
class Reads:
    """The signals that an expression reads.

    `named`: for each that is asked by names, these: header fields, attributes of the tenant, backends. `kinds`: the
    texts that it compares kinds of findings with. `compared`: for each signal, or its field as in `time.weekday`, the
    texts and numbers that it is compared with. `places`: it asks where a finding is. `steps`: its cost, as for
    `STEPS_MAX`. `asked`: the places in the text of `tenant` before its attributes.
    """

    signals: set[str] = field(default_factory=set)
    named: dict[str, set[str]] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    compared: dict[str, set[str | float]] = field(default_factory=dict)
    places: bool = False
    steps: int = 0
    asked: list[int] = field(default_factory=list)


def reads(tokens: ExpressionTokens, vocabulary: Vocabulary) -> Reads:
    """Return what an expression reads, once it is known to be allowed. The library must have parsed it.

    Raises a refusal.
    """
    return _ExpressionWalk(tokens, vocabulary).walk()


class _ExpressionWalk:
    """One pass over the tokens, which knows the names that macros have bound so far."""

    def __init__(self, tokens: ExpressionTokens, vocabulary: Vocabulary) -> None:
        self.tokens = tokens
        self.vocabulary = vocabulary
        self.found = Reads()
        self.open: list[str | None] = []
        """For each bracket that is open: the name that its macro binds, if it is a macro's."""
        self.times = [1]
        """For each macro that is open, after a first for none: how often what stands in it is evaluated."""
        self.findings: set[str] = set()
        """Names that stand for a finding where the walk is."""
        self.steps = 0
        self.sums = 0

    def walk(self) -> Reads:
        for index, token in enumerate(self.tokens.every):
            self._count(1)
            if token.kind == "mark":
                self._mark(index, token.written)
            elif token.kind == "name" and token.written not in _WORDS:
                self._name(index, token.written)
        self.found.steps = self.steps
        return self.found

    def _count(self, steps: int) -> None:
        self.steps += steps * self.times[-1]
        if self.steps > STEPS_MAX:
            raise refusal(
                f"this takes too long with {FINDINGS_COUNTED} findings", f"write less within {' and '.join(MACROS)}"
            )

    @property
    def bound(self) -> list[str]:
        return [name for name in self.open if name is not None]

    def _mark(self, index: int, mark: str) -> None:
        if mark in "([":
            self.open.append(self._binds(index))
            if self.open[-1] is not None:
                self.times.append(self.times[-1] * self._length(index - 3))
                if self._lists(index - 3):
                    self.findings.add(str(self.open[-1]))
        elif mark in ")]":
            name = self.open.pop()
            if name is not None:
                self.times.pop()
                self.findings.discard(name)
        elif mark == "+":
            self.sums += 1
            if self.sums > PLUS_MAX:
                raise refusal(f"there are more than {PLUS_MAX} of +", "compare the parts one by one")
        elif mark in "{}":
            raise refusal("a condition makes no mappings", "compare the signals one by one")
        elif mark == "." and not self.tokens.is_operand(index - 1):
            raise refusal("a name begins with a dot here", "delete the dot")

    def _name(self, index: int, name: str) -> None:
        if self.tokens.is_at(index - 1, "."):
            if self.tokens.calls(index):
                self._method(index, name)
            elif name == PLACE:
                self.found.places = FINDINGS.name in self.found.signals
            elif name == KIND and (
                self.tokens[index - 2].written in self.findings or self.tokens.is_at(index - 2, "]")
            ):
                self.found.kinds.update(self._texts_beside(index - 2, index))
        elif self.tokens.calls(index):
            if name == "has":
                raise refusal("every signal is there, empty if need be", 'compare it, such as mcp.tool != ""')
            if name not in FUNCTIONS:
                raise _no_function(name, [*FUNCTIONS, *METHODS])
        elif not self._is_binding(index):
            self._variable(index, name)

    def _texts_beside(self, begin: int, end: int) -> Iterator[str]:
        """Yield the texts that the operand from `begin` to `end` is compared with by ==, != or in."""
        tokens = self.tokens
        if tokens.is_at(end + 1, "in") and tokens.is_at(end + 2, "["):
            closing = next((at for at, opening in tokens.closes.items() if opening == end + 2), end)
            compared = [*range(end + 3, closing)]
        else:
            compared = [end + 2] if tokens[end + 1].written in _EQUAL else []
            compared += [begin - 2] if tokens[begin - 1].written in _EQUAL else []
        yield from (_value(tokens[at].written) for at in compared if tokens[at].kind == "text")

    def _numbers_beside(self, begin: int, end: int) -> Iterator[float]:
        """Yield the numbers that the operand from `begin` to `end` is compared with, unless more is reckoned there."""
        tokens = self.tokens
        for operator, number, beyond in ((end + 1, end + 2, end + 3), (begin - 1, begin - 2, begin - 3)):
            found = tokens[number]
            if tokens[operator].written in _ORDERED and found.kind == "number" and tokens[beyond].written not in _SUMS:
                with suppress(ValueError):  # hexadecimal, or unsigned: nobody writes a share of 1 like that
                    yield float(found.written)

    def _compare(self, name: str, begin: int, end: int) -> None:
        """Note what a signal, or a field of it, is compared with."""
        compared: set[str | float] = {*self._texts_beside(begin, end), *self._numbers_beside(begin, end)}
        if compared:
            self.found.compared.setdefault(name, set()).update(compared)

    def _method(self, index: int, name: str) -> None:
        if name in COPYING:
            raise refusal(f"{name} is not there for conditions", f"write {', '.join(MACROS[:-1])} or {MACROS[-1]}")
        if name == "matches":
            self._matches(index)
        elif name in MACROS:
            self._macro(index, name)
        elif name not in METHODS:
            raise _no_function(name, [*METHODS, *MACROS])

    def _macro(self, index: int, name: str) -> None:
        if len(self.bound) == NESTING_MAX:
            raise refusal(f"more than {NESTING_MAX} of {', '.join(MACROS)} within each other", "write it flatter")
        if not self._length(index - 2):
            raise refusal(f"{name} goes through findings or a list", f"write it like findings.{name}(f, ...)")

    def _length(self, index: int) -> int:
        """Return how many things a macro goes through whose list ends at an index; 0 if that is nothing for a macro."""
        if self._lists(index) and not self.tokens.is_at(index - 1, "."):
            return FINDINGS_COUNTED
        before = self.tokens.closes.get(index, 0) - 1
        if self.tokens.is_at(index, "]") and not self.tokens.is_operand(before):
            return max(1, self.tokens.entries(index))
        return 0

    def _matches(self, index: int) -> None:
        if self.bound:
            raise refusal("matches takes too long for each of many", "write startsWith, endsWith, contains, == or in")
        if self.tokens[index + 2].kind != "text" or not self.tokens.is_at(index + 3, ")"):
            raise refusal("the expression of matches is written in quotes", 'write it like model.matches("^gpt-4")')
        self._count(REGEX_STEPS)
        _check_regex(_value(self.tokens[index + 2].written))

    def _binds(self, opening: int) -> str | None:
        """The name that a macro binds whose bracket opens here."""
        macro = self.tokens[opening - 1]
        if not self.tokens.is_at(opening - 2, ".") or macro.kind != "name" or macro.written not in MACROS:
            return None
        name = self.tokens[opening + 1].written
        if name in self.vocabulary or name in self.bound:
            raise refusal(f"the name {name} has a meaning here already", "use another, such as f")
        return name

    def _is_binding(self, index: int) -> bool:
        return bool(self.open) and self.open[-1] is not None and self._binding(index)

    def _binding(self, index: int) -> bool:
        return self.tokens.is_at(index - 1, "(") and self.tokens.is_at(index + 1, ",")

    def _variable(self, index: int, name: str) -> None:
        if name in self.bound:
            self._bound(index, name)
            return
        if name == TENANT.name and self.tokens.is_at(index + 1, ".") and not self.tokens.calls(index + 2):
            self._attribute(index)
            return
        if name == TENANT.name and self.tokens.is_at(index + 1, "["):
            raise refusal("an attribute of the tenant is asked for by its name", "write it like tenant.region")
        if name == TENANT_ATTRIBUTES.name:
            raise refusal(f"there is no signal {name}", "write it like tenant.region")
        kind = self.vocabulary.type_of(name)
        if kind is None:
            raise refusal(f"there is no signal {name[:64]}", self._known(index, name))
        self.found.signals.add(name)
        match kind:
            case "objects":
                self._whole(index)
            case "named":
                self.found.named.setdefault(name, set()).add(self._asked_name(index, name))
                self._compare(name, index, index + (2 if self.tokens.is_at(index + 1, ".") else 3))
            case "object":
                self._object(index, name)
                self._compare(f"{name}.{self.tokens[index + 2].written}", index, index + 2)
            case _:
                self._compare(name, index, index)

    def _attribute(self, index: int) -> None:
        """Note an attribute of the tenant, which has no list of names: what a tenant lacks is empty."""
        self.found.signals.add(TENANT_ATTRIBUTES.name)
        self.found.named.setdefault(TENANT_ATTRIBUTES.name, set()).add(self.tokens[index + 2].written)
        self.found.asked.append(self.tokens[index].at)

    def _object(self, index: int, name: str) -> None:
        fields = self.vocabulary[name].fields
        if not self.tokens.is_at(index + 1, ".") or self.tokens.calls(index + 2):
            raise refusal(f"{name} is not a value itself", f"write {' or '.join(f'{name}.{each}' for each in fields)}")
        self._field(index, fields, name)

    def _lists(self, index: int) -> bool:
        """True if the name of a list of findings stands at an index."""
        token = self.tokens[index]
        return token.kind == "name" and self.vocabulary.type_of(token.written) == "objects"

    def _bound(self, index: int, name: str) -> None:
        if name in self.findings and not self.tokens.is_at(index + 1, "."):
            raise refusal("a finding is asked by its fields", f"write {name}.kind, {name}.count and the like")
        self._field(index, FINDINGS.fields, "a finding")

    def _whole(self, index: int) -> None:
        """Findings are asked in place: a list of them that goes anywhere is copied, each finding of it."""
        size = self.tokens.is_at(index - 2, "size") and self.tokens.is_at(index + 1, ")")
        if not size and not self.tokens.is_at(index + 1, ".") and not self.tokens.is_at(index + 1, "["):
            raise refusal("findings are not compared as a whole", "write size(findings) > 0 or findings.exists(f, ...)")

    def _known(self, index: int, name: str) -> str:
        # headers.x-team reads as headers.x minus team
        if self.tokens.is_at(index - 1, "-") and self.tokens.is_at(index - 4, "headers"):
            return f'write headers["{self.tokens[index - 2].written}-{name[:64]}"]'
        return meant(name, [*self.bound, *self.vocabulary.names])

    def _field(self, index: int, known: Iterable[str], owner: str) -> None:
        name = self.tokens[index + 2].written
        if self.tokens.is_at(index + 1, ".") and not self.tokens.calls(index + 2) and name not in known:
            raise refusal(f"{owner} has no field {name[:64]}", meant(name, known))

    def _asked_name(self, index: int, signal: str) -> str:
        """The one name that a signal is asked for here."""
        key, name = self.tokens[index + 2], None
        if self.tokens.is_at(index + 1, ".") and key.kind == "name" and not self.tokens.calls(index + 2):
            name = key.written
        elif self.tokens.is_at(index + 1, "[") and key.kind == "text" and self.tokens.is_at(index + 3, "]"):
            name = _value(key.written)
        what, example = _NAMED.get(signal, ("this", f'{signal}["name"]'))
        if name is None:
            raise refusal(f"{what} is asked for by its name in quotes", f"write it like {example}")
        return _header_name(name) if signal == HEADERS.name else name


def _no_function(name: str, known: Iterable[str]) -> PydanticCustomError:
    return refusal(f"there is no function {name[:64]} for conditions", meant(name, known))


def _value(literal: str) -> str:
    """Return what a literal says, escapes undone by the library itself."""
    found = program(literal).execute()
    if not isinstance(found, str):
        raise refusal("these are bytes, where text is wanted", "delete the b before the quotes")
    return found


def _header_name(name: str) -> str:
    if name.startswith(":"):
        raise refusal("a pseudo header is not among the headers", "write path for :path")
    if not is_header_name(name):
        mend = (
            f'write headers["{name.lower()[:HEADER_NAME_MAX]}"]' if is_header_name(name.lower()) else "check the name"
        )
        raise refusal("this is not the name of a header in lower case", mend)
    return name


def _check_regex(pattern: str) -> None:
    escaped = [after for at, after in enumerate(pattern[1:]) if pattern[at] == "\\"]
    if _CLASSES.intersection(escaped):
        raise refusal("\\w and its like hold all of Unicode and take too long", "write the characters, as [0-9A-Za-z_]")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = REGEX_MEMORY
    try:
        re2.compile(pattern, options)
    except re2.error:
        raise refusal(
            "the expression of matches is wrong or too large", "write a shorter one, in the syntax of RE2"
        ) from None
