"""The backends' clusters, one each, of the same name."""

from typing import Final

from extproc.gateway.bootstrap.counted import counter
from extproc.gateway.bootstrap.filter import attempt_filter, copy_filter, reading_filter
from extproc.gateway.bootstrap.values import REQUEST_SLACK, Json, Setting, seconds, socket_address, typed
from extproc.policy import Address, Backend
from extproc.policy.address import is_ip
from extproc.policy.endpoints import EndpointPool
from extproc.routing.attempts import FIRST_SUFFIX, RETRY_SUFFIX
from extproc.routing.mirrors import MIRROR_SUFFIX
from extproc.transaction.requests.admission import FIELDS_MOST
from extproc.transaction.requests.pools import BALANCING, DESTINATION, SERVED
from extproc.transaction.upstream.attempts import COUNT_HEADER
from extproc.transaction.upstream.copies import COPY_HEADER

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for TCP and TLS to a backend: several round trips across the world."""

ANSWER_BUFFER: Final = 1024 * 1024
"""Bytes of an answer that are held for a slow client of one connection; Envoy's own default. In the buffered profile
an answer that is read whole has to fit as well: beyond this Envoy answers 500, whatever the policy says of size."""

KEEPALIVE_AFTER: Final = 60
"""Seconds of silence before TCP asks whether the other side is there: a model may think for longer than a NAT remembers
a connection that says nothing (350 s at AWS)."""

IDLE_PLAIN: Final = 4.0
IDLE_TLS: Final = 50.0
"""Seconds after which an idle connection is closed by us, before the backend does it in the moment when we send:
uvicorn, which serves most self-hosted models, closes after 5 s; load balancers of hosted APIs after 60 s."""

HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def backend_cluster(backend: Backend, setting: Setting) -> Json:
    """The cluster of one backend."""
    address = backend.address
    pool = next((each for each in setting.policy.endpoint_pools if backend.name in each.backends), None)
    cluster: Json = {
        "name": backend.name,
        **_discovery(address),
        "connect_timeout": seconds(CONNECT_TIMEOUT),
        "per_connection_buffer_limit_bytes": _buffer(setting),
        "circuit_breakers": {"thresholds": [_bounds(setting)]},
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": KEEPALIVE_AFTER}},
        "typed_extension_protocol_options": {HTTP_OPTIONS: _protocol(address, setting)},
        "load_assignment": one_endpoint(backend.name, socket_address(address.host, address.port)),
    }
    if address.secure:
        cluster["transport_socket"] = tls(_context(backend, setting))
    return cluster if pool is None else cluster | picked_among(backend.name, pool)


def pool_cluster(pool: EndpointPool, setting: Setting) -> Json:
    """The cluster of a pool that is for no backend. Raises ValueError if its endpoints are not in the policy."""
    return {
        "name": pool.name,
        "connect_timeout": seconds(CONNECT_TIMEOUT),
        "per_connection_buffer_limit_bytes": _buffer(setting),
        "circuit_breakers": {"thresholds": [_bounds(setting)]},
        "upstream_connection_options": {"tcp_keepalive": {"keepalive_time": KEEPALIVE_AFTER}},
        "typed_extension_protocol_options": {HTTP_OPTIONS: _plain()},
        **picked_among(pool.name, pool),
    }


def picked_among(name: str, pool: EndpointPool) -> Json:
    """Return what makes a cluster follow the processor's picks. Raises ValueError, see `pool_cluster`."""
    if not pool.endpoints:
        raise ValueError(
            f"the policy lists no endpoints of pool {pool.name}: write its cluster yourself (docs/neighbours.md)"
        )
    hosts = [endpoint.rpartition(":") for endpoint in pool.endpoints]
    addresses = [socket_address(host.strip("[]"), int(port)) for host, _, port in hosts]
    return {
        "type": "STATIC",
        "load_balancing_policy": override_host(),
        "load_assignment": one_endpoint(name, *addresses),
    }


