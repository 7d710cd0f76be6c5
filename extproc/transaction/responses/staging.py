"""The readers of a response: its pipeline, stages of plug-ins, tags; and what becomes of one that cannot be read."""

from extproc.payload.fieldvalue import parse
from extproc.pipe.plugged import Staging
from extproc.pipe.stage import AnswerFacts
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.modes import ProtocolConfig
from extproc.transaction.findings import UNSTAGED, Findings
from extproc.transaction.memory import ERROR, Memory
from extproc.transaction.plan import Plan
from extproc.transaction.steering.misconfigured import OBSERVED, MisconfiguredError, detail_of, hands_over

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
        findings = memory.staged = Findings(plan.unpiped)
    claimed = None if memory.claim is None else memory.claim.claimed
    streams = parse(fields.text("content-type")).value == EVENTS
    facts = AnswerFacts("" if claimed is None else claimed.api.name, memory.status or 0, streams)
    every = memory.filter is not None and facts.status < REDIRECTION
    stages = plan.stages if memory.filter is None else (memory.filter, *plan.stages)
    findings.staging = Staging(stages, facts, every)
    return findings


def read_for(plan: Plan, memory: Memory, fields: HeaderMap, config: ProtocolConfig) -> Findings | None:
    """Return what the response is read for; None if nothing reads it, or Envoy does not hand it over."""
    if memory.misconfigured is not None and memory.misconfigured != OBSERVED and memory.filter is None:
        return None
    if memory.seals is not None:
        _begin_sealing(plan, memory, config)
    if staged(plan, memory):
        return stage_response(plan, memory, fields)
    findings = memory.findings
    if memory.sealer is not None and findings is None:
        findings = memory.staged = Findings(plan.unpiped)
    return findings if findings is not None and (memory.sealer is not None or findings.reads_answer) else None


def _begin_sealing(plan: Plan, memory: Memory, config: ProtocolConfig) -> None:
    """Have the sealed values of a response tagged as those of the backend that sends it, if it is no error.

    Where Envoy does not hand it over, they get no tag: the client's next turn is then refused, as nobody can tell whose
    they are.
    """
    sealing, destination = plan.sealing, memory.destination
    if memory.seals is None or sealing is None or destination is None:
        return
    if memory.status is None or memory.status >= ERROR:
        return
    if memory.missteered is not None and memory.missteered.cause == "other_cluster":
        return  # nobody knows whose they are
    if hands_over(config):
        memory.sealer = sealing.sealer(memory.seals, destination)
    else:
        memory.note("response_body_mode", detail_of("response_body_mode"))


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
