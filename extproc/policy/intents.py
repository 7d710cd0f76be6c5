"""The classes of what users ask for, which the signal `intent` tells."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, Strict, model_validator

from extproc.policy.base import Value, Written, refusal, refusals
from extproc.policy.judges import EXAMPLES_MAX, Example

NONE: Final = "none"
"""The value of the signal for a text of no class."""

INTENTS_MAX: Final = 200
"""Classes of a policy: likenesses to more would take longer than 2 ms for a prompt."""

INTENT_EXAMPLES_MAX: Final = 2_000
"""Examples of all classes. They are learnt whenever a policy is loaded: so many take 2 s, and 10 s with the extra
`models`; the template of workers has a minute."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)

IntentExamples = Annotated[tuple[Example, ...], Field(min_length=1, max_length=EXAMPLES_MAX)]


class Intents(Value):
    """Classes of what users ask for, each with a few sentences that a user might say, or a built-in set.

    Write each class as a field with its sentences: `code: ["fix this function", ...]`. The signal `intent` is the name
    of the class that the user's words are nearest to, or `none` below the threshold. `use`, `threshold` and `scorer`
    are no names of classes. At most 200 classes, with 200 sentences each and 2,000 in all.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, IntentExamples] = Field(init=False)

    use: Literal["domains"] | None = None
    """`domains`: the fields of knowledge that ship with the package, in the place of classes of your own."""
    threshold: Annotated[float, Strict(), Field(gt=0, lt=1, allow_inf_nan=False), Written("number", "0.5")] = 0.5
    """The score from which on a text is of a class; below, it is `none`."""
    scorer: Literal["best", "words", "minilm"] = "best"
    """The scorer of classes: `words`, which needs nothing; `minilm`, a small model of language, too, with the extra
    `models`; `best`, which is `minilm` where the extra is installed and else `words`. `check` notes what is missing."""

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]]:
        """The operator's own classes, with their examples."""
        return self.__pydantic_extra__ or {}

    @model_validator(mode="after")
    def _sound(self) -> Self:
        wrong = [((name,), error) for name in self.classes if (error := _misnamed(name)) is not None]
        if wrong:
            raise refusals("Intents", wrong)
        if not self.classes and self.use is None:
            raise refusal("no classes are written here", "write some with examples, or use: domains")
        if self.classes and self.use is not None:
            raise refusal(f"use: {self.use} stands beside classes", "delete `use`, or the classes")
        if len(self.classes) > INTENTS_MAX:
            raise refusal(f"{len(self.classes)} classes are more than {INTENTS_MAX}", "join some of them")
        count = sum(map(len, self.classes.values()))
        if count > INTENT_EXAMPLES_MAX:
            raise refusal(
                f"{count} examples of all classes are more than {INTENT_EXAMPLES_MAX}", "write fewer for each class"
            )
        return self


def _misnamed(name: str) -> Any:
    """The refusal of a name that is none of a class; None if it is one."""
    if name == NONE:
        return refusal("none stands for texts of no class", "give the class another name")
    if _NAME.fullmatch(name) is None:
        return refusal("the name of a class has 1 to 63 letters, digits, - and _", "write it like billing")
    return None
