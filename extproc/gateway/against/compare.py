"""Differences between an Envoy configuration and a policy's needs: each with its line and what to write instead."""

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from extproc.gateway.against.backends import clusters
from extproc.gateway.against.enabling import enabling
from extproc.gateway.against.matching import changeable, forwarded, missing
from extproc.gateway.against.retrying import retrying, unretried
from extproc.gateway.against.steering import steering, unproven, unverified
from extproc.gateway.against.written import WrittenConfig, inside, line_of
from extproc.gateway.bootstrap.filter import (
    FILTER,
    MESSAGE_TIMEOUT,
    control_headers,
    receiving,
    removes_by_kind,
    writable,
)
from extproc.gateway.bootstrap.values import Json
from extproc.policy import Policy
from extproc.policy.credential_headers import CREDENTIAL_ENDINGS
from extproc.transaction import FIELDS_READ, Plan
from extproc.transaction.requests.pools import ADDRESS, BALANCING, HINTS
from extproc.transaction.steering.fingerprint import CONFIG_HEADER, owner

HELD: Final = {"BUFFERED", "FULL_DUPLEX_STREAMED"}
"""Body modes in which nothing goes on before the processor has said so."""


class Difference(Struct, frozen=True, order=True):
    """One thing that is not as the policy needs it. `line` is 0 where it is a thing that is missing altogether."""

    line: int
    text: str


def compare(written: WrittenConfig, policy: Policy, plan: Plan) -> list[Difference]:
    """Return every difference that matters, in the order of the lines."""
    found: set[Difference] = set()
    filters = _ours(written)
    if not filters:
        found.add(Difference(0, "there is no ext_proc filter: without one Envoy does not ask the processor at all"))
    for filter_ in filters:
        found |= {Difference(line_of(filter_), text) for text in _filter(filter_, policy, plan)}
    found |= {Difference(line, text) for line, text in enabling(written, filters, policy)}
    known = any(_fingerprint(each) == plan.fingerprint.decode() for each in filters)
    buffers = any(_mode(each, "response_body_mode", "NONE") == "BUFFERED" for each in filters)
    held = plan.needs.answer_buffer if buffers else 0
    if not policy.steering.foreign or known:  # another gateway names its clusters itself
        found |= {Difference(line, text) for line, text in clusters(written, policy, held)}
    found |= {Difference(line, text) for line, text in steering(written, policy, known=known)}
    if known:
        found |= {Difference(line, text) for line, text in retrying(written, plan)}
    return sorted(found)


def notes(written: WrittenConfig, policy: Policy) -> list[Difference]:
    """Return what an operator should know about a configuration that works."""
    every = _ours(written)
    filters = [each for each in every if _fingerprint(each) is None]
    found = (*unproven(filters, policy), *unverified(every, policy), *unretried(filters, policy))
    return sorted(Difference(line, text) for line, text in found)


def _ours(written: WrittenConfig) -> list[Json]:
    """The filters that ask this processor: by fingerprint or by the name that ours has; all, where none has either."""
    named = [
        inside(part, "typed_config") for part in written.parts if part.get("name") == FILTER and "typed_config" in part
    ]
    told = [each for each in written.filters if _fingerprint(each) is not None]
    chosen = [each for each in written.filters if any(each is one for one in (*named, *told))]
    return chosen or written.filters


def _fingerprint(filter_: Json) -> str | None:
    metadata = inside(filter_, "grpc_service", "initial_metadata")
    for each in metadata if isinstance(metadata, list) else ():
        if inside(each, "key") == CONFIG_HEADER:
            return str(inside(each, "value"))
    return None


