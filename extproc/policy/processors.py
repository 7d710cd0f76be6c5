"""Processors: what looks at the texts of a request or an answer, and what is done about what it finds."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    SerializeAsAny,
    Strict,
    Tag,
    TypeAdapter,
    ValidationInfo,
    WrapValidator,
    model_validator,
)

from extproc.policy.base import Loc, Value, Written, meant, refusal, refusals
from extproc.policy.credentials import Source
from extproc.policy.guard_services import (
    AzureContentSafety,
    BedrockGuardrail,
    GrpcGuard,
    LlmJudge,
    ModelArmor,
    Moderation,
    Presidio,
)
from extproc.policy.guards import Webhook
from extproc.policy.judges import Injection, LanguageFilter, LeakedPrompt, TopicFilter
from extproc.policy.kinds import PII_GROUPS, PII_KINDS, PII_USUAL, expanded
from extproc.policy.names import ProcessorName
from extproc.policy.paths import FilePath
from extproc.policy.replies import Grounded, JsonSchema, Length, RefusalStep, ToolSchema, Url
from extproc.policy.step import Step, word
from extproc.policy.units import GIB, Count, Size, Truth
from extproc.policy.uses import plugged, tag

REGEX_MAX: Final = 4096
"""Characters of an expression: the longest of the published secret rules have half of that."""
LITERALS_MAX: Final = 10_000
"""Literals of one processor, as many as one fast pass is built for."""
LITERAL_MAX: Final = 1024
"""Characters of a literal: a match is held back in a stream until it is whole."""
ALLOWED_MAX: Final = 10_000
"""Values of an allow-list: a set, so that only reading the file bounds it."""
ALLOWED_PATTERNS_MAX: Final = 256
"""Expressions of an allow-list: they become one matcher."""

NEAR_KINDS: Final = 3
"""Names that the error for an unknown kind suggests; several kinds of one country differ in few letters."""

_PRESIDIO: Final = (
    "{use: presidio, url: 'http://127.0.0.1:5002', entities: [PERSON, LOCATION, ORGANIZATION], action: mask}"
)

ELSEWHERE_USES: Final[Mapping[str, tuple[str, str]]] = {
    "names": (
        "persons, organisations and places are told by a model of language, which this package does not bring",
        f"ask a guard: {_PRESIDIO}",
    )
}
"""Words of `use` whose work is done by a processor of another name: what is wrong with them, and what to write."""


def _kind(name: str) -> str:
    if name not in PII_KINDS and name not in PII_GROUPS:
        mend = meant(name, (*PII_GROUPS, *PII_KINDS), most=NEAR_KINDS)
        raise refusal("this is not a kind of personal data that is known here, nor a group of kinds", mend)
    return name


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise refusal("nothing is in this list", "write at least one, or delete the key")
    first: dict[str, int] = {}
    repeated = [index for index, value in enumerate(values) if first.setdefault(value, index) != index]
    if repeated:
        error = refusal("this is already in the list", "delete it")
        raise refusals("list", [((index,), error) for index in repeated])
    return values


def _expression(text: str) -> str:
    if not 1 <= len(text) <= REGEX_MAX:
        raise refusal(f"an expression has 1 to {REGEX_MAX} characters", "write a shorter one, or several processors")
    return _encodable(text)


def _literal(text: str) -> str:
    if not 1 <= len(text) <= LITERAL_MAX or text.isspace():
        raise refusal(f"a literal has 1 to {LITERAL_MAX} characters, not all of them spaces", "write a word or a name")
    return _encodable(text)


def _encodable(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise refusal("half of a surrogate pair is no character", r'write the character itself, or "\U0001F600"')
    return text


Kind = Annotated[str, AfterValidator(_kind), Written("kind or group", "[email, finance, eu]")]
Score = Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False), Written("number", "0.8")]
Expression = Annotated[str, AfterValidator(_expression), Written("regular expression", "'PRJ-[0-9]{4}'")]
Literally = Annotated[str, AfterValidator(_literal), Written("text", "[Titan, Orion]")]
AllowedText = Annotated[str, AfterValidator(_literal), Written("text", "[support@example.com]")]


class Allow(Value):
    """Exceptions: known false positives to ignore."""

    values: Annotated[tuple[AllowedText, ...], Field(max_length=ALLOWED_MAX)] = ()
    """Exact texts; upper and lower case count."""
    patterns: Annotated[tuple[Expression, ...], Field(max_length=ALLOWED_PATTERNS_MAX)] = ()
    """Regular expressions (RE2) that match the whole of the found text."""


class Maskable(Step):
    """Fields of the processors whose findings have a place in a text, which can be masked."""

    allow: Allow = Allow()
    """Findings that are none."""
    format: Literal["placeholder", "partial", "hash"] = "placeholder"
    """The text that `mask` writes: `[EMAIL_1]`, the same for the same value within a request; `****1234`, which leaves
    the last characters; or `[EMAIL:9f86d081884c7d65]`, a keyed hash, the same for the same value and the same key."""
    key: Source | None = None
    """Only for `format: hash`: where the key is read from, at least 16 bytes."""
    restore: Truth = False
    """Only for masks of a request in placeholders: the answer's placeholders become the client's own values again."""

    @model_validator(mode="after")
    def _mask_is_whole(self) -> Self:
        found = []
        if self.format == "hash" and self.key is None:
            found.append((("format",), refusal("a hash needs a key", "add key: {file: PATH} or key: {env: NAME}")))
        if self.format != "hash" and self.key is not None:
            found.append((("key",), refusal("only a hash takes a key", "write format: hash, or delete `key`")))
        if self.restore and (self.action != "mask" or self.format != "placeholder"):
            error = refusal(
                "only placeholders can be turned back",
                "write action: mask and no other format, or delete `restore`",
            )
            found.append((("restore",), error))
        if "format" in self.model_fields_set and self.action != "mask":
            error = refusal(f"nothing is masked by action {self.action}", "write action: mask, or delete `format`")
            found.append((("format",), error))
        if found:
            raise refusals(type(self).__name__, found)
        return self


class Pii(Maskable):
    """Personal data, each kind with its checksum or the words around it."""

    use: Literal["pii"]
    name: ProcessorName = "pii"
    kinds: Annotated[tuple[Kind, ...], AfterValidator(_distinct)] | None = None
    """The kinds to detect, and groups of kinds. If absent, every kind but those on request;
    [detectors.md](detectors.md) lists both."""
    min_score: Score = 0.0
    """Findings with a lower score are ignored. A score says how sure a finding is, from 0 to 1;
    [detectors.md](detectors.md) lists the scores of each kind."""
    min_scores: Annotated[Mapping[Kind, Score], Written("kinds and numbers from 0 to 1", "{credit_card: 0.9}")] = {}
    """The same for single kinds and for groups, instead of `min_score`. The score of a kind goes before those of its
    groups, and of these the highest counts."""
    ip_addresses: Literal["all", "public"] = "all"
    """`public` ignores private, loopback, link-local and documentation addresses."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """The kinds that it looks for."""
        return PII_USUAL if self.kinds is None else expanded(self.kinds)

    def least(self, kind: str) -> float:
        """Return the least score of a finding of a kind."""
        name = self.scored(kind)
        return self.min_score if name is None else self.min_scores[name]

    def scored(self, kind: str) -> str | None:
        """Return the name in `min_scores` that sets the least score of a kind; None if `min_score` does."""
        if kind in self.min_scores:
            return kind
        groups = [name for name in self.min_scores if kind in PII_GROUPS.get(name, ())]
        return max(groups, key=self.min_scores.__getitem__, default=None)

    @model_validator(mode="after")
    def _scores_are_used(self) -> Self:
        error = refusal("this kind is not looked for here", "add it to `kinds`, or delete its score")
        wanted = frozenset(self.wanted)
        unused: list[tuple[Loc, Any]] = [
            (("min_scores", name), error) for name in self.min_scores if wanted.isdisjoint(expanded([name]))
        ]
        if "ip_addresses" in self.model_fields_set and "ip_address" not in wanted:
            unused.append((("ip_addresses",), refusal("no addresses are looked for here", "add ip_address to `kinds`")))
        if unused:
            raise refusals("Pii", unused)
        return self


class Secrets(Maskable):
    """Keys, tokens and passwords. A finding has the rule's name as its kind."""

    use: Literal["secrets"]
    name: ProcessorName = "secrets"
    gitleaks: Annotated[FilePath, Written("path", "our-secrets.toml")] | None = None
    """A file of further rules in the TOML format of gitleaks, at most 1MiB; read with the credentials."""


