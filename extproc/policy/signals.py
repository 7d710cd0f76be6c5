"""Signals: what expressions of the policy may ask about an exchange, as the policy's checker needs to know them.

How each is computed stands above, in `extproc.signals`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Literal, TypeAlias, get_args

from msgspec import Struct
from pydantic import AfterValidator, ValidationInfo

from extproc.policy.base import Written, listed, meant, refusal
from extproc.policy.names import is_header_name

Scalar: TypeAlias = Literal["string", "int", "double", "bool"]
SignalType: TypeAlias = Scalar | Literal["named", "attributes", "object", "objects"]
"""CEL types, and four that only built-in signals have: `named`, values that are asked for by names in quotes;
`attributes` of the tenant, asked for as `tenant.NAME`; an `object` with fields; `objects`, a list of these."""

Cost: TypeAlias = Literal["headers", "body", "text", "slow"]
"""The input that a signal needs, and its time. `body` has the whole request read first, and costs a parse. `text` reads
the words of the user besides, in a thread where the body is not small. `slow` does so always in a thread."""

SCALARS: Final[dict[str, type]] = {"string": str, "int": int, "double": float, "bool": bool}
"""The types of signals that are one value, and what they are in Python."""

SIGNALS_MAX: Final = 256
"""Signals of a vocabulary: each name in use costs a lookup alone, and nobody overlooks more."""

RECORDED_MAX: Final = 16
"""Signals that each line of the log may hold besides: as many as it has fields."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_RESERVED: Final = frozenset({
    "all", "as", "bool", "break", "bytes", "const", "continue", "double", "duration", "dyn", "else", "exists",
    "exists_one", "false", "filter", "for", "function", "has", "if", "import", "in", "int", "let", "loop", "map",
    "matches", "namespace", "null", "package", "return", "size", "string", "timestamp", "true", "type", "uint", "var",
    "void", "while",
})  # fmt: skip
"""Words of CEL and its functions, which no signal may have for a name."""


class SignalError(ValueError):
    """A declaration of a signal is wrong: the plug-in's mistake, reported before any request."""


