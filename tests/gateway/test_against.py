"""What an Envoy configuration lacks for a policy is said before, whoever wrote it."""

import copy
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, get_args

import pytest

from extproc.gateway.against import UnreadableConfigError, compare, notes, read
from extproc.gateway.against.matching import changeable, forwarded
from extproc.gateway.bootstrap import Json, Profile, SocketAddress, bootstrap, render
from extproc.gateway.bootstrap.filter import FILTER
from extproc.policy import Policy, loads
from extproc.transaction import Plan
from tests.e2e.gateway import ext_proc, manager

POLICY = """\
version: 1
backends:
  - {name: north, url: https://api.example.com/v1, api: openai, credential: {bearer: {env: NORTH_KEY}}}
  - {name: south, url: "http://localhost:9001/v1", api: openai, credential: {header: x-south-key, env: SOUTH_KEY}}
default_backend: north
models: [{name: chat, targets: [{backend: north}]}]
pipelines:
  - name: p
    match: {headers: {x-team: pay}, route_name: llm}
    response: [{use: pii, kinds: [iban], action: mask}]
"""
KEYLESS = re.sub(r", credential: .*}}", "}", POLICY)
SECRETS = {"north": b"1", "south": b"2"}


@cache
def compiled(text: str) -> tuple[Policy, Plan]:
    """A policy and its plan; neither ever changes."""
    policy = loads(text, "policy.yaml")
    return policy, Plan.compile(policy, SECRETS)


def made(profile: Profile = "buffered", text: str = POLICY) -> Json:
    policy, plan = compiled(text)
    listen = SocketAddress("127.0.0.1", 8080)
    return bootstrap(policy, needs=plan.needs, endpoints=["unix:/run/p"], listen=listen, profile=profile)


def lacks(whole: object, text: str = POLICY) -> list[str]:
    written = read(whole if isinstance(whole, str) else json.dumps(whole))
    return [each.text for each in compare(written, *compiled(text))]


@pytest.mark.parametrize("profile", get_args(Profile))
def test_what_is_generated_lacks_nothing(profile: Profile) -> None:
    assert lacks(made(profile)) == []
    assert lacks(render(made(profile))) == []
    assert lacks({"resources": [{"inner": [made(profile)["static_resources"]]}]}) == []  # anywhere in a file


def own(whole: Json) -> None:
    """A filter of an operator's own, that forwards everything and has no fingerprint."""
    filter_ = ext_proc(whole)
    del filter_["grpc_service"]["initial_metadata"], filter_["forward_rules"]
    filter_["mutation_rules"] = {"allow_all_routing": True}


def noted(whole: object, text: str = POLICY) -> list[str]:
    return [each.text for each in notes(read(json.dumps(whole)), compiled(text)[0])]


def test_a_filter_of_an_operators_own_needs_no_fingerprint() -> None:
    whole = made()
    own(whole)
    assert lacks(whole) == []


def test_a_note_says_that_a_key_may_be_sent_before_a_mistake_in_steering_shows() -> None:
    whole = made()
    assert noted(whole) == []  # the fingerprint is there
    own(whole)
    (note,) = noted(whole)
    assert "request_attributes: [xds.cluster_name]" in note
    ext_proc(whole)["request_attributes"].append("xds.cluster_name")
    assert (noted(whole), lacks(whole)) == ([], [])
    del ext_proc(whole)["request_attributes"]
    assert noted(whole, KEYLESS) == []


@pytest.mark.parametrize(
    ("action", "match", "told"),
    [
        ({"cluster": "north"}, {"prefix": "/"}, True),
        ({"cluster": "elsewhere"}, {"prefix": "/v1/"}, True),
        ({"cluster": "north"}, {"prefix": "/health"}, False),
        ({"cluster": "north"}, {"prefix": "/", "headers": [{"name": "x-extproc-model"}]}, False),
    ],
)
def test_a_first_route_that_leads_to_a_cluster_is_told_where_envoy_reports_it(
    action: Json, match: Json, told: bool
) -> None:
    whole = made()
    own(whole)
    manager(whole)["route_config"]["virtual_hosts"][0]["routes"][1] = {"match": match, "route": action}
    assert lacks(whole) == []
    ext_proc(whole)["request_attributes"].append("xds.cluster_name")
    assert bool([each for each in lacks(whole) if "before they are steered" in each]) is told
    assert not [each for each in lacks(whole, KEYLESS) if "before they are steered" in each]


def modes(**chosen: str) -> Callable[[Json], object]:
    return lambda whole: ext_proc(whole)["processing_mode"].update(chosen)


def sets(**chosen: Any) -> Callable[[Json], object]:
    return lambda whole: ext_proc(whole).update(chosen)


def routes(change: Callable[[list[Json]], object]) -> Callable[[Json], object]:
    return lambda whole: change(manager(whole)["route_config"]["virtual_hosts"][0]["routes"])


def host(**chosen: Any) -> Callable[[Json], object]:
    return lambda whole: manager(whole)["route_config"]["virtual_hosts"][0].update(chosen)


