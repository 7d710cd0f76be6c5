"""Every mode of steering on a real Envoy: where requests go, what they carry, what a client cannot do."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientRequest
from tests.e2e.bodies import said
from tests.e2e.conftest import Pool
from tests.e2e.gateway import TAG, Gateway, ext_proc, gateway, manager, post, site, tagged
from tests.e2e.test_misconfigured import disabled, no_fingerprint, retained

pytestmark = pytest.mark.envoy

OWN: Final = ("model_header", "metadata")
FOREIGN: Final = ("envoy-ai-gateway", "llm-d", "semantic-router")
CONTROL: Final = {
    "cluster_header": ("x-extproc-cluster", "south"),
    "model_header": ("x-extproc-model", "s"),
    "envoy-ai-gateway": ("x-ai-eg-model", "s"),
    "llm-d": ("x-gateway-model-name", "s"),
    "semantic-router": ("x-selected-model", "s"),
}
"""The header that leads a request to south, and its value."""


def policy(mode: str, *, more: str = "", default: str = "route") -> str:
    """Two backends, one below another prefix; with keys where the processor sets them."""
    north, south = ("credential: {bearer: {env: NORTH_KEY}}", "credential: {header: x-south-key, env: SOUTH_KEY}")
    if mode in FOREIGN:
        north = south = "region: eu"
    return f"""\
version: 1
backends:
  - {{name: north, url: $north/openai/v1, api: openai, {north}}}
  - {{name: south, url: $south/v1, api: openai, {south}}}
default_backend: {default}
models:
  - {{name: chat, targets: [{{backend: north, model: n}}]}}
  - {{name: other, targets: [{{backend: south, model: s}}]}}
  - {{name: adapter, targets: [{{backend: south, model: sql-lora}}]}}
steering: {{by: {mode}{more}}}
"""


def sole(whole: Json) -> None:
    """An Envoy that removes no header before its first look at the routes, and whose last route leads to north."""
    del manager(whole)["early_header_mutation_extensions"]
    host = manager(whole)["route_config"]["virtual_hosts"][0]
    host["routes"][-1]["route"] = {"cluster": "north"}


def reporting(whole: Json) -> None:
    """A filter that shows responses with their clusters."""
    filter_ = ext_proc(whole)
    filter_["processing_mode"]["response_header_mode"] = "SEND"
    filter_["response_attributes"] = ["response.code_details", "xds.cluster_name"]


@pytest.fixture
def steered(pool: Pool, profile: Profile, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    more = ", adapters: {sql-lora: base-model}" if request.param == "llm-d" else ""
    started = pool.gateway(policy(request.param, more=more), "h2", profile)
    started.site.begin()
    yield started
    started.check()


@pytest.mark.parametrize("steered", OWN, indirect=True)
def test_a_request_goes_to_its_backend_with_that_backends_key_path_and_host(steered: Gateway) -> None:
    for model, name, path, field, value in (
        ("chat", "north", "/openai/v1/chat/completions", "authorization", "Bearer north-secret-1"),
        ("other", "south", "/v1/chat/completions", "x-south-key", "south-secret-2"),
    ):
        _, seen = steered.ask(said("hi", model), "http1", ("authorization", "Bearer client"), provider=name)
        assert (seen.target, seen.getall(field)) == (path, [value])
        assert seen.header("host") == f"127.0.0.1:{steered.providers[name].port}"
        assert not [each for each, value in seen.headers if each.startswith("x-extproc-") or "client" in value]


@pytest.mark.parametrize("steered", FOREIGN, indirect=True)
def test_another_projects_routes_lead_on_and_the_client_s_credential_does_not_go_with_it(steered: Gateway) -> None:
    for model, asked, name, path in (
        ("chat", "n", "north", "/openai/v1/chat/completions?x=1"),
        ("adapter", "sql-lora", "south", "/v1/chat/completions?x=1"),
    ):
        _, seen = steered.ask(
            said("hi", model), "http1", ("authorization", "Bearer c"), provider=name, target="/v1/chat/completions?x=1"
        )
        assert (seen.target, seen.json()["model"]) == (path, asked)
        assert seen.header("host") == f"127.0.0.1:{steered.providers[name].port}"
        assert seen.getall("authorization") == []


@pytest.mark.parametrize("mode", sorted(CONTROL))
def test_a_client_cannot_steer_where_nothing_is_decided_and_envoy_removes_nothing_first(pool: Pool, mode: str) -> None:
    started = pool.gateway(policy(mode), "h2", "buffered", sole)
    started.site.begin()
    spoofed = CONTROL[mode]
    answer = started.send(ClientRequest("GET", "/elsewhere", (spoofed, (TAG, tag := tagged()))))
    assert answer.status < 500
    seen = started.forwarded(tag, "north")
    assert spoofed[0] not in {name for name, _ in seen.headers}
    _, seen = started.ask(said("hi", "chat"), "http1", spoofed, provider="north")
    assert seen.json()["model"] == "n"
    started.check()


def test_by_metadata_a_request_of_no_api_goes_to_the_default_backend_with_its_key(pool: Pool, profile: Profile) -> None:
    started = pool.gateway(policy("metadata", default="south"), "h2", profile)
    started.site.begin()
    for body in (b"", b"x" * 70_000):
        fields = ((TAG, tag := tagged()), ("authorization", "Bearer client"))
        answer = started.send(ClientRequest("POST" if body else "GET", "/elsewhere", fields, body))
        assert answer.status < 500
        seen = started.forwarded(tag, "south")
        assert (seen.getall("x-south-key"), seen.getall("authorization")) == (["south-secret-2"], [])
        assert seen.body == body
    started.check()


# -- mis-steering


def first_to_north(whole: Json, *, mistake: Any) -> None:
    """An Envoy of an operator's own whose first route leads to north, and that keeps it."""
    no_fingerprint(whole)
    reporting(whole)
    del ext_proc(whole)["forward_rules"]
    host = manager(whole)["route_config"]["virtual_hosts"][0]
    host["routes"][-1]["route"] = {"cluster": "north"}
    mistake(whole)