class SignalDeclaration(Struct, frozen=True):
    """A signal as expressions know it. `description` stands in the policy reference, after the name.

    `trial` is a value of an exchange of which much is known, `least` of one of which little is: each expression is
    tried out with both when it is loaded; of a `named` signal they are values of one name. `headers`: the header fields
    that it is computed from; Envoy sends no others. `fields` are those of an object. Raises SignalError.
    """

    name: str
    type: SignalType
    trial: object
    description: str
    cost: Cost = "headers"
    headers: tuple[str, ...] = ()
    least: object = None
    fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no expression could read."""
        if _NAME.fullmatch(self.name) is None or self.name in _RESERVED:
            raise SignalError(f"{self.name[:64]!r} cannot be the name of a signal: write it like risk_level")
        if not self.description.strip():
            raise SignalError(f"the signal {self.name} has no description")
        if self.cost not in get_args(Cost):
            raise SignalError(f"the cost of the signal {self.name} is {', '.join(get_args(Cost)[:-1])} or slow")
        wrong = [name for name in self.headers if not is_header_name(name)]
        if wrong:
            raise SignalError(f"the signal {self.name} reads a header that is none: {wrong[0][:64]!r}")
        expected = SCALARS.get(self.type)
        if expected is not None and type(self.trial) is not expected:
            raise SignalError(f"the trial value of the signal {self.name} is no {self.type}")

    @property
    def lowest(self) -> object:
        """The value of an exchange of which little is known."""
        return SCALARS[self.type]() if self.least is None and self.type in SCALARS else self.least

    def told(self) -> "SignalDeclaration":
        """The declaration alone, without what may stand beside it in a subclass."""
        return SignalDeclaration(
            self.name, self.type, self.trial, self.description, self.cost, self.headers, self.least, self.fields
        )


MODEL: Final = SignalDeclaration("model", "string", "gpt-4o", "the model that is asked for", "body")
PATH: Final = SignalDeclaration("path", "string", "/v1/chat/completions", "the path of the request", least="/")
ROUTE_NAME: Final = SignalDeclaration(
    "route_name", "string", "llm", "the name of Envoy's route, empty where there is none"
)
HEADERS: Final = SignalDeclaration(
    "headers",
    "named",
    "1",
    'the request headers: `headers["x-team"]` or `headers.team`, by the name in lower case, empty where there is none;'
    " the values of a field that is repeated, joined by commas",
    least="",
)
FINDINGS: Final = SignalDeclaration(
    "findings",
    "objects",
    [{"kind": "email", "processor": "pii", "count": 1, "where": "request"}],
    "the findings so far",
    least=[],
    fields=("kind", "processor", "count", "where"),
)
STREAM: Final = SignalDeclaration("stream", "bool", True, "true if a stream is asked for", "body")
TOOLS: Final = SignalDeclaration("tools", "int", 1, "the number of tools that the request offers", "body")
IMAGES: Final = SignalDeclaration("images", "int", 1, "the number of images in the request", "body")
MCP: Final = SignalDeclaration(
    "mcp",
    "object",
    {"method": "tools/call", "tool": "search"},
    "the call of an MCP request, its fields empty where the request is not MCP. If one body makes several calls, a"
    " condition is true if it is true of one of them",
    "body",
    least={"method": "", "tool": ""},
    fields=("method", "tool"),
)
MCP_METHOD: Final = SignalDeclaration(
    "mcp_method",
    "string",
    "tools/call",
    "the method of an MCP request, as `mcp.method`, but one value: not determined if a body makes several calls",
    "body",
)
MCP_TOOL: Final = SignalDeclaration(
    "mcp_tool",
    "string",
    "search",
    "the tool that an MCP request calls, as `mcp_method`; empty if it calls none",
    "body",
)
AUDIO: Final = SignalDeclaration("audio", "bool", True, "true if the request brings audio, or asks for it", "body")
JSON_SCHEMA: Final = SignalDeclaration(
    "json_schema", "bool", True, "true if JSON of a given form is asked for, in the words of any API", "body"
)
INPUT_TOKENS: Final = SignalDeclaration(
    "input_tokens",
    "int",
    1000,
    "the tokens of the request: see [tenants.md](tenants.md#tokens). Not determined for a file that is elsewhere",
    "body",
)
MAX_OUTPUT_TOKENS: Final = SignalDeclaration(
    "max_output_tokens", "int", 1000, "the largest limit of output tokens that the request states, 0 if none", "body"
)
TURNS: Final = SignalDeclaration(
    "turns", "int", 1, "the messages of the user, without those that only bring results of tools", "body"
)
TENANT: Final = SignalDeclaration("tenant", "string", "acme", "the name of the [tenant](#tenants), empty without one")
KEY: Final = SignalDeclaration(
    "key", "string", "key_1a2b3c", "the id of the [virtual key](tenants.md#virtual-keys), empty without one"
)
TENANT_ATTRIBUTES: Final = SignalDeclaration(
    "tenant_attributes", "attributes", "1", "an attribute of the tenant, empty if it has none of the name", least=""
)
TIME: Final = SignalDeclaration(
    "time",
    "object",
    {"hour": 12, "minute": 30, "weekday": 1},
    "when the request came, in the policy's `time_zone`: hours from 0 to 23, weekdays from 1 for Monday to 7",
    least={"hour": 0, "minute": 0, "weekday": 1},
    fields=("hour", "minute", "weekday"),
)
INTENT: Final = SignalDeclaration(
    "intent",
    "string",
    "code",
    "what the user wants: the name of one of the policy's [intents](#intents), or `none`"
    " ([routing.md](routing.md#intent))",
    "slow",
    least="none",
)
DIFFICULTY: Final = SignalDeclaration(
    "difficulty",
    "double",
    0.7,
    "how much a strong model is worth for what the user asks, from 0 to 1: the share of known questions that gain less"
    " by one ([routing.md](routing.md#difficulty)); 0 if there are no words",
    "text",
)
LANGUAGE: Final = SignalDeclaration(
    "language",
    "string",
    "en",
    "the language of the user's words, as its ISO 639-1 code ([routing.md](routing.md#language)); `unknown` if there"
    " are too few, or they are in none that is known",
    "text",
    least="unknown",
)

BACKEND_STATE: Final = SignalDeclaration(
    "backend_state",
    "named",
    "down",
    'the state of a backend, `backend_state["openai"]`, or of a model there, `backend_state["openai/gpt-4o"]`: `up`,'
    " `avoided` or `down` ([routing.md](routing.md#backends)). Only for rules of models",
    least="up",
)
FITS: Final = SignalDeclaration(
    "fits",
    "named",
    False,
    'true if the request fits the context of a model at a backend, `fits["openai/gpt-4o-mini"]`'
    " ([routing.md](routing.md#backends)). Only for rules of models",
    "body",
    least=True,
)
SPENT: Final = SignalDeclaration(
    "spent",
    "named",
    0.5,
    'the part of a budget that is used, `spent["team"] > 0.8`, from 0: of the account that the request takes from, with'
    " what is reserved; above 1 beyond its limit ([budgets.md](budgets.md#rules)). Only for rules of models",
    least=0.0,
)
OF_BACKENDS: Final = (BACKEND_STATE.name, FITS.name, SPENT.name)
"""Signals about backends and budgets, by whose names they are asked. They are known where a request is routed."""


class Vocabulary:
    """The signals that expressions may name. Immutable, and made of data alone. Raises SignalError."""

    __slots__ = ("_known",)

    def __init__(self, declared: Iterable[SignalDeclaration]) -> None:
        self._known: dict[str, SignalDeclaration] = {}
        for each in declared:
            if each.name in self._known:
                raise SignalError(f"there are two signals with the name {each.name}")
            self._known[each.name] = each.told()
        if len(self._known) > SIGNALS_MAX:
            raise SignalError(f"there are more than {SIGNALS_MAX} signals")

    @property
    def names(self) -> tuple[str, ...]:
        """All names as expressions have them, in the order of their declarations."""
        return tuple(each.name for each in self._known.values() if each.type != "attributes")

    def type_of(self, name: str) -> SignalType | None:
        """The type of a signal; None where there is no such signal."""
        declared = self._known.get(name)
        return None if declared is None else declared.type

    def reads_body(self, names: Iterable[str]) -> bool:
        """True if one of these signals is computed from the body."""
        return any(self._known[name].cost != "headers" for name in names)

    def costing(self, *costs: Cost) -> frozenset[str]:
        """The names of the signals that have one of these costs."""
        return frozenset(name for name, each in self._known.items() if each.cost in costs)

    def headers(self, names: Iterable[str]) -> frozenset[str]:
        """The header fields that these signals are computed from, besides those that an expression names itself."""
        return frozenset(header for name in names for header in self._known[name].headers)

    def __getitem__(self, name: str) -> SignalDeclaration:
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[SignalDeclaration]:
        return iter(self._known.values())

    def __repr__(self) -> str:
        return f"Vocabulary({', '.join(self._known)})"

    def __reduce__(self) -> tuple[type["Vocabulary"], tuple[tuple[SignalDeclaration, ...]]]:
        return type(self), (tuple(self._known.values()),)


def _recordable(name: str, info: ValidationInfo) -> str:
    """Refuse a name that no signal has which is one value."""
    every = vocabulary_of(info)
    known = [each.name for each in every if each.type in SCALARS]
    if name in known:
        return name
    if name in every:
        raise refusal(f"the signal {name} is not one value", f"known here: {listed(known)}")
    raise refusal(f"there is no signal {name[:64]}", meant(name, known))


SignalName: TypeAlias = Annotated[str, AfterValidator(_recordable), Written("name of a signal", "tools")]
"""The name of a signal that can be recorded."""


def vocabulary_of(info: ValidationInfo) -> Vocabulary:
    """The vocabulary that a policy is validated with: that of this process, if it is not told of another."""
    found = (info.context or {}).get("signals", _current)
    assert isinstance(found, Vocabulary)
    return found


def vocabulary() -> Vocabulary:
    """Return the vocabulary of this process: the built-in signals, and those of plug-ins."""
    return _current


def speak(found: Vocabulary) -> None:
    """Replace the vocabulary of this process, as `signals.registry` does where a plug-in brings a signal."""
    global _current
    _current = found


BUILT_IN: Final = Vocabulary((
    MODEL, PATH, ROUTE_NAME, HEADERS, FINDINGS, STREAM, TOOLS, IMAGES, MCP, MCP_METHOD, MCP_TOOL, AUDIO, JSON_SCHEMA,
    INPUT_TOKENS, MAX_OUTPUT_TOKENS, TURNS, TENANT, KEY, TENANT_ATTRIBUTES, TIME, INTENT, DIFFICULTY, LANGUAGE,
    BACKEND_STATE, FITS, SPENT,
))  # fmt: skip
MEASURED: Final = frozenset(each.name for each in (AUDIO, JSON_SCHEMA, INPUT_TOKENS, MAX_OUTPUT_TOKENS, TURNS, FITS))
"""Signals that are measured while a body is read, which takes half as long again."""
COUNTED: Final = frozenset({INPUT_TOKENS.name, FITS.name})
"""Signals that tokens are counted for."""

_current = BUILT_IN
