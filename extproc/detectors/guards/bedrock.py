"""A guardrail of Amazon Bedrock, by ApplyGuardrail: it blocks, anonymizes, or finds nothing."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from extproc.detectors.contract import Detection, DetectorError, Statement
from extproc.detectors.guards.texts import changes, decoded, excerpts, sendable
from extproc.detectors.service import GuardQuery
from extproc.protocol.messages import Side

KINDS: Final = ("topic", "content", "word", "pii", "regex", "grounding", "masked", "other")
"""The kinds of findings: one for each policy of a guardrail, and a place that it has anonymized. `other`: it
intervened,
and says no reason that is known here."""

_CONFIDENCE: Final = {"NONE": 0.0, "LOW": 0.33, "MEDIUM": 0.67, "HIGH": 1.0}


class BedrockFilter(Struct, frozen=True):
    """The result of one filter. `action`: BLOCKED, ANONYMIZED or NONE."""

    action: str
    confidence: str = "HIGH"


class BedrockFilters(Struct, frozen=True):
    """The results of the filters of one policy."""

    topics: tuple[BedrockFilter, ...] = ()
    filters: tuple[BedrockFilter, ...] = ()
    custom_words: tuple[BedrockFilter, ...] = field(default=(), name="customWords")
    managed_words: tuple[BedrockFilter, ...] = field(default=(), name="managedWordLists")
    entities: tuple[BedrockFilter, ...] = field(default=(), name="piiEntities")
    regexes: tuple[BedrockFilter, ...] = ()


_NONE: Final = BedrockFilters()


class BedrockAssessment(Struct, frozen=True, rename="camel"):
    """The results of the policies of the guardrail."""

    topic_policy: BedrockFilters = _NONE
    content_policy: BedrockFilters = _NONE
    word_policy: BedrockFilters = _NONE
    sensitive_information_policy: BedrockFilters = _NONE
    contextual_grounding_policy: BedrockFilters = _NONE

    def found(self) -> Iterator[tuple[str, BedrockFilter]]:
        """Yield what filters found, by the kind of finding that it is."""
        sensitive = self.sensitive_information_policy
        yield from (("topic", each) for each in self.topic_policy.topics)
        yield from (("content", each) for each in self.content_policy.filters)
        yield from (("word", each) for each in (*self.word_policy.custom_words, *self.word_policy.managed_words))
        yield from (("pii", each) for each in sensitive.entities)
        yield from (("regex", each) for each in sensitive.regexes)
        yield from (("grounding", each) for each in self.contextual_grounding_policy.filters)


class BedrockOutput(Struct, frozen=True):
    """A text as the guardrail wants it: anonymized, or its message for what is blocked."""

    text: str

    def __repr__(self) -> str:
        return f"BedrockOutput({len(self.text)} code points)"


class BedrockReply(Struct, frozen=True):
    """A response."""

    action: Literal["NONE", "GUARDRAIL_INTERVENED"]
    outputs: tuple[BedrockOutput, ...] = ()
    assessments: tuple[BedrockAssessment, ...] = ()


class BedrockDialect(Struct, frozen=True):
    """A question about each text."""

    guardrail: str
    version: str

    def ask(self, side: Side, statements: Sequence[Statement]) -> Sequence[GuardQuery]:
        """See `GuardDialect.ask`."""
        path = f"/guardrail/{quote(self.guardrail, safe='')}/version/{self.version}/apply"
        source = "INPUT" if side is Side.REQUEST else "OUTPUT"
        return [
            GuardQuery(path, msgspec.json.encode({"source": source, "content": [{"text": {"text": text}}]}), (about,))
            for about, text in excerpts(statements)
        ]

    def read(self, texts: Sequence[str], query: GuardQuery, body: bytes) -> Iterator[Detection]:  # noqa: ARG002
        """See `GuardDialect.read`."""
        reply = decoded(body, BedrockReply)
        if reply.action == "NONE":
            return
        found = [each for assessment in reply.assessments for each in assessment.found()]
        blocked = [(kind, each) for kind, each in found if each.action == "BLOCKED"]
        for kind, each in blocked:
            yield Detection(kind, 0, score=_CONFIDENCE.get(each.confidence, 1.0), rejects=True)
        if not blocked and any(each.action == "ANONYMIZED" for _, each in found):
            yield from _masked(texts[0], reply.outputs)
        elif not blocked:
            yield Detection("other", 0, rejects=True)


def _masked(text: str, outputs: Sequence[BedrockOutput]) -> Iterator[Detection]:
    if len(outputs) != 1:
        raise DetectorError("the response anonymizes another number of texts than it was asked about")
    if outputs[0].text == sendable(text):
        raise DetectorError("the response anonymizes nothing, although it says so")
    for start, end, instead in changes(sendable(text), outputs[0].text):
        yield Detection("masked", 0, start, end, instead=instead)
