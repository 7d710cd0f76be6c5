"""A question to a state of budgets elsewhere, as an exchange hands it out."""

from extproc.protocol.meter import Meter
from extproc.protocol.work import RemoteAsk, WorkResult


class Unreserved(WorkResult, frozen=True):
    """The state did not answer. `reason`: a fixed word."""

    reason: str


class LedgerWork:
    """Waits for the state; the request waits with it."""

    __slots__ = ("_question", "timeout")

    def __init__(self, question: RemoteAsk, timeout: float) -> None:
        self._question = question
        self.timeout = timeout

    @property
    def name(self) -> str:
        """What it is handed out for."""
        return "budgets"

    @property
    def large(self) -> bool:
        """No thread is needed for it."""
        return False

    async def ask(self) -> WorkResult:
        """See `RemoteAsk`."""
        return await self._question.ask()

    def run(self, meter: Meter | None = None) -> WorkResult:
        """See `Work`: it is awaited, and never run."""
        raise AssertionError(meter)

    def given_up(self, reason: str) -> WorkResult:
        """Return the result where none came."""
        return Unreserved(reason)

    def __repr__(self) -> str:
        return "LedgerWork()"
