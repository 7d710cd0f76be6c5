"""The ext_proc filter: what the processor is sent, and what it may change."""

import re
from typing import Final

from extproc.gateway.bootstrap.counted import forwarded
from extproc.gateway.bootstrap.values import PROCESSOR, Json, Setting, seconds, typed
from extproc.policy import Backend, Policy
from extproc.policy.credential_headers import CREDENTIAL_ENDINGS
from extproc.policy.limit_headers import LIMIT_HEADERS
from extproc.policy.tenants import KEY_FIELDS
from extproc.policy.usage import NAMESPACE
from extproc.routing.mcp import SESSION
from extproc.routing.table import client_credentials, removed_fields
from extproc.transaction import CONTROL_PREFIX, FIELDS_READ
from extproc.transaction.outcome import RETRY_AFTER
from extproc.transaction.requests.admission import CROWDED
from extproc.transaction.requests.pools import ADDRESS, BALANCING, CONTROL
from extproc.transaction.steering.fingerprint import ATTEMPT_MARK, CONFIG_HEADER, COPY_MARK
from extproc.transaction.upstream.attempts import ATTEMPT_COUNT, COUNT_HEADER

FILTER: Final = "envoy.filters.http.ext_proc.extproc"

MESSAGE_TIMEOUT: Final = 10.0
"""Seconds that one answer may take; Envoy's default of 200 ms is over when a 10 MB body is still being sent.
Full-duplex directions have no such timeout at all."""

MESSAGE_SLACK: Final = 5.0
"""Seconds that Envoy waits longer than processors may judge, so that the verdict on a slow one is the policy's."""

GRPC_SLACK: Final = 64 * 1024
"""Bytes of a gRPC message beside the body: at most the headers (60 KiB) and metadata."""

RETRIES: Final = 3
"""Further workers that a new exchange is offered to when one is gone. Only until the processor's first answer, and only
while Envoy still holds all that it has sent: at most 64 KiB."""

BACK_OFF: Final = 0.025
BACK_OFF_MOST: Final = 0.25
"""Seconds before a retry; Envoy's default of a second would be felt, and the next worker is not the one that failed."""

REQUEST_FIELDS: Final = (
    ":path",
    ":authority",
    "content-length",
    "content-type",
    "content-encoding",
    "accept-encoding",
    "sec-websocket-protocol",
)
RESPONSE_FIELDS: Final = ("retry-after", "allow", "www-authenticate", "cache-control")
"""Fields that the processor sets or removes, beside credentials, steering and its own `x-extproc-*`."""

ERROR_FIELDS: Final[tuple[Json, ...]] = (
    {"exact": "www-authenticate"},
    {"exact": "location"},
    {"exact": "warning"},
    {"prefix": "x-"},
    {"contains": "error"},
    {"contains": "message"},
)
"""Fields of responses in which a backend might quote a credential of ours."""

REQUEST_ONLY: Final = ("x-envoy-", "x-forwarded-", "x-stainless-")
"""Fields of requests that fit `ERROR_FIELDS` and say nothing: each costs half a microsecond to look at."""


def ext_proc(setting: Setting) -> Json:
    """The filter as an entry of `http_filters`; `enabled` has to be in the route configuration."""
    config = typed(
        "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service=_service(setting, setting.fingerprint),
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        processing_mode=_modes(setting),
        message_timeout=seconds(max(MESSAGE_TIMEOUT, setting.needs.judging + MESSAGE_SLACK)),
        forward_rules=_forwarded(setting),
        mutation_rules=_rules(setting),
        metadata_options=_metadata(setting),
    )
    if setting.profile == "buffered":
        config["allow_mode_override"] = True
    else:
        config["allow_content_length_header"] = True
    route = ["xds.route_name"] if setting.needs.route_name or setting.needs.route_told else []
    config["request_attributes"] = [CROWDED, *route, *setting.needs.attributes]
    if setting.reads_response:
        # Tell answers of backends from Envoy's own, which pass here as well, and whether the chosen backend answers.
        address = [ADDRESS] if setting.policy.endpoint_pools else []
        retried = [ATTEMPT_COUNT] if setting.retries is not None else []
        config["response_attributes"] = ["response.code_details", "xds.cluster_name", *retried, *address]
    return {"name": FILTER, "disabled": True, "typed_config": config}