def clusters(change: Callable[[list[Json]], object]) -> Callable[[Json], object]:
    return lambda whole: change(whole["static_resources"]["clusters"])


def address(cluster: Json) -> Json:
    found: Json = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    return found


ENABLED: Json = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}


def enables(part: Json, own: Json | None = None, **chosen: Any) -> None:
    """Replace what a part of a route configuration says about the filter, by nothing if there is nothing else."""
    part = manager(part)["route_config"] if "static_resources" in part else part
    part.pop("typed_per_filter_config", None)
    if own is not None or chosen:
        part["typed_per_filter_config"] = {FILTER: {**(own or {}), **chosen}}


def override_off(whole: Json) -> Any:
    return ext_proc(whole).pop("allow_mode_override")


WRONG: dict[str, Callable[[Json], object]] = {
    "is for another policy": sets(grpc_service={"initial_metadata": [{"key": "x-extproc-config", "value": "3-0"}]}),
    "another release": sets(grpc_service={"initial_metadata": [{"key": "x-extproc-config", "value": "1-0"}]}),
    "there is no fingerprint": sets(grpc_service={}),
    "request_header_mode is SKIP": modes(request_header_mode="SKIP"),
    "request_body_mode is BUFFERED_PARTIAL": modes(request_body_mode="BUFFERED_PARTIAL"),
    "request_body_mode is NONE": lambda whole: (modes(request_body_mode="NONE")(whole), override_off(whole)),
    "response_body_mode is NONE": modes(response_body_mode="NONE"),
    "response_body_mode is STREAMED": modes(response_body_mode="STREAMED"),
    "response_body_mode is BUFFERED": modes(request_body_mode="FULL_DUPLEX_STREAMED"),
    "event streams are refused": override_off,
    "response_header_mode is SKIP": modes(response_header_mode="SKIP"),
    "response.code_details": sets(response_attributes=["xds.cluster_name"]),
    "xds.cluster_name": sets(response_attributes=["response.code_details"]),
    "xds.route_name": sets(request_attributes=[]),
    "forward_rules hide": sets(forward_rules={"allowed_headers": {"patterns": [{"exact": ":path"}]}}),
    "mutation_rules forbid": sets(mutation_rules={"disallow_all": True, "allow_expression": {"regex": "x-.*"}}),
    "observability_mode": sets(observability_mode=True),
    "failure_mode_allow": sets(failure_mode_allow=True),
    "disable_immediate_response": sets(disable_immediate_response=True),
    "the route cache is kept": sets(route_cache_action="RETAIN"),
    "disable_clear_route_cache": sets(disable_clear_route_cache=True),
    "message_timeout": lambda whole: ext_proc(whole).pop("message_timeout"),
    "receiving_namespaces": sets(metadata_options={}),
    "no route has cluster_header": routes(lambda listed: listed.clear()),
    "does not match on": routes(lambda listed: listed.pop(0)),
    "request_trailer_mode is SKIP": sets(processing_mode={"request_body_mode": "BUFFERED"}),
    "lacks authorization: %REQ": routes(lambda listed: listed[0]["request_headers_to_add"].pop(0)),
    "does not match on the header": routes(lambda listed: listed[0]["match"].pop("headers")),
    "lacks x-extproc-key-x-south-key": host(request_headers_to_remove=["x-extproc-cluster", "x-extproc-model"]),
    "lacks x-extproc-model": host(request_headers_to_remove=[]),
    "early_header_mutation": lambda whole: manager(whole).pop("early_header_mutation_extensions"),
    "there is no cluster": clusters(lambda listed: listed.pop()),
    "it leads to localhost:9002": clusters(lambda listed: address(listed[2]).update(port_value=9002)),
    "it speaks no TLS": clusters(lambda listed: listed[1].pop("transport_socket")),
    "per_connection_buffer_limit_bytes": clusters(lambda listed: listed[1].pop("per_connection_buffer_limit_bytes")),
    "the route steered leads to a backend without the processor": lambda whole: enables(whole, None),
    "the route unclaimed leads to a backend without the processor": lambda whole: enables(whole, disabled=True),
    "no route configuration here enables it": lambda whole: manager(whole).pop("route_config"),
    "there is no ext_proc filter": lambda whole: manager(whole)["http_filters"].pop(0),
}


@pytest.mark.parametrize("told", WRONG)
def test_each_thing_that_is_missing_or_wrong_is_told(told: str) -> None:
    whole = copy.deepcopy(made())
    WRONG[told](whole)
    assert any(told in each for each in lacks(whole)), lacks(whole)


def own_host(action: Json) -> Json:
    return {"name": "own", "domains": ["own.example"], "routes": [{"match": {"prefix": "/"}, "route": action}]}


def test_the_innermost_part_that_names_a_disabled_filter_counts() -> None:
    whole = made()
    host = manager(whole)["route_config"]["virtual_hosts"][0]
    enables(whole)
    enables(host, ENABLED)
    assert lacks(whole) == []
    enables(host["routes"][1], disabled=True)
    assert [each[:20] for each in lacks(whole)] == ["the route unclaimed "]
    enables(host, disabled=True)
    for route in host["routes"]:
        enables(route, ENABLED)
    assert lacks(whole) == []


