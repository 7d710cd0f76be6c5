"""The fingerprint of what Envoy must be configured with for a policy.

`extproc envoy` writes it into the configuration, and Envoy sends it with every exchange: a processor whose policy needs
another configuration then knows so before it decides anything.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from extproc.policy import Backend, Bearer, Header, Policy
from extproc.policy.budgets import HeaderSubject
from extproc.policy.steering import asked_models
from extproc.policy.tenants import Tenants
from extproc.routing.attempts import retries_of
from extproc.routing.mirrors import mirror_numbers

if TYPE_CHECKING:
    from extproc.transaction.needs import Needs

CONFIG_HEADER: Final = "x-extproc-config"
"""The field of the gRPC request that carries the fingerprint (`initial_metadata` of the filter's `grpc_service`)."""

VERSION: Final = 3
"""The version of what a generated configuration holds beside the policy's own: raised when the processor comes to rely
on something that configurations of an earlier release do not have."""

DIGEST_CHARACTERS: Final = 16
"""Hexadecimal digits of the digest, 64 bits: mistakes are to be told apart, not attacks."""

MALFORMED: Final = b"malformed"
"""Stands for a value that is no fingerprint: it goes into logs, so nothing else of the peer's choice may."""

ATTEMPT_MARK: Final = b"/"
"""Between the fingerprint and the name of a backend, in the field of a filter that rewrites its later attempts."""

COPY_MARK: Final = b"+"
"""The same for a filter that makes copies of requests fit for a mirror's backend."""

_FORM: Final = re.compile(rb"[0-9]{1,4}-[0-9a-f]{%d}(?:[/+][A-Za-z0-9._-]{1,63})?" % DIGEST_CHARACTERS)

Demands = Mapping[str, Any]
"""Requirements on Envoy, by an operator's names. Plain data: names and numbers, never a credential's value."""


def demands(policy: Policy, needs: "Needs") -> Demands:
    """Return what Envoy's configuration must hold for `policy`; what it may lack without harm is left out.

    Limits and buffers are left out: an Envoy with another limit refuses, it does not let through. The profile is left
    out because Envoy tells its body modes with each exchange.
    """
    pools = policy.endpoint_pools
    return {
        "backends": {backend.name: _cluster(backend) for backend in policy.backends},
        "the credentials' header fields": credential_fields(policy),
        "the steering headers": _steering(policy),
        "the header fields that conditions read": sorted(needs.fields),
        "the route's name": needs.route_name,
        "responses": [needs.response_headers, needs.response_body, needs.errors],
        **({"usage": needs.metered} if needs.metered else {}),
        "trailers of requests": policy.request_trailers,
        **({} if policy.tenants is None else {"who is calling": _calling(policy.tenants, needs)}),
        **({"the endpoint pools": [[each.name, *each.backends] for each in pools]} if pools else {}),
        **_budgets(policy),
        **({"who counts tokens": "envoy"} if needs.counted else {}),
        **_retries(policy),
        **_mirrors(policy),
    }


def _budgets(policy: Policy) -> Demands:
    """Return the header fields that name whose budget is spent, and who may set them; nothing without budgets.

    With budgets, responses get header fields that Envoy must let through.
    """
    if not policy.budgets:
        return {}
    subjects = (each.per for each in policy.budgets if isinstance(each.per, HeaderSubject))
    found = sorted({(each.header, each.trusted) for each in subjects}, key=repr)
    return {"the budgets": [list(each) for each in found]}


def _retries(policy: Policy) -> Demands:
    """Return the routes for retries; nothing where there are none, so that such configurations stay as they are."""
    found = retries_of(policy)
    return {} if found is None else {"the retries of models": [msgspec.to_builtins(each) for each in found.classes]}


def _mirrors(policy: Policy) -> Demands:
    found = mirror_numbers(policy)
    return {"the mirrors of models": dict(found)} if found else {}


def fingerprint(wanted: Demands) -> bytes:
    """Return the fingerprint of `wanted`, fit for a header's value."""
    digest = sha256(msgspec.json.encode(wanted, order="sorted")).hexdigest()
    return f"{VERSION}-{digest[:DIGEST_CHARACTERS]}".encode()


def read(value: bytes | None) -> bytes:
    """Return the fingerprint in a field's `value`: empty where there is none, `MALFORMED` where it cannot be one."""
    if not value:
        return b""
    return value if _FORM.fullmatch(value) else MALFORMED


def owner(wanted: bytes, found: bytes) -> str:
    """Return what an Envoy with the fingerprint `found` was configured for, where `wanted` is needed."""
    versions = [each.partition(b"-")[0] for each in (wanted, found)]
    return "another policy" if found == MALFORMED or versions[0] == versions[1] else "another release of extproc"


def differences(one: Demands, other: Demands) -> tuple[str, ...]:
    """Return the names of what differs between two policies' demands."""
    return tuple(name for name in {**one, **other} if one.get(name) != other.get(name))


def credential_fields(policy: Policy) -> list[str]:
    """Return the header fields that backends' credentials are sent in."""
    credentials = (backend.credential for backend in policy.backends)
    return sorted({each.field for each in credentials if isinstance(each, Bearer | Header)})


def _steering(policy: Policy) -> list[Any]:
    """Return how routes learn the destination; where they know it by its model, every model with its backend."""
    steering = policy.steering
    if steering.by == "cluster_header":
        return list(steering.headers)
    models = sorted({(model, name) for _, name, model in asked_models(policy)}) if steering.by_model else []
    namespace = [steering.metadata_namespace] if steering.by == "metadata" else []
    return [steering.by, *steering.headers, *namespace, *models]


def _calling(tenants: Tenants, needs: "Needs") -> list[Any]:
    told = [tenants.source.header, tenants.source.trusted, list(needs.attributes), list(needs.namespaces)]
    # Only what is removed of a request besides credentials: Envoys that were configured for other sources stay right.
    return [*told, *tenants.hidden]


def _cluster(backend: Backend) -> list[Any]:
    tls = backend.tls
    return [backend.url, None if tls is None else [tls.sni, None if tls.ca is None else str(tls.ca), list(tls.sans)]]
