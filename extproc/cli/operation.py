"""The part of the summary of `extproc check` about operation: usage, budgets, state and audit record, a line each."""

from collections.abc import Iterator

from extproc.policy import Policy
from extproc.policy.audit import Audit
from extproc.policy.budgets import Budget
from extproc.policy.state import State
from extproc.policy.units import written_duration


def operation(policy: Policy) -> Iterator[str]:
    """Return a line for each section about operation that the policy has."""
    if policy.usage is not None:
        more = "" if policy.usage.metadata is None else f"; metadata for Envoy: {policy.usage.metadata.namespace}"
        yield f"usage: counted by {policy.usage.source}{more}"
    yield from (f"budget {budget.name}: {_limit(budget)}" for budget in policy.budgets)
    if policy.budgets:
        yield f"state: {_place(policy.state)}"
    if policy.audit is not None:
        yield f"audit: {_record(policy.audit)}"


def _limit(budget: Budget) -> str:
    subject = f"per {budget.header or budget.per}" if budget.per != "all" else "for all together"
    window = "" if budget.window is None else f" in {_window(budget)}"
    own = f" ({len(budget.limits)} with limits of their own)" if budget.limits else ""
    shadow = " (shadow)" if budget.mode == "shadow" else ""
    return f"{budget.limit:g} {budget.unit}{window} {subject}{own}{shadow}"


def _window(budget: Budget) -> str:
    length = "month" if budget.window == "month" else written_duration(budget.window or 0)
    return f"any {length}" if budget.windows == "sliding" else f"each {length}"


def _place(state: State) -> str:
    if state.redis is not None:
        return "Redis"
    return f"file {state.memory.file}" if state.memory.file is not None else "memory, until the program ends"


def _record(audit: Audit) -> str:
    sinks = (
        *((f"file {audit.file}",) if audit.file is not None else ()),
        *(name for name in ("stdout", "otlp", "webhook") if getattr(audit, name)),
    )
    signed = "signed" if audit.sign is not None else "not signed"
    captured = "; request bodies are captured, masked" if audit.capture == "masked" else ""
    return f"{', '.join(map(str, sinks))}; {signed}; without a record: {audit.on_failure}{captured}"
