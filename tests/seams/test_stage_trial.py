"""An answer stage that cannot be opened is an error of the policy, with the line, and not of a response."""

from collections.abc import Callable

import pytest

from extproc.ext import AnswerFacts, AnswerStage, AnswerStageType, StageError, StageOptions, registered
from extproc.policy import PolicyError, drafted
from extproc.transaction.prepared import prepare

POLICY = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
answer_stages:
  - {use: whole}
  - {use: broken}
"""

Open = Callable[[StageOptions, AnswerFacts], AnswerStage]


def raising(error: Exception) -> Open:
    def opened(_: StageOptions, __: AnswerFacts) -> AnswerStage:
        raise error

    return opened


def whole(_: StageOptions, __: AnswerFacts) -> AnswerStage:
    return AnswerStage()


@pytest.mark.parametrize(
    ("opened", "message"),
    [
        (raising(StageError("the word list is not on this machine")), "the word list is not on this machine"),
        (raising(RuntimeError("planted-marker")), "RuntimeError while broken was opened"),
        (lambda *_: None, "broken opened no AnswerStage"),
        (AnswerStage, "TypeError while broken was opened"),
    ],
)
def test_a_stage_that_cannot_be_opened_is_told_with_its_line(opened: Open, message: str) -> None:
    stages = (AnswerStageType(name="whole", open=whole), AnswerStageType(name="broken", open=opened))
    with registered(*stages), pytest.raises(PolicyError) as caught:
        prepare(drafted(POLICY), None, lambda *_: b"")
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (6, "answer_stages[1].use")
    assert message in problem.message
    assert "planted-marker" not in str(problem)


def test_a_stage_is_opened_once_when_the_policy_is_compiled() -> None:
    opened: list[AnswerFacts] = []

    def counted(_: StageOptions, facts: AnswerFacts) -> AnswerStage:
        opened.append(facts)
        return AnswerStage()

    with registered(AnswerStageType(name="whole", open=whole), AnswerStageType(name="broken", open=counted)):
        prepare(drafted(POLICY), None, lambda *_: b"")
    assert opened == [AnswerFacts("openai.chat", 200, streams=True)]
