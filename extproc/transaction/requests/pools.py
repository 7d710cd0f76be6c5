"""The endpoint pools of a policy, made ready: which requests are for which, and what of a request the pick looks at."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from extproc.payload.json.members import members
from extproc.policy import Policy
from extproc.policy.endpoints import ENDPOINTS_MAX, OBJECTIVE_HEADER, EndpointPool, endpoint_of
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Headers
from extproc.routing.endpoints.prefixes import BLOCK_BYTES, BLOCKS_MAX

if TYPE_CHECKING:
    from extproc.transaction.needs import Needs

DESTINATION: Final = "x-gateway-destination-endpoint"
"""The header, and the key of metadata, that tell Envoy the endpoints (endpoint picker protocol 1.0)."""

SUBSET: Final = "x-gateway-destination-endpoint-subset"
SERVED: Final = "x-gateway-destination-endpoint-served"
"""The keys of metadata by which Envoy says which endpoints it allows, and which one served."""

BALANCING: Final = "envoy.lb"
HINTS: Final = "envoy.lb.subset_hint"
"""The namespaces of these keys."""

CONTROL: Final = frozenset({DESTINATION, SUBSET, SERVED})
"""Header fields that only the processor may set: a client's are removed, whatever their request is for."""

ADDRESS: Final = "upstream.address"
"""The attribute of responses with the endpoint that served, for gateways that do not say it in metadata."""

READ_WHOLE: Final = 256 * 1024
"""Bytes of a body up to which its members are looked for, in 0.2 ms at most."""

PROMPT_BYTES: Final = BLOCK_BYTES * BLOCKS_MAX
"""Bytes of a prompt that are looked at."""

_PROMPT: Final = ("tools", "system", "instructions", "messages", "prompt", "input", "contents")
"""The members that make up a prompt, in the order in which engines' templates write them."""

_BEGINNING: Final = re.compile(rb'"(?:%s)"[ \t\r\n]*:[ \t\r\n]*' % "|".join(_PROMPT).encode())


class EndpointPools:
    """The pools by what is sent to them. `free`: the pool of requests that Envoy's own routes lead on."""

    def __init__(self, policy: Policy) -> None:
        pools = policy.endpoint_pools
        self.every = pools
        self.free = next((each for each in pools if not each.backends), None)
        self._backends = {name: each for each in pools for name in each.backends}
        self.reads_free = self.free is not None and self.free.reads_prompt
        self.lists = self.free is not None and not policy.models
        """True if the list of models is the endpoints' to give."""
        self.named = any(each.objectives for each in pools)

    def of(self, backend: str | None) -> EndpointPool | None:
        """The pool of a request for a backend, or for none."""
        return self.free if backend is None else self._backends.get(backend)

    def needing(self, needs: "Needs") -> "Needs":
        """Return what Envoy must hand over with pools."""
        fields = [OBJECTIVE_HEADER] if self.named and OBJECTIVE_HEADER not in needs.fields else []
        return replace(
            needs,
            response_headers=True,
            fields=(*needs.fields, *fields),
            namespaces=(*needs.namespaces, BALANCING, HINTS),
        )

    def __repr__(self) -> str:
        return f"EndpointPools({', '.join(each.name for each in self.every)})"


def hint_of(message: Headers) -> tuple[str, ...] | None:
    """Return the endpoints that Envoy allows, in their one spelling; None if it says nothing of them.

    What is no endpoint is left out, so that a hint that cannot be read allows none.
    """
    told = message.metadata.get(HINTS)
    if not isinstance(told, Mapping) or SUBSET not in told:
        return None
    given: Any = told[SUBSET]
    texts = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else ()
    found = (endpoint_of(each) for each in texts[:ENDPOINTS_MAX] if isinstance(each, str))
    return tuple(dict.fromkeys(each for each in found if each is not None))


def served_by(message: Headers) -> str | None:
    """Return the endpoint that Envoy says has served a response; None if it does not say."""
    told = message.metadata.get(BALANCING)
    named = told.get(SERVED) if isinstance(told, Mapping) else None
    if not isinstance(named, str):
        named = message.attributes.get(ADDRESS)
    return None if named is None else endpoint_of(named)


def prompt_of(body: bytes) -> bytes:
    """Return the bytes of a body that make up its prompt, as they are written: empty if it has none.

    A conversation that goes on begins with the same bytes, whatever other members stand before or between them. Of a
    large body, it is what stands behind the first name of such a member: reading all of it would take too long.
    """
    if len(body) > READ_WHOLE:
        found = _BEGINNING.search(body, 0, PROMPT_BYTES)
        return b"" if found is None else body[found.end() : found.end() + PROMPT_BYTES]
    try:
        spans = members(body)
    except ClientError:
        return b""
    return b"".join([body[spans[name][0] : spans[name][1]] for name in _PROMPT if name in spans])[:PROMPT_BYTES]
