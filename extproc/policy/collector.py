"""A collector as exports need it: the policy's settings, with the credential that was read for them."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from extproc.policy.model import Policy
from extproc.policy.secrets import OTLP_CA, OTLP_CREDENTIAL
from extproc.policy.telemetry import OtlpAddress


class Collector(Struct, frozen=True):
    """The destination of metrics and traces. Has no rendering: it holds a credential.

    `fields`: header fields of each export. `ca`: PEM of the authorities to trust; None for the system's.
    """

    address: OtlpAddress
    fields: tuple[tuple[str, str], ...]
    ca: bytes | None
    timeout: float
    interval: float
    compression: Literal["gzip", "none"]
    service: str
    metrics: bool

    def __repr__(self) -> str:
        return f"Collector({self.address.host}, {self.address.port})"


def collector_of(policy: Policy, secrets: Mapping[str, bytes]) -> Collector | None:
    """Return the collector of a policy; None if it names none. `secrets`: what was read for the policy."""
    otlp = policy.telemetry.otlp
    if otlp is None:
        return None
    credential, fields = otlp.credential, tuple[tuple[str, str], ...]()
    if credential is not None:
        value = secrets.get(OTLP_CREDENTIAL, b"").decode("ascii")
        fields = ((credential.field, credential.scheme + value),)
    return Collector(
        otlp.address,
        fields,
        secrets.get(OTLP_CA),
        otlp.timeout,
        otlp.interval,
        otlp.compression,
        otlp.service,
        otlp.metrics,
    )
