"""The results of inspection in one exchange, request and response together."""

from collections import Counter
from typing import Any, Final

from msgspec.structs import replace

from extproc.apis.mcp.request import Rpc
from extproc.inspection.pipeline import CompiledPipeline
from extproc.inspection.rounds import told
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import MAX_FAILURES, Blocked, Count, Failure, Finding, Scored, Verdict
from extproc.pipe.plugged import Staging
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Side
from extproc.protocol.record import CountedFinding, CountedUninspected, FailedProcessor, ProcessorScore, Record

KINDS_MAX: Final = 256
"""Different finds that a record lists, by processor, kind, action and side. A policy with more kinds than that in one
exchange has the rest counted as `other`."""

SCORE_DIGITS: Final = 4
"""Digits of a score that records have: more says nothing."""

PARTS: Final = frozenset({"image", "audio", "video", "file", "binary", "tokens", "encrypted", "misconfigured"})
"""Reasons for which a part of a body is listed as uninspected, and not all of it. The last is about the response."""

FAILED: Final = ClientError(503, "inspection_failed", "The content could not be inspected; try again.")

UNSTAGED: Final = ClientError(502, "response_not_processed", "The response could not be processed by the gateway.")
"""The error in place of a response that an answer stage failed on, or that could not pass one."""


class Findings:
    """Mutable, one an exchange that a pipeline is for; one a response that passes answer stages without a pipeline.

    `rpc`: the request, where it is a JSON-RPC message. `details`: finds
    one by one, at most `listed` of each body. `staging`: the stages of plug-ins that the response passes.
    """

    __slots__ = (
        "best",
        "blocked",
        "counts",
        "details",
        "failures",
        "forwarded",
        "listed",
        "masked",
        "pipeline",
        "rpc",
        "scores",
        "staging",
        "unread",
        "vault",
    )

    def __init__(self, pipeline: CompiledPipeline, listed: int = 0) -> None:
        self.pipeline = pipeline
        self.vault = Vault()
        self.rpc: Rpc | None = None
        self.staging: Staging | None = None
        self.counts: dict[Count, int] = {}
        self.scores: dict[Count, Scored] = {}
        self.best: tuple[ProcessorScore, ...] = ()
        self.failures: list[Failure] = []
        self.unread: dict[str, int] = {}
        self.masked = False
        self.forwarded = False
        """True if the request had gone on when it was blocked."""
        self.blocked: Blocked | None = None
        self.listed = listed
        self.details: list[Finding] | None = [] if listed else None

    @property
    def judges_request(self) -> bool:
        """True if the pipeline has processors for requests."""
        return self.pipeline.request is not None

    @property
    def reads_request(self) -> bool:
        """True if the request's body has to be read: to be judged, or for conditions and judges of the response."""
        return self.pipeline.request is not None or self.pipeline.asks_body or bool(self.pipeline.asks)

    @property
    def blocks_oversize(self) -> bool:
        """True if a request that is too large to be judged is refused."""
        return self.pipeline.blocks_oversize and self.judges_request

    @property
    def reads_answer(self) -> bool:
        """True if the answer has to be read."""
        return self.pipeline.response is not None or self.vault.restores

    @property
    def strips(self) -> tuple[str, ...]:
        """Fields of the request that would make the answer hard to read."""
        # Envoy cannot decode an answer before we see it (#21205), so the upstream is not asked to encode it.
        return ("accept-encoding",) if self.pipeline.response is not None or self.vault.restores else ()

    def take(self, verdict: Verdict) -> None:
        """Adds what one body came to: findings, failures, and what was not read."""
        self.masked = self.masked or verdict.masked
        for key, number in verdict.counts.items():
            if key not in self.counts and len(self.counts) >= KINDS_MAX:
                key = (key[0], "other", *key[2:])  # noqa: PLW2901  - counted under another name
            self.counts[key] = self.counts.get(key, 0) + number
        if verdict.scores:
            self.scores |= {key: scored for key, scored in verdict.scores.items() if key in self.counts}
        self.best += verdict.best
        self.failures += verdict.failures[: MAX_FAILURES - len(self.failures)]
        for reason, number in verdict.unread.items():
            self.saw(reason, number)
        if self.details is not None:
            self.details += verdict.findings
        self.blocked = self.blocked or verdict.blocked

    def saw(self, reason: str, number: int = 1) -> None:
        """Counts what could not be read."""
        self.unread[reason] = self.unread.get(reason, 0) + number

    def refusal(self, blocked: Blocked) -> ClientError:
        """Return what the client is told."""
        match blocked.reason:
            case "finding":
                return self.pipeline.refusal
            case "failure":
                return FAILED
            case "stage":
                return UNSTAGED
        return self.pipeline.unread

    @property
    def given_up(self) -> Blocked:
        """Return why a stream ends whose judging was given up."""
        if self.staging is not None and not self.reads_answer:
            return Blocked(self.staging.stages[0].name, "stage")
        return Blocked(self.pipeline.name, "failure")

    def so_far(self) -> list[dict[str, Any]]:
        """The findings of the request, as conditions see them."""
        counts: Counter[tuple[str, str]] = Counter()
        for (processor, kind, _, side, shadow), number in self.counts.items():
            if side is Side.REQUEST and not shadow:
                counts[processor, kind] += number
        return told(counts, {})

    def known(self) -> list[dict[str, Any]] | None:
        """The findings of the request, as rules of models see them; None if one may be missing.

        That is so if a processor was skipped, if the body went on unread, if there are as many kinds as are told apart,
        or if a processor or a stand-in failed that nobody stood in for. What `on_uninspected` let pass of a body that
        was read, such as an image, is no reason.
        """
        stage = self.pipeline.request
        if self.pipeline.blind:
            return None
        if stage is None:
            return []
        every = stage.processors if stage.reserve is None else (*stage.processors, *stage.reserve.processors)
        alone = {each.name for each in every if not each.shadow and each.stand_in is None}
        if len(self.counts) >= KINDS_MAX:  # some may be counted under another name
            return None
        if not self.unread.keys() <= PARTS or any(each.processor in alone for each in self.failures):
            return None
        return self.so_far()

    def recorded(self, record: Record) -> Record:
        """Return the record with all that inspection has come to: words of the policy and numbers."""
        counted = tuple(
            CountedFinding(processor, kind, action, side.value, shadow, number)
            for (processor, kind, action, side, shadow), number in self.counts.items()
        )
        if self.scores:
            keys = zip(counted, self.counts, strict=True)
            counted = tuple(self._scored(found, key) if key in self.scores else found for found, key in keys)
        return replace(
            record,
            pipeline=self.pipeline.name,
            masked=self.masked,
            findings=counted,
            scores=self.best,
            failures=tuple(FailedProcessor(each.processor, each.reason, each.allowed) for each in self.failures),
            uninspected=tuple(CountedUninspected(reason, number) for reason, number in self.unread.items()),
            blocked_by=None if self.blocked is None else self.blocked.by,
            blocked_for=None if self.blocked is None else self.blocked.reason,
            forwarded=self.forwarded or None,
            skipped=self.pipeline.lacks,
        )

    def _scored(self, found: CountedFinding, key: Count) -> CountedFinding:
        score, threshold = self.scores[key]
        return replace(found, score=round(score, SCORE_DIGITS), threshold=threshold)

    def staged(self, record: Record) -> Record:
        """Return the record with what answer stages came to where no pipeline is for the exchange."""
        whole = self.recorded(record)
        return replace(
            record,
            findings=whole.findings,
            failures=whole.failures,
            blocked_by=whole.blocked_by,
            blocked_for=whole.blocked_for,
        )

    def __repr__(self) -> str:
        return f"Findings({self.pipeline.name}, {len(self.counts)} kinds, masked={self.masked}, {self.blocked})"
