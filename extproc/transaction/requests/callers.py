"""Finding out who is calling, and when, for a request by its headers alone."""

from extproc.policy.tenants import Tenants
from extproc.policy.virtual_keys import KeyRing
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers
from extproc.signals.view import Circumstances
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan
from extproc.transaction.requests.calling import Calling
from extproc.transaction.requests.keys import check_good, shown_key, without_keys
from extproc.transaction.requests.tenants import NO_ATTRIBUTES, NONE, admitted, check_shown, identified, named_by_header
from extproc.transaction.shared import Shared


def take_circumstances(plan: Plan, calling: Calling, shared: Shared, memory: Memory, message: Headers) -> Headers:
    """Find out who is calling, and when, and return the headers as what follows may read them: without virtual keys.

    Raises:
        ClientError: the tenant or the key is not to be served.
    """
    at = None if shared.epoch is None else shared.epoch + memory.started
    tenants = calling.tenants
    if tenants is None:
        memory.circumstances = calling.circumstances(NONE, NO_ATTRIBUTES, at)
        return message
    try:
        if calling.ring is None:
            memory.circumstances = calling.circumstances(*identified(tenants, message, known=memory.known), at)
            return message
        check_shown(tenants, message, known=memory.known)
        ring = calling.ring if shared.ring is None else shared.ring  # an empty one counts, and is false
        memory.circumstances = _by_key(calling, tenants, ring, message.fields, at, memory)
    except ClientError:
        claimed = memory.claim.claimed if memory.claim is not None else None
        memory.teller = claimed.api if claimed is not None else plan.apis.family_of(message.fields)
        raise
    return without_keys(message)


def caller(calling: Calling, shared: Shared, now: float, fields: HeaderMap) -> Circumstances:
    """Return who is calling, as far as header fields alone say so, and when. Raises ClientError as for a request."""
    at = None if shared.epoch is None else shared.epoch + now
    tenants = calling.tenants
    if tenants is None:
        return calling.circumstances(NONE, NO_ATTRIBUTES, at)
    if calling.ring is None:
        return calling.circumstances(*admitted(tenants, named_by_header(tenants, fields)), at)
    return _by_key(calling, tenants, calling.ring if shared.ring is None else shared.ring, fields, at)


def _by_key(
    calling: Calling,
    tenants: Tenants,
    ring: KeyRing,
    fields: HeaderMap,
    at: float | None,
    memory: Memory | None = None,
) -> Circumstances:
    """Return the circumstances of a request that shows a virtual key, or none. `memory` knows the key of a refusal."""
    key = shown_key(ring, fields, required=tenants.requires)
    if key is None:
        return calling.circumstances(*admitted(tenants, NONE), at)
    if memory is not None:
        memory.circumstances = calling.circumstances(key.tenant, NO_ATTRIBUTES, at, key)
    check_good(key, at)
    return calling.circumstances(*admitted(tenants, key.tenant), at, key)
