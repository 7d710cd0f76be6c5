"""Checks of how an Envoy configuration follows the steering header, and of who else might set that header."""

from collections.abc import Iterator
from typing import Any

from extproc.gateway.against.written import Written, inside, line_of
from extproc.gateway.bootstrap.values import Json
from extproc.policy import Policy
from extproc.transaction import CONTROL_PREFIX
from extproc.transaction.fingerprint import credential_fields
from extproc.transaction.keyed import KEY_PREFIX


def steering(written: Written, policy: Policy, *, known: bool) -> Iterator[tuple[int, str]]:
    """Yield line and sentence for what keeps requests from where they are steered. `known`: by the fingerprint."""
    header = policy.steering.cluster_header
    steered = [route for route in written.routes if inside(route, "route", "cluster_header") == header]
    if not steered:
        yield 0, f"no route has cluster_header: {header}, so that no request goes where the processor steers it"
    for name in _from_clients(written, policy):
        yield 0, f"early_header_mutation does not remove {name} from clients' requests: they could steer themselves"
    for name in (header, policy.steering.model_header):
        if not any(name in _names(each) for each in written.values("request_headers_to_remove")):
            yield 0, f"request_headers_to_remove lacks {name}: backends see it"
    if not known:
        return
    # A route without the match is for what is not steered: it leads nowhere, as there is no name of a cluster.
    matched = [route for route in steered if _matched(route, header)]
    if steered and not matched:
        yield line_of(steered[0]), f"the route with cluster_header does not match on the header {header}"
    yield from _keys(written, policy, matched or steered)


def _keys(written: Written, policy: Policy, steered: list[Json]) -> Iterator[tuple[int, str]]:
    """Check the names of keys: with the right fingerprint they come under ours, and the steered route renames them."""
    for field in credential_fields(policy):
        own = KEY_PREFIX + field
        for route in steered:
            added = inside(route, "request_headers_to_add") or []
            if not any(f"({own})" in str(inside(each, "header", "value")) for each in added):
                yield line_of(route), f"request_headers_to_add of the steered route lacks {field}: %REQ({own})%"
        if not any(own in _names(each) for each in written.values("request_headers_to_remove")):
            yield 0, f"request_headers_to_remove lacks {own}: a key could reach a backend that it is not for"


def _from_clients(written: Written, policy: Policy) -> Iterator[str]:
    prefixes = {inside(each, "key_matcher", "prefix") for each in written.values("remove_on_match")}
    removed = {each for each in written.values("remove") if isinstance(each, str)}
    for name in (CONTROL_PREFIX, policy.steering.cluster_header):
        if name not in removed and not any(isinstance(each, str) and name.startswith(each) for each in prefixes):
            yield f"{name}*" if name == CONTROL_PREFIX else name


def _matched(route: Json, header: str) -> bool:
    return any(inside(each, "name") == header for each in inside(route, "match", "headers") or [])


def _names(listed: Any) -> list[str]:
    return [str(each) for each in listed] if isinstance(listed, list) else []
