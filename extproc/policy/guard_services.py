"""Guards that are services of others: what each is told besides where it is."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from extproc.policy.base import Value, Written, matching, refusal, refusals
from extproc.policy.credentials import Source
from extproc.policy.guards import Guard, KeyedGuard
from extproc.policy.names import ModelName, ProcessorName
from extproc.policy.step import TIMEOUT_MAX
from extproc.policy.units import Count, Seconds, Truth

WORDS_MAX: Final = 60
"""Words of a list of categories or entities: each is a kind of findings, of which a processor has at most 64."""
RUBRIC_MAX: Final = 8_000
"""Characters of a rubric: two pages, which a judge reads with every text."""

_CATEGORY: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}(?:/[a-z0-9_-]{1,31})?", re.ASCII)
_KIND: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
_ENTITY: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?", re.ASCII)
_REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,10})+-[0-9]{1,2}", re.ASCII)
_GUARDRAIL: Final = re.compile(
    r"[a-z0-9]{1,64}|arn:aws(?:-[a-z-]{1,16})?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]{1,64}", re.ASCII
)
_GUARDRAIL_VERSION: Final = re.compile(r"[1-9][0-9]{0,7}|DRAFT", re.ASCII)
_TEMPLATE: Final = re.compile(
    r"projects/[a-z0-9:.-]{1,64}/locations/[a-z0-9-]{1,32}/templates/[A-Za-z0-9_-]{1,64}", re.ASCII
)
_BLOCKLIST: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)


def _matching(form: re.Pattern[str], what: str, example: str) -> AfterValidator:
    return matching(form, f"this is not {what}", f"write it like {example}")


def _distinct_words(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words or len(set(words)) < len(words):
        raise refusal("this is a list of words, each once", "write at least one, or delete the key")
    return words


def _rubric(text: str) -> str:
    if not 1 <= len(text.strip()) <= RUBRIC_MAX or not text.replace("\n", " ").isprintable():
        raise refusal(f"a rubric has 1 to {RUBRIC_MAX} printable characters", "say what the judge is to object to")
    return text.strip()


Threshold = Annotated[float, Strict(), Field(gt=0, le=1, allow_inf_nan=False), Written("number", "0.7")]
Category = Annotated[str, _matching(_CATEGORY, "a category", "self-harm/intent")]
FindingKind = Annotated[str, _matching(_KIND, "a kind of findings", "off-topic")]
Entity = Annotated[str, _matching(_ENTITY, "the name of an entity", "US_SSN")]
Blocklist = Annotated[str, _matching(_BLOCKLIST, "the name of a blocklist", "our-words")]


class GrpcGuard(KeyedGuard):
    """A guard in any language that serves `Inspector` of `protos/extproc/wire/pb/inspector.proto`."""

    use: Literal["grpc"]
    name: ProcessorName = "grpc"
    kinds: Annotated[
        tuple[FindingKind, ...],
        AfterValidator(_distinct_words),
        Field(max_length=WORDS_MAX),
        Written("list of kinds", "[jailbreak, off-topic]"),
    ] = ("finding",)
    """The kinds that its findings may have; one of another kind is a failure."""

    @model_validator(mode="after")
    def _at_the_root(self) -> Self:
        if self.address.prefix:
            raise refusals("GrpcGuard", [(("url",), refusal("a gRPC service has no path", "delete the URL's path"))])
        return self


class Moderation(KeyedGuard):
    """A moderations endpoint as OpenAI has it: `POST /moderations`. Its categories are the kinds of findings."""

    use: Literal["moderation"]
    name: ProcessorName = "moderation"
    model: ModelName | None = None
    """The model that moderates; the service's own default if absent."""
    threshold: Threshold | None = None
    """The score from which on a category is a finding; if absent, the service says itself which are."""
    categories: (
        Annotated[
            tuple[Category, ...],
            AfterValidator(_distinct_words),
            Field(max_length=WORDS_MAX),
            Written("list of categories", "[hate, self-harm/intent]"),
        ]
        | None
    ) = None
    """The categories that count; all if absent."""


class Presidio(KeyedGuard):
    """Presidio's analyzer: `POST /analyze`. Its entities, in lower case, are the kinds of findings."""

    use: Literal["presidio"]
    name: ProcessorName = "presidio"
    language: Annotated[str, _matching(_LANGUAGE, "a language", "en"), Written("language", "de")] = "en"
    """The language of the texts; the analyzer must have a model for it."""
    entities: (
        Annotated[
            tuple[Entity, ...],
            AfterValidator(_distinct_words),
            Field(max_length=WORDS_MAX),
            Written("list of entities", "[PERSON, LOCATION]"),
        ]
        | None
    ) = None
    """The entities to look for; all that the analyzer has if absent. Those that Presidio does not name itself are of
    the
    kind `other` then."""
    min_score: Threshold = 0.5
    """Findings with a lower score are ignored."""


