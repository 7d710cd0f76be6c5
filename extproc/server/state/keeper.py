"""The state of budgets of one worker, opened only for a policy that has any."""

import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from extproc.policy import Policy, Unusable
from extproc.policy.redis_state import RedisAccess
from extproc.policy.state import State
from extproc.protocol.errors import ServeError
from extproc.transaction import Plan, Shared

if TYPE_CHECKING:
    from extproc.server.state.redis.ledger import RedisLedger

OPENING: Final = "extproc.server.state.opening"

PROTOCOL: Final = "hiredis"
"""The package that speaks Redis's protocol: the extra `redis`."""


def unusable_state(policy: Policy) -> Iterator[Unusable]:
    """Yield the state that cannot be used here, because a package is missing."""
    if policy.state.redis is not None and find_spec(PROTOCOL) is None:
        mend = 'install the extra `redis`: pip install "envoy-extproc[redis]"'
        yield Unusable(("state", "redis"), f"the package {PROTOCOL} is not installed", mend)


class LedgerKeeper:
    """Opens the state that a plan's budgets are kept in.

    `place`: see `opening.opened_ledger`. `clock` measures time.
    """

    def __init__(self, shared: Shared, place: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._place = place
        self._clock = clock
        self._state: State | None = None
        self._access: RedisAccess | None = None
        self._elsewhere: list[RedisLedger] = []  # the last is in force; exchanges that are open keep theirs

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
        if budgets is None:
            return None
        if budgets.state == self._state:
            if plan.redis is not None and plan.redis != self._access:
                self._access = plan.redis
                self._elsewhere[-1].refresh(plan.redis)
            return None
        self._state, self._access = budgets.state, plan.redis
        opening = import_module(OPENING)
        if plan.redis is not None:
            ledger = opening.redis_ledger(plan.redis, self._clock)
            self._elsewhere.append(ledger)
            self._shared.ledger = ledger
            return None
        self._shared.ledger, problem = opening.ledger_or_problem(budgets.state, self._place)
        return None if problem is None else str(problem)

    async def close(self) -> None:
        """Send what is not sent yet."""
        for each in self._elsewhere:
            await each.close()
