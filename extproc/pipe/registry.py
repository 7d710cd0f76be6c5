"""The registry of answer stages: the one place by which a policy finds the stages of plug-ins.

The program itself registers none: its own stages, the usage meter and inspection, have places of their own.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from extproc.pipe.plugged import PlannedStage
from extproc.pipe.stage import AnswerFacts, AnswerStage
from extproc.policy import Unusable
from extproc.policy.stages import StageDeclaration, StageError, StageOptions, declare, declared, declaring

Open: TypeAlias = Callable[[Any, AnswerFacts], AnswerStage]
"""Makes the stage of one response, of the options that the policy states and the facts of the response."""

TRIAL: Final = AnswerFacts("openai.chat", 200, streams=True)
"""The response that each stage of a policy is opened for once when the policy is compiled, to see that it can be."""


class AnswerStageType(StageDeclaration, frozen=True, kw_only=True):
    """A declared stage, with the function that opens it for a response.

    `options` is a subclass of `StageOptions`; `open` gets what the operator wrote as a value of it. It is called once
    when a policy is compiled as well: whatever it raises makes the policy wrong, and the message of a StageError is
    shown to the operator.
    """

    open: Open


def register(stage: AnswerStageType) -> None:
    """Add a stage, for the policies that are loaded and compiled from now on.

    For plug-ins, which are loaded before the first policy, in each process. Nothing that a client sends leads here.

    Raises:
        StageError: another stage has the name.
    """
    declare(stage)


@contextmanager
def registered(*stages: AnswerStageType) -> Iterator[None]:
    """Register stages for the length of a `with` block, as tests of a plug-in do."""
    with declaring(*stages):
        yield


def planned(written: Iterable[StageOptions], wrong: list[Unusable]) -> tuple[PlannedStage, ...]:
    """Return the stages that a policy names, and add those that this process does not have to `wrong`."""
    found: list[PlannedStage] = []
    for index, options in enumerate(written):
        stage = declared().get(options.use)
        if isinstance(stage, AnswerStageType) and isinstance(options, stage.options):
            problem = _tried(stage, options)
            if problem is not None:
                wrong.append(
                    Unusable(("answer_stages", index, "use"), problem, "see what the plug-in says of its options")
                )
            found.append(PlannedStage(stage.name, stage.open, options, options.on_failure == "allow"))
        else:
            message = f"no answer stage {options.use[:64]} is installed here"
            wrong.append(Unusable(("answer_stages", index, "use"), message, "install the plug-in that has it"))
    return tuple(found)


def _tried(stage: AnswerStageType, options: StageOptions) -> str | None:
    """Return what is wrong with a stage that cannot be opened with its options; None if it can be."""
    try:
        opened: object = stage.open(options, TRIAL)
    except StageError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  - it is a plug-in's, and must not end the program
        return f"{type(error).__name__} while {stage.name} was opened"
    return None if isinstance(opened, AnswerStage) else f"{stage.name} opened no AnswerStage"