class LlmJudge(KeyedGuard):
    """A chat model of the OpenAI kind that judges by a rubric: `POST /chat/completions`. The kind is `violation`."""

    use: Literal["llm_judge"]
    name: ProcessorName = "llm_judge"
    timeout: Annotated[Seconds, Field(gt=0, le=TIMEOUT_MAX), Written("duration", "5s")] = 10.0
    """Longest time that it may take over one body. A model needs seconds."""
    model: ModelName
    """The model that judges."""
    rubric: Annotated[str, AfterValidator(_rubric), Written("text", "The text asks for legal advice.")]
    """The description of what violates the policy, in sentences."""
    threshold: Threshold = 0.5
    """The score from which on a text is a finding. The judge gives each a score from 0 to 1."""
    max_tokens: Annotated[Count, Field(ge=16, le=65536), Written("whole number", "2048")] = 1024
    """Most tokens of the judge's response. It has some 50; a model that reasons needs more."""


class AwsKeys(Value):
    """A key of AWS, with which requests are signed."""

    access_key_id: Source
    """The source of the key's name."""
    secret_access_key: Source
    """The source of the key."""
    session_token: Source | None = None
    """The source of the token that belongs to a temporary key."""

    @model_validator(mode="before")
    @classmethod
    def _names_sources(cls, value: Any) -> Any:
        if not isinstance(value, dict | AwsKeys):
            raise refusal(
                "a credential is never written into the policy",
                "write {access_key_id: {env: AWS_ACCESS_KEY_ID}, secret_access_key: {env: AWS_SECRET_ACCESS_KEY}}",
            )
        return value


class BedrockGuardrail(Guard):
    """A guardrail of Amazon Bedrock, by ApplyGuardrail. Masks go on as it writes them; what it blocks is blocked."""

    use: Literal["bedrock_guardrail"]
    name: ProcessorName = "bedrock_guardrail"
    action: Literal["report", "mask", "block"] = "mask"
    """The reaction to its verdicts: `mask` does what it says: what it anonymized goes on so, and what it blocked is
    blocked; `block` blocks both; `report` only lists them."""
    region: Annotated[str, _matching(_REGION, "a region of AWS", "eu-central-1"), Written("region", "eu-central-1")]
    """The region that requests are signed for. The URL is that of its runtime, such as
    `https://bedrock-runtime.eu-central-1.amazonaws.com`."""
    guardrail: Annotated[
        str, _matching(_GUARDRAIL, "the identifier of a guardrail", "gr1abc2def3g"), Written("name", "gr1abc2def3g")
    ]
    """The guardrail's identifier, or its ARN."""
    version: Annotated[str, _matching(_GUARDRAIL_VERSION, "a version", '"3" or DRAFT'), Written("text", '"3"')]
    """The guardrail's version."""
    credential: AwsKeys
    """The key that requests are signed with."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """See `Guard.sources`."""
        keys = self.credential
        token = {} if keys.session_token is None else {"session_token": keys.session_token}
        return {"access_key_id": keys.access_key_id, "secret_access_key": keys.secret_access_key, **token}


class AzureContentSafety(KeyedGuard):
    """Azure AI Content Safety: harm in texts (`text:analyze`) and attacks in requests (`text:shieldPrompt`)."""

    use: Literal["azure_content_safety"]
    name: ProcessorName = "azure_content_safety"
    categories: Annotated[
        tuple[Literal["Hate", "SelfHarm", "Sexual", "Violence"], ...],
        AfterValidator(_distinct_words),
        Written("list of categories", "[Hate, Violence]"),
    ] = ("Hate", "SelfHarm", "Sexual", "Violence")
    """The categories of harm that count."""
    severity: Annotated[Count, Field(ge=1, le=7), Written("whole number", "2")] = 4
    """The severity from which on a category is a finding: 2 is low, 4 medium, 6 high."""
    blocklists: Annotated[tuple[Blocklist, ...], Field(max_length=10), Written("list of names", "[our-words]")] = ()
    """Names of blocklists of the service that count as well."""
    prompt_shield: Truth = True
    """`true`: texts of requests are also checked for attacks, documents and results of tools as such."""


class ModelArmor(KeyedGuard):
    """Google's Model Armor, by `sanitizeUserPrompt` and `sanitizeModelResponse` of a template."""

    use: Literal["model_armor"]
    name: ProcessorName = "model_armor"
    action: Literal["report", "mask", "block"] = "mask"
    """The reaction to its verdicts: `mask` writes what it de-identified in the place of sensitive data, and blocks for
    every other match; `block` blocks for all; `report` only lists them."""
    template: Annotated[
        str,
        _matching(_TEMPLATE, "the name of a template", "projects/p/locations/europe-west4/templates/t"),
        Written("name of a template", "projects/p/locations/europe-west4/templates/t"),
    ]
    """The template's whole name."""
