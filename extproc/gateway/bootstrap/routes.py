"""Routes: to the backend that the processor names, and to none for everything else."""

from typing import Final

from extproc.gateway.bootstrap.counted import counting_routes
from extproc.gateway.bootstrap.filter import control_headers, enabled
from extproc.gateway.bootstrap.mirrored import mirrored_routes
from extproc.gateway.bootstrap.retried import retried_routes
from extproc.gateway.bootstrap.steered import steered_routes
from extproc.gateway.bootstrap.values import PROCESSOR, Json, Setting, seconds
from extproc.routing.table import client_credentials
from extproc.transaction.requests.passage import KEY_PREFIX
from extproc.transaction.steering.fingerprint import credential_fields
from extproc.transaction.upstream.attempts import RETRY_HEADER
from extproc.transaction.upstream.content import RETRIABLE_HEADER
from extproc.transaction.upstream.copies import MIRROR_HEADER

IDLE: Final = 600.0
"""Seconds in which neither side sends a byte. Reasoning models think for minutes before the first; OpenAI's own SDK
waits 10 minutes by default."""

CLIENT_ADDRESS: Final = ("x-forwarded-for", "x-envoy-external-address", "x-envoy-internal")
"""Header fields that Envoy adds about the client's address: for the processor, and no business of a provider's."""

RESPONSE_HEADERS: Final = {
    "x-extproc-version": "%DYNAMIC_METADATA(extproc:version)%",
    "x-extproc-decision": "%DYNAMIC_METADATA(extproc:decision)%",
    "x-extproc-model": "%DYNAMIC_METADATA(extproc:model)%",
    "x-extproc-backend": "%DYNAMIC_METADATA(extproc:backend)%",
    # Envoy's own id, so that its own answers have it, too, and the processor need not say it.
    "x-extproc-request-id": "%REQUEST_HEADER(x-request-id)%",
}
"""Response headers and what they say. One that has nothing to say is left out by Envoy."""


def route_config(setting: Setting) -> Json:
    """The one virtual host. What is set or removed here holds for every answer, Envoy's own ones too."""
    host: Json = {
        "name": "all",
        "domains": ["*"],
        # Removed when the router finalises the request, after the cluster was chosen: no provider sees them.
        "request_headers_to_remove": [
            *control_headers(setting.policy),
            *_retry(setting),
            *([MIRROR_HEADER] if setting.mirrors else []),
            *CLIENT_ADDRESS,
            *_keys(setting),
        ],
        # Within one level Envoy removes before it adds: what a provider says under our names is lost, ours stays.
        # Nor may a backend say a credential back.
        "response_headers_to_remove": [*RESPONSE_HEADERS, *_named(setting), *client_credentials(setting.policy)],
        "response_headers_to_add": [_told(name, value) for name, value in RESPONSE_HEADERS.items()],
        "routes": _routes(setting),
    }
    if setting.profile == "buffered" or setting.retries is not None or setting.mirrors:
        host["request_body_buffer_limit"] = setting.buffered
    if setting.retries is not None:
        host["include_request_attempt_count"] = True
    return {"name": PROCESSOR, "typed_per_filter_config": enabled(), "virtual_hosts": [host]}


def _told(name: str, value: str) -> Json:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _routes(setting: Setting) -> list[Json]:
    steered = [*retried_routes(setting), *steered_routes(setting.policy)]
    steered = counting_routes(setting, [*mirrored_routes(setting, steered), *steered])
    fields = credential_fields(setting.policy)
    for route in steered:
        route["route"] |= _times()
        if fields:
            # Only here does a backend's key take the name that it has for the backend: where Envoy does not follow what
            # the processor says, no key goes anywhere. The virtual host removes what is left, which Envoy does after.
            route["request_headers_to_add"] = [_told(name, f"%REQ({KEY_PREFIX}{name})%") for name in fields]
    # The only way to a backend is by the processor's word: it has taken the client's credentials out. A route without a
    # cluster, not a direct response: to that, Envoy would not add the response headers.
    header = setting.policy.steering.cluster_header
    nowhere: Json = {"cluster_header": header, "cluster_not_found_response_code": "NOT_FOUND"}
    free = next((each for each in setting.policy.endpoint_pools if not each.backends), None)
    if free is not None:
        nowhere = {"cluster": free.name, **_times()}
    return [*steered, {"name": "unclaimed", "match": {"prefix": "/"}, "route": nowhere}]


def _named(setting: Setting) -> list[str]:
    """The header field with the reason of an error, where such are read."""
    return [RETRIABLE_HEADER] if setting.retries is not None and setting.retries.read else []


def _retry(setting: Setting) -> list[str]:
    return [] if setting.retries is None else [RETRY_HEADER]


def _keys(setting: Setting) -> list[str]:
    """The names under which the processor hands over backends' keys."""
    return [KEY_PREFIX + name for name in credential_fields(setting.policy)]


def _times() -> Json:
    # An answer may stream for as long as it likes to say something: no total, only silence ends it.
    return {"timeout": "0s", "idle_timeout": seconds(IDLE)}
