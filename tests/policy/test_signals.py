"""What the policy's checker knows of signals."""

import pickle
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from extproc.policy import Condition, PolicyError, drafted, loads
from extproc.policy.signals import BUILT_IN, RECORDED_MAX, SIGNALS_MAX, SignalDeclaration, SignalError, Vocabulary
from tests.policy.texts import processor, root

RISK = SignalDeclaration("risk", "int", 7, "how risky it is", "body")
TIER = SignalDeclaration("tier", "string", "gold", "the tier of the tenant", headers=("x-tier",))
MORE = Vocabulary((*BUILT_IN, RISK, TIER))


def problem(text: str, signals: Vocabulary = BUILT_IN) -> tuple[int, str, str, str]:
    with pytest.raises(PolicyError) as caught:
        loads(text, signals=signals)
    (found,) = caught.value.problems
    return found.line, found.path, found.message, found.mend


def test_a_condition_is_checked_against_the_signals_it_is_loaded_with() -> None:
    condition = Condition('risk > 3 && tier != "gold"', MORE)
    assert condition.signals == {"risk", "tier"}
    assert condition.headers == {"x-tier"}
    assert condition.reads_body
    assert not Condition('tier == ""', MORE).reads_body
    assert condition.holds({"risk": 4, "tier": "silver"})
    for text, told in (("risk > 3", "no signal risk"), ("risk + tier == 1", "does not go together")):
        with pytest.raises(PydanticCustomError, match=told):
            Condition(text, BUILT_IN if "no" in told[:2] else MORE)


def test_a_policy_tells_a_wrong_use_of_a_plug_ins_signal_where_it_stands() -> None:
    text = processor('{use: pii, action: report, when: "risk + tier == 1"}')
    line, path, message, _ = problem(text, MORE)
    assert (line, path) == (9, "pipelines[0].request[0].when")
    assert "does not go together" in message
    line, path, message, mend = problem(text)
    assert (line, path, message) == (9, "pipelines[0].request[0].when", "there is no signal risk")
    assert "known here: model" in mend


def test_the_rest_of_a_wrong_file_is_checked_against_them_too() -> None:
    draft = drafted(processor('{use: pii, action: report, when: "risk > 3"}') + "colour: red\n", signals=MORE)
    assert draft.policy is None
    assert [each.step.when for each in draft.parts.steps] == [Condition("risk > 3", MORE)]


def test_a_policy_goes_to_other_processes_with_what_its_conditions_were_checked_against() -> None:
    policy = loads(processor('{use: pii, action: report, when: "risk > 3"}'), signals=MORE)
    copy = pickle.loads(pickle.dumps(policy))
    assert copy == policy
    assert copy.pipelines[0].request[0].when.signals == {"risk"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": "Risk"}, "cannot be the name"),
        ({"name": "in"}, "cannot be the name"),
        ({"name": "a" * 65}, "cannot be the name"),
        ({"description": " "}, "no description"),
        ({"cost": "cheap"}, "headers, body, text or slow"),
        ({"trial": "7"}, "no int"),
        ({"trial": True}, "no int"),
        ({"headers": ("X-Tier",)}, "header that is none"),
    ],
)
def test_a_wrong_declaration_is_refused_when_it_is_made(changed: dict[str, Any], told: str) -> None:
    given = {"name": "risk", "type": "int", "trial": 7, "description": "how risky it is", **changed}
    with pytest.raises(SignalError, match=told):
        SignalDeclaration(**given)


def test_a_name_stands_for_one_signal_and_there_are_only_so_many() -> None:
    with pytest.raises(SignalError, match="two signals with the name risk"):
        Vocabulary((RISK, RISK))
    several = [SignalDeclaration(f"s{number}", "int", 1, "a number") for number in range(SIGNALS_MAX + 1)]
    assert len(Vocabulary(several[:-1]).names) == SIGNALS_MAX
    with pytest.raises(SignalError, match="more than"):
        Vocabulary(several)


def test_signals_that_are_recorded_are_named_and_are_one_value() -> None:
    assert loads(root("recorded_signals: [tools, path]")).recorded_signals == ("tools", "path")
    assert loads(root("recorded_signals: [risk]"), signals=MORE).recorded_signals == ("risk",)
    text = root("recorded_signals:", "  - tools", "  - tool")
    assert problem(text) == (8, "recorded_signals[1]", "there is no signal tool", "did you mean tools?")
    for name in ("headers", "findings", "mcp"):
        assert problem(root(f"recorded_signals: [{name}]"))[2] == f"the signal {name} is not one value"


def test_only_so_many_signals_are_recorded() -> None:
    most = loads(root(f"recorded_signals: [{', '.join(['tools'] * RECORDED_MAX)}]"))
    assert len(most.recorded_signals) == RECORDED_MAX
    assert "at most 16 entries" in problem(root(f"recorded_signals: [{', '.join(['tools'] * (RECORDED_MAX + 1))}]"))[2]
