"""The shared state of one worker's exchanges: the plan in force, metrics, the log, and the list of open exchanges."""

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import force_setattr

from extproc.policy.endpoints import EndpointPool
from extproc.protocol.effects import AbortCode, Effect
from extproc.protocol.messages import Message
from extproc.protocol.record import AttemptRecord, Record
from extproc.routing.health import Ailing, HealthChange
from extproc.server.guards.asking import ANSWERED
from extproc.server.health import WorkerHealth
from extproc.server.inspections import Submit, nobody
from extproc.server.load import LoadWatch
from extproc.server.log import Log
from extproc.server.reloads.recent import RecentPlans
from extproc.server.state.keeper import LedgerKeeper
from extproc.server.traces import WorkerTraces
from extproc.telemetry import Metrics, Snapshot
from extproc.telemetry.exchanges import ExchangeCounts
from extproc.telemetry.families import (
    ABORTS,
    ATTEMPTS,
    AUDIT_BLOCKED,
    AUDITED,
    BACKEND_DOWN,
    ENDPOINTS,
    EXPORTS,
    GUARD_DURATION,
    GUARD_OPEN,
    GUARD_QUERIES,
    HELD,
    LOAD,
    LOG_DROPPED,
    LOOP_LAG,
    MESSAGES,
    MIRRORED,
    MISSTEERED,
    OPEN,
    PROCESSING,
    PROCESSOR_DURATION,
    VIOLATIONS,
)
from extproc.telemetry.names import label_names
from extproc.transaction import Lane, Plan, Shared, Transaction
from extproc.transaction.lanes import Tap
from extproc.transaction.load import REFUSED_ROOM
from extproc.transaction.steering.fingerprint import ATTEMPT_MARK, COPY_MARK
from extproc.transaction.steering.witness import UNVERIFIED
from extproc.transaction.upstream.attempt import Attempt
from extproc.transaction.upstream.copied import CopiedRequest

if TYPE_CHECKING:
    from extproc.server.audit.writer import AuditWriter

SWEEP_EVERY: Final = 0.2
"""Seconds between looks at the deadlines of all open exchanges: one timer a worker, none an exchange. A deadline is
kept to within this, which is little against the shortest useful one (a second); 10,000 exchanges cost about 1 ms."""

NEWS_MOST: Final = 256
"""Changes about backends that a worker tells of at each sweep; what is more waits for the next. One takes 100 bytes."""


class Decider(Protocol):
    """The part of a transaction that an exchange uses."""

    deadline: float
    request_lane: Lane
    response_lane: Lane
    """The part of each side's body that the transaction wants to be shown."""

    tap: Tap | None
    """What is shown the pieces of a response that passes, where `response_lane` says so."""

    def receive(self, message: Message, now: float, /) -> Iterable[Effect]:
        """Return what is to be done about `message`."""


class OpenExchange(Protocol):
    """An exchange, as the list of open ones needs to know it."""

    decider: Decider

    def expire(self, now: float) -> None:
        """The time named by its deadline has passed."""

    def abort(self, code: AbortCode, reason: str) -> None:
        """End it now, as an error."""


Begin = Callable[..., Decider]
"""Makes a decider of a plan, what is shared, the time, and the fingerprint of Envoy's configuration if it sends one."""

CONFIGURATIONS_MAX: Final = 16
"""Fingerprints that are remembered: an Envoy has one, a change-over two. More are somebody's inventions."""


WARN_EVERY: Final = 60.0
"""Seconds between two warnings about the same mis-steering: each request counts in the metric and has its record."""

WARNINGS_MAX: Final = 1024
"""Backends, by what happened, that warnings are kept apart for: four for each of 256 backends."""


