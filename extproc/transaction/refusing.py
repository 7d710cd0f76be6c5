"""Refusals: the response of the processor's own that a client gets in place of the backend's, in its own dialect."""

from extproc.protocol.effects import Reject
from extproc.protocol.errors import ClientError
from extproc.transaction.answers import rejection
from extproc.transaction.memory import ERROR, Memory
from extproc.transaction.steering.misconfigured import MisconfiguredError


def refused(memory: Memory, error: ClientError) -> Reject:
    """Return the refusal of an exchange, which ends with it, and write down why."""
    findings = memory.findings
    blocked = findings is not None and findings.blocked is not None
    memory.decision, memory.failure = "blocked" if blocked else "rejected", error.code
    served, memory.status = memory.status, error.status
    teller = memory.claimed.api if memory.claimed is not None else memory.teller
    if teller is None and findings is not None:
        teller = findings.rpc
    teller = teller or memory.family
    told, details = memory.decision, error.code
    if memory.rpc is not None:
        teller = memory.rpc
        if served is None or served < ERROR:  # an error of the server keeps its status
            memory.status = memory.rpc.status(error)
    if isinstance(error, MisconfiguredError):
        memory.lacks(error)
        told, details = "rejected", f"{error.code}_{error.what}"
        if teller is None and memory.claim is not None and memory.claim.claimed is not None:
            teller = memory.claim.claimed.api
    return rejection(error, teller, memory.request_id, told, details, memory.status)
