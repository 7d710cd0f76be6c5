"""An Envoy that only forwards, so that what is tested is the client and the provider on its two sides."""

from typing import Any

HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
EXT_PROC = "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor"


def proxy(upstream: int, processor: int | None = None) -> dict[str, Any]:
    """A bootstrap with the listener `main`, both versions of HTTP, and trailers; through a processor, if given."""
    filters = [] if processor is None else [_ext_proc()]
    clusters = [_cluster("provider", upstream, {"http_protocol_options": {"enable_trailers": True}})]
    if processor is not None:
        clusters.append(_cluster("processor", processor, {"http2_protocol_options": {}}))
    return {"static_resources": {"listeners": [_listener(filters)], "clusters": clusters}}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _listener(filters: list[dict[str, Any]]) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "provider", "timeout": "0s"}}
    manager = {
        "@type": MANAGER,
        "stat_prefix": "main",
        "codec_type": "AUTO",
        "http_protocol_options": {"enable_trailers": True},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [*filters, {"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    return {
        "name": "main",
        "address": _address(0),
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _cluster(name: str, port: int, protocol: dict[str, Any]) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {"@type": HTTP, "explicit_http_config": protocol}
        },
    }


def _ext_proc() -> dict[str, Any]:
    settings = {
        "@type": EXT_PROC,
        "grpc_service": {"envoy_grpc": {"cluster_name": "processor"}},
        "processing_mode": {"request_header_mode": "SEND", "response_header_mode": "SKIP"},
        "message_timeout": "5s",
    }
    return {"name": "ext_proc", "typed_config": settings}
