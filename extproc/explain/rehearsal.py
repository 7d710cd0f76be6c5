"""An exchange played through the very code that decides about it: no Envoy, no threads, no waiting, nothing sent."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct

from extproc.inspection.offloaded import GuardWork
from extproc.policy.tenants import MUTUAL
from extproc.protocol.effects import Chunk, Effect, Inspect, Proceed, Reject, Withdraw
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Failed, Headers, Inspected, Message, Side, StreamClosed
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.protocol.record import Record
from extproc.protocol.work import NetworkWork, RemoteAsk
from extproc.routing.candidates import Choice, Destination
from extproc.routing.residency import Confinement
from extproc.routing.weighing import LeftOut
from extproc.transaction.findings import Findings
from extproc.transaction.plan import Plan
from extproc.transaction.shared import Shared
from extproc.transaction.transaction import Transaction

UNREAD: Final = ProtocolConfig(BodyMode.BUFFERED, BodyMode.NONE)
READ: Final = ProtocolConfig(BodyMode.BUFFERED, BodyMode.BUFFERED)
"""The body modes of the buffered profile, for a policy that reads no responses and for one that does."""

ERROR: Final = "error"
NOT_ASKED: Final = "not_asked"
"""The reason for which a remote detector or a guard has failed here: nothing is sent."""


Ask = Callable[[Inspect], Inspected | Failed]
"""Has a guard from elsewhere asked, or not."""


def unasked(order: Inspect) -> Failed:
    """Ask nobody: nothing is sent, unless the operator wants it."""
    return Failed(order.ticket, NOT_ASKED)


class Half(Struct, frozen=True):
    """One side of an exchange, whole. `at`: when it comes, in seconds since 1970; None for when `Shared` says."""

    fields: HeaderMap
    body: bytes
    route_name: str = ""
    attributes: Mapping[str, str] = {}
    metadata: Mapping[str, object] = {}
    at: float | None = None

    def __repr__(self) -> str:
        return f"Half({len(self.body)} bytes)"


class Rehearsed(Struct, frozen=True):
    """The result of a rehearsal. `signals` are those that the policy reads; `findings` is None without a pipeline.

    `guarded`: the work of guards from elsewhere that was handed out, with the names of their processors. `choice`: None
    if no backend was chosen; `confinement`: the regions that the request may go to, if a rule of residency holds;
    `left`: the candidates that could not serve it, if `Shared` is detailed. `destination`: the backend that gets the
    request, be it chosen or the default one; None if that is not known.
    """

    effects: tuple[Effect, ...]
    record: Record
    findings: Findings | None
    signals: dict[str, Any]
    guarded: tuple[tuple[str, GuardWork], ...] = ()
    choice: Choice | None = None
    confinement: Confinement | None = None
    left: tuple[LeftOut, ...] = ()
    destination: Destination | None = None

    @property
    def refusal(self) -> Reject | None:
        """Return what the client gets from us alone."""
        return next((each for each in self.effects if isinstance(each, Reject)), None)

    @property
    def backend(self) -> str | None:
        """Return the name of the backend that gets the request."""
        if self.record.backend is not None or self.refusal is not None or self.destination is None:
            return self.record.backend
        return self.destination.name

    def onward(self, side: Side, body: bytes) -> bytes:
        """Return what goes on of a side's `body`."""
        of_side = [each for each in self.effects if isinstance(each, Proceed | Chunk) and each.side is side]
        pieces = [each.data for each in of_side if isinstance(each, Chunk)]
        if pieces:
            return b"".join(pieces)
        return next((each.body for each in of_side if isinstance(each, Proceed) and each.body is not None), body)


def rehearse(
    plan: Plan, shared: Shared, request: Half, answer: Half | None, now: float, ask: Ask = unasked
) -> Rehearsed:
    """Plays a request and, if it is let on, its answer. Raises ProtocolViolation where the policy cannot have that."""
    guarded: list[tuple[str, GuardWork]] = []

    def done(order: Inspect) -> Inspected | Failed:
        if isinstance(order.work, GuardWork):
            guarded.append((order.processor, order.work))
            return ask(order)
        return _done(order)

    config = READ if plan.needs.response_body or plan.needs.errors else UNREAD
    shared.overridden.add(b"")  # nobody here ignores what is asked of Envoy
    with _dated(shared, request.at, now):
        transaction = Transaction(plan, shared, now)
        effects = _played(transaction, _first(request, config), now, done)
        if request.body:
            effects += _played(transaction, Body(Side.REQUEST, request.body, end=True), now, done)
        if answer is not None and not any(isinstance(each, Reject) for each in effects):
            effects += _answered(transaction, answer, config, now, done)
        (record,) = (each for each in transaction.receive(StreamClosed(), now) if isinstance(each, Record))
        return Rehearsed(
            tuple(effects),
            record,
            transaction.findings,
            transaction.signals,
            tuple(guarded),
            transaction.choice,
            transaction.confinement,
            tuple(transaction.left),
            transaction.destination,
        )


@contextmanager
def _dated(shared: Shared, at: float | None, now: float) -> Iterator[None]:
    """Have it be `at`, where that is not None, when the clock of messages says `now`."""
    epoch = shared.epoch
    if at is not None:
        shared.epoch = at - now
    try:
        yield
    finally:
        shared.epoch = epoch


def _first(request: Half, config: ProtocolConfig) -> Headers:
    attributes = {"xds.route_name": request.route_name, MUTUAL: "false", **request.attributes}
    return Headers(Side.REQUEST, request.fields, not request.body, attributes, config, request.metadata)


def _answered(transaction: Transaction, answer: Half, config: ProtocolConfig, now: float, done: Ask) -> list[Effect]:
    effects = _played(transaction, Headers(Side.RESPONSE, answer.fields, end=not answer.body), now, done)
    if answer.body and _asked_for(effects, config):
        effects += _played(transaction, Body(Side.RESPONSE, answer.body, end=True), now, done)
    return effects


def _asked_for(effects: Sequence[Effect], config: ProtocolConfig) -> bool:
    """True if the body of an answer is to be sent."""
    modes = [each.modes.response_body for each in effects if isinstance(each, Proceed) and each.modes is not None]
    mode = modes[-1] if modes else config.response_body
    return mode is not BodyMode.NONE and not any(isinstance(each, Reject) for each in effects)


def _played(transaction: Transaction, message: Message, now: float, done: Ask) -> list[Effect]:
    """The effects of a message, work that is handed out done at once."""
    effects: list[Effect] = []
    withdrawn: set[int] = set()
    due = deque(transaction.receive(message, now))
    while due:
        effect = due.popleft()
        match effect:
            case Withdraw():
                withdrawn.add(effect.ticket)
            case Inspect():
                if effect.ticket not in withdrawn:
                    due.extendleft(reversed(transaction.receive(done(effect), now)))
            case _:
                effects.append(effect)
    return effects


def _done(order: Inspect) -> Inspected | Failed:
    if isinstance(order.work, RemoteAsk | NetworkWork):
        return Failed(order.ticket, NOT_ASKED)
    try:
        return Inspected(order.ticket, order.work.run())
    except Exception:  # noqa: BLE001  - as in a thread: `on_failure` says what becomes of the body
        return Failed(order.ticket, ERROR)
