"""Strategies: which target is first, in which order the others follow, and what is tried of what nobody knows."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from extproc.apis.demand import Demand
from extproc.policy import loads
from extproc.routing.busy import OpenExchanges
from extproc.routing.health import BackendHealth
from extproc.routing.placing import FREE_LOAD, OVERLOAD, key_of
from extproc.routing.selection import Draws, select
from extproc.routing.speeds import HALF_LIFE, Speeds
from extproc.routing.strategies import EXPLORED, OTHERS_MAX
from extproc.routing.table import Choice, Table, compile_table
from extproc.routing.weighing import NO_DEMAND, Weighing

NAMES = "abcd"
PRICES = {"a": "input_usd_per_mtok: 1, output_usd_per_mtok: 1", "b": "input_usd_per_mtok: 0.1, output_usd_per_mtok: 8"}
TARGETS = "[{backend: a, model: m}, {backend: b, model: m}, {backend: c, model: m}]"


def table(model: str, more: str = "", targets: str = TARGETS) -> Table:
    backends = "".join(
        f'  - {{name: {name}, url: "http://127.0.0.1:1/v1", api: openai, models: [{{name: m, {PRICES.get(name, "")}'
        f"{', ' if name in PRICES else ''}quality: {quality}}}]}}\n"
        for name, quality in zip(NAMES, (0.2, 0.5, 0.9, 1.0), strict=True)
    )
    text = f"version: 1\nbackends:\n{backends}models:\n  - {{name: x, targets: {targets}, {model}}}\n{more}"
    return compile_table(loads(text), {})


class Told:
    """Everything that a choice weighs, as a test sets it."""

    def __init__(self, own: Table) -> None:
        self.own = own
        self.busy, self.speeds, self.health = OpenExchanges(), Speeds(), BackendHealth()

    def choose(self, draw: float = 0.5, demand: Demand = NO_DEMAND, now: float = 0.0, **more: Any) -> Choice:
        weighing = Weighing(draw, now, self.busy, self.speeds, demand, **more)
        found = select(self.own, "x", "openai", draw, self.health, now, {}, None, weighing)
        assert found is not None
        assert found.candidate is found.plan[0]
        assert len({each.key for each in found.plan}) == len(found.plan)
        return found

    def order(self, *arguments: Any, **more: Any) -> str:
        return names(self.choose(*arguments, **more))

    def seen(self, name: str, first: float, token: float = 0.0, now: float = 0.0) -> None:
        self.speeds.began((name, "m"), first, now, stream=True)
        if token:
            self.speeds.wrote((name, "m"), token, now)


def names(choice: Choice) -> str:
    return "".join(each.destination.name for each in choice.plan)


def needing(given: int | None, out: int | None) -> Demand:
    return Demand(frozenset(), given, out, 1)


def test_cheapest_is_by_the_cost_of_this_request_and_what_has_no_price_is_never_free() -> None:
    told = Told(table("strategy: cheapest"))
    assert told.order(demand=needing(100_000, 10)) == "bac"
    assert told.order(demand=needing(100, 10_000)) == "abc"
    assert told.order(demand=needing(None, None)) == "abc"
    assert told.choose().why == "cheapest"


def test_fastest_is_by_first_part_and_by_tokens() -> None:
    told = Told(table("strategy: fastest"))
    told.seen("a", 1.0, 0.001)
    told.seen("b", 0.1, 0.1)
    told.seen("c", 5.0, 0.001)
    assert told.order(demand=needing(1, 5), stream=True) == "bac"
    assert told.order(demand=needing(1, 400), stream=True) == "acb"


def test_whole_responses_are_compared_with_whole_responses() -> None:
    told = Told(table("strategy: fastest"))
    told.seen("a", 0.1, 0.1)
    for name, seconds in (("a", 9.0), ("b", 3.0), ("c", 6.0)):
        told.speeds.began((name, "m"), seconds, 0.0, stream=False)
    assert told.order(stream=False) == "bca"


def test_what_is_not_known_is_tried_by_a_share_of_the_requests() -> None:
    told = Told(table("strategy: fastest"))
    told.seen("b", 0.1)
    draws = Draws(0.0)
    first = Counter(told.order(draws.next(), stream=True)[0] for _ in range(1000))
    assert first["b"] == pytest.approx(1000 * (1 - EXPLORED), abs=5)
    assert abs(first["a"] - first["c"]) <= 3
    assert told.order(0.5, stream=True) == "bac"


def test_nothing_known_means_that_the_weights_draw() -> None:
    told = Told(table("strategy: fastest"))
    assert [told.order(draw, stream=True)[0] for draw in (0.1, 0.5, 0.9)] == list("abc")


def test_times_fade_and_are_forgotten() -> None:
    told = Told(table("strategy: fastest"))
    for _ in range(20):
        told.seen("a", 9.0)
    told.seen("b", 1.0)
    told.seen("c", 2.0)
    assert told.order(stream=True) == "bca"
    for _ in range(20):
        told.seen("a", 0.1, now=2 * HALF_LIFE)
    told.seen("b", 1.0, now=2 * HALF_LIFE)
    assert told.order(stream=True, now=2 * HALF_LIFE) == "abc"
    assert told.order(stream=True, now=2.1 * HALF_LIFE)[-1] == "c", "of which nothing is known any more"


def test_least_busy_counts_open_exchanges_for_the_weight() -> None:
    told = Told(table("strategy: least_busy", targets=TARGETS.replace("{backend: c,", "{weight: 4, backend: c,")))
    assert told.order()[0] == "c"
    for _ in range(8):
        chosen = told.choose().candidate
        told.busy.opened(chosen.key)
    assert [told.busy.of((name, "m")) for name in "abc"] == [1, 1, 6]
    for _ in range(6):
        told.busy.closed(("c", "m"))
    assert told.busy.of(("c", "m")) == 0
    assert told.order()[0] == "c"


def test_targets_that_are_as_busy_are_drawn() -> None:
    told = Told(table("strategy: least_busy"))
    assert Counter(told.order(number / 99)[0] for number in range(99)) == {"a": 33, "b": 33, "c": 33}


def test_balanced_weighs_cost_speed_and_quality() -> None:
    cheap = Told(table("strategy: balanced, balance: {cost: 0.9, quality: 0.1}"))
    assert cheap.order(demand=needing(100_000, 1))[0] == "b"
    good = Told(table("strategy: balanced, balance: {cost: 0.1, quality: 0.9}"))
    assert good.order(demand=needing(100_000, 1))[0] == "c"
    fast = Told(table("strategy: balanced, balance: {speed: 0.9, quality: 0.1}"))
    for name, seconds in (("a", 0.1), ("b", 5.0), ("c", 5.0)):
        fast.seen(name, seconds)
    assert fast.order(stream=True) == "acb"
    assert fast.choose(stream=True).why == "balanced"


def placed(told: Told, keys: int = 300) -> Sequence[str]:
    return [told.order(key=key_of(b"%d" % number)) for number in range(keys)]


def test_sticky_places_a_key_where_it_was_and_by_weight() -> None:
    told = Told(table("strategy: sticky", targets=TARGETS.replace("{backend: c,", "{weight: 2, backend: c,")))
    first = placed(told, 2000)
    assert first == placed(told, 2000)
    shares = Counter(order[0] for order in first)
    assert shares["c"] == pytest.approx(1000, rel=0.1)
    assert shares["a"] == pytest.approx(500, rel=0.15)


def test_a_target_that_comes_takes_keys_and_moves_no_others() -> None:
    before = placed(Told(table("strategy: sticky")))
    after = placed(Told(table("strategy: sticky", targets=TARGETS.replace("]", ", {backend: d, model: m}]"))))
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old[0] != new[0]]
    assert {new[0] for _, new in moved} == {"d"}
    assert len(moved) == pytest.approx(75, abs=25)


def test_a_target_that_is_busier_than_its_share_is_passed_over_until_it_is_not() -> None:
    told = Told(table("strategy: sticky"))
    key = key_of(b"hot")
    own = told.order(key=key)
    for _ in range(FREE_LOAD):
        assert told.order(key=key) == own
        told.busy.opened((own[0], "m"))
    assert told.order(key=key) == own[1] + own[0] + own[2]
    for name in own[1:]:
        for _ in range(FREE_LOAD):
            told.busy.opened((name, "m"))
    assert told.order(key=key) == own, "all are alike now"
    for _ in range(100):
        told.busy.opened((told.order(key=key)[0], "m"))
    most = max(told.busy.of((name, "m")) for name in own)
    assert most <= OVERLOAD * (100 + 3 * FREE_LOAD) / 3 + 1


def test_requests_without_a_key_are_drawn() -> None:
    told = Told(table("strategy: sticky"))
    assert [told.order(draw)[0] for draw in (0.1, 0.5, 0.9)] == list("abc")


CANARY = "canary: {to: {backend: d, model: m}, share: 10%}"


def test_a_canary_gets_its_share_and_the_others_theirs() -> None:
    told = Told(table(CANARY))
    draws = Draws(0.3)
    choices = [told.choose(draws.next()) for _ in range(1000)]
    first = Counter(each.candidate.destination.name for each in choices)
    assert first["d"] == pytest.approx(100, abs=3)
    assert all(first[name] == pytest.approx(300, abs=5) for name in "abc")
    assert {each.why for each in choices} == {"canary", "weighted"}
    assert {names(each)[1:] for each in choices if each.why == "canary"} <= {"abc", "bca", "cab"}
    assert all("d" not in names(each) for each in choices if each.why != "canary")


def test_a_canary_that_is_down_tries_nothing_and_reroutes_nobody() -> None:
    own = table(CANARY)
    told = Told(own)
    told.health.limited("d", "m", 0.0, 100.0)
    assert {told.choose(number / 50).why for number in range(50)} == {"weighted"}
    assert not told.choose(0.01).rerouted


def test_a_conversation_stays_with_the_canary() -> None:
    told = Told(table(f"strategy: sticky, {CANARY}"))
    first = [told.order(number / 300, key=key_of(b"%d" % number))[0] for number in range(300)]
    again = [told.order(0.9, key=key_of(b"%d" % number))[0] for number in range(300)]
    assert first == again
    assert first.count("d") == pytest.approx(30, abs=12)


def test_a_target_of_weight_0_gets_nothing_whatever_the_strategy() -> None:
    nothing = TARGETS.replace("{backend: b,", "{weight: 0, backend: b,")
    for model in ("strategy: cheapest", "strategy: fastest", "strategy: least_busy", "strategy: sticky"):
        told = Told(table(model, targets=nothing))
        assert "b" not in told.order(demand=needing(100_000, 1), key=7)


def test_the_plan_is_bounded_and_ends_with_the_fallbacks() -> None:
    many = "[" + ", ".join(f"{{backend: a, model: m{number}}}" for number in range(3 * OTHERS_MAX)) + "]"
    for strategy in ("weighted", "least_busy"):
        told = Told(table(f"strategy: {strategy}, fallback: [{{backend: b}}]", targets=many))
        plan = told.choose().plan
        assert len(plan) == 1 + OTHERS_MAX + 1
        assert plan[-1].destination.name == "b"
