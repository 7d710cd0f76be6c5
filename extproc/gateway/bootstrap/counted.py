"""Envoy's own filter that counts tokens, and the routes that tell it what a response is written in.

The filter `ai_protocol_manager` (Envoy 1.40, alpha) reads the usage in responses before the processor sees them, and
hands it over as typed metadata with trailers that it makes: three messages for a stream of any length. It has to know
the API: by the route, which is told by the path here.

It stands before the backends, in the clusters. Measured with Envoy 1.40: behind the processor's filter in the listener,
a response whose end comes while that waits for the processor gets no trailers, and never ends if its body is read.
"""

from typing import Final

from extproc.gateway.bootstrap.values import Json, Setting, typed
from extproc.wire.tokens import NAMESPACE

COUNTER: Final = "envoy.filters.http.ai_protocol_manager"

_PACKAGE: Final = "envoy.extensions.filters.http.ai_protocol_manager.v3"

PROTOCOLS: Final = {
    ".*/chat/completions": "OPENAI_CHAT_COMPLETIONS",
    ".*/responses": "OPENAI_RESPONSES",
    ".*/messages": "ANTHROPIC_MESSAGES",
    ".*:(?:generateContent|streamGenerateContent)": "GEMINI_GENERATE_CONTENT",
}
"""The paths of the APIs whose usage Envoy reads, as backends have them, and Envoy's names for these APIs."""


def counter(setting: Setting) -> list[Json]:
    """The filter as the first of a cluster's `http_filters`; none unless the policy has Envoy count."""
    if not setting.needs.counted:
        return []
    usage = {"include_unconfigured_routes": False, "usage_signal": "SYNTHESIZE_TRAILERS"}
    config = typed(f"{_PACKAGE}.AiProtocolManager", response_handling={"token_usage": usage})
    return [{"name": COUNTER, "typed_config": config}]


def counting_routes(setting: Setting, routes: list[Json]) -> list[Json]:
    """Return the routes, each with a copy before it for every API that Envoy counts; as they are if it does not."""
    if not setting.needs.counted:
        return routes
    return [each for route in routes for each in (*_copies(route), route)]


def _copies(route: Json) -> list[Json]:
    if "route" not in route:
        return []
    rest = {name: value for name, value in route["match"].items() if name != "prefix"}
    return [
        {
            **route,
            "name": f"{route['name']}-{protocol.lower()}",
            "match": {"safe_regex": {"regex": path}, **rest},
            "typed_per_filter_config": {
                **route.get("typed_per_filter_config", {}),
                COUNTER: typed(f"{_PACKAGE}.AiProtocolManagerPerRoute", response={"llm_protocol": protocol}),
            },
        }
        for path, protocol in PROTOCOLS.items()
    ]


def forwarded(setting: Setting) -> Json:
    """The namespaces of metadata that Envoy forwards to the processor; nothing if there is none."""
    found: Json = {}
    if setting.needs.namespaces:
        found["untyped"] = [*setting.needs.namespaces]
    if setting.needs.counted:
        found["typed"] = [NAMESPACE]
    return {"forwarding_namespaces": found} if found else {}
