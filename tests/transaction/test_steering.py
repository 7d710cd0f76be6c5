"""The words in which Envoy is told of a destination, and what is known of how it followed."""

from typing import Any

import pytest

from extproc.policy import Steering, loads
from extproc.protocol.effects import Proceed
from extproc.testing.playbook import Playbook, request_body, request_headers, response_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.steering.missteering import CAUSES, NAME_SHOWN, missteering
from extproc.transaction.steering.witness import ENVOYS_MOST, UNSHOWN_MOST, SteeringWatch
from extproc.transaction.steering.writer import ServingClusters
from tests.gathered import gathered
from tests.records import logged
from tests.transaction.plans import plan

CHAT = "/v1/chat/completions"
ASK = b'{"model":"plain","messages":[]}'


def told(by: str) -> Proceed:
    with Playbook(by_mode(by)) as envoy:
        envoy.sends(request_headers(CHAT))
        return envoy.sends(request_body(ASK)).gets_one(Proceed)


def by_mode(text: str) -> Plan:
    backend = '{name: local, url: "http://127.0.0.1:9001/up/v1", api: openai}'
    models = "models: [{name: plain, targets: [{backend: local, model: lora}]}]"
    policy = f"version: 1\nbackends: [{backend}]\n{models}\nsteering: {{{text}}}\n"
    return Plan.compile(loads(policy, "policy.yaml"), {})


@gathered(
    ("by", "fields"),
    [
        (
            "by: cluster_header",
            {"x-extproc-cluster": b"local", "x-extproc-model": b"lora", "path": b"/up" + CHAT.encode()},
        ),
        ("by: model_header, model_header: x-m", {"x-m": b"lora", "path": b"/up" + CHAT.encode()}),
        ("by: metadata", {"x-extproc-model": b"lora", "path": b"/up" + CHAT.encode()}),
        ("by: envoy-ai-gateway", {"x-ai-eg-model": b"lora"}),
        ("by: semantic-router", {"x-selected-model": b"lora"}),
        ("by: llm-d", {"x-gateway-model-name": b"lora", "x-gateway-base-model-name": b"lora"}),
        ("by: llm-d, adapters: {lora: b}", {"x-gateway-model-name": b"lora", "x-gateway-base-model-name": b"b"}),
    ],
)
def test_each_mode_says_where_a_request_goes_and_sets_path_and_host_only_if_they_are_ours(
    by: str, fields: dict[str, bytes]
) -> None:
    answer = told(by)
    assert answer.headers is not None
    assert answer.clear_route
    seen = {name.lstrip(":"): value for name, value in answer.headers.sets}
    assert (seen.pop("authority", None) is not None) is ("path" in fields)
    assert {name: value for name, value in seen.items() if name != "content-length"} == fields


def test_metadata_says_it_in_the_namespace_of_the_policy_beside_the_rest() -> None:
    metadata = told("by: metadata, metadata_namespace: com.corp").metadata
    assert metadata is not None
    assert metadata["com.corp"] == {"backend": "local", "model": "lora"}
    assert metadata["extproc"]["decision"] == "allowed"
    own = told("by: metadata").metadata
    assert own is not None
    assert (own["extproc"]["backend"], own["extproc"]["version"]) == ("local", "1")


@gathered(
    ("cluster", "backend", "serves"),
    [
        ("a", "a", True),
        ("b", "a", False),
        ("route/a/0", "c", True),
        ("route/b", "c", False),
        ("exact", "c", True),
        ("exactly", "c", False),
        ("c", "c", True),
    ],
)
def test_a_backend_is_served_by_the_cluster_of_its_name_and_those_that_the_policy_names(
    cluster: str, backend: str, serves: bool
) -> None:
    clusters = ServingClusters(Steering(clusters={"c": ("route/a/*", "exact")}))
    assert clusters.serves(cluster, backend) is serves
    assert clusters.known(backend)


def test_nobody_knows_the_clusters_of_another_gateway() -> None:
    clusters = ServingClusters(Steering(by="llm-d", clusters={"c": ("x",)}))
    assert (clusters.known("a"), clusters.serves("anything", "a")) == (False, True)
    assert (clusters.known("c"), clusters.serves("anything", "c")) == (True, False)


@pytest.mark.parametrize("by", ["cluster_header", "model_header", "metadata", "envoy-ai-gateway", "llm-d"])
def test_every_cause_has_a_sentence_that_names_a_setting_and_bounds_what_envoy_says(by: Any) -> None:
    for cause in CAUSES:
        found = missteering(Steering(by=by), cause, "north", "c\n" * 1000, None)  # type: ignore[arg-type]
        assert found.cluster is not None
        assert len(found.cluster) <= NAME_SHOWN
        assert found.cluster.isprintable()
        assert "north" in found.detail
        assert len(found.detail) < 1000


def test_a_route_that_envoy_kept_is_told_as_such() -> None:
    assert "kept the route" in missteering(Steering(), "other_cluster", "a", "b", "b").detail
    assert "kept the route" not in missteering(Steering(), "other_cluster", "a", "b", "c").detail


def test_a_request_of_the_default_backend_is_looked_at_too() -> None:
    shared = Shared()
    with Playbook(plan("default_backend: local"), shared=shared) as envoy:
        envoy.sends(request_headers("/elsewhere", end=True))
        message = response_headers(404, end=True, details="route_not_found")
        envoy.sends(message)
    record = logged(envoy.leaves())
    assert (record["missteered"], record["backend"], record["reason"]) == ("no_route", "local", "unclaimed")


def test_what_is_missing_is_news_once_for_each_envoy_and_over_once_it_is_there() -> None:
    watch = SteeringWatch()
    for _ in range(3):
        watch.saw(b"", "response_attributes")
    assert watch.news == ["response_attributes"]
    watch.saw(b"", "verified")
    assert (watch.states, watch.news) == ({b"": "verified"}, ["response_attributes"])
    for number in range(3 * ENVOYS_MOST):
        watch.saw(b"%d" % number, "verified")
        assert len(watch.states) <= ENVOYS_MOST


def test_clients_that_leave_are_not_taken_for_an_envoy_that_shows_no_response() -> None:
    watch = SteeringWatch()
    for _ in range(UNSHOWN_MOST - 1):
        watch.unshown(b"")
    assert watch.news == []
    watch.unshown(b"")
    assert watch.states == {b"": "response_header_mode"}
    watch.saw(b"", "verified")
    for _ in range(2 * UNSHOWN_MOST):
        watch.unshown(b"")
    assert watch.states == {b"": "verified"}
