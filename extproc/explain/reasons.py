"""Why an exchange came out as it did, in sentences: words of the policy and numbers, never a client's text."""

from collections.abc import Iterable
from typing import Final

from extproc.explain.rehearsal import Rehearsed
from extproc.inspection.pipeline import CompiledPipeline
from extproc.policy.names import CONTROL_PREFIX
from extproc.protocol.effects import Proceed
from extproc.protocol.record import CountedFinding, ProcessorScore, Record
from extproc.routing.weighing import LeftOut
from extproc.transaction.plan import Plan


def reasons(plan: Plan, rehearsed: Rehearsed) -> Iterable[str]:
    """The sentences, in the order in which things happen."""
    yield from _claimed(rehearsed)
    yield from _stripped(rehearsed)
    if plan.pipelines:
        yield from _inspected(rehearsed)
    if plan.stages and rehearsed.record.dialect is not None:
        yield f"the response passes the answer stages {', '.join(each.name for each in plan.stages)}"
    yield from _confined(rehearsed)
    yield from _ruled(plan, rehearsed)
    yield from _sealed(rehearsed.record)
    yield from map(_left_out, rehearsed.left)
    yield from _decided(rehearsed)


def because(record: Record) -> str:
    """Return in words why an exchange came out as its record says."""
    sentences = _CHOICES if record.rule is None else _CHOICES | _RULED
    sentence = sentences.get(record.reason)
    if sentence is None:
        return record.reason
    tried = " and ".join(dict.fromkeys(record.tried))
    return sentence.format(backend=record.backend, model=record.model, rule=record.rule, tried=tried)


_RULED: Final = {
    "only": "{model} is served by {backend} alone, as rule {rule} says",
    "weighted": "rule {rule} of {model} has several targets; {backend} was drawn by weight",
    "fallback": "no target of rule {rule} of {model} can serve it; {backend} is the first of its fallbacks that can",
}
_CHOICES: Final = {
    "only": "{model} is served by {backend} alone",
    "weighted": "{model} is served by several targets; {backend} was drawn by weight",
    "fallback": "no target of {model} can serve it; {backend} is the first fallback that can",
    "failover": "{tried} did not serve it; {backend} is the next of the plan of {model}",
    "cheapest": "{model} is served by several targets; {backend} is the cheapest for this request",
    "fastest": "{model} is served by several targets; {backend} should be the fastest, or is tried for its speed",
    "least_busy": "{model} is served by several targets; {backend} has the fewest open exchanges for its weight",
    "balanced": "{model} is served by several targets; {backend} has the best balance, or is tried for its speed",
    "sticky": "{model} is served by several targets; {backend} is where such requests are placed",
    "canary": "{backend} is the canary of {model}, and this request is one of its share",
    "listed": "{model} is not a model of the policy, but {backend} lists it",
    "default": "the model is not in the policy; {backend} is the default backend",
    "mcp": "{backend} is the first backend of its MCP server that is up",
    "session": "{backend} is the backend that began its session",
    "models": "the listing is made from the policy",
    "answer_cut": "{backend} serves it, and its answer ends early, with an error event",
}
_BLOCKED: Final = {
    "finding": "{by} blocks what it found",
    "failure": "{by} could not judge it, and on_failure is block",
    "uninspected": "pipeline {by} blocks what cannot be read (on_uninspected)",
    "oversize": "pipeline {by} blocks what is larger than its body_limit (on_oversize)",
    "stage": "the response cannot pass the answer stage {by}, and its on_failure is block",
}


def _claimed(rehearsed: Rehearsed) -> Iterable[str]:
    record = rehearsed.record
    if record.dialect is not None:
        yield f"{record.path} is {record.dialect}"
    elif rehearsed.refusal is None:
        if rehearsed.backend is not None:
            through = f": the request goes to {rehearsed.backend}, the default backend"
        else:
            through = "" if record.reason == "inspected" else ": the request passes through untouched"
        yield f"no dialect claims this path and method{through}"


def _stripped(rehearsed: Rehearsed) -> Iterable[str]:
    mutations = [each.headers for each in rehearsed.effects if isinstance(each, Proceed) and each.headers]
    stripped = {name for each in mutations for name in each.remove if name.startswith(CONTROL_PREFIX)}
    if stripped:
        yield f"control headers from the client are removed: {', '.join(sorted(stripped))}"


def _confined(rehearsed: Rehearsed) -> Iterable[str]:
    """The sentences about rules of residency that hold."""
    confinement = rehearsed.confinement
    if confinement is None:
        return
    regions = ", ".join(sorted(confinement.regions)) or "none"
    yield f"residency {', '.join(confinement.rules)} holds: the request may go to backends in these regions: {regions}"
    if confinement.undetermined:
        yield f"residency {', '.join(confinement.undetermined)} cannot be evaluated, and counts as true"


