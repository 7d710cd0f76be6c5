"""The inputs of a generated configuration, and Envoy's way of writing typed values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from extproc.policy import Policy
from extproc.policy.address import is_ip
from extproc.policy.budgets import HeaderSubject
from extproc.routing.attempts import Retries, retries_of
from extproc.routing.mirrors import mirror_numbers
from extproc.server.listen import EVERY_ADDRESS, LOOPBACK, Tcp, is_localhost, local_address
from extproc.transaction import Needs
from extproc.transaction.steering.fingerprint import demands, fingerprint

Json: TypeAlias = dict[str, Any]
"""A message of Envoy's API as plain data, in proto3's JSON form."""

Profile: TypeAlias = Literal["buffered", "full-duplex"]

PROCESSOR: Final = "extproc"
"""Name of the processor's cluster, its metadata namespace and the listener. No backend may have it."""

REQUEST_SLACK: Final = 64 * 1024
"""Bytes above `limits.request_body` that Envoy still holds: the processor then sees a body that is too large and says
so itself, and a body may grow by a longer model name."""

SYSTEM_CA: Final = "/etc/ssl/certs/ca-certificates.crt"
"""The system's authorities in Envoy's official images, Debian, Ubuntu, Alpine and Arch. Envoy has no default for it:
without a file nothing is verified at all, and its `system_root_certs` is read by gRPC clients only."""


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """A host, by name or number and without brackets, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ProcessorTls:
    """TLS to the processor. Paths are read by Envoy, on the machine it runs on.

    `name` is what the processor's certificate must hold; `certificate` and `key` are Envoy's own, for mTLS.
    """

    ca: Path
    name: str
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("mTLS to the processor takes a certificate and its key")


@dataclass(frozen=True)
class Setting:
    """All that a generated configuration depends on.

    `endpoints` are those of the processor's workers: `unix:/path` or `host:port`. `access_log` is a path that Envoy
    writes to, such as /dev/stdout.
    """

    policy: Policy
    profile: Profile
    needs: Needs
    endpoints: Sequence[str]
    listen: SocketAddress
    admin: SocketAddress | None
    access_log: str | None = None
    processor_tls: ProcessorTls | None = None
    system_ca: str = SYSTEM_CA

    @property
    def fingerprint(self) -> str:
        """Return what tells the processor that Envoy is configured for its policy."""
        return fingerprint(demands(self.policy, self.needs)).decode()

    @cached_property
    def retries(self) -> Retries | None:
        """The routes for requests that are tried more than once; None if none is."""
        return retries_of(self.policy)

    @cached_property
    def mirrors(self) -> Mapping[str, str]:
        """The backends that get copies, by their names, with the numbers that header fields have for them."""
        return mirror_numbers(self.policy)

    @property
    def buffered(self) -> int:
        """Bytes of a request body that Envoy holds in the buffered profile."""
        return self.policy.limits.request_body + REQUEST_SLACK

    @property
    def stripped(self) -> tuple[str, ...]:
        """The header fields that name tenants and whose budgets are spent, if whoever reaches the listener must not."""
        loopback = Tcp(self.listen.host, self.listen.port).loopback
        source = None if self.policy.tenants is None else self.policy.tenants.source
        given: dict[str, bool | None] = {
            each.per.header: each.per.trusted for each in self.policy.budgets if isinstance(each.per, HeaderSubject)
        }
        if source is not None and source.header is not None:
            given[source.header] = source.trusted
        return tuple(name for name, trusted in given.items() if not (loopback if trusted is None else trusted))

    @property
    def reads_response(self) -> bool:
        """True if any message of the response side is wanted."""
        return self.needs.response_headers or self.needs.response_body


def typed(name: str, **fields: Any) -> Json:
    """A google.protobuf.Any of Envoy's message `name`."""
    return {"@type": f"type.googleapis.com/{name}", **fields}


def seconds(amount: float) -> str:
    """A google.protobuf.Duration, to the millisecond."""
    return f"{amount:.3f}".rstrip("0").rstrip(".") + "s"


def socket_address(host: str, port: int) -> Json:
    """An envoy.config.core.v3.Address of TCP, at which Envoy reaches somebody."""
    return {"socket_address": {"address": local_address(host), "port_value": port}}


def own_address(where: SocketAddress) -> Json:
    """The address of a listener of Envoy's own. Raises ValueError: Envoy looks up no names here.

    The hosts of `server.listen` mean here what they mean there; but a configuration that names ::1 ends an Envoy on a
    machine without IPv6, so that `localhost` is 127.0.0.1 alone.
    """
    host = LOOPBACK if is_localhost(where.host) else where.host
    if not is_ip(host):
        raise ValueError(f"{where}: Envoy listens at an IP address or at localhost")
    both = {"ipv4_compat": True} if host == EVERY_ADDRESS else {}
    return {"socket_address": {"address": host, "port_value": where.port, **both}}
