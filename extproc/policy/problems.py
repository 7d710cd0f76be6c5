"""Problems in a policy file, described so that the operator can fix them."""

from collections.abc import Iterable
from dataclasses import dataclass

from extproc.policy.base import Loc


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    `line` and `column` count from 1; `path` is like `models[0].targets[1].backend`, and empty for the whole file. What
    stands in no file of the policy, such as a plug-in, has the line 0, and `file` says what it is.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: "
        return f"{place}{self.path + ': ' if self.path else ''}{self.message} ({self.mend})"


class PolicyError(Exception):
    """The operator's mistake: every problem of a policy at once, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in the policy")
        self.problems = problems

    def render(self) -> str:
        """A line for each problem: `file:line:column: path: message (mend)`."""
        return "\n".join(map(str, self.problems))


@dataclass(frozen=True, slots=True)
class Unusable:
    """A part of a policy that is right by its form and cannot be put to use: an expression, a file that is not there.

    `where` leads there from the root, with names or positions: `("pipelines", "default", "request", 0, "regex")`.
    """

    where: Loc
    message: str
    mend: str

    def __str__(self) -> str:
        return f"{' '.join(map(str, self.where))}: {self.message} ({self.mend})"


class UnusableError(Exception):
    """Parts of a policy cannot be put to use. `Draft.refusal` makes a PolicyError of them, with their lines."""

    def __init__(self, parts: Iterable[Unusable]) -> None:
        self.parts = tuple(parts)
        super().__init__("; ".join(map(str, self.parts)))
