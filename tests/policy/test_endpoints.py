"""Endpoint pools in a policy: what may be said of them, and where a mistake is told."""

import pytest

from extproc.policy import PolicyError, loads
from extproc.policy.endpoints import ENDPOINTS_MAX, PICKS_MAX, POOLS_MAX, endpoint_of
from tests.gathered import gathered

FREE = "version: 1\nbackends: []\ndefault_backend: route\nunknown_models: pass\nendpoint_pools: [%s]\n"
BACKED = """\
version: 1
backends: [{name: a, url: "http://a", api: openai}, {name: b, url: "http://b", api: openai}]
models: [{name: m, targets: [{backend: a}]}]
endpoint_pools: [%s]
"""


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(PolicyError) as caught:
        loads(text, "policy.yaml")
    return [(each.path, each.message) for each in caught.value.problems]


@gathered(
    ("text", "where", "told"),
    [
        (FREE % "{name: p, endpoints: [localhost:80]}", "endpoint_pools[0].endpoints[0]", "not an endpoint"),
        (FREE % "{name: p, endpoints: ['10.0.0.1:80'], file: f}", "endpoint_pools[0].file", "listed already"),
        (FREE % "{name: p, scorers: [{use: queue}, {use: queue}]}", "endpoint_pools[0].scorers[1].use", "already"),
        (
            FREE % "{name: p, metrics: ~, scorers: [{use: kv_cache}]}",
            "endpoint_pools[0].scorers[0].use",
            "none are read",
        ),
        (FREE % "{name: p, metrics: {path: metrics}}", "endpoint_pools[0].metrics.path", "not the path"),
        (FREE % "{name: p, metrics: {interval: 10ms}}", "endpoint_pools[0].metrics.interval", ""),
        (FREE % f"{{name: p, picks: {PICKS_MAX + 1}}}", "endpoint_pools[0].picks", ""),
        (FREE % "{name: p}, {name: q}", "endpoint_pools[1].backends", "for all other requests already"),
        (FREE % "{name: p}, {name: p, backends: [x]}", "endpoint_pools[1].name", "already a pool"),
        (BACKED % "{name: p, backends: [c]}", "endpoint_pools[0].backends[0]", "no backend c"),
        (BACKED % "{name: p, backends: [a]}, {name: q, backends: [b, a]}", "endpoint_pools[1].backends[1]", "already"),
        (BACKED % "{name: p}", "endpoint_pools[0]", "no request is for pool p"),
        ("version: 1\nbackends: []\nendpoint_pools: []\n", "backends", "a policy needs a backend"),
    ],
)
def test_a_mistake_is_told_where_it_stands(text: str, where: str, told: str) -> None:
    found = problems(text)
    assert any(path == where and told in message for path, message in found), found


def test_the_limits_are_the_last_that_are_taken() -> None:
    many = ", ".join(f"'10.1.{n // 250}.{n % 250}:80'" for n in range(ENDPOINTS_MAX))
    loads(FREE % f"{{name: p, endpoints: [{many}], picks: {PICKS_MAX}}}", "policy.yaml")
    assert problems(FREE % f"{{name: p, endpoints: [{many}, '10.2.0.1:80']}}")
    pools = [f"{{name: p{n}, backends: [{'a' if n else 'b'}]}}" for n in range(POOLS_MAX + 1)]
    assert any(path == "endpoint_pools" for path, _ in problems(BACKED % ", ".join(pools)))


@gathered(
    ("more", "uses"),
    [
        ("", ["least_busy", "kv_cache", "prefix"]),
        (", metrics: ~", ["least_busy", "prefix"]),
        (", scorers: [{use: queue}]", ["queue"]),
    ],
)
def test_a_pool_without_scorers_has_those_that_can_be_computed(more: str, uses: list[str]) -> None:
    (pool,) = loads(FREE % f"{{name: p{more}}}", "policy.yaml").endpoint_pools
    assert [each.use for each in pool.scoring] == uses
    assert pool.reads_prompt is ("prefix" in uses)


@gathered(
    ("written", "endpoint"),
    [
        ("10.0.0.1:8000", "10.0.0.1:8000"),
        (" 10.0.0.1:1 ", "10.0.0.1:1"),
        ("[FD00::0:1]:80", "[fd00::1]:80"),
        ("10.0.0.1:65535", "10.0.0.1:65535"),
        *((each, None) for each in (
            "10.0.0.1", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:080", "fd00::1:80", "[10.0.0.1]:80", "host:80", "",
            "010.0.0.1:80", "10.0.0.1:80,10.0.0.2:80", "10.0.0.1:٨٠", "[fe80::1%eth0]:80", "10.0.0.1:80\r\nx: y",
        )),
    ],
)  # fmt: skip
def test_an_endpoint_has_one_spelling_and_is_an_address_and_a_port(written: str, endpoint: str | None) -> None:
    assert endpoint_of(written) == endpoint
