"""Notes on the audit record: what a policy may say of it, but rarely means."""

from collections.abc import Iterator

from extproc.policy.base import Loc
from extproc.policy.model import Policy


def audit_notes(policy: Policy) -> Iterator[tuple[Loc, str, str]]:
    """Yield each note: its place, what looks wrong, and how to fix it."""
    audit = policy.audit
    if audit is None:
        return
    if audit.sign is None:
        message = "the audit record is not signed: whoever can write to it can make another that verifies"
        yield ("audit",), message, "name a key by `sign`, which `extproc audit keygen` makes"
    if audit.rotate.keep is not None and audit.otlp is None and audit.webhook is None:
        message = "rotated files are deleted, and nothing else has their lines"
        yield ("audit", "rotate", "keep"), message, "delete it, or send lines elsewhere by `webhook` or `otlp`, too"
    if audit.capture != "none" and audit.encrypt is None:
        message = "captured bodies stand in a file in clear text"
        yield ("audit", "capture"), message, "name a key by `encrypt`"
    if audit.capture != "none" and not any(pipeline.request for pipeline in policy.pipelines):
        message = "no body is captured: no pipeline inspects requests"
        yield ("audit", "capture"), message, "add a pipeline with `request`, or write capture: none"
