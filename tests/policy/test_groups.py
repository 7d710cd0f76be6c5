"""`parallel:` groups: their members are processors like any other, that only read; problems have their real places."""

import pytest

from extproc.policy import PolicyError, loads
from extproc.policy.pipelines import PROCESSORS_MAX
from extproc.transaction import Plan
from tests.policy.texts import root

A = "{use: webhook, name: a, url: 'http://127.0.0.1:1', action: block}"
B = "{use: presidio, name: b, url: 'http://127.0.0.1:2', action: report}"


def policy(*lines: str, side: str = "request") -> str:
    """A policy whose pipeline has these entries, one a line from line 9 on."""
    return root("pipelines:", "  - name: p", f"    {side}:", *(f"      - {line}" for line in lines))


@pytest.mark.parametrize("side", ["request", "response"])
def test_a_groups_members_take_its_place(side: str) -> None:
    text = policy("{use: secrets}", f"parallel: [{A}, {B}]", "{use: pii, name: last}", side=side)
    loaded = loads(text)
    assert [each.name for each in getattr(loaded.pipelines[0], side)] == ["secrets", "a", "b", "last"]
    (pipeline,) = Plan.compile(loaded, {}).pipelines
    assert len(pipeline.guards) == 2


def test_several_groups_and_pipelines_keep_their_order() -> None:
    text = policy(f"parallel: [{A}]", "{use: pii}", f"parallel: [{B}, {{use: size, max_bytes: 1KiB}}]")
    text += f"  - name: q\n    response: [{{parallel: [{B}]}}, {{use: pii}}]\n"
    first, second = loads(text).pipelines
    assert [each.name for each in first.request] == ["a", "pii", "b", "size"]
    assert [each.name for each in second.response] == ["b", "pii"]


MASKS = "only read, and this one masks"


@pytest.mark.parametrize(
    ("entries", "line", "path", "message"),
    [
        (["parallel: []"], 9, "[0].parallel", "a list of processors"),
        (["parallel: pii"], 9, "[0].parallel", "a list of processors"),
        ([f"{{parallel: [{A}], timeout: 1s}}"], 9, "[0].timeout", "no other fields"),
        ([f"parallel: [{{parallel: [{A}]}}]"], 9, "[0].parallel[0]", "no groups in groups"),
        (["{use: secrets}", f"parallel: [{A}, {{use: pii, action: mask}}]"], 10, "[1].parallel[1].action", MASKS),
        (["parallel: [{use: webhook, url: 'http://127.0.0.1:1'}]"], 9, "[0].parallel[0]", MASKS),
        (["{use: secrets}", f"parallel: [{A}, {{use: pii, x: 1}}]"], 10, "[1].parallel[1].x", "no field x"),
        ([f"parallel: [{A}]", "{use: pii, x: 1}"], 10, "[1].x", "no field x"),
        ([f"parallel: [{A}, {A}]"], 9, "[0].parallel[1].name", "already a processor"),
        ([f"parallel: [{A}]", "{use: pii, on_failure: c}"], 10, "[1].on_failure", "no processor c"),
        (["parallel: [7]"], 9, "[0].parallel[0]", "a processor is a mapping"),
    ],
)
def test_what_is_wrong_in_a_group_is_told_where_it_stands(
    entries: list[str], line: int, path: str, message: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(policy(*entries))
    (problem,) = caught.value.problems
    assert problem.path == f"pipelines[0].request{path}"
    assert problem.line == line
    assert message in problem.message


def test_a_member_in_the_shadow_may_mask() -> None:
    assert len(loads(policy("parallel: [{use: pii, action: mask, mode: shadow}]")).pipelines[0].request) == 1


@pytest.mark.parametrize(("members", "right"), [(PROCESSORS_MAX, True), (PROCESSORS_MAX + 1, False)])
def test_members_count_as_processors(members: int, right: bool) -> None:
    text = policy(f"parallel: [{', '.join(f'{{use: pii, name: p-{number}}}' for number in range(members))}]")
    if right:
        assert len(loads(text).pipelines[0].request) == members
    else:
        with pytest.raises(PolicyError):
            loads(text)


@pytest.mark.parametrize("text", ["pipelines: 7\n", "pipelines: [7]\n", "pipelines: [{request: 7}]\n", "7\n", "[]\n"])
def test_what_is_no_policy_is_told_as_ever(text: str) -> None:
    with pytest.raises(PolicyError):
        loads(text)
