"""The outcome of a request, computed by the same code that decides in production, without Envoy and sending nothing."""

import json
from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Raw, Struct

from extproc.apis.demand import demand
from extproc.classify.tokens import encoding_of
from extproc.detectors.contract import DetectorError
from extproc.explain.lines import SampleRequest, SampleResponse, body_of
from extproc.explain.reasons import because, reasons
from extproc.explain.rehearsal import Ask, Half, Rehearsed, rehearse, unasked
from extproc.inspection.verdict import Finding, OtherKind
from extproc.policy.signals import TENANT, TENANT_ATTRIBUTES
from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Side
from extproc.protocol.record import ProcessorScore, Record, UsageSource
from extproc.routing.costs import output_estimate
from extproc.signals.asked import AskedValues
from extproc.transaction.plan import Plan
from extproc.transaction.recording import COST_DIGITS
from extproc.transaction.shared import Shared

__all__ = ["ExplainedFinding", "Explanation", "because", "explain"]

Action = Literal["allow", "mask", "block", "reject"]

_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
"""Header fields that say how long a body is, or that nothing does before it ends."""

_EVENTS: Final = (b"data:", b"event:", b"id:", b":")
"""The beginnings of an event stream."""


class ExplainedFinding(Struct, frozen=True, omit_defaults=True):
    """A find. `where`: the JSON pointer of its string, `start` and `end` code points in that; see `verdict.Finding`.

    `also`: the other kinds that fit the same characters, with their scores; `threshold`: the score from which on it is
    one; `tier`: which of the processor's ways gave the score; `why`: the rule behind it, such as the place of a keyword
    in a schema. All are left out where there are none.
    """

    processor: str
    kind: str
    action: str
    side: str
    where: str
    start: int
    end: int
    score: float | None
    shadow: bool = False
    also: tuple[OtherKind, ...] = ()
    threshold: float | None = None
    tier: str = ""
    why: str = ""

    def __repr__(self) -> str:
        return f"ExplainedFinding({self.processor}, {self.kind}, {self.action}, {self.side})"


class GuardQuestion(Struct, frozen=True):
    """A question that a guard from elsewhere is asked in production: where it goes, about how many texts, and its body.

    A guard that is only asked about a share of the bodies (`sample`) may not be asked about this one.
    """

    processor: str
    side: str
    url: str
    texts: int
    body: Raw

    def __repr__(self) -> str:
        return f"GuardQuestion({self.processor}, {self.side}, {self.texts} texts)"


