"""The processor's cluster: an endpoint for each worker, passed over when it is gone, given up when it hangs."""

from typing import Final

from extproc.gateway.bootstrap.clusters import HTTP_OPTIONS, one_endpoint, tls
from extproc.gateway.bootstrap.values import PROCESSOR, Json, ProcessorTls, Setting, seconds, socket_address, typed
from extproc.policy.address import is_dns_name, is_ip
from extproc.protocol.errors import ServeError
from extproc.server.listen import Unix, parse
from extproc.transaction.load import REFUSED_ROOM
from extproc.transaction.steering.fingerprint import CONFIG_HEADER

CONNECT_TIMEOUT: Final = 1.0
"""Seconds; the processor is beside Envoy."""

KEEPALIVE_EVERY: Final = 5.0
KEEPALIVE_WITHIN: Final = 5.0
"""Seconds between pings, and for an answer: what frees the exchanges that a frozen worker holds, for full-duplex has no
other timeout that is short. A healthy worker answers between two messages; 5 s is far more than the largest takes."""

PAST_DEADLINE: Final = 10.0
"""Seconds that a stream lives beyond `limits.exchange_timeout`, at which the processor itself ends it. The only bound
that Envoy has for a processor that answers pings and nothing else in full-duplex."""

WINDOW_UPDATES: Final = 1000
"""WINDOW_UPDATE frames for each DATA frame sent, beyond which Envoy takes the peer for an attacker and drops the
connection with every exchange on it. Its default of 10 is overrun by grpcio in full-duplex when a client sends a body
in many small pieces; the processor is not an attacker."""

CHECK_EVERY: Final = 1.0
CHECK_WITHIN: Final = 2.0
"""Seconds between two questions for the worker's health, and for an answer. One that drains says that it no longer
serves before it closes; one that is busy with a large body needs far less than 2 s."""

EJECTED_FOR: Final = 2.0
"""Seconds that a worker is passed over after one failed connection: until the health check has seen it, too."""


def processor_cluster(setting: Setting) -> Json:
    """The processor's cluster. Raises ValueError for an endpoint that is none."""
    addresses = [endpoint_address(endpoint) for endpoint in setting.endpoints]
    cluster: Json = {
        "name": PROCESSOR,
        **_discovery(addresses),
        "connect_timeout": seconds(CONNECT_TIMEOUT),
        "circuit_breakers": {"thresholds": [_bounds(setting)]},
        "health_checks": [_health_check(setting)],
        "outlier_detection": _outlier_detection(),
        "typed_extension_protocol_options": {HTTP_OPTIONS: _protocol(setting)},
        "load_assignment": one_endpoint(PROCESSOR, *addresses),
    }
    if setting.processor_tls is not None:
        cluster["transport_socket"] = tls(_context(setting.processor_tls))
    return cluster


def endpoint_address(endpoint: str) -> Json:
    """The address of `unix:/path` or `host:port`, as `extproc serve` announces it. Raises ValueError."""
    try:
        where = parse(endpoint)
    except ServeError as error:
        raise ValueError(str(error)) from None
    if isinstance(where, Unix):
        if not where.path.startswith("/"):
            raise ValueError(f"{endpoint}: a path is absolute here, Envoy may be started elsewhere")
        return {"pipe": {"path": where.path}}
    if where.port == 0 or not (is_ip(where.host) or is_dns_name(where.host)):
        raise ValueError(f"{endpoint}: an endpoint has the name or the address of a host, and a port")
    return socket_address(where.host, where.port)


def _discovery(addresses: list[Json]) -> Json:
    """Return how the endpoints are found. Raises ValueError for a mixture that Envoy cannot hold in one cluster."""
    if not addresses:
        raise ValueError("the processor has at least one endpoint")
    if all("pipe" in address or is_ip(address["socket_address"]["address"]) for address in addresses):
        return {"type": "STATIC"}
    if any("pipe" in address for address in addresses):
        raise ValueError("host names and Unix sockets cannot be endpoints of one processor")
    # As backends' names are looked up: AUTO would take ::1 for `localhost`, where the processor need not listen.
    return {"type": "STRICT_DNS", "dns_lookup_family": "V4_PREFERRED"}


def _bounds(setting: Setting) -> Json:
    """Each exchange is a stream to the processor; all of a dead worker's may be offered to another at once.

    Room for those that are being refused, too: past these bounds Envoy refuses by itself, without `retry-after`.
    """
    most = setting.policy.limits.open_exchanges * REFUSED_ROOM * len(setting.endpoints)
    return {"max_pending_requests": most, "max_requests": most, "max_retries": most}


def _health_check(setting: Setting) -> Json:
    # With the fingerprint: a processor then knows how Envoy is configured before the first exchange.
    told = {"header": {"key": CONFIG_HEADER, "value": setting.fingerprint}}
    return {
        "grpc_health_check": {"initial_metadata": [told]},
        "interval": seconds(CHECK_EVERY),
        # Else Envoy asks once a minute until the first request, and a worker that starts after it waits as long.
        "no_traffic_interval": seconds(CHECK_EVERY),
        "timeout": seconds(CHECK_WITHIN),
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
    }


def _outlier_detection() -> Json:
    """Passes a worker over from the first connection that fails, up to a second before the health check does.

    A body above 64 KiB is not offered to a second worker, so each try of a dead one costs a request. gRPC errors do not
    count: a client that can provoke one must not take workers away from others.
    """
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 1,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": seconds(1.0),
        "base_ejection_time": seconds(EJECTED_FOR),
        "max_ejection_percent": 50,
    }


def _protocol(setting: Setting) -> Json:
    lifetime = setting.policy.limits.exchange_timeout + PAST_DEADLINE
    keepalive = {"interval": seconds(KEEPALIVE_EVERY), "timeout": seconds(KEEPALIVE_WITHIN)}
    return typed(
        HTTP_OPTIONS,
        common_http_protocol_options={"max_stream_duration": seconds(lifetime)},
        explicit_http_config={
            "http2_protocol_options": {
                "connection_keepalive": keepalive,
                "max_inbound_window_update_frames_per_data_frame_sent": WINDOW_UPDATES,
            }
        },
    )


def _context(given: ProcessorTls) -> Json:
    kind = "IP_ADDRESS" if is_ip(given.name) else "DNS"
    common: Json = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "alpn_protocols": ["h2"],
        "validation_context": {
            "trusted_ca": {"filename": str(given.ca)},
            "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": given.name}}],
        },
    }
    if given.certificate is not None:
        own = {"certificate_chain": {"filename": str(given.certificate)}, "private_key": {"filename": str(given.key)}}
        common["tls_certificates"] = [own]
    return {**({} if is_ip(given.name) else {"sni": given.name}), "common_tls_context": common}
