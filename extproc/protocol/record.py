"""The record of an exchange: data for the log, metrics and audit, told once the exchange is over."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from extproc.protocol.trail import CapturedBody, Trail

Scalar: TypeAlias = str | int | float | bool | None


class CountedFinding(Struct, frozen=True, gc=False, omit_defaults=True):
    """Findings of one kind by one processor, counted. All texts are words of the policy.

    `score`: the best of a detector that scores; `threshold`: the one that it reached. Left out if there is none.
    """

    processor: str
    kind: str
    action: str
    side: str
    shadow: bool
    count: int
    score: float | None = None
    threshold: float | None = None


class ProcessorScore(Struct, frozen=True, gc=False):
    """The score of a processor that computes scores, at one level: the one that is a finding, or comes nearest to one.

    `text`: the number of the text among those that detectors are given, from 0; `start` and `end`: code points there,
    `end` null for its end. `tier`: which of the processor's ways gave it. `level`: the group of the policy in which the
    threshold stands, `documents` or empty. No text of a body is in it.
    """

    processor: str
    side: str
    kind: str
    score: float
    threshold: float
    tier: str
    text: int
    start: int
    end: int | None
    level: str = ""


class FailedProcessor(Struct, frozen=True, gc=False):
    """A processor that gave no verdict. `reason` is a fixed word; `allowed`: the body went on all the same."""

    processor: str
    reason: str
    allowed: bool


class CountedUninspected(Struct, frozen=True, gc=False):
    """Parts that could not be inspected, counted by the reason, which is a fixed word."""

    reason: str
    count: int


UsageSource: TypeAlias = Literal["provider", "estimated", "envoy"]
"""The source of an exchange's counts: the provider's own, estimated from what passed, or Envoy's filter."""


class Usage(Struct, frozen=True, gc=False):
    """Tokens of one exchange; None where nothing is known of them.

    `cached_input`, `cache_creation_input` and `input_audio` are among `input`, `reasoning` and `output_audio` among
    `output`. `source`: who counted `input` and `output`; None if there are none.
    """

    input: int | None = None
    output: int | None = None
    cached_input: int | None = None
    reasoning: int | None = None
    cache_creation_input: int | None = None
    input_audio: int | None = None
    output_audio: int | None = None
    source: UsageSource | None = None


NO_USAGE: Final = Usage()


class BudgetCharge(Struct, frozen=True, gc=False, omit_defaults=True):
    """The part of one budget in an exchange. `amount`: what was spent, in the budget's unit.

    `refused`: the budget is why the request went no further; with `shadow`, would have been.
    """

    budget: str
    unit: str
    amount: float
    refused: bool = False
    shadow: bool = False


