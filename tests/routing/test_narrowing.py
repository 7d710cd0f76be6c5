"""Hard filters: contexts, features, and who may use what, before any strategy chooses."""

from typing import Any

import pytest

from extproc.apis.demand import UNDETERMINED, Demand
from extproc.policy import loads
from extproc.routing.busy import OpenExchanges
from extproc.routing.health import BackendHealth
from extproc.routing.narrowing import ContextExceededError, UnroutedError
from extproc.routing.residency import Confinement, ResidencyError
from extproc.routing.selection import select
from extproc.routing.speeds import Speeds
from extproc.routing.table import ENDLESS_ROOM, Choice, Table, compile_table
from extproc.routing.weighing import LeftOut, Weighing


def backend(name: str, traits: str, region: str = "eu") -> str:
    return (
        f'  - {{name: {name}, url: "http://127.0.0.1:1/v1", api: openai, region: {region},'
        f" models: [{{name: m{', ' if traits else ''}{traits}}}]}}\n"
    )


def table(targets: str, fallback: str = "", more: str = "", strategy: str = "weighted") -> Table:
    backends = (
        backend("tiny", "context_tokens: 1000, features: []")
        + backend("small", "context_tokens: 8000, features: [tools]")
        + backend("large", "context_tokens: 100000, features: [tools, images]", "us")
        + backend("open", "")
        + backend("able", "features: [tools]")
    )
    others = ", ".join(f"{{backend: {name}, model: m}}" for name in fallback.split())
    spare = f", strategy: {strategy}, fallback: [{others}]"
    listed = ", ".join(f"{{backend: {name}, model: m}}" for name in targets.split())
    return compile_table(
        loads(f"version: 1\nbackends:\n{backends}models: [{{name: x, targets: [{listed}]{spare}}}]\n{more}"), {}
    )


class Chosen:
    def __init__(self, own: Table, demand: Demand, model: str = "x", **more: Any) -> None:
        confinement = more.pop("confinement", None)
        self.left: list[LeftOut] = []
        weighing = Weighing(0.0, 0.0, OpenExchanges(), Speeds(), demand, left=self.left, **more)
        found = select(own, model, "openai", 0.0, BackendHealth(), 0.0, {}, confinement, weighing)
        assert isinstance(found, Choice)
        self.choice = found

    @property
    def plan(self) -> list[str]:
        return [each.destination.name for each in self.choice.plan]


def needing(given: int | None, out: int | None = None, *features: str) -> Demand:
    return Demand(frozenset(features), given, out, 1)


def test_a_prompt_that_exceeds_small_contexts_goes_to_a_larger_one() -> None:
    own = table("tiny small", "large")
    assert Chosen(own, needing(1000)).plan == ["tiny", "small", "large"]
    assert Chosen(own, needing(1001)).plan == ["small", "large"]
    found = Chosen(own, needing(8000, 1))
    assert (found.plan, found.choice.why) == (["large"], "fallback")
    assert [(each.backend, each.why) for each in found.left] == [("tiny", "context"), ("small", "context")]
    assert not found.choice.rerouted, "nobody is down"


def test_a_prompt_that_no_context_holds_is_refused_and_names_the_limit() -> None:
    own = table("tiny small")
    assert Chosen(own, needing(7000, 1000)).plan == ["small"]
    assert Chosen(own, needing(7777, 1000)).plan == ["small"], "as far as the count may be too high"
    with pytest.raises(ContextExceededError) as caught:
        Chosen(own, needing(7778, 1000))
    error = caught.value
    assert (error.status, error.code, error.tokens, error.limit) == (400, "context_length_exceeded", 8778, 8000)
    assert "8778 tokens" in error.message
    assert error.told("too long: {tokens} > {limit}").message == "too long: 8778 > 8000"


def test_nobody_is_refused_for_what_is_only_an_estimate() -> None:
    own = table("small large")
    assert Chosen(own, needing(200_000, None, "images")).plan == ["large"]
    assert Chosen(own, needing(None)).plan == ["large"], "unknown: it needs the largest"
    assert Chosen(table("small open"), needing(200_000)).plan == ["open"], "whose context nobody knows"


def test_the_largest_is_the_largest_that_residency_leaves() -> None:
    own, eu = table("tiny small large"), Confinement(frozenset({"eu"}), ("eu-data",))
    assert Chosen(own, needing(None), confinement=eu).plan == ["small"]
    with pytest.raises(ContextExceededError) as caught:
        Chosen(own, needing(9000), confinement=eu)
    assert caught.value.limit == 8000


def test_a_request_goes_to_a_model_that_can_do_what_it_needs() -> None:
    own = table("tiny small large open")
    assert Chosen(own, needing(10)).plan == ["tiny", "small", "large", "open"]
    assert Chosen(own, needing(10, None, "tools")).plan == ["small", "large", "open"]
    found = Chosen(own, needing(10, None, "tools", "images"))
    assert found.plan == ["large", "open"]
    assert [(each.backend, each.detail) for each in found.left] == [("tiny", "images, tools"), ("small", "images")]
    assert Chosen(own, needing(10, None, "audio")).plan == ["open"], "it is not said what it cannot do"


def test_a_request_for_what_nobody_can_do_is_refused_and_names_it() -> None:
    with pytest.raises(UnroutedError) as caught:
        Chosen(table("tiny small"), needing(10, None, "audio"))
    assert (caught.value.status, caught.value.code) == (400, "unsupported_feature")
    assert "audio" in caught.value.message


def test_what_cannot_be_determined_is_nobody_s_mistake() -> None:
    assert Chosen(table("small open"), UNDETERMINED).plan == ["open"]
    with pytest.raises(UnroutedError) as caught:
        Chosen(table("small"), UNDETERMINED)
    assert (caught.value.status, caught.value.code) == (503, "routing_failed")


def test_residency_comes_before_every_other_filter() -> None:
    own, nowhere = table("tiny"), Confinement(frozenset(), ("none",))
    with pytest.raises(ResidencyError):
        Chosen(own, needing(10_000, None, "audio"), confinement=nowhere)


def test_a_name_that_backends_list_is_filtered_too() -> None:
    own = table("open", more="unknown_models: pass\n")
    assert Chosen(own, needing(5000, None, "tools"), model="m").plan == ["small", "large", "open", "able"]
    assert "m" in own.weighs


def test_what_a_policy_does_not_declare_is_not_asked_for() -> None:
    own = table("open")
    assert (own.weighs, own.reads) == (frozenset(), {})
    assert table("open small").reads["x"].demand


def test_tokens_are_counted_only_beyond_the_smallest_context_or_for_a_strategy_that_reckons_with_them() -> None:
    found = [table(targets).reads["x"] for targets in ("open large small", "open large", "open able")]
    assert [(each.room, each.counts) for each in found] == [(8000, True), (100_000, True), (ENDLESS_ROOM, False)]
    cheap = table("open large", strategy="cheapest").reads["x"]
    assert (cheap.room, cheap.counts) == (None, True)
