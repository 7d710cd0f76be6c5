"""The time in which work of an exchange is handed out, as metrics count it."""

from collections.abc import Iterable

from extproc.protocol.effects import Effect, Inspect, Phase, Proceed
from extproc.protocol.messages import Body, Headers, Inspected, Message, Side
from extproc.protocol.meter import Meter
from extproc.protocol.work import Work, WorkResult
from extproc.server.exchange import Exchange
from extproc.server.inspections import Answer, Cancel
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.telemetry.families import ADDED, PROCESSING, PROCESSOR_DURATION
from tests.server.support import Decider, Told, body, headers, plan
from tests.server.test_exchange import Stream


class _Task(Work):
    """Work that nobody does."""

    large = False

    def run(self, meter: Meter | None = None) -> WorkResult:
        raise AssertionError(meter)


class _Asking(Decider):
    """Has two processors work on the request's headers, and a third on its body."""

    def receive(self, message: Message, now: float, /) -> Iterable[Effect]:
        work = _Task()
        match message:
            case Headers(side=Side.REQUEST):
                orders = [Inspect(n, name, work, now + 9) for n, name in ((1, "pii"), (2, "corp"))]
                return (*orders, Proceed(Side.REQUEST, Phase.HEADERS))
            case Body():
                return (Inspect(3, "pii", work, now + 9),)
            case Inspected():
                return ()
        return super().receive(message, now)


class _Stage:
    def __init__(self) -> None:
        self.now = 100.0
        self.runtime = Runtime(plan(), Log(Sink("none")), begin=_Asking, clock=lambda: self.now)
        self.runtime.submit = self._submit
        self.exchange = Exchange(self.runtime, Stream())

    def _submit(self, _order: Inspect, _answer: Answer) -> Cancel:
        return lambda: None

    def comes_back(self, ticket: int, after: float) -> None:
        self.now += after
        self.exchange.inspected(Inspected(ticket, Told(None)))

    def totals(self) -> dict[str, float]:
        histogram = self.runtime.metrics.histogram(PROCESSOR_DURATION)
        return {labels[0]: round(each.total, 6) for labels, each in histogram.items()}

    def added(self) -> float:
        return round(self.runtime.metrics.histogram(ADDED).series().total, 6)


def test_work_that_overlaps_is_waited_for_once_and_counted_for_each_processor() -> None:
    stage = _Stage()
    stage.exchange.receive(headers())
    stage.comes_back(1, after=0.25)
    stage.comes_back(2, after=0.5)
    stage.now += 10  # nobody waits for us meanwhile
    stage.exchange.receive(body(b"x"))
    stage.comes_back(3, after=0.125)
    stage.exchange.gone(clean=True)
    assert stage.totals() == {"pii": 0.375, "corp": 0.75}
    assert stage.added() == 0.875
    assert stage.runtime.metrics.histogram(PROCESSING).series().total == 0.0


def test_an_exchange_that_ends_while_it_waits_has_waited_until_then() -> None:
    stage = _Stage()
    stage.exchange.receive(headers())
    stage.now += 2.0
    stage.exchange.gone(clean=False)
    assert stage.added() == 2.0
    assert stage.totals() == {}
