"""Checks of how an Envoy configuration follows the steering header, and of who else might set that header."""

from collections.abc import Iterator
from typing import Any, Final

from extproc.gateway.against.following import followed, said
from extproc.gateway.against.written import WrittenConfig, inside, line_of
from extproc.gateway.bootstrap.filter import control_headers
from extproc.gateway.bootstrap.steered import steered_routes
from extproc.gateway.bootstrap.values import Json
from extproc.policy import Policy
from extproc.transaction import CONTROL_PREFIX
from extproc.transaction.requests.passage import KEY_PREFIX
from extproc.transaction.steering.fingerprint import credential_fields
from extproc.transaction.steering.witness import CLUSTER, UNVERIFIED

FIRST_CLUSTER: Final = "xds.cluster_name"
"""The attribute of a request by which Envoy reports the cluster that it would go to without steering."""

_UNPROVEN: Final = (
    "if Envoy does not follow the steering header, the processor notices only after a backend's key has reached another"
    f" backend: write request_attributes: [{FIRST_CLUSTER}], or add the fingerprint"
)
_LEADS_NOWHERE: Final = "those for other backends with a credential are refused; let it lead nowhere (direct_response)"

CATCH_ALL: Final = ("/", "/v1", "/v1/")
"""Prefixes of routes that every path of an API matches."""


def steering(written: WrittenConfig, policy: Policy, *, known: bool) -> Iterator[tuple[int, str]]:
    """Yield line and sentence for what keeps requests from where they are steered. `known`: by the fingerprint."""
    if not policy.backends:
        return  # endpoints alone are picked: the routes are Envoy's own
    header = policy.steering.cluster_header
    steered = [route for route in written.routes if followed(route, policy)]
    yield from _unfollowed(policy, steered)
    for name in _from_clients(written, policy):
        yield 0, f"early_header_mutation does not remove {name} from clients' requests: they could steer themselves"
    for name in () if policy.steering.foreign else control_headers(policy):
        if not any(name in _names(each) for each in written.values("request_headers_to_remove")):
            yield 0, f"request_headers_to_remove lacks {name}: backends see it"
    if not known:
        yield from _refused(written, policy)
        return
    # A route without the match is for what is not steered: it leads nowhere, as there is no name of a cluster.
    matched = [route for route in steered if policy.steering.by != "cluster_header" or _matched(route, header)]
    if steered and not matched:
        yield line_of(steered[0]), f"the route with cluster_header does not match on the header {header}"
    yield from _keys(written, policy, matched or steered)


def unverified(filters: list[Json], policy: Policy) -> Iterator[tuple[int, str]]:
    """Yield line and sentence for each filter behind which nobody sees where requests went."""
    for each in filters:
        if inside(each, "processing_mode", "response_header_mode") == "SKIP":
            yield line_of(each), UNVERIFIED["response_header_mode"]
        elif CLUSTER not in (inside(each, "response_attributes") or []):
            yield line_of(each), UNVERIFIED["response_attributes"]
        elif policy.steering.foreign and not policy.steering.clusters:
            yield line_of(each), UNVERIFIED["clusters"]


def unproven(filters: list[Json], policy: Policy) -> Iterator[tuple[int, str]]:
    """Yield line and sentence for each filter before which a mistake in steering shows only after a key is sent."""
    if not _keyed(policy):
        return
    for each in filters:
        if FIRST_CLUSTER not in (inside(each, "request_attributes") or []):
            yield line_of(each), _UNPROVEN


def _refused(written: WrittenConfig, policy: Policy) -> Iterator[tuple[int, str]]:
    """Check the routes before steering, where Envoy reports their clusters to the processor."""
    if not any(FIRST_CLUSTER in (inside(each, "request_attributes") or []) for each in written.filters):
        return
    for route in written.routes:
        match, cluster = inside(route, "match"), inside(route, "route", "cluster")
        whole = inside(match, "prefix") in CATCH_ALL and not inside(match, "headers")
        if whole and isinstance(cluster, str) and _keyed(policy) - {cluster}:
            sentence = f"requests match this route before they are steered, and it leads to {cluster}"
            yield line_of(route), f"{sentence}: {_LEADS_NOWHERE}"


def _keyed(policy: Policy) -> set[str]:
    return {backend.name for backend in policy.backends if backend.credential is not None}


def _keys(written: WrittenConfig, policy: Policy, steered: list[Json]) -> Iterator[tuple[int, str]]:
    """Check the names of keys: with the right fingerprint they come under ours, and the steered route renames them."""
    for field in credential_fields(policy):
        own = KEY_PREFIX + field
        for route in steered:
            added = inside(route, "request_headers_to_add") or []
            if not any(f"({own})" in str(inside(each, "header", "value")) for each in added):
                yield line_of(route), f"request_headers_to_add of the steered route lacks {field}: %REQ({own})%"
        if not any(own in _names(each) for each in written.values("request_headers_to_remove")):
            yield 0, f"request_headers_to_remove lacks {own}: a key could reach a backend that it is not for"


def _from_clients(written: WrittenConfig, policy: Policy) -> Iterator[str]:
    prefixes = {inside(each, "key_matcher", "prefix") for each in written.values("remove_on_match")}
    removed = {each for each in written.values("remove") if isinstance(each, str)}
    for name in dict.fromkeys((CONTROL_PREFIX, *control_headers(policy))):
        if name.startswith(CONTROL_PREFIX) and name != CONTROL_PREFIX:
            continue  # as its prefix
        if name not in removed and not any(isinstance(each, str) and name.startswith(each) for each in prefixes):
            yield f"{name}*" if name == CONTROL_PREFIX else name


def _matched(route: Json, header: str) -> bool:
    return any(inside(each, "name") == header for each in inside(route, "match", "headers") or [])


def _unfollowed(policy: Policy, steered: list[Json]) -> Iterator[tuple[int, str]]:
    """Yield a sentence for each destination that no route leads to when the processor names it."""
    steering = policy.steering
    if steering.by == "cluster_header":
        if not steered:
            header = steering.cluster_header
            yield 0, f"no route has cluster_header: {header}, so that no request goes where the processor steers it"
        return
    told = {(inside(route, "route", "cluster"), value) for route in steered for value in said(route, policy)}
    for wanted in steered_routes(policy):
        cluster, (value,) = wanted["route"]["cluster"], said(wanted, policy)
        served = {value for name, value in told if name == cluster or steering.foreign}
        if value in served:
            continue
        if steering.by == "metadata":
            matched = f"the metadata {steering.metadata_namespace}, backend: {value}"
        else:
            matched = f"{steering.named_model}: {value}"
        yield 0, f"no route that matches {matched} leads to backend {cluster}: such requests are not steered"


def _names(listed: Any) -> list[str]:
    return [str(each) for each in listed] if isinstance(listed, list) else []
