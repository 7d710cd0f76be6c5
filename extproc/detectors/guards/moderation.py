"""A moderations endpoint as OpenAI has it: categories, each flagged or not and with a score."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from extproc.detectors.contract import Detection, DetectorError, Statement
from extproc.detectors.guards.texts import decoded, excerpts
from extproc.detectors.service import Excerpt, GuardQuery
from extproc.protocol.messages import Side

CATEGORIES: Final = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
"""OpenAI's categories; another service may have its own."""

OTHER: Final = "other"
"""The kind of a category that is none of these, and of what is flagged without one."""

BATCH: Final = 32
"""Texts of one question."""


class ModerationInput(Struct, frozen=True, omit_defaults=True):
    """A question."""

    input: tuple[str, ...]
    model: str | None = None

    def __repr__(self) -> str:
        return f"ModerationInput({len(self.input)} texts)"


class ModerationResult(Struct, frozen=True):
    """The verdict on one text. A category is None if the service's model does not judge it."""

    flagged: bool
    categories: dict[str, bool | None] = {}
    category_scores: dict[str, float] = {}


class ModerationReply(Struct, frozen=True):
    """A response: a result for each text, in their order."""

    results: tuple[ModerationResult, ...]


_encode: Final = msgspec.json.Encoder().encode


def kind_of(category: str) -> str:
    """Return the kind that a category is as a finding."""
    return category.replace("/", "_")


def moderation_kinds(categories: Sequence[str] | None) -> tuple[str, ...]:
    """Return the kinds of a policy's categories; None for all."""
    return (*map(kind_of, categories or CATEGORIES), OTHER)


def _batches(every: list[tuple[Excerpt, str]]) -> Iterator[list[tuple[Excerpt, str]]]:
    return (every[start : start + BATCH] for start in range(0, len(every), BATCH))


class ModerationDialect(Struct, frozen=True):
    """Questions about many texts each. `threshold`: None if the service says itself what is flagged."""

    model: str | None
    threshold: float | None
    categories: tuple[str, ...] | None

    def ask(self, side: Side, statements: Sequence[Statement]) -> Sequence[GuardQuery]:  # noqa: ARG002
        """See `GuardDialect.ask`."""
        return [
            GuardQuery(
                "/moderations",
                _encode(ModerationInput(tuple(text for _, text in batch), self.model)),
                tuple(each for each, _ in batch),
            )
            for batch in _batches(list(excerpts(statements)))
        ]

    def read(self, texts: Sequence[str], query: GuardQuery, body: bytes) -> Iterator[Detection]:  # noqa: ARG002
        """See `GuardDialect.read`."""
        results = decoded(body, ModerationReply).results
        if len(results) != len(texts):
            raise DetectorError("the response judges another number of texts than it was asked about")
        for place, result in enumerate(results):
            for category, score in self._found(result):
                yield Detection(self._kind(category), place, score=score)

    def _found(self, result: ModerationResult) -> Iterator[tuple[str, float]]:
        """The categories of a result that are findings, and how sure they are."""
        scores: Mapping[str, float] = result.category_scores
        if self.threshold is not None and not scores:
            raise DetectorError("the response has no scores to compare with the threshold")
        judged = result.categories if self.threshold is None else scores
        if any(judged.get(each) is None for each in self.categories or ()):
            raise DetectorError("the response leaves out a category")
        counted = [
            each for each in {**result.categories, **scores} if self.categories is None or each in self.categories
        ]
        found = [each for each in counted if self._is_found(each, result)]
        yield from ((each, min(1.0, max(0.0, scores.get(each, 1.0)))) for each in found)
        if self.threshold is None and self.categories is None and result.flagged and not found:
            yield OTHER, 1.0

    def _is_found(self, category: str, result: ModerationResult) -> bool:
        if self.threshold is None:
            return bool(result.categories.get(category))
        return result.category_scores.get(category, 0.0) >= self.threshold

    def _kind(self, category: str) -> str:
        return kind_of(category) if category in (self.categories or CATEGORIES) else OTHER