def override_host() -> Json:
    """The load balancing policy that goes to the endpoint that was picked, and says which one served."""
    key = {"key": BALANCING, "path": [{"key": DESTINATION}]}
    config = typed(
        "envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost",
        # The metadata first: a header is what a client can send as well.
        override_host_sources=[{"metadata": key}, {"header": DESTINATION}],
        selected_host_key={"key": BALANCING, "path": [{"key": SERVED}]},
        fallback_policy={
            "policies": [
                {
                    "typed_extension_config": {
                        "name": "envoy.load_balancing_policies.round_robin",
                        "typed_config": typed("envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin"),
                    }
                }
            ]
        },
    )
    name = "envoy.load_balancing_policies.override_host"
    return {"policies": [{"typed_extension_config": {"name": name, "typed_config": config}}]}


def retry_cluster(backend: Backend, setting: Setting) -> Json:
    """The cluster for a backend's later attempts: the same place, behind a filter that makes requests fit for it."""
    cluster = backend_cluster(backend, setting)
    name = backend.name + RETRY_SUFFIX
    options = cluster["typed_extension_protocol_options"][HTTP_OPTIONS]
    return {
        **cluster,
        "name": name,
        "per_connection_buffer_limit_bytes": max(_buffer(setting), setting.buffered),
        "load_assignment": {**cluster["load_assignment"], "cluster_name": name},
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {**options, "http_filters": [*counter(setting), attempt_filter(setting, backend), _codec()]}
        },
    }


COPIED_FIELDS: Final = (COUNT_HEADER, COPY_HEADER, "x-forwarded-for", "x-envoy-internal")
"""Header fields that Envoy adds to a copy, after its routes have taken out as much of the request."""


COPIES_SHARE: Final = 20
"""One of so many of `limits.open_exchanges` may be a copy that is under way, and as many may wait for a connection: the
processor keeps an exchange open for each, and a mirror that hangs must not keep requests out. Others are not made."""


def mirror_cluster(backend: Backend, setting: Setting) -> Json:
    """The cluster for copies: the same place, behind a filter that makes them fit for it, and for so long at most."""
    cluster = backend_cluster(backend, setting)
    name = backend.name + MIRROR_SUFFIX
    options = cluster["typed_extension_protocol_options"][HTTP_OPTIONS]
    # Nobody waits for a copy, so that nobody would end one at a backend that never responds.
    lasting = seconds(setting.policy.limits.exchange_timeout)
    common = {**options["common_http_protocol_options"], "max_stream_duration": lasting}
    filters = [copy_filter(setting, backend), *without_fields(*COPIED_FIELDS)]
    return {
        **cluster,
        "name": name,
        "per_connection_buffer_limit_bytes": max(_buffer(setting), setting.buffered),
        "circuit_breakers": {"thresholds": [_few(setting)]},
        "load_assignment": {**cluster["load_assignment"], "cluster_name": name},
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {**options, "common_http_protocol_options": common, "http_filters": filters}
        },
    }


def first_cluster(backend: Backend, setting: Setting) -> Json:
    """The cluster for a backend's first attempts of models whose errors are read."""
    cluster = backend_cluster(backend, setting)
    name = backend.name + FIRST_SUFFIX
    options = cluster["typed_extension_protocol_options"][HTTP_OPTIONS]
    return {
        **cluster,
        "name": name,
        "load_assignment": {**cluster["load_assignment"], "cluster_name": name},
        "typed_extension_protocol_options": {HTTP_OPTIONS: {**options, "http_filters": _reading(setting, backend)}},
    }


def _reading(setting: Setting, backend: Backend) -> list[Json]:
    count, codec = without_fields(COUNT_HEADER)
    return [*counter(setting), count, reading_filter(setting, backend), codec]


def _uncounted(setting: Setting) -> list[Json]:
    """Take Envoy's count of attempts out again before a provider sees it; without one, an attempt is the first."""
    return [_codec()] if setting.retries is None else without_fields(COUNT_HEADER)


def without_fields(*names: str) -> list[Json]:
    """The filters of a cluster that take header fields out before a provider sees them; they are the last ones."""
    name = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
    mutation = typed(name, mutations={"request_mutations": [{"remove": each} for each in names]})
    return [{"name": "envoy.filters.http.header_mutation", "typed_config": mutation}, _codec()]