class Runtime:
    """The state of one worker, without a loop and without a socket.

    `start` in [0, 1) sets the draws of one worker apart from another's; `begin` makes the decider of an exchange.
    `place`: the folder of state that workers share, empty for a worker alone. `clock` measures time, `wall` tells it,
    in seconds since 1970. `index`: the worker's number.
    """

    def __init__(
        self,
        plan: Plan,
        log: Log,
        *,
        start: float = 0.0,
        begin: Begin = Transaction,
        place: str = "",
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        index: int = 0,
    ) -> None:
        self.plan = plan
        self.recent = RecentPlans()
        self.index = index
        self.audit: AuditWriter | None = None
        """Takes records for the audit record; None if the policy keeps none."""
        self.shared = Shared(start)
        self.ledgers = LedgerKeeper(self.shared, place, clock)
        self.ledgers.open(plan)
        self.health = WorkerHealth()
        self.metrics = Metrics()
        self.messages = self.metrics.counter(MESSAGES)
        self._counts = ExchangeCounts(self.metrics, label_names(plan.policy))
        self._processing = self.metrics.histogram(PROCESSING).series()
        self._worked = self.metrics.histogram(PROCESSOR_DURATION)
        self.clock = clock
        self._wall = wall
        self.shared.epoch = wall() - clock()
        self.shared.random = os.urandom
        self.traces = WorkerTraces(log)
        self.draining = False
        self.log = log
        self.on_idle: Callable[[], None] = _nothing
        self.submit: Submit = nobody
        self.circuits: Callable[[], dict[str, float]] = dict
        """The guards that are asked, by the authority of their URLs: 1 for one that is left alone, 0 for the others."""
        self.share: Callable[[tuple[HealthChange, ...]], None] | None = None
        """Tells the other workers of the host what this one learned about backends; None where there are none."""
        self.configurations: dict[bytes, float] = {}
        """Fingerprint (empty: an exchange came without) -> when it last came."""
        self._begin = begin
        self._open: set[OpenExchange] = set()
        self._lag = 0.0
        self.watch = LoadWatch(self.shared.load, plan.limits)
        self._warned: dict[tuple[str, str], tuple[float, int]] = {}

    @property
    def open(self) -> int:
        """Return how many exchanges are open."""
        return len(self._open)

    @property
    def full(self) -> bool:
        """True if `limits.open_exchanges` are open; while new ones are refused in words, if as many more are."""
        room = REFUSED_ROOM if self.shared.load.refuses else 1
        return len(self._open) >= self.plan.limits.open_exchanges * room

    def elsewhere(self, configuration: bytes) -> bool:
        """True if a new exchange is for another worker, which has room; never an attempt of one that is under way."""
        load, held = self.shared.load, self.shared.held
        if len(self._open) >= self.watch.crowd and not load.refuses:
            self.watch.begun(len(self._open), held)
        return load.refuses and not load.alone and ATTEMPT_MARK not in configuration and COPY_MARK not in configuration

    def begin(self, now: float, configuration: bytes = b"") -> Decider:
        """The decider of a new exchange, under the plan now in force."""
        if ATTEMPT_MARK in configuration:
            self.heard(configuration.partition(ATTEMPT_MARK)[0], now)
            return Attempt(self.plan, self.shared, now, configuration, self.recent.find)
        if COPY_MARK in configuration:
            self.heard(configuration.partition(COPY_MARK)[0], now)
            return CopiedRequest(self.plan, now, configuration, self.recent.find)
        if configuration in self.configurations:
            self.configurations[configuration] = now
        else:
            self.heard(configuration, now)
        if configuration:
            return self._begin(self.plan, self.shared, now, configuration)
        return self._begin(self.plan, self.shared, now)

    def heard(self, configuration: bytes, now: float) -> None:
        """Remembers that an Envoy is there that is configured so."""
        seen = self.configurations
        if configuration not in seen and len(seen) >= CONFIGURATIONS_MAX:
            del seen[min(seen, key=seen.__getitem__)]
        seen[configuration] = now

    def enter(self, exchange: OpenExchange) -> None:
        """Adds an exchange to the open ones."""
        self._open.add(exchange)

    def leave(self, exchange: OpenExchange) -> None:
        """Takes an exchange out; `on_idle` is called when it was the last."""
        self._open.discard(exchange)
        if not self._open:
            self.on_idle()

    def sweep(self, now: float, late: float = 0.0) -> None:
        """Tells the exchanges whose deadline has passed; `late` is by how many seconds this call itself is."""
        self._lag = max(self._lag, late)
        self.watch.look(len(self._open), self.shared.held, late)
        self.shared.epoch = self._wall() - now
        for exchange in [one for one in self._open if one.decider.deadline <= now]:
            exchange.expire(now)
        if self.share is not None and (news := self.shared.health.news(NEWS_MOST)):
            self.share(news)

    def abort_all(self, code: AbortCode, reason: str) -> int:
        """Ends every open exchange as an error; how many there were."""
        exchanges = tuple(self._open)
        for exchange in exchanges:
            exchange.abort(code, reason)
        return len(exchanges)

    def refused(self, code: AbortCode) -> None:
        """Counts a stream that never became an exchange."""
        self.metrics.counter(ABORTS).add(code.name)

    def record(self, record: Record, spent: float, waited: float = 0.0) -> None:
        """Tell of an exchange that is over; `spent` and `waited`: see `ExchangeCounts.count`."""
        self._counts.count(record, spent, waited)
        trail, captured = record.trail, record.captured
        if trail is not None:  # for the audit record alone
            force_setattr(record, "trail", None)
        if captured is not None:
            force_setattr(record, "captured", None)
        if record.trace is not None:
            self.traces.put(record)
        if record.missteered is not None or self.shared.steering.news:
            self._told_of_steering(record)
        self.log.event("exchange", record)
        if self.audit is not None:
            self.audit.take(record, self._wall(), trail, captured)

    def _told_of_steering(self, record: Record) -> None:
        """Count a request that went elsewhere, and say so in the log, for each backend once in `WARN_EVERY`."""
        for state in self.shared.steering.news:
            self.log.event("steering_unverified", {"lacks": state, "detail": UNVERIFIED[state]})
        self.shared.steering.news.clear()
        if record.missteered is None:
            return
        key = (record.backend or "none", record.missteered)
        self.metrics.counter(MISSTEERED).add(*key)
        now = self.clock()
        since, more = self._warned.get(key, (now - WARN_EVERY, 0))
        if now - since < WARN_EVERY:
            self._warned[key] = since, more + 1
            return
        if len(self._warned) >= WARNINGS_MAX:
            self._warned.clear()
        self._warned[key] = now, 0
        told = {"backend": key[0], "cause": key[1], "cluster": record.cluster, "detail": record.detail}
        self.log.event("missteered", {**told, "unlogged_before": more})

    def steering(self) -> dict[str, str]:
        """Fingerprint of an Envoy's configuration (empty: none) -> `verified`, or why steering cannot be verified."""
        states = self.shared.steering.states
        return {name.decode(): UNVERIFIED.get(state, state) for name, state in states.items()}

    def attempted(self, record: AttemptRecord, spent: float) -> None:
        """Tell of a later attempt of a request; `spent` is our own time for it, in seconds."""
        self._processing.observe(spent)
        if self.audit is not None and (record.copy or record.decision != "read" or record.reason is not None):
            self.audit.take(record, self._wall())
        if record.copy:
            self.metrics.counter(MIRRORED).add(record.backend or "none", record.reason or record.decision)
            self.log.event("mirror", record)
        elif record.decision != "read" or record.reason is not None:  # a first attempt says nothing unless it failed
            self.metrics.counter(ATTEMPTS).add(record.backend or "none", record.reason or record.decision)
            self.log.event("attempt", record)

    def worked(self, processor: str, seconds: float) -> None:
        """Count the time of a processor's work that was handed out."""
        self._worked.series(processor).observe(seconds)

    def asked(self, processor: str, outcome: str, seconds: float) -> None:
        """Count a question to a processor's guard."""
        self.metrics.counter(GUARD_QUERIES).add(processor, outcome)
        if outcome == ANSWERED:
            self.metrics.histogram(GUARD_DURATION).series().observe(seconds)

    def aborted(self, code: AbortCode, *, violation: bool) -> None:
        """Counts an exchange that we end as an error."""
        self.metrics.counter(ABORTS).add(code.name)
        if violation:
            self.metrics.counter(VIOLATIONS)[()] += 1

    def swap(self, plan: Plan) -> None:
        """Put another plan in force. What is known of backends stays, unless they are gone or stand elsewhere."""
        before, after = self.plan.table.addresses, plan.table.addresses
        self.recent.retire(self.plan, self.clock())
        self.plan = plan
        self.watch.take(plan.limits)
        problem = self.ledgers.renew(plan)
        if problem is not None:
            self.log.event("budget_state_failed", {"problem": problem})
        self._counts.rename(label_names(plan.policy))
        self.shared.health.keep({name for name, address in after.items() if before.get(name) == address})

    def backends(self) -> tuple[Ailing, ...]:
        """Return the backends, and models there, that this worker takes for out."""
        return self.shared.health.report(self.clock())

    def envoys(self) -> dict[str, float]:
        """Fingerprint of an Envoy's configuration (empty: none) -> seconds since an exchange last had it."""
        now = self.clock()
        return {name.decode(): now - at for name, at in self.configurations.items()}

    def snapshot(self) -> Snapshot:
        """The metrics of this worker."""
        metrics = self.metrics
        metrics.counter(LOG_DROPPED)[()] = self.log.dropped
        for result, number in self.traces.counts().items():
            metrics.counter(EXPORTS)["traces", result] = number
        metrics.gauge(OPEN, {(): self.open})
        metrics.gauge(LOOP_LAG, {(): self._lag})
        metrics.gauge(LOAD, {(part,): amount for part, amount in self.watch.parts.items()})
        metrics.gauge(HELD, {(): self.shared.held})
        metrics.gauge(BACKEND_DOWN, {(each.backend, each.model): float(each.seconds > 0) for each in self.backends()})
        metrics.gauge(GUARD_OPEN, {(name,): value for name, value in self.circuits().items()})
        if self.audit is not None:
            for outcome in ("written", "lost", "refused"):
                metrics.counter(AUDITED)[(outcome,)] = getattr(self.audit, outcome)
            metrics.gauge(AUDIT_BLOCKED, {(): float(self.audit.blocked is not None)})
        if self.plan.pools is not None:
            metrics.gauge(ENDPOINTS, self._endpoints(self.plan.pools.every))
        self._lag = 0.0
        return metrics.snapshot()

    def _endpoints(self, pools: Iterable[EndpointPool]) -> dict[tuple[str, ...], float]:
        """Return how many endpoints of each pool are in which state."""
        now = self.clock()
        found: dict[tuple[str, ...], float] = {}
        for pool in pools:
            found |= {(pool.name, state): 0.0 for state in ("fresh", "stale", "down")}
            stale_after = 0.0 if pool.metrics is None else pool.metrics.stale_after
            for each in self.shared.book(pool, now).current(now):
                fresh = each.fresh(now, stale_after) is not None
                found[pool.name, "down" if each.down(now) else "fresh" if fresh else "stale"] += 1
        return found


def _nothing() -> None:
    pass
