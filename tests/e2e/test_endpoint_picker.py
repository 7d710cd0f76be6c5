"""The processor as the endpoint picker of a pool, before a real Envoy that follows its picks."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from extproc.gateway.bootstrap import Json, Profile, bootstrap
from extproc.policy import loads
from extproc.testing import eventually
from extproc.testing.clients import ClientRequest, ClientResponse
from extproc.testing.envoy import real_envoy
from extproc.transaction import Plan
from tests.e2e.bodies import said
from tests.e2e.engines import Engine, engines
from tests.e2e.gateway import ANYWHERE, UNCOUNTED, Gateway, Patch, Site, ext_proc, gateway, manager, post, site

pytestmark = pytest.mark.envoy

SUBSET: Final = "x-test-subset"
"""A header by which a test has Envoy name a subset, as a gateway would by itself."""

PROMPT: Final = "You are a helpful assistant. " * 60


def policy(*fields: str) -> str:
    return f"""\
version: 1
backends: []
default_backend: route
unknown_models: pass
endpoint_pools:
  - {{name: llama, metrics: {{interval: 50ms}}, {", ".join(fields)}}}
"""


def listed(servers: Sequence[Engine]) -> str:
    return f"endpoints: [{', '.join(each.endpoint for each in servers)}]"


def hinting(whole: Json) -> None:
    """A filter before the processor that turns a header into the hint of a subset, if it is there."""
    rule = {
        "header": SUBSET,
        "on_header_present": {
            "metadata_namespace": "envoy.lb.subset_hint",
            "key": f"{HEADER}-subset",
            "type": "STRING",
        },
        "remove": True,
    }
    kind = "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config"
    entry = {"name": "hint", "typed_config": {"@type": kind, "request_rules": [rule]}}
    manager(whole)["http_filters"].insert(0, entry)


HEADER: Final = "x-gateway-destination-endpoint"


def hinting_list(whole: Json, endpoints: Sequence[str]) -> None:
    """A filter that names a subset as a list, as Gateway API's gateways do."""
    kind = "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config"
    given = {"metadata_namespace": "envoy.lb.subset_hint", "value": {f"{HEADER}-subset": list(endpoints)}}
    entry = {"name": "hint", "typed_config": {"@type": kind, "metadata": [given]}}
    manager(whole)["http_filters"].insert(0, entry)


@contextmanager
def picker(text: str, servers: Sequence[Engine], profile: Profile = "buffered", patch: Patch = id) -> Iterator[Gateway]:
    """A gateway whose processor has read the metrics of all servers."""
    with site(text, "h2") as before, gateway(before, profile, patch) as on:
        assert eventually(lambda: all(each.scraped for each in servers), 10)
        yield on


def again(servers: Sequence[Engine]) -> None:
    """Wait until the metrics of all servers have been read from now on, twice: the first reading may have begun."""
    counts = [each.scraped for each in servers]
    assert eventually(lambda: all(e.scraped > c + 1 for e, c in zip(servers, counts, strict=True)), 10)


def ask(on: Gateway, text: str = "hi", *fields: tuple[str, str]) -> ClientResponse:
    return on.send(post(said(text, "m"), *fields))


def who(answer: ClientResponse) -> str:
    assert answer.status == 200, answer
    return str(json.loads(answer.body)["served_by"])


@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
def test_requests_go_to_the_endpoint_with_the_least_to_do_and_a_client_cannot_choose(profile: Profile) -> None:
    with engines("a", "b", "c") as servers:
        a, b, c = servers
        a.waiting, b.running, c.cache = 30, 30, 0.99
        spoofed = ((HEADER, a.endpoint), (f"{HEADER}-subset", a.endpoint), (f"{HEADER}-served", a.endpoint))
        with picker(
            policy(listed(servers), "scorers: [{use: queue}, {use: least_busy}, {use: kv_cache}]"), servers, profile
        ) as on:
            c.cache, b.running = 0.1, 30
            again(servers)
            assert {who(ask(on)) for _ in range(5)} == {"c"}
            assert {who(ask(on, "hi", *spoofed)) for _ in range(5)} == {"c"}
            # what is no model's request is for the pool as well, and its endpoints list their models
            for target in ("/v1/models", "/health"):
                assert who(on.send(ClientRequest("GET", target, spoofed[:1]))) == "c"
            a.waiting, c.waiting = 0, 30
            again(servers)
            assert who(ask(on)) == "a"
            line = on.line(ask(on))
            assert (line["endpoint_pool"], line["endpoint"]) == ("llama", a.endpoint)
            on.check()
        assert not [name for each in servers for seen in each.seen for name in seen if name.startswith("x-gateway")]


