"""The listener: how clients are spoken to, and what of theirs is taken out before anything reads it."""

from typing import Final

from extproc.gateway.bootstrap.filter import control_headers, ext_proc
from extproc.gateway.bootstrap.log import access_log
from extproc.gateway.bootstrap.replies import local_replies
from extproc.gateway.bootstrap.routes import IDLE, route_config
from extproc.gateway.bootstrap.values import PROCESSOR, Json, Setting, own_address, seconds, typed
from extproc.transaction.requests.admission import FIELDS_MOST
from extproc.transaction.upstream.attempts import COUNT_HEADER

CONNECTION_BUFFER: Final = 1024 * 1024
"""Bytes held for a slow peer of one connection, and the size of the pieces in which full-duplex hands over a body;
Envoy's own default. A buffered body has a limit of its own, on the virtual host."""

HEADERS_TIMEOUT: Final = 10.0
"""Seconds for a client to send its headers: bounds connections that dribble them in."""

CLIENT_STREAMS: Final = 100
"""HTTP/2 streams of one client connection; Envoy's recommendation for a proxy at the edge."""

STREAM_WINDOW: Final = 512 * 1024
CONNECTION_WINDOW: Final = 8 * 1024 * 1024
"""Bytes that an HTTP/2 client may send ahead, for one stream and for all of a connection's. Envoy's default of 16 MiB a
stream lets a body of unknown length run so far past the buffer's limit that the processor's transport must fail where
413 is due; and at 100 streams it is 1.6 GiB for each client. 512 KiB is 5 MB/s at a round trip of 100 ms."""

PAST_DEADLINE: Final = 15.0
"""Seconds that the connection manager waits beyond `limits.exchange_timeout`, so that the processor, which answers in
the client's dialect, and then its cluster's limit, come first."""


def listener(setting: Setting) -> Json:
    """The one listener."""
    return {
        "name": PROCESSOR,
        "address": own_address(setting.listen),
        # A clash of ports is an error, not a port shared with whoever was there.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": _connection_buffer(setting),
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(setting),
                    }
                ]
            }
        ],
    }


def _connection_buffer(setting: Setting) -> int:
    # The virtual host's limit for buffered bodies can only be above this one.
    return min(CONNECTION_BUFFER, setting.buffered) if setting.profile == "buffered" else CONNECTION_BUFFER


def _connection_manager(setting: Setting) -> Json:
    limits = setting.policy.limits
    name = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return typed(
        name,
        stat_prefix=PROCESSOR,
        # The client's address is that of its connection: nobody writes its own into x-forwarded-for.
        use_remote_address=True,
        # The path that the processor judges is the one that a backend would make of it.
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        request_headers_timeout=seconds(HEADERS_TIMEOUT),
        request_timeout=seconds(limits.request_timeout),
        stream_idle_timeout=seconds(IDLE),
        common_http_protocol_options={
            # Some servers take x_api_key for x-api-key.
            "headers_with_underscores_action": "DROP_HEADER",
            "max_headers_count": FIELDS_MOST,
            "max_stream_duration": seconds(limits.exchange_timeout + PAST_DEADLINE),
        },
        # Without it, Envoy drops trailers of HTTP/1.1 before anybody can refuse them.
        http_protocol_options={"enable_trailers": True},
        http2_protocol_options={
            "max_concurrent_streams": CLIENT_STREAMS,
            "initial_stream_window_size": STREAM_WINDOW,
            "initial_connection_window_size": CONNECTION_WINDOW,
        },
        early_header_mutation_extensions=[_control_headers(setting)],
        local_reply_config=local_replies(setting),
        http_filters=[ext_proc(setting), _router()],
        route_config=route_config(setting),
        **access_log(setting),
    )


def _control_headers(setting: Setting) -> Json:
    """Takes out what only the processor may say, before the first look at the routes."""
    # A filter between here and the processor may set those that are stripped again; a client may not.
    named = [*control_headers(setting.policy), *setting.stripped]
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": typed(
            "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            mutations=[
                {"remove_on_match": {"key_matcher": {"prefix": "x-extproc-"}}},
                *({"remove": name} for name in named if not name.startswith("x-extproc-")),
                *([{"remove": COUNT_HEADER}] if setting.retries is not None else []),
            ],
        ),
    }


def _router() -> Json:
    return {
        "name": "envoy.filters.http.router",
        # No x-envoy-* to providers, and no hint of timings to clients.
        "typed_config": typed("envoy.extensions.filters.http.router.v3.Router", suppress_envoy_headers=True),
    }