@pytest.mark.parametrize(
    ("action", "guarded"),
    [
        ({"cluster": "north"}, True),
        ({"weighted_clusters": {"clusters": [{"name": "else", "weight": 1}, {"name": "south", "weight": 1}]}}, True),
        ({"cluster": "else"}, False),
        ({"weighted_clusters": {"clusters": [{"name": "else", "weight": 1}]}}, False),
    ],
)
def test_only_routes_to_backends_have_to_enable_a_disabled_filter(action: Json, guarded: bool) -> None:
    whole = made()
    host = own_host(action)
    manager(whole)["route_config"]["virtual_hosts"].append(host)
    assert lacks(whole) == []  # the route configuration enables it for every virtual host
    enables(host, disabled=True)
    told = lacks(whole)
    assert [each for each in told if "without the processor" not in each] == []
    assert bool(told) is guarded


def test_routes_from_elsewhere_in_the_file_enable_a_disabled_filter() -> None:
    whole = made()
    routes_of = manager(whole).pop("route_config")
    assert lacks({"whole": whole, "resources": [routes_of]}) == []
    enables(routes_of)
    assert len([each for each in lacks({"whole": whole, "resources": [routes_of]}) if "without" in each]) == 2


def test_another_listeners_routes_need_not_enable_a_disabled_filter() -> None:
    whole = made()
    assert lacks({"whole": whole, "resources": [{"virtual_hosts": [own_host({"cluster": "north"})]}]}) == []


def test_a_filter_that_is_not_disabled_needs_no_route_that_enables_it() -> None:
    whole = made()
    enables(whole)
    del manager(whole)["http_filters"][0]["disabled"]
    assert lacks(whole) == []


def test_without_pipelines_the_body_mode_matters_for_errors_alone() -> None:
    one_maker = POLICY.partition("pipelines:")[0].replace("api: openai,", "api: openai, sealed_by: us,")
    policy = loads(one_maker, "policy.yaml")
    text = render({"typed_config": {"@type": ext_proc(made())["@type"], "processing_mode": {}}})
    told = [each.text for each in compare(read(text), policy, Plan.compile(policy, SECRETS))]
    assert any(each.startswith("errors of backends are withheld") for each in told)


def test_a_difference_has_the_line_of_its_part() -> None:
    whole = made()
    ext_proc(whole)["observability_mode"] = True
    text = render(whole)
    policy = loads(POLICY, "policy.yaml")
    (found,) = compare(read(text), policy, Plan.compile(policy, SECRETS))
    assert text.splitlines()[found.line - 1].strip().startswith("'@type'")
    assert "ExternalProcessor" in text.splitlines()[found.line - 1]


def test_a_filter_beside_ours_is_none_of_our_business() -> None:
    whole = made()
    manager(whole)["http_filters"].insert(
        0, {"name": "another", "typed_config": {"@type": ext_proc(whole)["@type"], "observability_mode": True}}
    )
    assert lacks(whole) == []


@pytest.mark.parametrize("text", ["{a: [", "[" * 300 + "]" * 300, "a: *nowhere", "\t\tx: \x00"])
def test_what_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(UnreadableConfigError):
        read(text)


def test_aliases_that_would_make_millions_of_parts_are_given_up() -> None:
    lines = ["a0: &a0 {x: {y: 1}}"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(UnreadableConfigError):
        read("\n".join(lines))


@pytest.mark.parametrize(
    ("rules", "name", "shown"),
    [
        (None, "x", True),
        ({"allowed_headers": {"patterns": [{"prefix": "X-", "ignore_case": True}]}}, "x-team", True),
        ({"allowed_headers": {"patterns": [{"suffix": "-id"}]}}, "x-id", True),
        ({"allowed_headers": {"patterns": [{"contains": "tea"}]}}, "x-team", True),
        ({"allowed_headers": {"patterns": [{"safe_regex": {"regex": "x-.*"}}]}}, "x-team", True),
        ({"allowed_headers": {"patterns": [{"exact": "x"}, 5, {}]}}, "x-team", False),
        ({"disallowed_headers": {"patterns": [{"exact": "x-team"}]}}, "x-team", False),
        ({"allowed_headers": {"patterns": [{"safe_regex": {"regex": "("}}]}}, "x-team", False),
    ],
)
def test_what_a_filter_forwards(rules: object, name: str, shown: bool) -> None:
    assert forwarded(rules, name) is shown


@pytest.mark.parametrize(
    ("rules", "name", "may"),
    [
        (None, "authorization", True),
        (None, ":authority", False),
        ({"allow_all_routing": True}, ":authority", True),
        ({"disallow_all": True}, "authorization", False),
        ({"disallow_all": True, "allow_expression": {"regex": "auth.*"}}, "authorization", True),
        ({"disallow_expression": {"regex": "auth.*"}, "allow_expression": {"regex": "auth.*"}}, "authorization", False),
        ({"disallow_system": True, "allow_all_routing": True}, ":path", False),
    ],
)
def test_what_may_be_changed(rules: object, name: str, may: bool) -> None:
    assert changeable(rules, name) is may
