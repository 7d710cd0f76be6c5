"""The cost of an exchange, and the dynamic metadata of its usage."""

from importlib import import_module
from typing import TYPE_CHECKING

from msgspec.structs import replace

from extproc.policy import Policy
from extproc.transaction.needs import Needs

if TYPE_CHECKING:
    from extproc.transaction.billing.estimated import RequestEstimates
    from extproc.transaction.billing.metadata import ExchangeMetadata


def told_of(policy: Policy, digest: str) -> "ExchangeMetadata | None":
    """Return what makes the metadata that Envoy gets; None if the policy wants none, and nothing is imported for it.

    `digest` is the policy's.
    """
    if policy.usage is None or policy.usage.metadata is None:
        return None
    made: ExchangeMetadata = import_module("extproc.transaction.billing.metadata").ExchangeMetadata(
        policy.usage.metadata, digest
    )
    return made


def estimates_of(policy: Policy) -> "RequestEstimates | None":
    """Return what tells Envoy the expected tokens of requests; None if the policy does not ask for them."""
    metadata = None if policy.usage is None else policy.usage.metadata
    if metadata is None or not metadata.estimate:
        return None
    key = metadata.keys.get("llm_estimated_token")
    if key is None:
        return None
    made: RequestEstimates = import_module("extproc.transaction.billing.estimated").RequestEstimates(
        metadata.namespace, key, metadata.estimate_output_tokens
    )
    return made


def counting(policy: Policy, needs: Needs) -> Needs:
    """Return what Envoy must hand over, with what its filter counts if the policy leaves that to it."""
    if policy.usage is None or policy.usage.source != "envoy":
        return needs
    return replace(needs, counted=True, response_headers=True)
