"""Azure AI Content Safety: how severe the harm in a text is, and whether a text attacks the model."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct, field

from extproc.detectors.contract import Detection, DetectorError, Statement
from extproc.detectors.guards.texts import decoded, excerpts
from extproc.detectors.service import Excerpt, GuardQuery
from extproc.protocol.messages import Side

VERSION: Final = "2024-09-01"
"""The version of the API: the last one that is no preview."""

ANALYZE: Final = f"/contentsafety/text:analyze?api-version={VERSION}"
SHIELD: Final = f"/contentsafety/text:shieldPrompt?api-version={VERSION}"

CATEGORIES: Final = {"Hate": "hate", "SelfHarm": "self_harm", "Sexual": "sexual", "Violence": "violence"}
KINDS: Final = (*CATEGORIES.values(), "blocklist", "attack")

SEVERITY_MAX: Final = 7
"""The highest severity of eight levels; of four, 6."""

_PROMPTS: Final = frozenset({"user", "system", "assistant"})
"""Roles whose texts are prompts; those of others are documents, in which an attack is one by somebody else."""


class AzureCategory(Struct, frozen=True):
    """The severity of the harm of a category."""

    category: str
    severity: int | None = None


class AzureMatch(Struct, frozen=True):
    """A word of a blocklist that was found. Its text is not read."""

    name: str = field(name="blocklistName")


class AzureAnalysis(Struct, frozen=True):
    """A response about harm."""

    categories: tuple[AzureCategory, ...] = field(name="categoriesAnalysis")
    matches: tuple[AzureMatch, ...] = field(default=(), name="blocklistsMatch")


class AzureAttack(Struct, frozen=True):
    """The verdict on one text: true if it attacks."""

    detected: bool = field(name="attackDetected")


class AzureShield(Struct, frozen=True, rename="camel"):
    """A response about attacks."""

    user_prompt_analysis: AzureAttack | None = None
    documents_analysis: tuple[AzureAttack, ...] | None = None


class AzureDialect(Struct, frozen=True):
    """One or two questions about each text."""

    categories: tuple[str, ...]
    severity: int
    blocklists: tuple[str, ...]
    shields: bool

    def ask(self, side: Side, statements: Sequence[Statement]) -> Sequence[GuardQuery]:
        """See `GuardDialect.ask`."""
        every = list(excerpts(statements))
        queries = [self._analysis(about, text) for about, text in every]
        if self.shields and side is Side.REQUEST:
            queries += [_shielding(about, text, statements[about.place]) for about, text in every]
        return queries

    def read(self, texts: Sequence[str], query: GuardQuery, body: bytes) -> Iterator[Detection]:  # noqa: ARG002
        """See `GuardDialect.read`."""
        return self._analyzed(body) if query.path == ANALYZE else _shielded(body)

    def _analysis(self, about: Excerpt, text: str) -> GuardQuery:
        asked: dict[str, object] = {
            "text": text,
            "categories": self.categories,
            "outputType": "FourSeverityLevels",
        }
        if self.blocklists:
            asked |= {"blocklistNames": self.blocklists, "haltOnBlocklistHit": False}
        return GuardQuery(ANALYZE, msgspec.json.encode(asked), (about,))

    def _analyzed(self, body: bytes) -> Iterator[Detection]:
        reply = decoded(body, AzureAnalysis)
        found = {each.category: each.severity for each in reply.categories}
        if not found.keys() >= set(self.categories) or len(found) < len(reply.categories):
            raise DetectorError("the response leaves out a category, or has one twice")
        for category in self.categories:
            severity = found[category] or 0
            if not 0 <= severity <= SEVERITY_MAX:
                raise DetectorError("the response has a severity that there is not")
            if severity >= self.severity:
                yield Detection(CATEGORIES[category], 0, score=severity / SEVERITY_MAX)
        if reply.matches:
            yield Detection("blocklist", 0)


def _shielding(about: Excerpt, text: str, statement: Statement) -> GuardQuery:
    asked = {"userPrompt": text} if statement.role in _PROMPTS else {"documents": [text]}
    return GuardQuery(SHIELD, msgspec.json.encode(asked), (about,))


def _shielded(body: bytes) -> Iterator[Detection]:
    reply = decoded(body, AzureShield)
    judged = [*([reply.user_prompt_analysis] if reply.user_prompt_analysis else ()), *(reply.documents_analysis or ())]
    if not judged:
        raise DetectorError("the response judges nothing")
    if any(each.detected for each in judged):
        yield Detection("attack", 0)
