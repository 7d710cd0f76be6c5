"""Answer stages in the policy: found by name, their options checked by the plug-in's own model."""

import pickle
from typing import Annotated, Any, Self

import pytest
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from extproc.pipe import AnswerFacts, AnswerStage, AnswerStageType, StageError, StageOptions, register, registered
from extproc.policy import PolicyError, UnusableError, loads
from extproc.policy.stages import STAGES_MAX, declared
from extproc.transaction import Plan

POLICY = """\
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local}]}]
"""


def own(word: str) -> str:
    if word == "broken":
        raise KeyError("PLANTED")
    if word == "own":
        raise PydanticCustomError("of_the_plug_in", "not that word")
    if word == "value":
        raise ValueError("no such value")
    return word


class Options(StageOptions):
    count: Annotated[int, Field(ge=1, le=9)] = 1
    word: Annotated[str, AfterValidator(own)] = "x"

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.count == 7 and self.word == "seven":
            raise ValueError("seven twice")
        return self


def opened(_: Any, __: AnswerFacts) -> AnswerStage:
    return AnswerStage()


COUNTING = AnswerStageType(name="counting", options=Options, open=opened)


def problem(stages: str) -> tuple[int, str, str, str]:
    """Line, place, message and fix of the one problem."""
    with registered(COUNTING), pytest.raises(PolicyError) as refused:
        loads(f"{POLICY}answer_stages:\n{stages}")
    (found,) = refused.value.problems
    return found.line, found.path, found.message, found.mend


def test_options_are_a_value_of_the_plug_ins_model() -> None:
    with registered(COUNTING):
        (stage,) = loads(f"{POLICY}answer_stages: [{{use: counting, count: 3, on_failure: allow}}]").answer_stages
    assert stage == Options(use="counting", count=3, on_failure="allow")
    assert type(stage) is Options


@pytest.mark.parametrize(
    ("stages", "where", "message", "fix"),
    [
        ("- {use: countng}", "answer_stages[0].use", "there is no such answer stage", "did you mean counting?"),
        ("- {count: 1}", "answer_stages[0]", "an answer stage says what it uses", "add `use:`"),
        ("- counting", "answer_stages[0]", "an answer stage is a mapping", "write it like"),
        ("- {use: 5}", "answer_stages[0].use", "there is no such answer stage", "install"),
        (
            "- {use: counting, cuont: 1}",
            "answer_stages[0].cuont",
            "there is no field cuont here",
            "did you mean count?",
        ),
        ("- {use: counting, count: 10}", "answer_stages[0].count", "this has to be at most 9", "write a value"),
        ("- {use: counting, count: many}", "answer_stages[0].count", "a whole number belongs here", "write digits"),
        (
            "- {use: counting, on_failure: skip}",
            "answer_stages[0].on_failure",
            "this is none of: block, allow",
            "write",
        ),
        ("- {use: counting, word: own}", "answer_stages[0].word", "this is not valid: not that word", "see the doc"),
        ("- {use: counting, word: value}", "answer_stages[0].word", "this is not valid: Value error, no such", "see"),
        ("- {use: counting, word: broken}", "answer_stages[0]", "the answer stage counting cannot check", "report"),
        (
            "- {use: counting, count: 7, word: seven}",
            "answer_stages[0]",
            "this is not valid: Value error, seven",
            "see",
        ),
    ],
)
def test_what_is_wrong_is_reported_with_its_line_and_a_fix(stages: str, where: str, message: str, fix: str) -> None:
    line, place, told, mend = problem(stages)
    assert (line, place) == (5, where)
    assert told.startswith(message)
    assert mend.startswith(fix)
    assert "PLANTED" not in told + mend


def test_a_stage_that_no_plug_in_has_is_refused() -> None:
    with pytest.raises(PolicyError) as refused:
        loads(f"{POLICY}answer_stages: [{{use: counting}}]")
    (found,) = refused.value.problems
    assert (found.message, found.mend) == ("there is no such answer stage", "install the plug-in that has it")


@pytest.mark.parametrize(("count", "fits"), [(STAGES_MAX, True), (STAGES_MAX + 1, False)])
def test_a_policy_has_so_many_stages(count: int, fits: bool) -> None:
    text = f"{POLICY}answer_stages: [{', '.join(['{use: counting}'] * count)}]"
    with registered(COUNTING):
        if fits:
            assert len(Plan.compile(loads(text), {}).stages) == count
        else:
            with pytest.raises(PolicyError) as refused:
                loads(text)
            assert [each.message for each in refused.value.problems] == [f"at most {STAGES_MAX} entries may stand here"]


def test_a_policy_goes_to_a_worker_and_is_refused_where_the_plug_in_is_missing() -> None:
    with registered(COUNTING):
        sent = pickle.dumps(loads(f"{POLICY}answer_stages: [{{use: counting, count: 3}}]"))
        (planned,) = Plan.compile(pickle.loads(sent), {}).stages
        assert (planned.name, planned.options.count, planned.allows_failure) == ("counting", 3, False)
    with pytest.raises(UnusableError) as refused:
        Plan.compile(pickle.loads(sent), {})
    (part,) = refused.value.parts
    assert (part.where, part.message) == (
        ("answer_stages", 0, "use"),
        "no answer stage counting is installed here",
    )


def test_policies_that_differ_in_an_option_are_told_apart() -> None:
    with registered(COUNTING):
        dumped = {loads(f"{POLICY}answer_stages: [{{use: counting, count: {n}}}]").model_dump_json() for n in (1, 2)}
    assert len(dumped) == 2


def test_a_name_is_registered_once_and_only_a_name_that_a_policy_can_say() -> None:
    with registered(COUNTING), pytest.raises(StageError, match="two answer stages with the name counting"):
        register(COUNTING)
    assert not declared()
    for name in ("", "Counting", "1st", "x" * 64):
        with pytest.raises(StageError, match="cannot be the name"):
            AnswerStageType(name=name, open=opened)
    assert AnswerStageType(name="x" * 63, open=opened).options is StageOptions
    with pytest.raises(StageError, match="no subclass of StageOptions"):
        AnswerStageType(name="other", options=dict, open=opened)  # type: ignore[arg-type]
