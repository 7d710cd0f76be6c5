"""Errors that stop a server from starting, or a reload from taking hold: the operator's, each with its fix."""


class ServeError(Exception):
    """One or more things for the operator to mend; `problems` are sentences that hold no secret and no user's text."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
