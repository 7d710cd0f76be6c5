"""Whether metrics and traces can be sent to the collector that a policy names."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Final

from extproc.detectors.service import GuardCertificates
from extproc.policy import Policy, Unusable
from extproc.policy.secrets import OTLP_CA
from extproc.server.guards.certificates import usable

LIBRARY: Final = "opentelemetry"
"""The package of the extra `otlp`, but for its last parts: these would be imported to be looked for."""


def unusable_collector(policy: Policy, read: Mapping[str, bytes]) -> Iterator[Unusable]:
    """Yield why nothing can be sent. `read`: what was read for the policy; see `policy.secrets`."""
    otlp, where = policy.telemetry.otlp, ("telemetry", "otlp")
    if otlp is None:
        return
    if find_spec(LIBRARY) is None:
        message = "the messages of OTLP are not installed here"
        yield Unusable(where, message, "install the extra `otlp`: pip install 'envoy-extproc[otlp]'")
    ca = read.get(OTLP_CA)
    if ca is not None and not usable(GuardCertificates("", ca)):
        message = f"the file {otlp.ca} holds no certificate of an authority"
        yield Unusable((*where, "ca"), message, "name a PEM file with the collector's authority")
