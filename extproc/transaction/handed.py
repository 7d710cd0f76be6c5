"""The work of one exchange that is handed out: its tickets, the side that waits for it, and what comes back."""

from typing import Protocol, TypeAlias, assert_never

from msgspec import Struct

from extproc.inspection.scored import DetectorFindings
from extproc.inspection.stage import CompiledProcessor
from extproc.inspection.verdict import Verdict
from extproc.protocol.effects import Inspect, Withdraw
from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.messages import Failed, Inspected, Side
from extproc.protocol.work import Work, WorkResult
from extproc.transaction.answers import NOTHING, Effects
from extproc.transaction.responses.pending import PendingJudgement


class BodyWork(Work, Protocol):
    """Work on a body that a side waits for."""

    @property
    def name(self) -> str:
        """The pipeline that it is handed out for."""

    @property
    def timeout(self) -> float:
        """Seconds that it may take once it is handed out."""

    def given_up(self, reason: str) -> "WorkResult | BodyWork":
        """Return what becomes of the body when no result came: a result, or work for those who are left."""


class HandedWork(Struct, frozen=True):
    """A piece of work, and the side that waits for it."""

    side: Side
    work: BodyWork


class HandedDetector(Struct, frozen=True):
    """The detector of one processor, and the judgement that waits for it.

    `early`: the request has gone on meanwhile.
    """

    side: Side
    pending: PendingJudgement[WorkResult]
    processor: CompiledProcessor
    early: bool = False


Handed: TypeAlias = HandedWork | HandedDetector


class HandedOut(Struct, eq=False):
    """The work of both sides that has not come back. `open` holds it by its tickets.

    `eager`: a request goes on before its detectors have spoken; `late`: what they came to, once they have.
    """

    open: dict[int, Handed] = {}
    eager: bool = False
    late: Verdict | None = None
    _last: int = 0

    def __repr__(self) -> str:
        return f"HandedOut({len(self.open)})"

    def waits(self, side: Side) -> bool:
        """True if work is handed out for a side."""
        return bool(self.open) and any(each.side is side and not _early(each) for each in self.open.values())

    @property
    def early(self) -> bool:
        """True if detectors judge a request that has gone on: its response has to wait for them."""
        return self.eager and any(_early(each) for each in self.open.values())

    def going_on(self, work: object, now: float) -> tuple[Effects, WorkResult] | None:
        """Hand the detectors of a request out that goes on meanwhile: the orders, and the result that it goes on with.

        None if it has to wait for them.
        """
        if not self.eager or not isinstance(work, PendingJudgement) or not work.judgement.orders:
            return None
        result = work.provisional()
        return None if result is None else (self._detectors(Side.REQUEST, work, now, early=True), result)

    def order(self, side: Side, work: BodyWork, now: float) -> Effects:
        """Hand work out: return the order for it, or one for each detector that its judgement waits for."""
        if not isinstance(work, PendingJudgement) or not work.judgement.orders:
            return (self._ordered(side, work, now),)
        return self._detectors(side, work, now)

    def _detectors(
        self, side: Side, work: PendingJudgement[WorkResult], now: float, *, early: bool = False
    ) -> tuple[Inspect, ...]:
        """The orders for each detector that a judgement waits for."""
        orders = []
        for each in work.judgement.orders:
            kind, offloaded = work.judgement.work_of(each)
            ticket = self._ticket(HandedDetector(side, work, each, early))
            orders.append(Inspect(ticket, each.name, offloaded, now + each.timeout, kind))
        return tuple(orders)

    def returned(self, message: Inspected | Failed, now: float) -> tuple[Side, Effects, WorkResult | None]:
        """Take what became of work.

        Return the side that it was for, the effects that come first, and the result that the side goes on with: None
        while there is more to wait for.

        Raises:
            ProtocolViolation: no work was handed out with this ticket.
        """
        handed = self.open.pop(message.ticket, None)
        match handed:
            case None:
                raise ProtocolViolation("an answer to work that was never asked for")
            case HandedWork(side=side, work=work):
                result = message.result if isinstance(message, Inspected) else work.given_up(message.reason)
                return side, *self._resolved(side, result, now)
            case HandedDetector(side=side):
                return side, *self._heard(handed, message, now)
            case _:
                assert_never(handed)

    def _heard(
        self, handed: HandedDetector, message: Inspected | Failed, now: float
    ) -> tuple[Effects, WorkResult | None]:
        """Take what one detector says that was handed out by itself."""
        side, pending = handed.side, handed.pending
        judgement = pending.judgement
        if isinstance(message, Failed):
            judgement.fail(handed.processor, message.reason)
        else:
            assert isinstance(message.result, DetectorFindings), "a detector has no other result"
            judgement.hear(handed.processor, message.result)
        if not judgement.ready:
            return NOTHING, None
        if handed.early:
            self.late = judgement.late()
            return self._withdraw(side), None
        withdrawn = self._withdraw(side)
        result = pending.at_once()
        if result is None:
            return (*withdrawn, self._ordered(side, pending, now)), None
        return self._resolved(side, result, now, withdrawn)

    def _resolved(
        self, side: Side, result: WorkResult | BodyWork, now: float, effects: Effects = NOTHING
    ) -> tuple[Effects, WorkResult | None]:
        if isinstance(result, PendingJudgement) or not isinstance(result, WorkResult):
            early = self.going_on(result, now) if side is Side.REQUEST else None
            if early is not None:
                return (*effects, *early[0]), early[1]
            # Detectors are asked, or others stand in for those who failed.
            return (*effects, *self.order(side, result, now)), None
        return effects, result

    def _withdraw(self, side: Side) -> Effects:
        """Stop the detectors of a side that need not be waited for any more."""
        tickets = [
            ticket for ticket, each in self.open.items() if each.side is side and isinstance(each, HandedDetector)
        ]
        for ticket in tickets:
            del self.open[ticket]
        return tuple(Withdraw(ticket) for ticket in tickets)

    def _ordered(self, side: Side, work: BodyWork, now: float) -> Inspect:
        return Inspect(self._ticket(HandedWork(side, work)), work.name, work, now + work.timeout)

    def _ticket(self, handed: Handed) -> int:
        self._last += 1
        self.open[self._last] = handed
        return self._last


def _early(handed: Handed) -> bool:
    return isinstance(handed, HandedDetector) and handed.early