class Pattern(Maskable):
    """The operator's own expression or words; the kind of its findings is the processor's name."""

    use: Literal["pattern"]
    name: ProcessorName = "pattern"
    regex: Expression | None = None
    """A regular expression (RE2). Either this or `literals`."""
    literals: Annotated[tuple[Literally, ...], AfterValidator(_distinct), Field(max_length=LITERALS_MAX)] | None = None
    """Words or phrases. Either this or `regex`."""
    ignore_case: Truth = False
    """`true`: upper and lower case are the same."""
    words: Truth = True
    """Only for `literals`: they match as whole words; `false` finds them inside others as well."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.regex is None) == (self.literals is None):
            raise refusal("a pattern is one regular expression or a list of literals", "write `regex` or `literals`")
        if self.regex is not None and "words" in self.model_fields_set:
            error = refusal("`words` is for literals", r"delete it; write \b in the expression where a word ends")
            raise refusals("Pattern", [(("words",), error)])
        return self


class SizeLimit(Step):
    """Limits on a body's bytes, messages and images. There is nothing to mask in it."""

    use: Literal["size"]
    name: ProcessorName = "size"
    action: Literal["report", "block"] = "block"
    """The reaction to a body over a limit."""
    max_bytes: Annotated[Size, Field(ge=1, le=GIB), Written("size", "256KiB")] | None = None
    """Most bytes of a body."""
    max_messages: Annotated[Count, Field(ge=1), Written("whole number", "200")] | None = None
    """Most messages; only in `request`."""
    max_images: Annotated[Count, Field(ge=0), Written("whole number", "10")] | None = None
    """Most images; only in `request`."""

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.max_bytes is None and self.max_messages is None and self.max_images is None:
            raise refusal("this limits nothing", "write max_bytes, max_messages or max_images")
        return self


