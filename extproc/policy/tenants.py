"""Tenants: who is calling, how that is known, and what is known of them."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from extproc.policy.base import Value, Written, matching, refusal
from extproc.policy.credential_headers import carries_credential
from extproc.policy.names import MatchedHeader, ModelName
from extproc.policy.paths import FilePath
from extproc.policy.units import Truth

TENANT_MAX: Final = 256
"""Characters of a tenant's name: SPIFFE ids and subjects of certificates stay under it. It goes into the log."""

KNOWN_MAX: Final = 10_000
"""Tenants whose attributes stand in the policy; a file of 1 MiB holds about as many."""

ATTRIBUTES_MAX: Final = 16
"""AttributeMap of a tenant: more belong into a directory, and reach the processor as claims or headers."""

ATTRIBUTE_VALUE_MAX: Final = 256
CLAIM_MAX: Final = 256
NAMESPACE_MAX: Final = 256

IDENTITIES: Final = {
    "uri_san": "connection.uri_san_peer_certificate",
    "dns_san": "connection.dns_san_peer_certificate",
    "subject": "connection.subject_peer_certificate",
}
"""Envoy's attributes of the certificate that a client has shown: its first URI, its first DNS name, its subject."""

MUTUAL: Final = "connection.mtls"
"""Envoy's attribute that is there for every connection, so that a filter that sends no attributes is noticed."""

KEY_FIELDS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Header fields in which clients show a key: those of OpenAI's, Anthropic's, Azure's and Google's SDKs. The first holds
it after `Bearer`."""

_CLIENTS: Final = frozenset({
    "host", "x-request-id", "user-agent", "referer", "origin", "accept", "accept-encoding", "accept-language",
    "content-type", "content-length", "content-encoding", "traceparent", "tracestate", "x-forwarded-for",
    "x-forwarded-host", "x-forwarded-proto",
})  # fmt: skip
"""Headers that clients and Envoy set for other ends: one that names a tenant would be the client's own word."""

_OWN: Final = ("x-extproc-", "x-envoy-")
"""The beginnings of headers that Envoy and the processor set."""

_ATTRIBUTE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_NAMESPACE: Final = re.compile(rf"[A-Za-z0-9._/-]{{1,{NAMESPACE_MAX}}}", re.ASCII)


def is_tenant(name: str) -> bool:
    """True if a tenant can have this name: printable, not empty, without space at its ends, and not too long."""
    return 1 <= len(name) <= TENANT_MAX and name.isprintable() and name == name.strip()


def _tenant(name: str) -> str:
    if not is_tenant(name):
        raise refusal(
            f"a tenant's name has 1 to {TENANT_MAX} printable characters and no space at its ends",
            "write it exactly as it is sent",
        )
    return name


def _value(value: str) -> str:
    if len(value) > ATTRIBUTE_VALUE_MAX or not value.isprintable():
        raise refusal(
            f"an attribute's value has at most {ATTRIBUTE_VALUE_MAX} printable characters", "write a short word"
        )
    return value


def _header(name: str) -> str:
    if carries_credential(name):
        raise refusal(
            f"the header {name} carries credentials, and a tenant's name goes into the log",
            "name a header that a trusted filter sets, such as x-tenant-id",
        )
    if name in _CLIENTS or name.startswith(_OWN):
        raise refusal(
            f"the header {name} has a meaning of its own and names no tenant",
            "name a header that a trusted filter sets, such as x-tenant-id",
        )
    return name


def _claim(path: str) -> str:
    if not 1 <= len(path) <= CLAIM_MAX or not path.isprintable() or not all(path.split(".")):
        raise refusal("this is not the name of a claim", "write it like sub, or org.id for a claim within another")
    return path


TenantName: TypeAlias = Annotated[str, AfterValidator(_tenant), Written("name of a tenant", "acme")]
AttributeName: TypeAlias = Annotated[
    str,
    matching(
        _ATTRIBUTE,
        "an attribute's name has 1 to 64 lower-case letters, digits and underscores",
        "write it like region",
    ),
]
AttributeMap: TypeAlias = Annotated[
    Mapping[AttributeName, Annotated[str, AfterValidator(_value)]],
    Field(max_length=ATTRIBUTES_MAX),
]
FilterNamespace: TypeAlias = Annotated[
    str,
    matching(
        _NAMESPACE,
        "this is not the name of a filter's metadata",
        "write it like envoy.filters.http.jwt_authn",
    ),
    Written("metadata namespace", "envoy.filters.http.jwt_authn"),
]

TrustedHeader: TypeAlias = Annotated[MatchedHeader, AfterValidator(_header), Written("header name", "x-tenant-id")]
"""A header that names who is calling: a trusted filter before the processor sets it."""

_FORMS: Final = (
    "write {header: x-tenant-id}, {claim: sub, metadata: envoy.filters.http.jwt_authn}, {identity: uri_san}"
    " or {keys: keys.jsonl}"
)


