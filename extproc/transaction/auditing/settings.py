"""The audit settings of a plan: the policy's section, with the keys that it names."""

from collections.abc import Mapping

from msgspec import Struct

from extproc.policy import Policy
from extproc.policy.audit import Audit
from extproc.policy.secrets import AUDIT
from extproc.protocol.errors import ClientError


class AuditSettings(Struct, frozen=True):
    """The section `audit` of a policy, and what was read for it, by its name there. No rendering shows that.

    `captures`: bodies of requests are kept.
    """

    section: Audit
    secrets: Mapping[str, bytes]
    captures: bool

    def __repr__(self) -> str:
        return f"AuditSettings({', '.join(self.secrets) or 'no keys'})"


def audit_settings(policy: Policy, secrets: Mapping[str, bytes]) -> AuditSettings | None:
    """Return the audit settings of a policy; None if it keeps no record."""
    if policy.audit is None:
        return None
    read = {k.removeprefix(AUDIT): v for k, v in secrets.items() if k.startswith(AUDIT)}
    return AuditSettings(policy.audit, read, policy.audit.capture == "masked")


UNAVAILABLE = "audit_unavailable"
"""The reason of requests that are refused because no record of them could be kept."""

RETRY_AFTER = 1
"""Seconds until a client may try again: the writer tries again at least every few seconds."""


def unaudited() -> ClientError:
    """Return the refusal of a request while the audit record cannot be written."""
    message = "The gateway cannot record requests at the moment; try again."
    return ClientError(503, UNAVAILABLE, message, retry_after=RETRY_AFTER)