def _codec() -> Json:
    name = "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"
    return {"name": "envoy.filters.http.upstream_codec", "typed_config": typed(name)}


def _buffer(setting: Setting) -> int:
    if setting.profile != "buffered" or not setting.needs.answer_buffer:
        return ANSWER_BUFFER
    return max(ANSWER_BUFFER, setting.needs.answer_buffer + REQUEST_SLACK)


def _discovery(address: Address) -> Json:
    if address.numeric:
        return {"type": "STATIC"}
    # Behind https is mostly a hosted API, whose name gives other addresses each time: LOGICAL_DNS takes the newest for
    # new connections and leaves open ones, and the streams on them, alone. Behind http is mostly a service of our own
    # with an address for each replica: STRICT_DNS shares the requests among them.
    kind = "LOGICAL_DNS" if address.secure else "STRICT_DNS"
    # AUTO would take an IPv6 address on a machine that has no route for it. Names are looked up every 5 s, as is
    # Envoy's default, and not by their TTL: Docker says 600 s, for which a container that was replaced would be lost.
    return {"type": kind, "dns_lookup_family": "V4_PREFERRED"}


def _bounds(setting: Setting) -> Json:
    """As much as all the workers hold: `limits.open_exchanges` is what refuses."""
    most = setting.policy.limits.open_exchanges * len(setting.endpoints)
    # Envoy's default of 3 retries at once would leave most requests with the failure.
    retries = {} if setting.retries is None else {"max_retries": most}
    return {"max_connections": most, "max_pending_requests": most, "max_requests": most, **retries}


def _few(setting: Setting) -> Json:
    """As many copies for one mirror as may be under way, of all mirrors together one in `COPIES_SHARE`."""
    exchanges = setting.policy.limits.open_exchanges * len(setting.endpoints)
    most = max(1, exchanges // (COPIES_SHARE * len(setting.mirrors)))
    return {"max_connections": most, "max_pending_requests": most, "max_requests": most}


def _protocol(address: Address, setting: Setting) -> Json:
    counts = counter(setting)
    filters = {"http_filters": [*counts, *_uncounted(setting)]} if counts or setting.retries is not None else {}
    if not address.secure:
        return _plain() | filters
    # HTTP/2 where the backend agrees to it in the TLS handshake (ALPN), else HTTP/1.1.
    return typed(
        HTTP_OPTIONS,
        common_http_protocol_options={"idle_timeout": seconds(IDLE_TLS), "max_headers_count": FIELDS_MOST},
        auto_config={"http_protocol_options": {}, "http2_protocol_options": {}},
        **filters,
    )


def _plain() -> Json:
    """The protocol of what is spoken to without TLS."""
    return typed(
        HTTP_OPTIONS,
        common_http_protocol_options={"idle_timeout": seconds(IDLE_PLAIN), "max_headers_count": FIELDS_MOST},
        explicit_http_config={"http_protocol_options": {}},
    )


def one_endpoint(name: str, *addresses: Json) -> Json:
    """A load assignment with the given addresses."""
    return {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}} for address in addresses]}],
    }


def tls(context: Json) -> Json:
    """A transport socket with an UpstreamTlsContext."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", **context),
    }


def _context(backend: Backend, setting: Setting) -> Json:
    address, given = backend.address, backend.tls
    sni = given.sni if given and given.sni else None if address.numeric else address.host
    names = given.sans if given and given.sans else (sni or address.host,)
    ca = given.ca if given else None
    validation: Json = {
        "match_typed_subject_alt_names": [_san(name) for name in names],
        "trusted_ca": {"filename": str(ca or setting.system_ca)},
    }
    common = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "validation_context": validation,
    }
    return {**({"sni": sni} if sni else {}), "common_tls_context": common}


def _san(name: str) -> Json:
    kind = "URI" if "://" in name else "IP_ADDRESS" if is_ip(name) else "DNS"
    return {"san_type": kind, "matcher": {"exact": name}}
