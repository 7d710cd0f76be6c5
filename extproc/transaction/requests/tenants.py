"""The tenant of a request, from what a trusted filter, a verified token or a certificate says."""

from collections.abc import Iterator, Mapping
from typing import Final

from extproc.policy.tenants import IDENTITIES, MUTUAL, Tenants, TenantSource, is_tenant
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers
from extproc.transaction.steering.misconfigured import ALWAYS_SHOWN, MisconfiguredError

NONE: Final = ""
"""The tenant of a request that has none."""

NO_ATTRIBUTES: Final[Mapping[str, str]] = {}

WHOLE: Final = 2**53
"""Numbers from here on stand for several: Envoy keeps them as doubles, and two tenants would be one."""


def identified(tenants: Tenants, message: Headers, *, known: bool) -> tuple[str, Mapping[str, str]]:
    """Return the tenant of a request and its attributes. `known`: Envoy is configured for the policy.

    Raises:
        ClientError: it has none and needs one (401), or one that is not to be served (403).
        MisconfiguredError: Envoy does not show what the tenant is read from.
    """
    check_shown(tenants, message, known=known)
    return admitted(tenants, _named(tenants.source, message))


def admitted(tenants: Tenants, name: str | None) -> tuple[str, Mapping[str, str]]:
    """Return a tenant and its attributes; None is a name that is not clear. Raises ClientError as `identified` does."""
    if name is None or (name and not is_tenant(name)):
        raise ClientError(403, "tenant_unclear", "The gateway could not tell who is calling.")
    if not name:
        if tenants.requires:
            raise ClientError(401, "tenant_required", "The gateway serves only requests whose tenant is known.")
        return NONE, NO_ATTRIBUTES
    attributes = tenants.known.get(name)
    if attributes is None and tenants.rejects_unknown:
        raise ClientError(403, "tenant_unknown", "The gateway does not serve this tenant.")
    return name, NO_ATTRIBUTES if attributes is None else attributes


def named_by_header(tenants: Tenants, fields: HeaderMap) -> str | None:
    """Return the tenant that a header field names; None if it names several. Empty from another source."""
    return NONE if tenants.source.header is None else value_of(tenants.source.header, fields)


def check_shown(tenants: Tenants, message: Headers, *, known: bool) -> None:
    """Raise MisconfiguredError where a tenant may be there and not be shown."""
    if tenants.fields and not known and ALWAYS_SHOWN not in message.fields:
        raise MisconfiguredError("forward_rules")
    if tenants.attributes and MUTUAL not in message.attributes:
        names = ", ".join(tenants.attributes)
        raise MisconfiguredError("request_attributes", f"the policy reads tenants: set request_attributes: [{names}]")


def _named(source: TenantSource, message: Headers) -> str | None:
    """Return the name of a tenant, empty if there is none; None if it is not clear."""
    if source.header is not None:
        return value_of(source.header, message.fields)
    if source.identity is not None:
        return str(message.attributes.get(IDENTITIES[source.identity], NONE))
    assert source.claim is not None, "one of the three is there"
    assert source.metadata is not None, "a claim is in a filter's metadata"
    return _claimed(message.metadata.get(source.metadata), source.claim)


def value_of(name: str, fields: HeaderMap) -> str | None:
    """Return the value of a trusted field: empty without one, None if it is not clear.

    Of several, which proxies also join by commas, one may be the client's own.
    """
    values = fields.getall(name)
    if not values:
        return NONE
    if len(values) > 1 or b"," in values[0]:
        return None
    try:
        return values[0].decode("utf-8")
    except UnicodeDecodeError:
        return None


def _claimed(metadata: object, claim: str) -> str | None:
    """Return a claim of what a filter wrote: right there, or in the payloads that it wrote under names of its own.

    Two payloads that name different tenants are not clear.
    """
    if not isinstance(metadata, Mapping):
        return NONE
    within = [metadata, *(each for each in metadata.values() if isinstance(each, Mapping))]
    found = {_text(value) for each in within for value in _at(each, claim)}
    return NONE if not found else found.pop() if len(found) == 1 else None


def _at(claims: Mapping[str, object], path: str) -> Iterator[object]:
    """Yield the value at a path, if there is one: a name that has dots itself goes before a claim within another."""
    if claims.get(path) is not None:
        yield claims[path]
        return
    first, dot, rest = path.partition(".")
    inner = claims.get(first)
    if dot and isinstance(inner, Mapping):
        yield from _at(inner, rest)


def _text(value: object) -> str | None:
    """Return a claim as a tenant's name; None for one that is no text and no whole number below `WHOLE`."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and -WHOLE < value < WHOLE and value % 1 == 0:
        return str(int(value))
    return None
