"""Proof that Envoy steered a request and changed its credentials as told, by what it reports beside the response.

Envoy leaves out changes that its `mutation_rules` forbid and does not say so, unless `disallow_is_error` is set there:
the client's credential then reaches the backend. `request.headers['authorization']` in the filter's
`response_attributes` is the field as it went to the backend (measured with Envoy 1.40).
"""

import re
from typing import Final

from extproc.protocol.messages import Headers
from extproc.routing.table import Destination
from extproc.transaction.misconfigured import What

_FIELD: Final = re.compile(r"""request\.headers\[(['"])([a-z0-9._-]{1,128})\1\]""")
"""An attribute that is a field of the request. Envoy reports none that the request did not have."""


def astray(message: Headers, destination: Destination, *, known: bool) -> What | None:
    """Return what Envoy did otherwise than it was told, by what it reports beside a backend's response; else None.

    `known`: it has the plan's fingerprint. Keys then have other names until the request was steered.
    """
    attributes = message.attributes
    if attributes.get("xds.cluster_name", destination.name) != destination.name:
        return "steering"
    if not known:
        for expression, value in attributes.items():
            found = _FIELD.fullmatch(expression)
            if found is not None and not _meant(destination, found[2], value):
                return "mutation_rules"
    return None


def _meant(destination: Destination, name: str, value: str) -> bool:
    """True if a request to the backend may have this field."""
    if destination.removes is None or name in destination.removes:
        return destination.removes is None  # the client's own is meant for the backend
    return all(value.encode() == own for field, own in destination.credential if field == name)