def lacking_namespace(whole: Json) -> None:
    ext_proc(whole)["metadata_options"]["receiving_namespaces"]["untyped"] = ["other"]


MISTAKES: Final = [
    ("cluster_header", retained, "route_cache_action"),
    ("model_header", disabled, "disable_clear_route_cache"),
    ("metadata", lacking_namespace, "receiving_namespaces"),
]


@pytest.mark.parametrize(("mode", "mistake", "told"), MISTAKES)
def test_a_response_of_the_wrong_cluster_is_withheld_and_says_which_setting_is_missing(
    mode: str, mistake: Any, told: str
) -> None:
    with (
        site(policy(mode), "h2") as before,
        gateway(before, "buffered", partial(first_to_north, mistake=mistake)) as on,
    ):
        answer = on.send(post(said("hi", "other")))
        line = on.line(answer)
        assert (answer.status, line["misconfigured"]) == (503, "steering")
        assert (line["missteered"], line["cluster"], line["backend"]) == ("other_cluster", "north", "south")
        assert told in line["detail"]
        warning = before.processor.told(lambda line: line["cause"] == "other_cluster", "missteered")
        assert warning["detail"] == line["detail"]
        counted = 'extproc_missteered_total{backend="south",cause="other_cluster"} 1.0'
        assert counted in before.processor.metrics()


def test_where_the_policy_only_reports_the_response_passes_and_warnings_are_few() -> None:
    text = policy("model_header", more=", verify: report")
    with site(text, "h2") as before, gateway(before, "buffered", partial(first_to_north, mistake=disabled)) as on:
        for _ in range(3):
            answer = on.send(post(said("hi", "other")))
            line = on.line(answer)
            assert (answer.status, line["missteered"]) == (200, "other_cluster")
            assert "misconfigured" not in line
        assert len(before.processor.lines("missteered")) == 1
        assert 'cause="other_cluster"} 3.0' in before.processor.metrics()
        before.expected = 3


def unrouted(whole: Json) -> None:
    no_fingerprint(whole)
    reporting(whole)
    del ext_proc(whole)["forward_rules"]
    host = manager(whole)["route_config"]["virtual_hosts"][0]
    host["routes"] = [{"match": {"prefix": "/"}, "direct_response": {"status": 404}}]


def test_a_request_that_no_route_takes_is_told_apart_from_a_backend_s_404() -> None:
    with site(policy("metadata"), "h2") as before, gateway(before, "buffered", unrouted) as on:
        line = on.line(on.send(post(said("hi", "other"))))
        assert (line["missteered"], line["misconfigured"], line["status"]) == ("no_route", "steering", 404)


def unreported(whole: Json) -> None:
    no_fingerprint(whole)
    reporting(whole)
    ext_proc(whole)["response_attributes"] = ["response.code_details"]


def unshown(whole: Json) -> None:
    no_fingerprint(whole)
    ext_proc(whole)["processing_mode"] |= {"response_header_mode": "SKIP", "response_body_mode": "NONE"}


@pytest.mark.parametrize(("patch", "lacks"), [(unreported, "response_attributes"), (unshown, "response_header_mode")])
def test_an_envoy_that_does_not_say_where_requests_went_is_named_once(patch: Any, lacks: str) -> None:
    keyless = policy("llm-d", more=", clusters: {north: [north], south: [south]}")
    with site(keyless, "h2") as before, gateway(before, "buffered", patch) as on:
        for _ in range(5):
            on.ask(said("hi"), provider="north")
        assert eventually(lambda: before.processor.lines("steering_unverified") != [], 5)
        (line,) = before.processor.lines("steering_unverified")
        assert line["lacks"] == lacks
        assert before.processor.status()["envoy"]["steering"]["(none)"] == line["detail"]


def own_reporting(whole: Json) -> None:
    no_fingerprint(whole)
    reporting(whole)


def test_the_cluster_of_another_gateway_is_known_by_the_names_that_the_policy_gives() -> None:
    text = policy("llm-d", more=", clusters: {north: [nor*], south: [elsewhere]}")
    with site(text, "h2") as before, gateway(before, "buffered", own_reporting) as on:
        on.ask(said("hi"), provider="north")
        assert before.processor.status()["envoy"]["steering"] == {"(none)": "verified"}
        on.check()
