"""The tally of a streamed response: what the record reports when the stream is over."""

from collections import Counter

from extproc.inspection.verdict import Count, Failure, Finding

MAX_FAILURES = 128
"""Failures that are told: all that a stage of 64 processors and its stand-ins can have."""

MAX_TOLD = 1024
"""Findings that are told one by one, where they are asked for: more than anyone reads. All are counted."""


class Tally:
    """Counts and names, no text. `details` is None where nobody asks for the finds themselves."""

    __slots__ = ("counts", "details", "failures", "masked", "unread")

    def __init__(self, details: list[Finding] | None = None) -> None:
        self.counts: Counter[Count] = Counter()
        self.unread: Counter[str] = Counter()
        self.failures: list[Failure] = []
        self.details = details
        self.masked = False

    def fail(self, failures: tuple[Failure, ...]) -> None:
        """Adds what could not be judged."""
        self.failures += failures[: MAX_FAILURES - len(self.failures)]

    def tell(self, finding: Finding) -> None:
        """Adds a find for those who ask for each."""
        if self.details is not None and len(self.details) < MAX_TOLD:
            self.details.append(finding)