class TokenCounts(Struct, frozen=True, omit_defaults=True):
    """Counts of tokens, named as in the record; what nobody counted is left out. `usage_source`: who counted."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    usage_source: UsageSource | None = None


class PlannedAttempt(Struct, frozen=True):
    """An attempt to serve a request: where, under which name, and in which region that is."""

    backend: str
    model: str | None
    region: str | None


class Explanation(Struct, frozen=True):
    """The outcome for one request. `body` is the request's (or judged response's) as it would go on, or null.

    `action`: `block` by a pipeline, `reject` for other reasons, `mask` if something was replaced. `answer` is the
    response that the client would get instead, on a refusal or if the processor responds by itself. `rule`: the
    model's rule that applied, or could not be evaluated; null if none applied. `signals`: those that the policy
    reads. `scores`: as in the record. `usage`: the tokens that the judged response reports; null if it reports none.
    `guards`: what guards from elsewhere are asked. `failed`: processors that gave no verdict, a guard that is not asked
    among them. `plan`: the attempts, in their order, the first with `backend` and `model`. `residency`: the rules of
    residency that hold. `cost_usd`: by the tokens of the judged response, else an estimate; null if the price or the
    tokens are not known.
    """

    action: Action
    status: int
    pipeline: str | None
    rule: str | None
    backend: str | None
    model: str | None
    findings: tuple[ExplainedFinding, ...]
    signals: dict[str, object]
    usage: TokenCounts | None
    body: Raw | str | None
    answer: Raw | str | None
    why: tuple[str, ...]
    guards: tuple[GuardQuestion, ...] = ()
    scores: tuple[ProcessorScore, ...] = ()
    failed: tuple[str, ...] = ()
    plan: tuple[PlannedAttempt, ...] = ()
    residency: tuple[str, ...] = ()
    cost_usd: float | None = None

    def __repr__(self) -> str:
        return f"Explanation({self.action}, {self.status}, {len(self.findings)} findings)"


def explain(plan: Plan, shared: Shared, line: SampleRequest, now: float = 0.0, ask: Ask = unasked) -> Explanation:
    """Play `line` through a transaction. Findings are listed only if `shared.detailed` is set. Raises ValueError.

    `ask` has guards from elsewhere asked; if it is absent, nobody is.
    """
    body, answer = body_of(line.body), line.response
    at = None if line.time is None else line.time.timestamp()
    fields = _request_fields(line, len(body))
    request = Half(fields, body, line.route_name, line.attributes, line.metadata, at)
    answered = _answered(answer) if answer is not None else None
    try:
        rehearsed = rehearse(plan, shared, request, answered, now, ask)
    except ProtocolViolation as violation:
        raise ValueError(str(violation)) from None
    if answer is None or answered is None:
        return _told(plan, rehearsed, 200, rehearsed.onward(Side.REQUEST, body), body)
    return _told(plan, rehearsed, answer.status, rehearsed.onward(Side.RESPONSE, answered.body), body)


def _questions(rehearsed: Rehearsed) -> Iterable[GuardQuestion]:
    for processor, work in rehearsed.guarded:
        address = work.detector.service.address
        base = f"{address.scheme}://{address.authority}{address.prefix}"
        try:
            queries = work.queries()
        except DetectorError:
            continue  # it cannot be asked, and has failed
        for query in queries:
            side = work.conversation.side.value
            yield GuardQuestion(processor, side, base + query.path, len(query.about), Raw(query.body))


def _request_fields(line: SampleRequest, size: int) -> HeaderMap:
    """The header fields as Envoy shows them, with the length of the body: a body that is too large is refused by it."""
    pseudo = [
        (":method", line.method.encode()),
        (":path", line.path.encode()),
        (":scheme", b"http"),
        (":authority", b"-"),
    ]
    fields = list(_fields(line.headers))
    sized = any(name in _FRAMING for name, _ in fields)
    length = [] if sized or not size else [("content-length", b"%d" % size)]
    return HeaderMap([*pseudo, *fields, *length])


def _answered(answer: SampleResponse) -> Half:
    body = body_of(answer.body)
    fields = [(":status", str(answer.status).encode()), *_fields(answer.headers)]
    if body and all(name != "content-type" for name, _ in fields):
        fields += _content_type(answer.body, body)
    return Half(HeaderMap(fields), body)


def _content_type(raw: Raw, body: bytes) -> Iterable[tuple[str, bytes]]:
    if bytes(raw)[:1] != b'"':
        yield "content-type", b"application/json"
    elif body.startswith(_EVENTS):
        yield "content-type", b"text/event-stream"


def _fields(headers: dict[str, str]) -> Iterable[tuple[str, bytes]]:
    return ((name.lower(), value.encode()) for name, value in headers.items())


def _told(plan: Plan, rehearsed: Rehearsed, status: int, onward: bytes, sent: bytes) -> Explanation:
    record, findings, refusal = rehearsed.record, rehearsed.findings, rehearsed.refusal
    return Explanation(
        action=_action(rehearsed),
        status=refusal.status if refusal else status,
        pipeline=findings.pipeline.name if findings is not None else None,
        rule=record.rule,
        backend=rehearsed.backend,
        model=record.upstream_model,
        findings=tuple(map(_found, (findings.details or ()) if findings is not None else ())),
        signals=_signals(plan, rehearsed),
        usage=_usage(record),
        body=None if refusal else _shown(onward),
        answer=_shown(refusal.body) if refusal else None,
        why=tuple(reasons(plan, rehearsed)),
        guards=tuple(_questions(rehearsed)),
        scores=record.scores,
        failed=tuple(dict.fromkeys(each.processor for each in record.failures)),
        plan=() if refusal else tuple(_planned(rehearsed)),
        residency=record.residency,
        cost_usd=cost_of(plan, record, rehearsed.onward(Side.REQUEST, sent)),
    )


def _planned(rehearsed: Rehearsed) -> Iterable[PlannedAttempt]:
    choice, record = rehearsed.choice, rehearsed.record
    for each in choice.plan if choice is not None else ():
        yield PlannedAttempt(each.destination.name, each.model or record.model, each.traits.region)


def _action(rehearsed: Rehearsed) -> Action:
    findings, refusal = rehearsed.findings, rehearsed.refusal
    if findings is not None and findings.blocked is not None:
        return "block"
    if refusal is not None and (refusal.status >= 400 or rehearsed.record.decision == "rejected"):
        return "reject"  # errors of JSON-RPC come with 200
    return "mask" if findings is not None and findings.masked else "allow"


def _found(each: Finding) -> ExplainedFinding:
    return ExplainedFinding(
        each.processor,
        each.kind,
        each.action,
        each.side.value,
        each.where,
        each.start,
        each.end,
        each.score,
        each.shadow,
        each.also,
        each.threshold,
        each.tier,
        each.why,
    )


def _usage(record: Record) -> TokenCounts | None:
    tokens = TokenCounts(
        record.input_tokens,
        record.output_tokens,
        record.cached_input_tokens,
        record.reasoning_tokens,
        record.cache_creation_input_tokens,
        record.input_audio_tokens,
        record.output_audio_tokens,
        record.usage_source,
    )
    return None if tokens == TokenCounts() else tokens


def _signals(plan: Plan, rehearsed: Rehearsed) -> dict[str, object]:
    """The signals by name; of headers those that the policy names, no credential."""
    signals = dict(sorted(rehearsed.signals.items()))
    attributes = signals.pop(TENANT_ATTRIBUTES.name, None) or {}
    signals |= {f"{TENANT.name}.{name}": value for name, value in attributes.items()}
    signals |= {name: dict(value) for name, value in signals.items() if isinstance(value, AskedValues)}
    if "headers" in signals:
        inspected = rehearsed.findings.pipeline.fields if rehearsed.findings is not None else frozenset[str]()
        named = sorted(plan.reads.fields | inspected)
        signals["headers"] = {name: signals["headers"].get(name, "") for name in named}
    return signals


def _shown(body: bytes) -> Raw | str | None:
    """The bytes themselves where they are JSON, so that nothing of them changes; else their text."""
    if not body:
        return None
    if not _is_json(body):
        return body.decode("utf-8", "replace")
    # A line of output is one line: JSON allows a line break between tokens, so those are taken out.
    return Raw(body if b"\n" not in body and b"\r" not in body else _one_line(body))


def _is_json(body: bytes) -> bool:
    """True for JSON as the standard has it: stricter than what is read, as the output is JSON itself."""
    try:
        json.loads(body.decode(), parse_constant=_refused, parse_int=str)
    except (ValueError, RecursionError):
        return False
    return True


def _refused(name: str) -> object:
    raise ValueError(name)


def _one_line(body: bytes) -> bytes:
    return body.replace(b"\r", b" ").replace(b"\n", b" ")  # inside a JSON string, neither can stand unescaped


def cost_of(plan: Plan, record: Record, body: bytes) -> float | None:
    """Return what a request whose `body` went to a backend costs in US dollars.

    None if it went nowhere, if the price is not known, or if nobody knows how many tokens it has.
    """
    if record.cost_usd is not None:
        return record.cost_usd
    backend, model = record.backend, record.upstream_model
    price = None if backend is None or model is None else plan.prices.of(backend, model)
    if price is None or model is None:
        return None
    asked = demand(body, encoding_of(model))
    cost = None if asked.input_tokens is None else price.cost(asked.input_tokens, output_estimate(asked))
    return None if cost is None else round(cost, COST_DIGITS)
