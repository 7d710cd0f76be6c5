"""The tally of a streamed response: what the record reports when the stream is over."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

from msgspec.structs import replace

from extproc.inspection.verdict import MAX_FAILURES, Count, Failure, Finding, Scored, with_kind
from extproc.matching.span import Span

MAX_TOLD = 1024
"""Findings that are told one by one, where they are asked for: more than anyone reads. All are counted."""

# Shared by all that have counted nothing yet: most streams never do, and many are open.
_NO_COUNTS: Final[Mapping[Count, int]] = MappingProxyType({})
_NO_REASONS: Final[Mapping[str, int]] = MappingProxyType({})

_Key = TypeVar("_Key")


class Tally:
    """Counts and names, no text. `details` is None where nobody asks for the finds themselves."""

    __slots__ = ("counts", "details", "failures", "masked", "scores", "unread")

    def __init__(self, details: list[Finding] | None = None) -> None:
        self.counts: Mapping[Count, int] = _NO_COUNTS
        self.unread: Mapping[str, int] = _NO_REASONS
        self.failures: Sequence[Failure] = ()
        self.details = details
        self.scores: dict[Count, Scored] = {}
        self.masked = False

    def fail(self, failures: tuple[Failure, ...]) -> None:
        """Adds what could not be judged."""
        self.failures = (*self.failures, *failures[: MAX_FAILURES - len(self.failures)])

    def count(self, key: Count) -> None:
        """Count one more finding."""
        self.counts = _counted(self.counts, key)

    def score(self, key: Count, score: float, threshold: float) -> None:
        """Note the score of a finding that reached a threshold."""
        self.scores[key] = max(score, self.scores.get(key, (0.0, None))[0]), threshold

    def saw(self, reason: str) -> None:
        """Count one more place that is uninspected for that reason."""
        self.unread = _counted(self.unread, reason)

    def tell(self, finding: Finding) -> None:
        """Adds a find for those who ask for each."""
        if self.details is not None and len(self.details) < MAX_TOLD:
            self.details.append(finding)

    def outdone(self, processor: str, where: str, winner: Span, span: Span) -> None:
        """Adds the kind of `span` to a find that was told, the one of `winner`."""
        place = processor, winner.kind, where, winner.start, winner.end
        for number, each in enumerate(self.details or ()):
            if (each.processor, each.kind, each.where, each.start, each.end) == place:
                assert self.details is not None, "it has a find"
                self.details[number] = replace(each, also=with_kind(each.also, span))


def _counted(counts: Mapping[_Key, int], key: _Key) -> Mapping[_Key, int]:
    """Return the counts with one more for `key`: the same object, unless it is the shared one."""
    if not isinstance(counts, dict):
        return {key: 1}
    counts[key] = counts.get(key, 0) + 1
    return counts