_LEFT: Final = {
    "residency": "it is in {detail}",
    "sealed": "it cannot read what the request carries",
    "context": "its context has {detail}",
    "feature": "it has no {detail}",
    "down": "it is known to be down, or is avoided",
}


_SEALED: Final = {
    "pinned": "{names}: only the provider that made it can read it, so that the request goes to that one",
    "dropped": "{names} is left out, as only another provider could read it",
    "refused": "{names}: only the provider that made it could read it, and the request cannot go there",
}


def _sealed(record: Record) -> Iterable[str]:
    """The sentence about values that only the provider that made them can read."""
    if record.sealed is not None:
        yield _SEALED[record.sealed].format(names=", ".join(record.sealed_members))


def _left_out(left: LeftOut) -> str:
    """The sentence about a candidate that cannot serve the request."""
    name = left.backend if left.model is None else f"{left.model} at {left.backend}"
    return f"{name} is left out: {_LEFT[left.why].format(detail=left.detail)}"


def _ruled(plan: Plan, rehearsed: Rehearsed) -> Iterable[str]:
    """The sentence about the model's rules, if it has any and they were evaluated."""
    record = rehearsed.record
    if record.rule is not None and record.reason == "routing_failed":
        yield f"rule {record.rule} of {record.model} cannot be evaluated: {_unevaluated(plan, rehearsed)}"
    elif record.rule is not None:
        yield f"rule {record.rule} of {record.model} is the first whose condition is true"
    elif record.backend is not None and record.model in plan.table.asks:
        yield f"no rule of {record.model} has a condition that is true, so its own targets serve it"


def _unevaluated(plan: Plan, rehearsed: Rehearsed) -> str:
    """Why the condition of the rule in the record fails: by signals without a value, or by a value it cannot use."""
    record = rehearsed.record
    routes = (route for (model, _), route in plan.table.routes.items() if model == record.model)
    paired = (pair for route in routes if route.whens for pair in zip(route.rules, route.whens.conditions, strict=True))
    asked = [when for rule, when in paired if rule.rule == record.rule]
    read = {name for condition in asked for name in condition.signals}
    unknown = sorted(name for name in read if rehearsed.signals.get(name) is None)
    if unknown:
        return f"{', '.join(unknown)} cannot be determined"
    return "its condition fails for these signals, such as `int` of a text that is no number"


def _decided(rehearsed: Rehearsed) -> Iterable[str]:
    record, refusal = rehearsed.record, rehearsed.refusal
    if refusal is not None:
        yield f"answered with {refusal.status} by the processor: {record.reason}"
    elif record.backend is not None:
        yield because(record)
        if record.decision == "rerouted":
            yield "another backend would have been first, but is known to be down"
        if record.model is not None and record.upstream_model != record.model:
            yield f"the model is renamed to {record.upstream_model}"
    elif record.reason == "unknown-passed":
        yield "the model is not in the policy, and unknown_models: pass lets it through untouched"


# -- pipelines


def _inspected(rehearsed: Rehearsed) -> Iterable[str]:
    findings, record = rehearsed.findings, rehearsed.record
    if findings is None:
        yield "no pipeline is for this request"
        return
    yield f"pipeline {findings.pipeline.name} is the first that matches: {_match(findings.pipeline)}"
    yield from map(_found, record.findings)
    yield from map(_scored, record.scores)
    for failed in record.failures:
        outcome = "that is allowed, or a stand-in judges" if failed.allowed else "on_failure is block"
        yield f"{failed.processor} could not judge it ({failed.reason}): {outcome}"
    for each in record.uninspected:
        allowed = "" if findings.blocked is not None else ", which the policy allows"
        yield f"not inspected: {each.reason} ({each.count}){allowed}"
    if findings.blocked is not None:
        yield _BLOCKED[findings.blocked.reason].format(by=findings.blocked.by)


def _match(pipeline: CompiledPipeline) -> str:
    conditions = f"the path is under {pipeline.path}" if pipeline.path != "/" else "it is for every path"
    return f"{conditions}, and the rest of its match holds" if pipeline.conditional else conditions


def _scored(each: ProcessorScore) -> str:
    side = "request" if each.side == "request" else "answer"
    reached = "reaches" if each.score >= each.threshold else "stays below"
    place = f"code points {each.start} to {'the end' if each.end is None else each.end} of text {each.text}"
    tier = f" ({each.tier})" if each.tier else ""
    return (
        f"{each.processor} scores the {side} at most {each.score:g} for {each.kind}{tier}, in {place}: that {reached}"
        f" its threshold of {each.threshold:g}"
    )


def _found(each: CountedFinding) -> str:
    effect = f"action {each.action}" + (", in shadow: nothing is done about it" if each.shadow else "")
    side = "request" if each.side == "request" else "answer"
    return f"{each.processor} found {each.kind} ({each.count}) in the {side}: {effect}"
