"""Notes in the exchange's memory of what becomes of a request's body."""

from extproc.protocol.errors import ClientError
from extproc.transaction.memory import Memory
from extproc.transaction.requests.opened_body import Judged, Refusal


def note_judged(memory: Memory, judged: Judged, plain: bytes) -> bytes | None:
    """Write down what was found out about a body; return what inspection made of it, None if it is as it came.

    `plain`: the body without encodings.

    Raises:
        ClientError: inspection refuses it.
    """
    opened, verdict, findings = judged.opened, judged.verdict, memory.findings
    memory.signals = opened.signals or memory.signals
    memory.weighed = opened.weighed
    memory.rpc = None if opened.calls is None else opened.calls.rpc
    if findings is None:
        return None
    findings.rpc = opened.rpc
    if opened.unread:
        findings.saw(opened.unread)
    changed = None
    if verdict is not None:
        findings.take(verdict)
        if verdict.blocked is not None:
            raise findings.refusal(verdict.blocked)
        changed = None if verdict.body is plain else verdict.body
    memory.strips = (*memory.strips, *findings.strips)
    return changed


def note_refused(memory: Memory, refusal: Refusal) -> ClientError:
    """Write down why a body goes no further; return what the client is told."""
    findings = memory.findings
    memory.rpc = refusal.rpc
    memory.signals = refusal.signals or memory.signals
    if findings is not None:
        findings.blocked = refusal.blocked or findings.blocked
        if refusal.unread:
            findings.saw(refusal.unread)
    return refusal.error