def test_only_endpoints_of_the_subset_are_picked_and_without_one_there_is_503() -> None:
    with engines("a", "b", "c") as servers, picker(policy(listed(servers)), servers, patch=hinting) as on:
        a, b, c = servers
        a.waiting = b.waiting = 40
        again(servers)
        assert who(ask(on)) == "c"
        assert {who(ask(on, "hi", (SUBSET, f"{a.endpoint},{b.endpoint}"))) for _ in range(6)} <= {"a", "b"}
        assert who(ask(on, "hi", (SUBSET, b.endpoint), (HEADER, c.endpoint))) == "b"
        for nobody in ("10.9.9.9:8000", "nonsense", ","):
            answer = ask(on, "hi", (SUBSET, nobody))
            assert (answer.status, answer.header("retry-after")) == (503, "1")
            assert json.loads(answer.body)["error"]["code"] == "no_endpoint"
        assert 'extproc_endpoint_picks_total{pool="llama",result="no_endpoint"} 3.0' in on.processor.metrics()
        on.check()


@contextmanager
def before_all(known: Site, written: str, patch: Patch = id, *, profile: Profile = "buffered") -> Iterator[Gateway]:
    """An Envoy whose cluster has the endpoints that `written` lists, before a processor that has another policy."""
    policy = loads(written + UNCOUNTED, "written.yaml")
    needs = Plan.compile(policy, {}).needs
    whole = bootstrap(policy, needs=needs, endpoints=known.processor.endpoints, listen=ANYWHERE, profile=profile)
    patch(whole)
    with real_envoy(whole) as envoy:
        yield Gateway(known, envoy, profile, envoy.port("extproc"))


def test_a_subset_as_a_list_names_endpoints_that_no_policy_lists() -> None:
    with engines("a", "b", "c") as servers:
        scorers = "scorers: [{use: queue}], picks: 1"
        patch = partial(hinting_list, endpoints=[each.endpoint for each in servers[:2]])
        with (
            site(policy(scorers), "h2") as known,
            before_all(known, policy(f"{listed(servers)}, {scorers}"), patch) as on,
        ):
            assert {who(ask(on)) for _ in range(6)} <= {"a", "b"}
            servers[0].waiting = 20
            again(servers[:2])
            assert {who(ask(on)) for _ in range(3)} == {"b"}
            assert servers[2].scraped == 0


def test_a_prompt_goes_where_its_beginning_was_sent_before_unless_too_much_waits_there() -> None:
    with (
        engines("a", "b", "c") as servers,
        picker(policy(listed(servers), "scorers: [{use: prefix}, {use: queue, weight: 1.5}]"), servers) as on,
    ):
        firsts = {}
        for user in range(12):
            prompt = f"user {user}: {PROMPT}"
            firsts[user] = who(ask(on, prompt))
            assert {who(ask(on, f"{prompt} more {turn}")) for turn in range(2)} == {firsts[user]}
        assert len(set(firsts.values())) > 1
        chosen = next(each for each in servers if each.name == firsts[0])
        chosen.waiting = 40  # the whole score of the queue, and not that of the prefix, which weighs as much
        again(servers)
        assert who(ask(on, f"user 0: {PROMPT} and more")) != chosen.name
        on.check()


def test_requests_that_may_be_refused_make_room_when_all_endpoints_are_full() -> None:
    objective = "x-gateway-inference-objective"
    with (
        engines("a", "b") as servers,
        picker(policy(listed(servers), "objectives: {batch: -1, chat: 10}"), servers) as on,
    ):
        a, b = servers
        assert who(ask(on, "hi", (objective, "batch"))) in {"a", "b"}
        a.waiting, b.cache = 5, 0.9
        again(servers)
        answer = ask(on, "hi", (objective, "batch"))
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (429, "shed")
        assert answer.header("retry-after") == "1"
        for other in ("chat", "unknown"):
            who(ask(on, "hi", (objective, other)))
        who(ask(on))
        b.cache = 0.89
        again(servers)
        assert who(ask(on, "hi", (objective, "batch"))) in {"a", "b"}
        on.check()


def retrying(whole: Json) -> None:
    host = manager(whole)["route_config"]["virtual_hosts"][0]
    host["routes"][-1]["route"]["retry_policy"] = {"retry_on": "connect-failure,reset", "num_retries": 2}


