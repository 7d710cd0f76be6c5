"""The configuration for `usage: {from: envoy}`: the filter before the backends, and routes that name the API."""

import json
from typing import Any, Final

from extproc.gateway.bootstrap import Json, SocketAddress, bootstrap
from extproc.gateway.bootstrap.clusters import HTTP_OPTIONS
from extproc.gateway.bootstrap.counted import COUNTER, PROTOCOLS
from extproc.policy import loads
from extproc.transaction import Plan
from tests.gathered import gathered

POLICY: Final = """\
version: 1
backends:
  - {name: one, url: "http://127.0.0.1:1/v1", api: openai}
  - {name: two, url: "https://two.example/v1", api: openai, sealed_by: one}
models: [{name: chat, targets: [{backend: one}], fallback: [{backend: two}]}]
"""


def made(more: str, profile: Any = "buffered") -> Json:
    policy = loads(POLICY + more)
    needs, listen = Plan.compile(policy, {}).needs, SocketAddress("127.0.0.1", 0)
    return bootstrap(policy, needs=needs, endpoints=["unix:/x"], listen=listen, profile=profile)


def names(cluster: Json) -> list[str]:
    options = cluster["typed_extension_protocol_options"].get(HTTP_OPTIONS, {})
    return [each["name"] for each in options.get("http_filters", [])]


@gathered(
    ("more", "profile"),
    [("", "buffered"), ("", "full-duplex"), ("steering: {retries: none}\n", "buffered")],
)
def test_the_filter_is_the_first_before_every_backend(more: str, profile: str) -> None:
    whole = made(more + "usage: {from: envoy}\n", profile)
    clusters = [each for each in whole["static_resources"]["clusters"] if each["name"] != "extproc"]
    assert len(clusters) >= 2
    for cluster in clusters:
        found = names(cluster)
        assert (found[0], found[-1]) == (COUNTER, "envoy.filters.http.upstream_codec"), cluster["name"]
    manager = whole["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    config = manager["http_filters"][0]["typed_config"]
    assert config["processing_mode"]["response_header_mode"] == "SEND"
    assert config["processing_mode"]["response_trailer_mode"] == "SEND"
    assert config["metadata_options"]["forwarding_namespaces"] == {"typed": ["envoy.ai.token_usage"]}
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    told = [each for each in routes if COUNTER in each.get("typed_per_filter_config", {})]
    assert len(told) == len(PROTOCOLS) * (len(routes) // (len(PROTOCOLS) + 1))
    for each in told:
        protocol = PROTOCOLS[each["match"]["safe_regex"]["regex"]]
        assert each["typed_per_filter_config"][COUNTER]["response"] == {"llm_protocol": protocol}
        assert each["match"]["headers"]
        plain = routes[routes.index(each) :]
        assert any(other["route"] == each["route"] and other["match"].get("prefix") for other in plain)


def test_a_policy_that_counts_otherwise_has_none_of_it() -> None:
    for more in ("", "usage: {}\n", "usage: {from: none}\n"):
        assert COUNTER not in json.dumps(made(more))
        assert "envoy.ai.token_usage" not in json.dumps(made(more))
