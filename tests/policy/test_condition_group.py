"""Several conditions at once: the same answers as one by one, and the same failures."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.policy import Condition, ConditionError
from extproc.policy.condition_group import GROUP_LEAST, ConditionGroup, UndecidedError
from extproc.policy.virtual import RULES_MAX

TEXTS = (
    "tools > 1",
    "stream",
    'model == "a" && images > 0 // why not',
    'headers["x-n"] != "" && int(headers["x-n"]) > 3',
    'findings.exists(f, f.kind == "email" && f.count > 1)',
    'mcp.tool == "search"',
    'backend_state["north"] != "up" && fits["north/a"]',
    '!fits["north/b"]',
    "tools > 5 || images > 5",
    'tenant.region == "eu" && tenant != "" // an attribute',
)
CALL = {"method": "tools/call", "tool": "search"}
SIGNALS = st.fixed_dictionaries({
    "tools": st.sampled_from([None, 0, 2, 9]),
    "stream": st.sampled_from([None, True, False]),
    "images": st.sampled_from([None, 0, 9]),
    "model": st.sampled_from(["a", "b"]),
    "tenant": st.sampled_from(["", "acme"]),
    "tenant_attributes": st.sampled_from([{}, {"region": "eu"}]),
    "headers": st.sampled_from([{}, {"x-n": "4"}, {"x-n": "no number"}]),
    "findings": st.sampled_from([[], [{"kind": "email", "count": 2, "processor": "p", "where": ""}], None]),
    "backend_state": st.sampled_from([{"north": "up"}, {"north": "down"}]),
    "fits": st.sampled_from([None, {"north/a": True, "north/b": False}]),
    "mcp": st.sampled_from([CALL, {"method": "", "tool": ""}, (CALL, {"method": "x", "tool": ""})]),
})  # fmt: skip


def one_by_one(conditions: list[Condition], signals: dict[str, Any]) -> tuple[list[bool | None], object]:
    every: list[bool | None] = []
    for each in conditions:
        try:
            every.append(each.holds(signals))
        except ConditionError:
            every.append(None)
    first = next((at for at, found in enumerate(every) if found is None or found), None)
    return every, ("undecided", first) if first is not None and every[first] is None else first


@given(st.lists(st.sampled_from(TEXTS), max_size=6), SIGNALS)
def test_a_group_says_what_its_conditions_say(texts: list[str], signals: dict[str, Any]) -> None:
    conditions = [Condition(text) for text in texts]
    group = ConditionGroup(conditions)
    every, expected = one_by_one(conditions, signals)
    assert list(group.every(signals)) == every
    try:
        first: object = group.first(signals)
    except UndecidedError as error:
        first = ("undecided", error.place)
    assert first == expected


def test_the_most_rules_of_a_model_are_one_group() -> None:
    group = ConditionGroup(
        [Condition(f'tools > {number} && model != "((((("') for number in reversed(range(RULES_MAX))]
    )
    assert group._first is not None, "they are asked in one call"
    assert group.first({"tools": 3, "model": "m"}) == RULES_MAX - 3
    assert group.first({"tools": 0, "model": "m"}) is None


@pytest.mark.parametrize("number", [0, GROUP_LEAST - 1, GROUP_LEAST])
def test_a_few_are_asked_one_by_one(number: int) -> None:
    group = ConditionGroup([Condition("stream")] * number)
    assert (group._first is not None) is (number >= GROUP_LEAST)
    assert list(group.every({"stream": True})) == [True] * number


def test_attributes_of_the_tenant_are_asked_for_together_with_all_else() -> None:
    group = ConditionGroup([Condition(f'tenant.region == "r{number}"') for number in range(GROUP_LEAST)])
    assert group._every is not None
    for attributes, found in (({"region": "r1"}, 1), ({}, None), ({"region": "r0", "plan": "gold"}, 0)):
        assert group.first({"tenant_attributes": attributes}) == found
        assert group._together(group._every, {"tenant_attributes": attributes}) is not None
