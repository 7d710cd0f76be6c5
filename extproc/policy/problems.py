"""What is wrong with a policy file, said so that it can be mended."""

from dataclasses import dataclass

from extproc.policy.base import Loc


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    `line` and `column` count from 1; `path` is like `models[0].targets[1].backend`, and empty for the whole file.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        return f"{place}{self.path + ': ' if self.path else ''}{self.message} ({self.mend})"


class PolicyError(Exception):
    """The operator's mistake: every problem of a policy at once, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in the policy")
        self.problems = problems

    def render(self) -> str:
        """A line for each problem: `file:line:column: path: message (mend)`."""
        return "\n".join(map(str, self.problems))


class UnusableError(Exception):
    """A part of a policy is right by its form and cannot be put to use, such as a regular expression.

    Raised by what compiles a policy; `Loaded.located` makes a PolicyError of it. `where` leads there from the root,
    with names in the place of positions: `("pipelines", "default", "request", "project-names", "regex")`.
    """

    def __init__(self, where: Loc, message: str, mend: str) -> None:
        super().__init__(f"{' '.join(map(str, where))}: {message} ({mend})")
        self.where = where
        self.message = message
        self.mend = mend
