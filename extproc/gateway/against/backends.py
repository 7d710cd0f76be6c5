"""The clusters of an Envoy configuration beside the backends of a policy: same name, same address, same protection."""

from collections.abc import Iterator
from typing import Final

from extproc.gateway.against.written import WrittenConfig, inside, line_of, mappings
from extproc.gateway.bootstrap.clusters import ANSWER_BUFFER
from extproc.gateway.bootstrap.values import Json
from extproc.policy import Backend, Policy
from extproc.transaction.requests.pools import DESTINATION

LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
"""Names of one and the same host."""


def clusters(written: WrittenConfig, policy: Policy, held: int) -> Iterator[tuple[int, str]]:
    """Yield line and sentence for each backend that Envoy would not reach as the policy says.

    `held` is the largest response, in bytes, that Envoy has to buffer.
    """
    for backend in policy.backends:
        cluster = written.clusters.get(backend.name)
        if cluster is None:
            yield 0, f"backend {backend.name}: there is no cluster of this name"
            continue
        pooled = any(backend.name in pool.backends for pool in policy.endpoint_pools)
        where = _following(cluster) if pooled else _address(cluster, backend)
        for sentence in (*where, *_protection(cluster, backend), *_buffer(cluster, held)):
            yield line_of(cluster), f"cluster {backend.name}: {sentence}"


def _address(cluster: Json, backend: Backend) -> Iterator[str]:
    there = {
        (str(inside(part, "address")).lower(), inside(part, "port_value"))
        for part in mappings(cluster)
        if "port_value" in part
    }
    address = backend.address
    hosts = LOOPBACK if address.host.lower() in LOOPBACK else {address.host.lower()}
    if there and not any((host, address.port) in there for host in hosts):
        listed = ", ".join(f"{host}:{port}" for host, port in sorted(there, key=str))
        yield f"it leads to {listed}, the policy says {address.host}:{address.port}"


def _following(cluster: Json) -> Iterator[str]:
    """Say that a cluster does not go where an endpoint was picked."""
    if not any(str(part.get("@type", "")).endswith(".OverrideHost") for part in mappings(cluster)):
        yield f"load_balancing_policy is not override_host with {DESTINATION}: picks of endpoints are ignored"


def _protection(cluster: Json, backend: Backend) -> Iterator[str]:
    secure = any(str(part.get("@type", "")).endswith(".UpstreamTlsContext") for part in mappings(cluster))
    if secure != backend.address.secure:
        yield "it speaks TLS, the policy says http" if secure else "it speaks no TLS, the policy says https"


def _buffer(cluster: Json, held: int) -> Iterator[str]:
    limit = inside(cluster, "per_connection_buffer_limit_bytes")
    if held > (limit if isinstance(limit, int) else ANSWER_BUFFER):
        yield f"per_connection_buffer_limit_bytes is below {held}: longer responses that are read whole become 500"
