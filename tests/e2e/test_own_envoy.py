"""An Envoy of an operator's own, without a fingerprint, that reports where requests lead before they are steered."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import pytest

from extproc.gateway.bootstrap import Json, Profile
from tests.e2e.bodies import said
from tests.e2e.conftest import Pool
from tests.e2e.gateway import Gateway, Patch, Site, ext_proc, gateway, manager, post, site
from tests.e2e.test_misconfigured import KEYS, READING, disabled, no_fingerprint, retained, unsteered

pytestmark = pytest.mark.envoy

TO_NORTH: Final = {"route": {"cluster": "north"}}
NOWHERE: Final[list[Json]] = [
    {"route": {"cluster_header": "x-extproc-cluster"}},
    {"direct_response": {"status": 404}},
]
MISTAKES: Final = [retained, disabled, unsteered]


@pytest.fixture
def before(pool: Pool) -> Site:
    chosen = pool.site(READING, "h2")
    chosen.begin()
    return chosen


def own(whole: Json, *, first: Json, mistakes: Sequence[Patch] = ()) -> None:
    """A filter without a fingerprint that asks for the cluster of the route that matches first, which is `first`."""
    no_fingerprint(whole)
    filter_ = ext_proc(whole)
    del filter_["forward_rules"]
    filter_["request_attributes"].append("xds.cluster_name")
    manager(whole)["route_config"]["virtual_hosts"][0]["routes"][-1] = {"match": {"prefix": "/"}, **first}
    for mistake in mistakes:
        mistake(whole)


def keys_at(before: Site) -> list[tuple[str, str]]:
    """Each key that reached a provider, with the provider's name."""
    return [
        (name, key)
        for name, provider in before.providers.items()
        for record in provider.records
        for key in KEYS
        if key in str(record.headers)
    ]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_first_request_takes_no_key_to_the_wrong_backend(before: Site, profile: Profile, mistake: Patch) -> None:
    with gateway(before, profile, partial(own, mistakes=(mistake,), first=TO_NORTH)) as started:
        answer = started.send(post(said("hi", "other"), ("authorization", "Bearer client")))
        line = started.line(answer)
        assert (answer.status, line["misconfigured"]) == (503, "steering")
        assert "direct_response" in line["detail"]
        assert before.received == 0
        reaches(started, "chat", "north")  # the first route leads to its backend
    assert keys_at(before) == [("north", "north-secret-1")]


def reaches(started: Gateway, model: str, backend: str) -> None:
    """A request for `model` is served by `backend`, with that backend's key and no other."""
    _, seen = started.ask(said("hi", model), provider=backend)
    assert [key for key in KEYS if key in str(seen.headers)] == [KEYS[backend == "south"]]


@pytest.mark.parametrize("first", NOWHERE)
@pytest.mark.parametrize(("model", "backend"), [("chat", "north"), ("other", "south")])
def test_a_first_route_that_leads_nowhere_lets_every_key_go_to_its_backend(
    before: Site, profile: Profile, first: Json, model: str, backend: str
) -> None:
    with gateway(before, profile, partial(own, first=first)) as started:
        reaches(started, model, backend)
        started.check()


@pytest.mark.parametrize("mistake", [retained, disabled])
def test_a_first_route_that_leads_nowhere_lets_no_key_go_where_envoy_does_not_follow(
    before: Site, profile: Profile, mistake: Patch
) -> None:
    with gateway(before, profile, partial(own, mistakes=(mistake,), first=NOWHERE[1])) as started:
        answer = started.send(post(said("hi", "other")))
        assert answer.status == 404
        started.check()


def forbidding(whole: Json) -> None:
    """A filter that reports the fields of a request as it went, and may not touch the client's credential."""
    own(whole, first=NOWHERE[1])
    filter_ = ext_proc(whole)
    filter_["mutation_rules"] = {"disallow_expression": {"regex": "authorization"}, "allow_all_routing": True}
    filter_["response_attributes"].append("request.headers['authorization']")


def test_a_credential_that_mutation_rules_keep_in_a_request_is_seen_with_the_response(profile: Profile) -> None:
    with site(READING, "h2") as before, gateway(before, profile, forbidding) as started:
        for _ in range(2):
            answer = started.send(post(said("hi", "other"), ("authorization", "Bearer client")))
            assert (answer.status, started.line(answer)["misconfigured"]) == (503, "mutation_rules")
        assert before.received == 1  # the first is how it was seen
