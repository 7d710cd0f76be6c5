"""Credentials of a backend for Envoy: under names of our own, which the steered route changes to the real ones."""

from extproc.protocol.headers import Field
from extproc.routing.table import Destination

KEY_PREFIX = "x-extproc-key-"
"""Before a credential's header field, where Envoy is known to be configured by us: its steered route alone makes
`authorization` of `x-extproc-key-authorization`, so that a request that is not steered takes no key anywhere."""


def keyed(credential: tuple[Field, ...]) -> tuple[Field, ...]:
    """The credential under the names that the steered route knows."""
    return tuple((KEY_PREFIX + name, value) for name, value in credential)


def removed(destination: Destination, *, known: bool) -> tuple[str, ...]:
    """The fields that are removed. A field that the route sets later is not there until then: the client's goes.

    `known`: Envoy is known to be configured for the plan.
    """
    removes = destination.removes or ()
    return (*removes, *(name for name, _ in destination.credential)) if known else removes
