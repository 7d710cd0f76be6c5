"""What an Envoy configuration lacks for endpoint pools is said before."""

from typing import Any

import pytest

from extproc.gateway.bootstrap import SocketAddress, bootstrap
from tests.e2e.gateway import ext_proc, manager
from tests.gateway.test_against import POLICY, clusters, compiled, lacks, made

POOLED = POLICY + "endpoint_pools: [{name: p, backends: [south], endpoints: ['10.0.0.1:80', '[fd00::1]:80']}]\n"


def test_what_is_generated_for_a_pool_lacks_nothing_and_has_its_endpoints() -> None:
    whole = made(text=POOLED)
    assert lacks(whole, POOLED) == []
    cluster = next(each for each in whole["static_resources"]["clusters"] if each["name"] == "south")
    hosts = [
        each["endpoint"]["address"]["socket_address"]
        for each in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    ]
    assert [(each["address"], each["port_value"]) for each in hosts] == [("10.0.0.1", 80), ("fd00::1", 80)]


FREE = """\
version: 1
backends: []
default_backend: route
unknown_models: pass
endpoint_pools: [{name: p, endpoints: ['10.0.0.1:80']}]
"""


def test_where_only_endpoints_are_picked_no_route_has_to_follow_a_header() -> None:
    whole = made(text=FREE)
    assert lacks(whole, FREE) == []
    manager(whole)["route_config"]["virtual_hosts"][0]["routes"] = [
        {"match": {"prefix": "/"}, "route": {"cluster": "p"}}
    ]
    del manager(whole)["early_header_mutation_extensions"]  # a client's are removed by the processor
    assert lacks(whole, FREE) == []


def without(namespace: str) -> Any:
    return lambda whole: ext_proc(whole)["metadata_options"]["forwarding_namespaces"]["untyped"].remove(namespace)


def unheard(whole: Any) -> None:
    ext_proc(whole)["metadata_options"]["receiving_namespaces"]["untyped"].remove("envoy.lb")


def blind(whole: Any) -> None:
    without("envoy.lb")(whole)
    ext_proc(whole)["response_attributes"].remove("upstream.address")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (clusters(lambda all_: [each.pop("load_balancing_policy", None) for each in all_]), "override_host"),
        (without("envoy.lb.subset_hint"), "endpoints outside of Envoy's subset are picked"),
        (without("envoy.lb"), None),
        (blind, "nobody sees which endpoint served"),
        (unheard, "no pick of an endpoint is followed"),
    ],
)
def test_what_keeps_picks_from_being_followed_is_told(change: Any, told: str | None) -> None:
    whole = made(text=POOLED)
    change(whole)
    found = lacks(whole, POOLED)
    assert found == [] if told is None else [each for each in found if told in each], found


def test_a_pool_whose_endpoints_are_not_in_the_policy_is_not_made_up() -> None:
    policy, plan = compiled(POLICY + "endpoint_pools: [{name: p, backends: [south]}]\n")
    with pytest.raises(ValueError, match="lists no endpoints of pool p"):
        bootstrap(policy, needs=plan.needs, endpoints=["unix:/run/p"], listen=SocketAddress("127.0.0.1", 0))