def _filter(filter_: Json, policy: Policy, plan: Plan) -> Iterator[str]:
    yield from _told(filter_, plan)
    yield from _requests(filter_, policy)
    if plan.needs.response_body:
        yield from _bodies(filter_)
    elif plan.needs.errors and _mode(filter_, "response_body_mode", "NONE") not in HELD:
        yield "errors of backends are withheld, as they might quote a credential: write response_body_mode: BUFFERED"
    if plan.needs.metered and not plan.needs.response_body:
        yield from _metered(filter_)
    yield from _headers(filter_, plan)
    yield from _fields(filter_, policy, plan)
    yield from _switches(filter_, policy)
    if policy.endpoint_pools:
        yield from _picks(filter_)


def _told(filter_: Json, plan: Plan) -> Iterator[str]:
    wanted, found = plan.fingerprint.decode(), _fingerprint(filter_)
    entry = f"initial_metadata: [{{key: {CONFIG_HEADER}, value: {wanted}}}]"
    if found is None and plan.needs.fields and inside(filter_, "forward_rules", "allowed_headers", "patterns"):
        yield f"there is no fingerprint, so that the processor cannot know which fields are forwarded: add {entry}"
    elif found is not None and found != wanted:
        made_for = owner(plan.fingerprint, found.encode())
        yield f"the fingerprint {found} is for {made_for}, not {wanted}: write the file again with `extproc envoy`"


def _requests(filter_: Json, policy: Policy) -> Iterator[str]:
    mode = _mode(filter_, "request_body_mode", "NONE")
    if _mode(filter_, "request_header_mode", "SEND") == "SKIP":
        yield "request_header_mode is SKIP: the processor decides nothing; write SEND"
    if mode in {"BUFFERED_PARTIAL", "GRPC"}:
        yield f"request_body_mode is {mode}: requests are refused; write BUFFERED or FULL_DUPLEX_STREAMED"
    elif mode not in HELD and not inside(filter_, "allow_mode_override"):
        yield f"request_body_mode is {mode} and allow_mode_override is not true: requests are refused; write BUFFERED"
    if policy.request_trailers == "reject" and _mode(filter_, "request_trailer_mode", "SKIP") == "SKIP":
        yield "request_trailer_mode is SKIP, and the policy refuses trailers: write SEND"


def _bodies(filter_: Json) -> Iterator[str]:
    request, response = _mode(filter_, "request_body_mode", "NONE"), _mode(filter_, "response_body_mode", "NONE")
    early = inside(filter_, "send_body_without_waiting_for_header_response")
    if response not in HELD:
        yield f"response_body_mode is {response}, the policy reads responses: write BUFFERED or FULL_DUPLEX_STREAMED"
    elif response == "BUFFERED" and (request == "FULL_DUPLEX_STREAMED" or early):
        yield "response_body_mode is BUFFERED beside a streamed request: write FULL_DUPLEX_STREAMED"
    elif response == "BUFFERED" and not inside(filter_, "allow_mode_override"):
        yield "allow_mode_override is not true: event streams are refused; write allow_mode_override: true"


def _metered(filter_: Json) -> Iterator[str]:
    request, response = _mode(filter_, "request_body_mode", "NONE"), _mode(filter_, "response_body_mode", "NONE")
    early = inside(filter_, "send_body_without_waiting_for_header_response")
    if response in {"STREAMED", "FULL_DUPLEX_STREAMED"}:
        return
    if request == "FULL_DUPLEX_STREAMED" or early:
        yield f"response_body_mode is {response}: no token is counted; write FULL_DUPLEX_STREAMED"
    elif not inside(filter_, "allow_mode_override"):
        yield "allow_mode_override is not true: no token is counted; write allow_mode_override: true"


def _headers(filter_: Json, plan: Plan) -> Iterator[str]:
    needs = plan.needs
    if not (needs.response_body or needs.response_headers):
        return
    if _mode(filter_, "response_header_mode", "SEND") == "SKIP":
        yield "response_header_mode is SKIP, and the policy needs the headers of responses: write SEND"
    told = inside(filter_, "response_attributes") or []
    if "response.code_details" not in told:
        yield "response_attributes lacks response.code_details: Envoy's own replies are taken for a backend's"
    if "xds.cluster_name" not in told:
        yield "response_attributes lacks xds.cluster_name: a response from the wrong backend is not noticed"