def enabled() -> Json:
    """The `typed_per_filter_config` of a route configuration whose requests all go through the filter.

    The filter is disabled for what has no route: bytes that are no HTTP. Envoy closes their connection before the
    processor could reply to its 400, so that the client would see no response at all.
    """
    return {FILTER: typed("envoy.config.route.v3.FilterConfig", config={})}


def attempt_filter(setting: Setting, backend: Backend) -> Json:
    """The filter before a backend that makes a later attempt fit for it, as an entry of a cluster's `http_filters`.

    Envoy runs it once for each attempt, with the body as the processor let it go on.
    """
    return _before_backend(
        setting,
        backend,
        {"request_header_mode": "SEND", "request_body_mode": "BUFFERED", "request_trailer_mode": "SKIP"},
        reads=bool(setting.retries and setting.retries.read),
    )


def copy_filter(setting: Setting, backend: Backend) -> Json:
    """The filter before a mirror's backend that makes a copy fit for it, as an entry of a cluster's `http_filters`."""
    request = {"request_header_mode": "SEND", "request_body_mode": "BUFFERED", "request_trailer_mode": "SKIP"}
    return _before_backend(setting, backend, request, reads=False, mark=COPY_MARK)


def reading_filter(setting: Setting, backend: Backend) -> Json:
    """The filter before a backend that reads the errors of first attempts, and nothing of requests."""
    request = {"request_header_mode": "SKIP", "request_body_mode": "NONE", "request_trailer_mode": "SKIP"}
    return _before_backend(setting, backend, request, reads=True)


def _before_backend(
    setting: Setting, backend: Backend, request: Json, *, reads: bool, mark: bytes = ATTEMPT_MARK
) -> Json:
    config = typed(
        "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service=_service(setting, f"{setting.fingerprint}{mark.decode()}{backend.name}"),
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        processing_mode={
            **request,
            "response_header_mode": "SEND" if reads else "SKIP",
            "response_body_mode": "NONE",
            "response_trailer_mode": "SKIP",
        },
        message_timeout=seconds(MESSAGE_TIMEOUT),
        # Before a backend, these fields hold the backend's key and not the client's.
        forward_rules=_forwarded(setting, without=KEY_FIELDS),
        mutation_rules=_rules(setting),
        request_attributes=["response.code_details", ATTEMPT_COUNT],
        metadata_options={
            "forwarding_namespaces": {"untyped": [PROCESSOR]},
            "receiving_namespaces": {"untyped": receiving(setting.policy)},
        },
    )
    if reads:
        config |= {"allow_mode_override": True, "response_attributes": [ATTEMPT_COUNT]}
    return {"name": FILTER, "typed_config": config}


def _service(setting: Setting, configuration: str) -> Json:
    return {
        "envoy_grpc": {"cluster_name": PROCESSOR, "max_receive_message_length": setting.buffered + GRPC_SLACK},
        # Comes with every exchange; under a policy that needs another configuration the processor refuses it.
        "initial_metadata": [{"key": CONFIG_HEADER, "value": configuration}],
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,unavailable,reset",
            "num_retries": RETRIES,
            "retry_back_off": {"base_interval": seconds(BACK_OFF), "max_interval": seconds(BACK_OFF_MOST)},
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
                }
            ],
            "host_selection_retry_max_attempts": 5,
        },
    }


def _metadata(setting: Setting) -> Json:
    """Return the namespaces of dynamic metadata that the processor writes, and those that it reads."""
    return {**forwarded(setting), "receiving_namespaces": {"untyped": receiving(setting.policy)}}


def _modes(setting: Setting) -> Json:
    if setting.profile == "buffered":
        # Where they are refused, the processor has to see those of bodies that are not buffered.
        trailers = "SEND" if setting.policy.request_trailers == "reject" else "SKIP"
        request = {"request_header_mode": "SEND", "request_body_mode": "BUFFERED", "request_trailer_mode": trailers}
    else:
        request = {
            "request_header_mode": "SEND",
            "request_body_mode": "FULL_DUPLEX_STREAMED",
            "request_trailer_mode": "SEND",
        }
    return {**request, **_response_modes(setting)}


