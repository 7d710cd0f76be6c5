"""Residency as a hard limit of the choice: no candidate of a plan is outside the regions that a request may go to."""

from typing import Any

import pytest

from extproc.policy import Health, loads
from extproc.protocol.errors import ClientError
from extproc.routing.health import BackendHealth
from extproc.routing.residency import Confinement, ResidencyError
from extproc.routing.selection import select
from extproc.routing.table import Choice, Table, compile_table

POLICY = """\
version: 1
backends:
  - {name: eu1, url: "http://127.0.0.1:1/v1", api: openai, region: eu, models: [{name: shared}]}
  - {name: us1, url: "http://127.0.0.1:2/v1", api: openai, region: us, models: [{name: shared}, {name: theirs}]}
  - {name: eu2, url: "http://127.0.0.1:3/v1", api: openai, region: eu, models: [{name: shared}]}
  - {name: nowhere, url: "http://127.0.0.1:4/v1", api: openai}
models:
  - name: auto
    rules: [{name: agents, when: tools > 0, to: [{backend: us1}], fallback: [{backend: eu2}]}]
    targets: [{backend: us1, weight: 8}, {backend: eu1}, {backend: nowhere}]
    fallback: [{backend: us1, model: other}, {backend: eu2}]
  - {name: foreign, targets: [{backend: us1}], fallback: [{backend: nowhere}]}
unknown_models: pass
residency:
  - {name: eu-data, when: stream, regions: [eu]}
  - {name: ours, when: images > 0, regions: [eu, us]}
"""
NOTHING = {"stream": False, "images": 0, "tools": 0}
EU = NOTHING | {"stream": True}
OURS = NOTHING | {"images": 1}


def table(more: str = "") -> Table:
    return compile_table(loads(POLICY + more), {})


OWN = table()


def choose(signals: dict[str, Any], *down: str, model: str = "auto", draw: float = 0.0, own: Table = OWN) -> Choice:
    health = BackendHealth()
    for name in down:
        health.unreachable(name, 0.0, Health())
    choice = select(own, model, "openai", draw, health, 0.5, signals, own.residency.confine(signals))
    assert choice is not None
    assert choice.plan[0] is choice.candidate
    return choice


def planned(choice: Choice) -> list[tuple[str, str | None]]:
    return [(each.destination.name, each.model) for each in choice.plan]


def test_rules_that_hold_together_leave_what_all_of_them_allow() -> None:
    assert OWN.residency.confine(NOTHING) is None
    assert OWN.residency.confine(OURS) == Confinement(frozenset({"eu", "us"}), ("ours",))
    assert OWN.residency.confine(EU | OURS | EU) == Confinement(frozenset({"eu"}), ("eu-data",))
    both = OWN.residency.confine(EU | {"images": 1})
    assert both == Confinement(frozenset({"eu"}), ("eu-data", "ours"))


def test_a_condition_that_cannot_be_evaluated_counts_as_true() -> None:
    assert OWN.residency.confine(NOTHING | {"stream": None}) == Confinement(
        frozenset({"eu"}), ("eu-data",), ("eu-data",)
    )


def test_a_plan_holds_all_that_can_serve_once_and_in_order() -> None:
    everywhere = [("us1", None), ("eu1", None), ("nowhere", None), ("us1", "other"), ("eu2", None)]
    assert planned(choose(NOTHING)) == everywhere
    assert planned(choose(NOTHING, draw=0.99)) == [everywhere[2], *everywhere[:2], *everywhere[3:]]


def test_no_attempt_of_a_plan_is_outside_the_regions() -> None:
    for draw in (0.0, 0.5, 0.999):
        assert planned(choose(EU, draw=draw)) == [("eu1", None), ("eu2", None)]
    assert ("nowhere", None) not in planned(choose(OURS)), "a backend without a region is in none"
    assert planned(choose(OURS)) == [("us1", None), ("eu1", None), ("us1", "other"), ("eu2", None)]
    assert planned(choose(EU, "eu1")) == [("eu2", None)]
    assert choose(EU, "eu1").why == "fallback"


def test_a_rule_of_the_model_chooses_within_the_regions_too() -> None:
    choice = choose(EU | {"tools": 1})
    assert (choice.rule, planned(choice)) == ("agents", [("eu2", None)])


def test_a_model_without_a_backend_there_is_refused_and_names_the_limits() -> None:
    with pytest.raises(ResidencyError) as caught:
        choose(EU, model="foreign")
    assert (caught.value.status, caught.value.code, caught.value.limits) == (503, "residency", ("eu-data",))


def test_backends_that_are_allowed_and_down_are_another_failure() -> None:
    with pytest.raises(ClientError) as caught:
        choose(EU, "eu1", "eu2")
    assert (caught.value.status, caught.value.code) == (503, "backend_unavailable")


def test_a_name_that_is_no_model_of_the_policy_is_confined_as_well() -> None:
    assert planned(choose(NOTHING, model="shared")) == [("eu1", None), ("us1", None), ("eu2", None)]
    assert planned(choose(EU, model="shared")) == [("eu1", None), ("eu2", None)]
    assert planned(choose(EU, "eu1", model="shared")) == [("eu2", None)]
    with pytest.raises(ResidencyError):
        choose(EU, model="theirs")


def test_the_default_backend_and_envoys_own_routes_are_confined_as_well() -> None:
    default = table("default_backend: us1\n")
    assert planned(choose(OURS, model="x", own=default)) == [("us1", None)]
    with pytest.raises(ResidencyError):
        choose(EU, model="x", own=default)
    routes = table("default_backend: route\n")
    health = BackendHealth()
    assert select(routes, "x", "openai", 0.0, health, 0.0, NOTHING, None) is None
    with pytest.raises(ResidencyError):
        choose(EU, model="x", own=routes)