def _fields(filter_: Json, policy: Policy, plan: Plan) -> Iterator[str]:
    read = [*FIELDS_READ, *plan.needs.fields, *control_headers(policy)]
    if plan.needs.errors:
        read += ["www-authenticate", "location"]  # in which a backend might quote a credential
    odd = [f"x-any{ending}" for ending in CREDENTIAL_ENDINGS] if removes_by_kind(policy) else []
    unseen = missing([*read, *odd], inside(filter_, "forward_rules"), forwarded)
    if unseen:
        yield f"forward_rules hide fields that the processor reads: {unseen}"
    written = sorted({*writable(policy), "x-extproc-version", *odd})
    kept = missing(written, inside(filter_, "mutation_rules"), changeable)
    if kept:
        yield f"mutation_rules forbid fields that the processor sets or removes: {kept}"
    shown = inside(filter_, "request_attributes") or []
    if plan.needs.route_name and "xds.route_name" not in shown:
        yield "request_attributes lacks xds.route_name, and the policy names routes"
    for attribute in plan.needs.attributes:
        if attribute not in shown:
            yield f"request_attributes lacks {attribute}, by which the policy tells tenants"
    forwarded_too: Any = inside(filter_, "metadata_options", "forwarding_namespaces", "untyped") or []
    for namespace in plan.needs.namespaces:
        if namespace not in {*forwarded_too, BALANCING, HINTS}:
            yield f"metadata_options.forwarding_namespaces lacks {namespace}, in which the policy looks for tenants"


def _switches(filter_: Json, policy: Policy) -> Iterator[str]:
    if inside(filter_, "observability_mode"):
        yield "observability_mode is true: Envoy ignores every response of the processor"
    if inside(filter_, "failure_mode_allow"):
        yield "failure_mode_allow is true: a processor that fails lets everything pass; write false"
    if inside(filter_, "disable_immediate_response"):
        yield "disable_immediate_response is true: refusals do not reach the client"
    if inside(filter_, "route_cache_action") == "RETAIN" or inside(filter_, "disable_clear_route_cache"):
        yield "the route cache is kept (route_cache_action, disable_clear_route_cache): no request is steered"
    if inside(filter_, "message_timeout") is None:
        yield f"message_timeout is absent, so 200 ms: write {MESSAGE_TIMEOUT:.0f}s"
    untyped: Any = inside(filter_, "metadata_options", "receiving_namespaces", "untyped") or []
    if "extproc" not in untyped:
        yield "metadata_options.receiving_namespaces lacks extproc: decisions are in no access log"
    for name in receiving(policy):
        if name not in {*untyped, "extproc", "io.envoy.ai_gateway"}:
            lost = "no pick of an endpoint is followed" if name == BALANCING else "no request is steered"
            yield f"metadata_options.receiving_namespaces lacks {name}: {lost}"


def _picks(filter_: Json) -> Iterator[str]:
    """Yield what the filter fails to hand over of what picking endpoints needs."""
    namespaces = inside(filter_, "metadata_options", "forwarding_namespaces", "untyped") or []
    if HINTS not in namespaces:
        yield f"metadata_options.forwarding_namespaces lacks {HINTS}: endpoints outside of Envoy's subset are picked"
    if BALANCING not in namespaces and ADDRESS not in (inside(filter_, "response_attributes") or []):
        yield f"response_attributes lacks {ADDRESS}: nobody sees which endpoint served"


def _mode(filter_: Json, name: str, default: str) -> str:
    """A processing mode; Envoy sends headers and no bodies where nothing is written."""
    mode = inside(filter_, "processing_mode", name)
    return default if mode in {None, "DEFAULT"} else str(mode)