def _response_modes(setting: Setting) -> Json:
    reads = setting.needs.response_body or setting.needs.errors
    # In full-duplex no override is taken, so that an error's body is seen only if every body is.
    streams = setting.profile == "full-duplex" and (reads or setting.needs.metered)
    # BUFFERED and not NONE: the processor asks for streams, and not for what it does not read, by an override. Envoy
    # does not say whether it takes one, and from NONE one that it ignores would let a response pass unread. What is
    # read for its usage alone is asked for from NONE.
    buffers = setting.profile == "buffered" and reads
    return {
        "response_header_mode": "SEND" if setting.reads_response else "SKIP",
        "response_body_mode": "FULL_DUPLEX_STREAMED" if streams else "BUFFERED" if buffers else "NONE",
        "response_trailer_mode": "SEND" if streams or setting.needs.counted else "SKIP",
    }


def _forwarded(setting: Setting, without: tuple[str, ...] = ()) -> Json:
    """Return the fields that the processor is shown: those it reads, `without` some. The upstream still gets all."""
    read = (name for name in setting.needs.fields if name not in without)
    names = dict.fromkeys((*FIELDS_READ, *read, *control_headers(setting.policy)))
    exact = [{"exact": name} for name in names if not name.startswith(CONTROL_PREFIX)]
    patterns = [*exact, {"prefix": CONTROL_PREFIX}]
    never: list[Json] = []
    if removes_by_kind(setting.policy):
        # Names that the processor removes if they come. Those that it removes in any case it need not see.
        patterns += [{"suffix": ending} for ending in CREDENTIAL_ENDINGS]
        never += [{"exact": name} for name in client_credentials(setting.policy) if name not in names]
    if setting.needs.response_headers:
        patterns += [{"exact": name} for name in RETRY_AFTER]
    if setting.needs.errors:
        patterns += ERROR_FIELDS
        never += [{"prefix": prefix} for prefix in REQUEST_ONLY]
    return {
        "allowed_headers": {"patterns": patterns},
        **({"disallowed_headers": {"patterns": never}} if never else {}),
    }


def _rules(setting: Setting) -> Json:
    counted = () if setting.retries is None else (COUNT_HEADER,)
    named = sorted(each for each in (*writable(setting.policy), *counted) if not each.startswith("x-extproc-"))
    names = "|".join(re.escape(name).replace(r"\-", "-") for name in named)
    kinds = f"|.*(?:{'|'.join(CREDENTIAL_ENDINGS)})" if removes_by_kind(setting.policy) else ""
    return {
        "disallow_all": True,
        "allow_expression": {"regex": f"(?:{names}|x-extproc-.*{kinds})"},
        # Left out silently, a field that was to be removed, such as the client's credential, would go on.
        "disallow_is_error": True,
    }


def receiving(policy: Policy) -> list[str]:
    """The namespaces of dynamic metadata that the processor writes."""
    own = [policy.steering.metadata_namespace] if policy.steering.by == "metadata" else []
    picks = [BALANCING] if policy.endpoint_pools else []
    told = None if policy.usage is None else policy.usage.metadata
    usage = [] if told is None else [told.namespace]
    return list(dict.fromkeys((PROCESSOR, NAMESPACE, *own, *picks, *usage)))


def control_headers(policy: Policy) -> tuple[str, ...]:
    """The request headers that only the processor may set, besides those that begin as its own do."""
    return (*policy.steering.headers, *(sorted(CONTROL) if policy.endpoint_pools else ()))


def removes_by_kind(policy: Policy) -> bool:
    """True if the processor removes credentials of clients that come under names which only end as such do."""
    return any(backend.credential != "client" for backend in policy.backends)


def writable(policy: Policy) -> frozenset[str]:
    """The names of the header fields that the processor may set or remove."""
    sessions = () if policy.mcp is None else (SESSION,)
    named = (*removed_fields(policy), *control_headers(policy), *sessions)
    limits = LIMIT_HEADERS if policy.budgets else ()
    return frozenset({*named, *REQUEST_FIELDS, *RESPONSE_FIELDS, *limits})
