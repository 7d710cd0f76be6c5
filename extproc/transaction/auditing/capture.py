"""The body of a request, kept for the audit record as it went on after masking."""

from extproc.inspection.verdict import SEALED
from extproc.protocol.trail import CapturedBody
from extproc.transaction.auditing.settings import AuditSettings
from extproc.transaction.memory import Memory

JSON = "application/json"


def capture(settings: AuditSettings, memory: Memory, body: bytes) -> None:
    """Keep a body that goes on, if the policy captures bodies and all of it was inspected and masked.

    A larger one than is kept, is not held either: its size is recorded. Nothing is kept of a body in which something
    was found and not masked (by `report`, in shadow mode), that has parts which nobody could inspect, or of which a
    processor gave no verdict.
    """
    if memory.claimed is None or memory.mcp is not None or memory.claim is None:
        return
    findings = memory.findings
    if findings is None or not findings.judges_request or findings.failures or not findings.unread.keys() <= SEALED:
        return
    if any(action not in {"mask", "repair"} or shadow for _, _, action, _, shadow in findings.counts):
        return
    most = settings.section.capture_most
    memory.captured = CapturedBody(memory.claim.path, JSON, body if len(body) <= most else b"", len(body))