def test_an_endpoint_that_is_gone_is_passed_over_and_then_left_alone() -> None:
    with (
        engines("a", "b") as servers,
        picker(policy(listed(servers), "scorers: [{use: queue}]"), servers, patch=retrying) as on,
    ):
        a, b = servers
        b.waiting = 20
        again(servers)
        assert who(ask(on)) == "a"
        a.close()
        assert who(ask(on)) == "b"
        line = on.line(ask(on))
        assert (line["endpoint"], line["status"]) == (b.endpoint, 200)
        assert eventually(lambda: 'extproc_endpoints{pool="llama",state="down"} 1.0' in on.processor.metrics(), 5)
        a.close = lambda: None  # type: ignore[method-assign]


def unheard(whole: Json) -> None:
    """A filter whose metadata is dropped, before a cluster that sees no header either."""
    options = ext_proc(whole)["metadata_options"]
    options["receiving_namespaces"]["untyped"].remove("envoy.lb")


def test_a_pick_that_envoy_does_not_follow_is_told() -> None:
    with (
        engines("a", "b") as servers,
        picker(policy(listed(servers), "scorers: [{use: queue}], picks: 1"), servers, patch=unheard) as on,
    ):
        servers[0].waiting = 20
        again(servers)
        lines = [on.line(ask(on)) for _ in range(4)]
        wrong = [line for line in lines if line.get("missteered") == "other_endpoint"]
        assert wrong  # round robin
        assert "envoy.lb" in wrong[0]["detail"]
        assert wrong[0]["endpoint"] == servers[0].endpoint


def test_a_file_of_endpoints_is_read_again_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    with engines("a", "b") as servers:
        a, b = servers
        file = tmp_path / "endpoints.txt"
        file.write_text(f"# the pool\n{a.endpoint}  # a\n")
        with site(policy(f"file: {file}"), "h2") as known, before_all(known, policy(listed(servers))) as on:
            assert {who(ask(on)) for _ in range(3)} == {"a"}
            file.write_text("nonsense\n")
            line = known.processor.told(lambda _: True, "endpoints_unreadable")
            assert "line 1" in line["problem"]
            assert who(ask(on)) == "a"
            file.write_text(f"{b.endpoint}\n")
            assert eventually(lambda: who(ask(on)) == "b", 5)


def test_a_policy_that_chooses_the_backend_picks_among_its_endpoints(profile: Profile) -> None:
    with engines("a", "b", "other") as servers:
        a, b, other = servers
        text = f"""\
version: 1
backends:
  - {{name: small, url: "http://{a.endpoint}/v1", api: openai}}
  - {{name: large, url: "http://{other.endpoint}/v1", api: openai}}
models:
  - {{name: chat, targets: [{{backend: small}}]}}
  - {{name: big, targets: [{{backend: large}}]}}
endpoint_pools:
  - {{name: small-pool, backends: [small], {listed((a, b))}, metrics: {{interval: 50ms}}, scorers: [{{use: queue}}]}}
"""
        with picker(text, (a, b), profile) as on:
            a.waiting = 20
            again((a, b))
            spoofed = (HEADER, a.endpoint)
            assert {who(on.send(post(said("hi", "chat"), spoofed))) for _ in range(3)} == {"b"}
            assert who(on.send(post(said("hi", "big"), spoofed))) == "other"
            assert not [name for each in servers for seen in each.seen for name in seen if name.startswith("x-gateway")]
            on.check()


def of_a_gateway(whole: Json, endpoints: Sequence[str]) -> None:
    """The filter as a gateway of Gateway API writes it: all fields, Envoy's own rules for mutations, no fingerprint."""
    hinting_list(whole, endpoints)
    filter_ = next(each for each in manager(whole)["http_filters"] if each["name"] != "hint")["typed_config"]
    for name in ("forward_rules", "mutation_rules", "request_attributes", "response_attributes"):
        filter_.pop(name, None)
    del filter_["grpc_service"]["initial_metadata"]
    del manager(whole)["early_header_mutation_extensions"]
    for cluster in whole["static_resources"]["clusters"]:
        cluster.pop("health_checks", None)


def test_a_filter_as_a_gateway_writes_it_is_enough() -> None:
    with engines("a", "b") as servers:
        a, b = servers
        scorers = "scorers: [{use: queue}, {use: prefix}]"
        patch = partial(of_a_gateway, endpoints=[each.endpoint for each in servers])
        text = policy(f"{listed(servers)}, {scorers}")
        with site(policy(scorers), "h2") as known, before_all(known, text, patch, profile="full-duplex") as on:
            who(ask(on))
            a.waiting = 20
            again(servers)
            assert {who(ask(on, PROMPT, (HEADER, a.endpoint))) for _ in range(4)} == {"b"}
            line = on.line(ask(on, "stream", ("x-other", "1")))
            assert (line["endpoint"], line["status"]) == (b.endpoint, 200)