class TenantSource(Value):
    """The source of a tenant's name. One of `header`, `claim` with `metadata`, `identity`, and `keys`.

    See [tenants.md](tenants.md) for what each takes in Envoy.
    """

    header: TrustedHeader | None = None
    """A request header that a trusted filter before the processor sets. It must take the client's own out; a request
    in which it comes twice, or with a comma, is refused (403)."""
    trusted: Truth | None = None
    """Only for `header`. `true`: whoever connects to the Envoy that `extproc envoy` writes may set the header, as a
    proxy before it does. `false`: Envoy removes what comes with a request. If absent, `true` for an Envoy that listens
    on the loopback address alone, and `false` for one that others can reach."""
    forward: Truth | None = None
    """Only for `header`. `true`: backends get the header, too. Otherwise it is removed on the way: the name of a tenant
    is no business of a provider's."""
    claim: Annotated[str, AfterValidator(_claim), Written("name of a claim", "org.id")] | None = None
    """A claim of a token that a filter of Envoy has verified; with dots for a claim within another."""
    metadata: FilterNamespace | None = None
    """Only for `claim`: the namespace of dynamic metadata that the filter writes it to."""
    identity: Literal["uri_san", "dns_san", "subject"] | None = None
    """The certificate of the client (mTLS): its first URI, its first DNS name, or its subject. Envoy must verify it."""
    keys: Annotated[FilePath, Written("path", "keys.jsonl")] | None = None
    """A file of [virtual keys](tenants.md#virtual-keys), as `extproc key` writes it: clients show one where they would
    show a provider's key, and it names the tenant. The file is read again when it changes."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.header, self.claim, self.identity, self.keys)) != 1:
            raise refusal("a tenant's name comes from one place", _FORMS)
        if (self.claim is None) != (self.metadata is None):
            raise refusal("a claim is read from a filter's metadata, and that alone", _FORMS)
        if self.trusted is not None and self.header is None:
            raise refusal("only a header may be trusted", "delete `trusted`, or write {header: x-tenant-id}")
        if self.forward is not None and self.header is None:
            raise refusal("only a header may be forwarded", "delete `forward`, or write {header: x-tenant-id}")
        return self


class Tenants(Value):
    """Tenants: who calls. The name is the signal `tenant` and is in the log; `tenant.NAME` is an attribute of it."""

    source: Annotated[TenantSource, Field(alias="from")]
    """The source of the name."""
    required: Truth | None = None
    """`true`: a request without a tenant gets 401. `false`: its tenant is empty. If absent, `true` for virtual keys,
    and `false` for other sources."""
    known: Annotated[
        Mapping[TenantName, AttributeMap],
        Field(max_length=KNOWN_MAX),
        Written("attributes by tenant", "{acme: {region: eu, plan: gold}}"),
    ] = {}
    """Tenants and their attributes, which are texts. An attribute that a tenant does not have is empty."""
    unknown: Literal["reject", "pass"] | None = None
    """A tenant that is not in `known`: `reject` answers 403, `pass` serves it without attributes. If absent, `reject`
    where `known` lists any: rules about attributes, such as a region, would not apply to it."""

    models: Annotated[
        Mapping[TenantName, tuple[ModelName, ...]],
        Field(max_length=KNOWN_MAX),
        Written("names of models by tenant", "{acme: [chat, auto]}"),
    ] = {}
    """Names that a tenant may ask for, also among those that no model of the policy has; for others it gets 403, and
    `GET /v1/models` does not list them. A tenant that is not here may ask for all, and so may a request without a
    tenant unless `required` refuses it. On paths that no API claims (images, speech, batches), nobody reads which model
    is asked for: what `default_backend` serves there, it serves to each tenant."""

    @property
    def rejects_unknown(self) -> bool:
        """True if a tenant that `known` does not list is refused."""
        return bool(self.known) if self.unknown is None else self.unknown == "reject"

    @property
    def requires(self) -> bool:
        """True if a request without a tenant is refused."""
        return self.source.keys is not None if self.required is None else self.required

    @property
    def fields(self) -> tuple[str, ...]:
        """The header fields that are read."""
        if self.source.keys is not None:
            return KEY_FIELDS
        return () if self.source.header is None else (self.source.header,)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The header fields that no backend gets, beside credentials."""
        return () if self.source.header is None or self.source.forward else (self.source.header,)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces of metadata that Envoy has to forward."""
        return () if self.source.metadata is None else (self.source.metadata,)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Envoy's attributes that are read."""
        return () if self.source.identity is None else (IDENTITIES[self.source.identity], MUTUAL)

    @model_validator(mode="after")
    def _lists_some(self) -> Self:
        if self.unknown == "reject" and not self.known:
            raise refusal("every tenant is unknown, so each would be rejected", "add `known`, or write unknown: pass")
        return self