class Record(Struct, frozen=True, omit_defaults=True):
    """The record of an exchange: names from the policy, fixed words and numbers, never text of a body.

    The fields have the order of a line of the log. Those with a default are left out there if they have it; the others
    are always there, null if there is nothing to report. `rule` is the model's rule that decided, or could not be
    asked. `residency`: the rules of residency that held. `tenant`: who was calling, where the policy says how that is
    known. `sealed`: what became of values that only one provider can read (`pinned`, `dropped`, `refused`), and
    `sealed_members` the names of their members. `pipeline` to `forwarded` are inspection's: left out if no pipeline is
    for the exchange. `forwarded`: the request had gone on when it was blocked, so that its tokens are spent.
    (`failures` and `blocked_by` may name an answer stage without any.) `signals` are those that the policy has
    recorded, which alone may hold a client's text, and numbers and truths that rules of the model and of residency
    read. `misconfigured` names what Envoy lacks. `missteered` says how Envoy led the request elsewhere than was
    decided, and `cluster` where, if it told that. `endpoint_pool`: the pool that an endpoint was picked of, and
    `endpoint` the one that served, or was picked first. `attempts`: how many Envoy made, if more than one, and `tried`
    the backends before `backend`. `mirror`: the backend that a copy was made for; `unmirrored`: why none was made of a
    request that was drawn for it. `usage_source`: who counted the tokens; `cost_usd`: their price, None if it is not
    known. `region`: the backend's. `key`: the id of the virtual key. `budgets`: what the exchange took of each.
    `skipped`: processors that were left out because the worker was overloaded. `policy`: the digest of the policy that
    judged the exchange. `trace`: the trace id and the parent's span id of the request's `traceparent`. `first_byte_ms`:
    when the response's headers came, from the exchange's start, and `first_token_ms` the first event of a stream that
    is read, if Envoy shows them. `trail`, `captured`: for the audit record alone, if the policy has one.
    `processing_ms` and `abort` are added by the shell: its own time
    in all, and the gRPC status that it ended the exchange with.
    """

    request_id: str
    dialect: str | None
    path: str | None
    model: str | None
    stream: bool | None
    decision: str
    reason: str
    backend: str | None
    upstream_model: str | None
    status: int | None
    request_bytes: int
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None
    reasoning_tokens: int | None
    decided_ms: float | None
    duration_ms: float | None
    rule: str | None = None
    residency: tuple[str, ...] = ()
    tenant: str | None = None
    sealed: str | None = None
    sealed_members: tuple[str, ...] = ()
    pipeline: str | None = None
    masked: bool | None = None
    findings: tuple[CountedFinding, ...] = ()
    scores: tuple[ProcessorScore, ...] = ()
    failures: tuple[FailedProcessor, ...] = ()
    uninspected: tuple[CountedUninspected, ...] = ()
    blocked_by: str | None = None
    blocked_for: str | None = None
    forwarded: bool | None = None
    signals: Mapping[str, Scalar] | None = None
    misconfigured: str | None = None
    missteered: str | None = None
    cluster: str | None = None
    endpoint_pool: str | None = None
    endpoint: str | None = None
    processing_ms: float | None = None
    abort: str | None = None
    detail: str | None = None
    attempts: int | None = None
    tried: tuple[str, ...] = ()
    mirror: str | None = None
    unmirrored: str | None = None
    usage_source: UsageSource | None = None
    cache_creation_input_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    cost_usd: float | None = None
    region: str | None = None
    key: str | None = None
    budgets: tuple[BudgetCharge, ...] = ()
    skipped: tuple[str, ...] = ()
    policy: str | None = None
    trace: tuple[str, str] | None = None
    first_byte_ms: float | None = None
    first_token_ms: float | None = None
    trail: Trail | None = None
    captured: CapturedBody | None = None

    @classmethod
    def lost(cls, reason: str) -> "Record":
        """Return the record of an exchange of which nothing is known but that it failed."""
        return cls(
            request_id="",
            dialect=None,
            path=None,
            model=None,
            stream=None,
            decision="failed",
            reason=reason,
            backend=None,
            upstream_model=None,
            status=None,
            request_bytes=0,
            input_tokens=None,
            output_tokens=None,
            cached_input_tokens=None,
            reasoning_tokens=None,
            decided_ms=None,
            duration_ms=None,
        )

    def __repr__(self) -> str:
        return f"Record({self.decision}, {self.reason})"


class AttemptRecord(Struct, frozen=True, omit_defaults=True):
    """The record of a later attempt of a request, which is an exchange of its own between Envoy and the processor.

    `attempt` is counted from 1, which is the request's own. `reason`: a fixed word, if the attempt was refused.
    `copy`: it is no attempt, but the copy of a request for a mirror. `policy`: as in `Record`.
    """

    request_id: str
    attempt: int
    backend: str | None
    upstream_model: str | None
    decision: str
    reason: str | None
    request_bytes: int
    duration_ms: float | None
    processing_ms: float | None = None
    abort: str | None = None
    copy: bool = False
    policy: str | None = None

    def __repr__(self) -> str:
        return f"AttemptRecord({self.attempt}, {self.decision}, {self.reason})"
