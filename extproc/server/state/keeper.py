"""The state of budgets of one worker, opened only for a policy that has any."""

from importlib import import_module
from typing import Final

from extproc.policy.state import State
from extproc.protocol.errors import ServeError
from extproc.transaction import Plan, Shared

OPENING: Final = "extproc.server.state.opening"


class LedgerKeeper:
    """Opens the state that a plan's budgets are kept in. `place`: see `opening.opened_ledger`."""

    def __init__(self, shared: Shared, place: str) -> None:
        self._shared = shared
        self._place = place
        self._state: State | None = None

    def open(self, plan: Plan) -> None:
        """Open the state for the first plan. Raises ServeError."""
        problem = self.renew(plan)
        if problem is not None:
            raise ServeError(problem)

    def renew(self, plan: Plan) -> str | None:
        """Open the state for another plan, if that has it elsewhere; return what is wrong with it.

        What cannot be opened counts nothing, and `on_failure` of the policy decides.
        """
        budgets = plan.budgets
        if budgets is None or budgets.state == self._state:
            return None
        self._state = budgets.state
        opening = import_module(OPENING)
        self._shared.ledger, problem = opening.ledger_or_problem(budgets.state, self._place)
        return None if problem is None else str(problem)
