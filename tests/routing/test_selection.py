"""The choice of a destination: rules in their order, weights, fallbacks, and backends that are down."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policy import Health, loads
from extproc.protocol.errors import ClientError
from extproc.routing.health import BackendHealth
from extproc.routing.narrowing import UnroutedError
from extproc.routing.selection import select
from extproc.routing.table import Choice, Table, compile_table

NAMES = [f"b{number}" for number in range(6)]
BACKENDS = "".join(f'  - {{name: {name}, url: "http://127.0.0.1:1/v1", api: openai}}\n' for name in NAMES)


def table(models: str) -> Table:
    other = '  - {name: other, url: "http://127.0.0.1:1/v1", api: anthropic}\n'
    return compile_table(loads(f"version: 1\nbackends:\n{BACKENDS}{other}models:\n{models}"), {})


def choose(
    own: Table, signals: dict[str, Any], *down: str, model: str = "auto", api: str = "openai", draw: float = 0.0
) -> Choice:
    health = BackendHealth()
    for name in down:
        health.unreachable(name, 0.0, Health())
    choice = select(own, model, api, draw, health, 0.5, signals)
    assert choice is not None
    return choice


def chosen(choice: Choice) -> tuple[str | None, str, str]:
    return choice.rule, choice.candidate.destination.name, choice.why


AUTO = table("""\
  - name: auto
    rules:
      - {name: agents, when: tools > 0, to: [{backend: b0, weight: 3}, {backend: b1}], fallback: [{backend: b2}]}
      - {when: stream, to: [{backend: b3, model: fast}]}
    targets: [{backend: b4}]
    fallback: [{backend: b5}]
  - {name: plain, targets: [{backend: b4}]}
""")
BOTH = {"tools": 1, "stream": True}
SECOND = {"tools": 0, "stream": True}
NEITHER = {"tools": 0, "stream": False}


def test_the_first_rule_that_holds_serves_the_request() -> None:
    assert chosen(choose(AUTO, BOTH)) == ("agents", "b0", "weighted")
    assert chosen(choose(AUTO, SECOND)) == ("rule-2", "b3", "only")
    assert choose(AUTO, SECOND).candidate.model == "fast"


def test_where_no_rule_holds_the_model_s_own_targets_serve_it() -> None:
    assert chosen(choose(AUTO, NEITHER)) == (None, "b4", "only")
    assert chosen(choose(AUTO, NEITHER, "b4")) == (None, "b5", "fallback")


def test_the_targets_of_a_rule_have_weights() -> None:
    drawn = [choose(AUTO, BOTH, draw=number / 100).candidate.destination.name for number in range(100)]
    assert (drawn.count("b0"), drawn.count("b1")) == (75, 25)


def test_backends_that_are_down_are_skipped_within_the_rule_alone() -> None:
    assert chosen(choose(AUTO, BOTH, "b0")) == ("agents", "b1", "weighted")
    choice = choose(AUTO, BOTH, "b0", "b1")
    assert chosen(choice) == ("agents", "b2", "fallback")
    assert choice.rerouted
    for signals, rule, down in ((BOTH, "agents", ("b0", "b1", "b2")), (SECOND, "rule-2", ("b3",))):
        with pytest.raises(UnroutedError) as caught:
            choose(AUTO, signals, *down)
        assert (caught.value.status, caught.value.code, caught.value.rule) == (503, "backend_unavailable", rule)


@pytest.mark.parametrize(("tools", "stream", "rule"), [(None, True, "agents"), (0, None, "rule-2")])
def test_a_rule_about_a_signal_that_cannot_be_told_is_not_passed_over(
    tools: int | None, stream: bool | None, rule: str
) -> None:
    with pytest.raises(UnroutedError) as caught:
        choose(AUTO, {"tools": tools, "stream": stream})
    assert (caught.value.status, caught.value.code, caught.value.rule) == (503, "routing_failed", rule)


def test_a_signal_that_only_a_later_rule_reads_need_not_be_told() -> None:
    assert chosen(choose(AUTO, {"tools": 1, "stream": None})) == ("agents", "b0", "weighted")


APIS = table("""\
  - name: auto
    rules: [{name: code, when: tools > 0, to: [{backend: other}]}]
    targets: [{backend: b0}]
  - name: ruled
    rules: [{name: code, when: tools > 0, to: [{backend: b1}], fallback: [{backend: other}]}]
    targets: [{backend: b0}]
""")


def test_a_rule_without_a_target_for_the_api_gives_404_and_not_another_rule() -> None:
    assert chosen(choose(APIS, {"tools": 1}, api="anthropic")) == ("code", "other", "only")
    with pytest.raises(UnroutedError) as caught:
        choose(APIS, {"tools": 1})
    assert (caught.value.status, caught.value.code, caught.value.rule) == (404, "model_not_found", "code")


def test_a_fallback_alone_serves_an_api_that_no_target_of_the_rule_speaks() -> None:
    assert chosen(choose(APIS, {"tools": 1}, model="ruled", api="anthropic")) == ("code", "other", "fallback")
    with pytest.raises(UnroutedError) as caught:
        choose(APIS, {"tools": 0}, model="ruled", api="anthropic")
    assert (caught.value.status, caught.value.rule) == (404, None)


def test_a_table_says_what_the_rules_of_each_model_read() -> None:
    assert AUTO.asks == {"auto": {"tools", "stream"}}
    assert APIS.asks == {"auto": {"tools"}, "ruled": {"tools"}}


def test_health_matters_where_a_rule_has_more_than_one_backend() -> None:
    one = "  - {name: auto, targets: [{backend: b0}], rules: [{when: stream, to: [{backend: b1}]}]}\n"
    assert not table(one).chooses
    assert table(one.replace("{backend: b1}", "{backend: b1}, {backend: b2}")).chooses


# -- any rules, any signals, any outage

lists = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
rules = st.lists(st.tuples(st.integers(0, 5), lists, st.one_of(st.just([]), lists)), max_size=4)


def written(names: list[str]) -> str:
    return ", ".join(f"{{backend: {name}}}" for name in names)


def along(to: list[str], fallback: list[str], down: set[str]) -> set[str]:
    """The backends that a list of targets and its fallback may lead to."""
    up = {name for name in to if name not in down}
    return up or set([name for name in fallback if name not in down][:1])


@given(
    rules, lists, st.lists(st.sampled_from(NAMES), unique=True), st.integers(0, 5), st.floats(0, 1, exclude_max=True)
)
def test_the_first_match_wins_whatever_is_down(
    ruled: list[tuple[int, list[str], list[str]]], targets: list[str], down: list[str], tools: int, draw: float
) -> None:
    lines = [
        f"      - {{when: tools == {number}, to: [{written(to)}], fallback: [{written(fallback)}]}}\n"
        for number, to, fallback in ruled
    ]
    own = table(f"  - name: auto\n    targets: [{written(targets)}]\n" + "    rules:\n" * bool(lines) + "".join(lines))
    match = next((at for at, (number, _, _) in enumerate(ruled) if number == tools), None)
    expected = along(*((targets, []) if match is None else ruled[match][1:]), set(down))
    try:
        choice = choose(own, {"tools": tools}, *down, draw=draw)
    except ClientError as error:
        assert (error.status, expected) == (503, set())  # noqa: PT017  - one of the two outcomes
        return
    assert choice.rule == (None if match is None else f"rule-{match + 1}")
    assert choice.candidate.destination.name in expected
