"""Makers: who can read what a request carries, and that no attempt goes to anybody else."""

from textwrap import dedent
from typing import Final

import pytest

from extproc.apis.seals.tag import SealTag
from extproc.policy import Health, loads
from extproc.routing.health import BackendHealth
from extproc.routing.makers import makers_of
from extproc.routing.narrowing import NO_MAKER, UNAVAILABLE, UnroutedError
from extproc.routing.residency import ResidencyError
from extproc.routing.selection import select
from extproc.routing.table import Table, compile_table
from tests.gathered import gathered

POLICY: Final = """
    version: 1
    backends:
      - {name: a-one, url: "http://127.0.0.1:1/v1", api: openai, sealed_by: a, region: eu, models: [{name: listed}]}
      - {name: a-two, url: "http://127.0.0.1:2/v1", api: openai, sealed_by: a}
      - {name: b, url: "http://127.0.0.1:3/v1", api: openai, models: [{name: listed}]}
      - {name: spare, url: "http://127.0.0.1:4/v1", api: openai}
    models:
      - name: auto
        strategy: STRATEGY
        targets: [{backend: b, weight: 5}, {backend: a-one}, {backend: a-two}]
        fallback: [{backend: spare}]
      - {name: own, targets: [{backend: b}]}
"""


def table(extra: str = "", strategy: str = "weighted", policy: str = POLICY) -> Table:
    text = dedent(policy.replace("STRATEGY", strategy)) + extra
    return compile_table(loads(text, "policy.yaml"), {})


@gathered("strategy", ["weighted", "cheapest", "fastest", "least_busy", "balanced"])
@gathered("draw", [0.0, 0.3, 0.6, 0.99])
def test_every_attempt_is_at_a_backend_of_the_maker(strategy: str, draw: float) -> None:
    choice = select(table(strategy=strategy), "auto", "openai", draw, BackendHealth(), 0.0, makers=frozenset({"a"}))
    assert choice is not None
    assert {each.destination.name for each in choice.plan} == {"a-one", "a-two"}
    assert choice.candidate is choice.plan[0]


def test_without_a_backend_of_the_maker_there_is_no_choice() -> None:
    for model in ("own", "listed"):
        with pytest.raises(UnroutedError) as caught:
            select(table("unknown_models: pass\n"), model, "openai", 0.0, BackendHealth(), 0.0, makers=frozenset({"c"}))
        assert (caught.value.status, caught.value.code) == (409, NO_MAKER)


def test_a_maker_that_is_down_is_told_from_one_that_does_not_serve() -> None:
    health = BackendHealth()
    health.unreachable("b", 0.0, Health())
    with pytest.raises(UnroutedError) as caught:
        select(table(), "auto", "openai", 0.0, health, 0.0, makers=frozenset({"b"}))
    assert (caught.value.status, caught.value.code) == (503, UNAVAILABLE)


def test_residency_holds_among_the_makers_backends() -> None:
    own = table("residency: [{name: all, when: 'true', regions: [eu]}]\n")
    confinement = own.residency.confine({})
    choice = select(own, "auto", "openai", 0.0, BackendHealth(), 0.0, {}, confinement, makers=frozenset({"a"}))
    assert choice is not None
    assert [each.destination.name for each in choice.plan] == ["a-one"]
    with pytest.raises(ResidencyError):
        select(own, "auto", "openai", 0.0, BackendHealth(), 0.0, {}, confinement, makers=frozenset({"b"}))


def test_makers_are_those_of_the_backends_that_serve_models() -> None:
    makers = makers_of(table("default_backend: a-two\n"))
    assert makers is not None
    assert makers.apis == {"openai"}
    assert makers.homes == {"openai": "a"}
    assert makers.could_serve("auto", "openai") == {"a", "b", "spare"}
    assert makers.could_serve("own", "openai") == {"b"}
    assert makers.could_serve("listed", "openai") == {"a"}  # the default backend's, as unknown names are refused
    passing = makers_of(table("unknown_models: pass\n"))
    assert passing is not None
    assert passing.could_serve("listed", "openai") == {"a", "b"}
    assert passing.could_serve("nobody's", "openai") == frozenset()


@gathered(
    "policy",
    [
        POLICY.replace(", sealed_by: a", "").replace("api: openai", "api: openai, sealed_by: one"),
        POLICY.partition("models:\n")[0] + "models: [{name: own, targets: [{backend: b}]}]\n",
    ],
)
def test_one_maker_alone_is_none(policy: str) -> None:
    assert makers_of(table(policy=policy)) is None


def test_a_tag_in_a_path_leads_to_no_backend_whose_responses_have_none() -> None:
    """The path of a server of MCP would be the client's to choose, past every list of tools."""
    more = '      - {name: tools, url: "http://127.0.0.1:5/mcp", api: mcp}\n    models:\n'
    found = makers_of(table(policy=POLICY.replace("    models:\n", more, 1)))
    assert found is not None
    assert set(found.backends) == {"a", "b", "spare"}
    assert SealTag.of("tools").text not in found.labels
