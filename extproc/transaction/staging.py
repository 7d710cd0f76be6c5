"""Answer stages of plug-ins in one exchange: which responses pass them, and what becomes of one that cannot."""

from extproc.payload.fieldvalue import parse
from extproc.pipe.plugged import Staging
from extproc.pipe.stage import AnswerFacts
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.modes import ProtocolConfig
from extproc.transaction.findings import UNSTAGED, Findings
from extproc.transaction.memory import Memory
from extproc.transaction.misconfigured import MisconfiguredError, hands_over
from extproc.transaction.plan import Plan

EVENTS = "text/event-stream"

REDIRECTION = 300
"""The first status of responses that answer no request of MCP, whatever their content-type is."""


def staged(plan: Plan, memory: Memory) -> bool:
    """True if the response passes answer stages: the policy has some, and the request's path is that of an API.

    So does one of an MCP server in which something is to be looked at.
    """
    if memory.filter is not None:
        return True
    return bool(plan.stages) and memory.claim is not None and memory.claim.claimed is not None


def check_stages(plan: Plan, memory: Memory, config: ProtocolConfig) -> None:
    """Raise MisconfiguredError if a response could pass no stage, as Envoy would not hand it over.

    Where every stage allows that, it is only written down.
    """
    filtered = memory.mcp is not None and memory.mcp.filters
    if not (filtered or staged(plan, memory)) or hands_over(config):
        return
    error = MisconfiguredError("response_body_mode")
    if filtered or not all(each.allows_failure for each in plan.stages):
        raise error
    memory.note(error.what, error.detail)


def stage_response(plan: Plan, memory: Memory, fields: HeaderMap) -> Findings:
    """Return the findings of an exchange whose response passes stages, made for that where no pipeline is for it."""
    findings = memory.findings
    if findings is None:
        findings = memory.staged = Findings(plan.unpiped, detailed=False)
    claimed = None if memory.claim is None else memory.claim.claimed
    streams = parse(fields.text("content-type")).value == EVENTS
    facts = AnswerFacts("" if claimed is None else claimed.api.name, memory.status or 0, streams)
    every = memory.filter is not None and facts.status < REDIRECTION
    stages = plan.stages if memory.filter is None else (memory.filter, *plan.stages)
    findings.staging = Staging(stages, facts, every)
    return findings


def unstaged(memory: Memory, findings: Findings, reason: str) -> None:
    """Write down that the response cannot pass the stages, and refuse it unless all of them allow that.

    Raises:
        ClientError: one of them does not.
    """
    if findings.staging is None:
        return
    findings.failures += findings.staging.failures(reason)
    if findings.staging.blocked is not None:
        findings.blocked = findings.staging.blocked
        raise refused(memory, UNSTAGED)


def refused(memory: Memory, error: ClientError) -> ClientError:
    """The refusal of a response; an error of the backend's stays one, so that clients try again as they should."""
    if memory.status is None or memory.status < 400:
        return error
    return ClientError(memory.status, error.code, error.message)
