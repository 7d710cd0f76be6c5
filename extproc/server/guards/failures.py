"""Why a guard gave no verdict: fixed words for records and metrics, and nothing that anybody said."""

from enum import StrEnum
from typing import Final


class GuardFault(StrEnum):
    """The reason for which a question was not answered."""

    UNREACHABLE = "unreachable"
    """No connection came about, or it ended before the response."""
    TLS = "tls"
    """The guard's certificate is not one that the policy trusts, or there is no common version of TLS."""
    STATUS = "status"
    """The response has another status than 200; redirects are among them."""
    CONTENT_TYPE = "content_type"
    """The response is not JSON by its type, or is compressed, which nobody asked for."""
    TOO_LARGE = "too_large"
    """The response is larger than `max_reply`."""
    MALFORMED = "malformed"
    """The response is not what the contract says."""
    CIRCUIT_OPEN = "circuit_open"
    """The guard is left alone after failures."""
    OVERLOADED = "overloaded"
    """More questions wait than `waiting` allows."""


OWN: Final = frozenset({GuardFault.CIRCUIT_OPEN, GuardFault.OVERLOADED})
"""Faults of which the guard knows nothing: it was not asked."""


class GuardFailedError(Exception):
    """A question was not answered."""

    def __init__(self, fault: GuardFault) -> None:
        super().__init__(fault.value)
        self.fault = fault
