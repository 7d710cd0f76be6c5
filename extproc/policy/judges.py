"""Processors that judge what a text means, by scores: prompt injection, and leaked prompts."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from extproc.policy.base import Value, Written, meant, refusal
from extproc.policy.names import ProcessorName
from extproc.policy.step import Step, Windowed
from extproc.policy.units import Count

INJECTION_KINDS: Final = (
    "injection",
    "jailbreak",
    "system_prompt_extraction",
    "role_play_jailbreak",
    "data_exfiltration",
    "indirect",
)
"""The kinds of findings of `use: injection`."""

USERS: Final = 0.9
DOCUMENTS: Final = 0.95
"""The default thresholds. docs/models/injection.md has the figures at both."""


def _known(kinds: tuple[str, ...]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in INJECTION_KINDS:
            raise refusal("this is no kind of injection that is known here", meant(kind, INJECTION_KINDS))
    if len(set(kinds)) < len(kinds) or not kinds:
        raise refusal("this list names a kind twice, or none", "write each kind once, or delete `kinds`")
    return kinds


Threshold = Annotated[float, Strict(), Field(gt=0, le=1, allow_inf_nan=False), Written("number", "0.9")]


CANARIES_MAX: Final = 32
CANARY_MAX: Final = 200
"""Canaries of a processor, and characters of one: a few words that stand nowhere else."""


def _canary(text: str) -> str:
    if not 8 <= len(text) <= CANARY_MAX or not any(each.isalnum() for each in text):
        raise refusal(f"a canary has 8 to {CANARY_MAX} characters", "write a word or a few that stand nowhere else")
    return text


class DocumentLevel(Value):
    """The level for texts that nobody typed for this request."""

    threshold: Threshold = DOCUMENTS
    """The score from which on such a text is a finding."""


class Injection(Windowed):
    """Prompt injection and jailbreaks, by rules for phrases and a learned scorer.

    Each window of a text is judged by itself. Base64,
    hex, percent-encoding, ROT13, reversed text, invisible code points, look-alike letters, leetspeak, split words and
    markup are undone first. Texts of the role `system` are the application's own and are not judged. In responses, only
    `data_exfiltration` is looked for.
    """

    use: Literal["injection"]
    name: ProcessorName = "injection"
    threshold: Threshold = USERS
    """The score from which on a text of a user is a finding; [models/injection.md](models/injection.md) has figures."""
    documents: DocumentLevel = DocumentLevel()
    """The level for documents, results and descriptions of tools, and earlier responses in a request."""
    scorer: Literal["words", "minilm"] = "words"
    """The learned scorer: `words` comes with the package; `minilm`, a small model of language, with the extra `models`.
    It finds more, at some milliseconds a window."""
    kinds: Annotated[tuple[str, ...], AfterValidator(_known), Written("list of kinds", "[injection, indirect]")] = (
        INJECTION_KINDS
    )
    """The kinds to look for: `injection` (the learned scorer and phrases that overrule the orders before them),
    `jailbreak`, `system_prompt_extraction`, `role_play_jailbreak`, `data_exfiltration` and `indirect`."""


TOPICS_MAX: Final = 60
"""Topics of a processor: each is a kind of findings."""
EXAMPLES_MAX: Final = 200
EXAMPLE_MAX: Final = 1_000
"""Examples of a topic, and characters of one."""


LEARNT_MAX: Final = 2_000
"""Examples of all topics of a processor. They are learnt whenever a policy is loaded: so many short ones take 10 s if
all topics share their words, and the template of workers has a minute."""

MEANT_MAX: Final = 500
"""Examples of all topics of a processor with the scorer `minilm`: each is read by the model when a policy is loaded, in
4 ms if it is short, in 50 if it is as long as can be, and the template of workers has a minute."""


def _example(text: str) -> str:
    if not 1 <= len(text) <= EXAMPLE_MAX or not any(each.isalpha() for each in text):
        raise refusal(f"an example has 1 to {EXAMPLE_MAX} characters, with words", "write what a user might say")
    return text


Example = Annotated[str, AfterValidator(_example), Written("text", "where is my order")]
TopicExamples = Annotated[tuple[Example, ...], Field(min_length=1, max_length=EXAMPLES_MAX)]
_WRITTEN: Final = Written("topics and examples", "{orders: [where is my order, cancel my order]}")


class TopicFilter(Step):
    """The subjects of what users say, told by a few example sentences each.

    Only in `request`, for texts of the role `user` with at least three words. A text may be of no topic. With the
    scorer `words`, a text that says the same as an example in other words is of none: write examples in users' words.
    All topics of a processor have at most 2,000 examples together.
    """

    use: Literal["topics"]
    name: ProcessorName = "topics"
    allow: Annotated[Mapping[ProcessorName, TopicExamples], Field(max_length=TOPICS_MAX), _WRITTEN] = {}
    """Topics, each with examples. If there are any, a text of none of them is a finding of the kind `off_topic`."""
    deny: Annotated[Mapping[ProcessorName, TopicExamples], Field(max_length=TOPICS_MAX), _WRITTEN] = {}
    """Topics that are findings; the topic is the kind."""
    threshold: Annotated[float, Strict(), Field(gt=0, lt=1, allow_inf_nan=False), Written("number", "0.5")] = 0.5
    """The score from which on a text is of a topic."""
    scorer: Literal["words", "minilm"] = "words"
    """What tells topics: `words`, the words of the examples; `minilm`, their meaning, too, for English, with the extra
    `models`, at some milliseconds a window and for each example when a policy is loaded: at most 500 of all topics."""

    @model_validator(mode="after")
    def _some_topic(self) -> Self:
        if not self.allow and not self.deny:
            raise refusal("no topics are written here", "write `allow` or `deny` with a topic and examples")
        if both := sorted(self.allow.keys() & self.deny.keys()):
            raise refusal(f"the topic {both[0]} is allowed and denied", "give one of them another name")
        count = sum(map(len, (*self.allow.values(), *self.deny.values())))
        if count > LEARNT_MAX:
            raise refusal(f"{count} examples of all topics are more than {LEARNT_MAX}", "write fewer for each topic")
        if self.scorer == "minilm" and count > MEANT_MAX:
            raise refusal(
                f"{count} examples are more than the scorer minilm takes, {MEANT_MAX}", "write fewer, or scorer: words"
            )
        if "off_topic" in {*self.allow, *self.deny}:
            raise refusal("off_topic is the kind of texts of no topic", "give the topic another name")
        return self


LANGUAGES: Final = (
    *("ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hu", "id", "it", "ja"),
    *("ko", "nl", "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh"),
)
"""The languages that are known."""


def _languages(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in LANGUAGES:
            raise refusal("this language is not known here", f"write some of {', '.join(LANGUAGES)}")
    if len(set(names)) < len(names) or not names:
        raise refusal("this list names a language twice, or none", "write each language once")
    return names


class LanguageFilter(Windowed):
    """The languages that users, and models, may use.

    Texts of the roles `user` and `assistant` with at least 20 letters are judged, in windows of 120 words. A text of a
    language that is not known here is of none that is allowed. The tier of a finding is the language.
    """

    use: Literal["language"]
    name: ProcessorName = "language"
    allow: Annotated[tuple[str, ...], AfterValidator(_languages), Written("list of languages", "[en, de]")]
    """Codes of the languages that are allowed. Known are thirty: `ar bg ca cs da de el en es fa fi fr he hi hu id it ja
    ko nl pl pt ro ru sv th tr uk vi zh`."""
    threshold: Threshold = 0.9
    """The score from which on it is sure that a text is in none of them."""


class LeakedPrompt(Windowed):
    """Responses that repeat the system turns of their request, also encoded.

    Only in `response`. A prompt that is translated or told in other words is not recognised. If the request's system
    turns cannot be read, the processor has failed.
    """

    use: Literal["leaked_prompt"]
    name: ProcessorName = "leaked_prompt"
    words: Annotated[Count, Field(ge=5, le=200), Written("whole number", "12")] = 12
    """Words of a system turn that follow each other in a response and make it a finding; all of a shorter turn."""
    canaries: Annotated[
        tuple[Annotated[str, AfterValidator(_canary), Written("text", "[kestrel-4417-owl]")], ...],
        Field(max_length=CANARIES_MAX),
    ] = ()
    """Words that stand in the system prompt and nowhere else. A response with one of them is a finding."""
