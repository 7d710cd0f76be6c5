"""Proof that Envoy steered a request and changed its credentials as told, by what it reports beside the response.

Envoy leaves out changes that its `mutation_rules` forbid and does not say so, unless `disallow_is_error` is set there:
the client's credential then reaches the backend. `request.headers['authorization']` in the filter's
`response_attributes` is the field as it went to the backend (measured with Envoy 1.40).
"""

import re
from typing import Final, Literal, TypeAlias

from extproc.protocol.messages import Headers
from extproc.routing.table import Destination

_FIELD: Final = re.compile(r"""request\.headers\[(['"])([a-z0-9._-]{1,128})\1\]""")
"""An attribute that is a field of the request. Envoy reports none that the request did not have."""


CLUSTER: Final = "xds.cluster_name"
"""The attribute of a request or a response by which Envoy reports the cluster of its route."""

VERIFIED: Final = "verified"

SteeringState: TypeAlias = Literal["verified", "response_attributes", "response_header_mode", "clusters"]
"""`verified`, or what is missing: the attribute `xds.cluster_name`, the headers of responses, or, in the policy, the
names of another gateway's clusters."""

UNVERIFIED: Final[dict[SteeringState, str]] = {
    "response_attributes": "steering cannot be verified: Envoy does not report the cluster that it used; add"
    " xds.cluster_name to the filter's response_attributes",
    "response_header_mode": "steering cannot be verified: Envoy shows no response; set response_header_mode: SEND, and"
    " response_attributes: [response.code_details, xds.cluster_name]",
    "clusters": "steering cannot be verified: the clusters of the gateway have names of their own; write them into"
    " steering.clusters",
}

UNSHOWN_MOST: Final = 3
"""Exchanges in a row that end without a response before that is the Envoy's: a client may have left one or two."""

ENVOYS_MOST: Final = 16
"""Fingerprints of Envoys that are remembered; more are somebody's inventions."""


class SteeringWatch:
    """Knows, for each Envoy by its fingerprint (empty: none), whether the steering of requests can be verified.

    `news`: the states that came up since the shell last looked, to be logged once.
    """

    __slots__ = ("_unshown", "news", "states")

    def __init__(self) -> None:
        self.states: dict[bytes, SteeringState] = {}
        self.news: list[SteeringState] = []
        self._unshown: dict[bytes, int] = {}

    def saw(self, configuration: bytes, state: SteeringState) -> None:
        """Write down what a response showed."""
        if self.states.get(configuration) == state:
            return
        if len(self.states) >= ENVOYS_MOST:
            self.states.clear()
        self.states[configuration] = state
        self._unshown.clear()
        if state != VERIFIED:
            self.news.append(state)

    def unshown(self, configuration: bytes) -> None:
        """Count a steered request that was over before any response was shown."""
        if configuration in self.states:
            return
        self._unshown = {configuration: self._unshown.get(configuration, 0) + 1}
        if self._unshown[configuration] >= UNSHOWN_MOST:
            self.saw(configuration, "response_header_mode")


def leaked(message: Headers, destination: Destination) -> bool:
    """True if an Envoy without the plan's fingerprint reports a field that the backend was not to get."""
    for expression, value in message.attributes.items():
        found = _FIELD.fullmatch(expression)
        if found is not None and not _meant(destination, found[2], value):
            return True
    return False


def _meant(destination: Destination, name: str, value: str) -> bool:
    """True if a request to the backend may have this field."""
    if destination.removes is None or name in destination.removes:
        return destination.removes is None  # the client's own is meant for the backend
    return all(value.encode() == own for field, own in destination.credential if field == name)