PLUGGED: Final = "(plug-in)"
"""The form of a processor that a plug-in brings."""

PLUGGED_KEPT: Final = 64
"""Validators that are kept, one for each word of a plug-in: a policy may use one a thousand times."""


def _form(value: Any) -> str:
    """Which processor is meant, so that errors speak of that one alone."""
    use = value.get("use") if isinstance(value, dict) else getattr(value, "use", None)
    if not isinstance(use, str):
        return "(unknown)"
    return tag(use) if use in USES else PLUGGED if use in plugged() else "(unknown)"


def _unknown(value: Any) -> Any:
    if not isinstance(value, dict):
        raise refusal("a processor is a mapping", "write it like {use: pii, action: mask}")
    words = [*USES, *plugged()]
    known = ", ".join(words)
    if "use" not in value:
        raise refusal("a processor says what it uses", f"add `use:` with one of {known}")
    use = value["use"]
    if isinstance(use, str) and use in ELSEWHERE_USES:
        error = refusal(*ELSEWHERE_USES[use])
    else:
        near = meant(use, words) if isinstance(use, str) else f"known here: {known}"
        error = refusal("there is no such processor", near)
    raise refusals("Processor", [(("use",), error)])


def _plugged(value: Any, _: Any, info: ValidationInfo) -> Any:
    """A processor of a plug-in, by the model of its options."""
    if isinstance(value, Step):
        return value
    use = value["use"]
    return _of_plug_in(use, plugged()[use]).validate_python({"name": use, **value}, context=info.context)


@lru_cache(PLUGGED_KEPT)
def _of_plug_in(use: str, options: type[Value]) -> TypeAdapter[Any]:
    # One form of two, so that the places of errors name it.
    forms: Any = Annotated[options, Tag(tag(use))] | Annotated[Pii, Tag("(unknown)")]
    return TypeAdapter(Annotated[forms, Discriminator(lambda _: tag(use))])


Processor: TypeAlias = Annotated[
    Annotated[Pii, Tag("(pii)")]
    | Annotated[Secrets, Tag("(secrets)")]
    | Annotated[Pattern, Tag("(pattern)")]
    | Annotated[SizeLimit, Tag("(size)")]
    | Annotated[Injection, Tag("(injection)")]
    | Annotated[LeakedPrompt, Tag("(leaked_prompt)")]
    | Annotated[TopicFilter, Tag("(topics)")]
    | Annotated[LanguageFilter, Tag("(language)")]
    | Annotated[Webhook, Tag("(webhook)")]
    | Annotated[GrpcGuard, Tag("(grpc)")]
    | Annotated[Moderation, Tag("(moderation)")]
    | Annotated[Presidio, Tag("(presidio)")]
    | Annotated[LlmJudge, Tag("(llm_judge)")]
    | Annotated[BedrockGuardrail, Tag("(bedrock_guardrail)")]
    | Annotated[AzureContentSafety, Tag("(azure_content_safety)")]
    | Annotated[ModelArmor, Tag("(model_armor)")]
    | Annotated[JsonSchema, Tag("(json_schema)")]
    | Annotated[ToolSchema, Tag("(tool_schema)")]
    | Annotated[Length, Tag("(length)")]
    | Annotated[RefusalStep, Tag("(refusal)")]
    | Annotated[Url, Tag("(url)")]
    | Annotated[Grounded, Tag("(grounded)")]
    | Annotated[SerializeAsAny[Step], WrapValidator(_plugged), Tag("(plug-in)")]
    # The last form takes nothing: it is there for its errors.
    | Annotated[Pii, BeforeValidator(_unknown), Tag("(unknown)")],
    Discriminator(_form),
]
"""A processor, told apart by `use`."""

USES: Final[Mapping[str, type[Step]]] = {
    word(step): step for step in (get_args(form)[0] for form in get_args(get_args(Processor)[0])) if step is not Step
}
"""The built-in words of `use` and their forms; plug-ins add others (see `policy.uses`)."""
