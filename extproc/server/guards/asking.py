"""The guards of one worker: the questions about each body, asked side by side and within bounds."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Final, Protocol

from extproc.detectors.contract import Detection, DetectorError, GuardDetector, GuardDialect
from extproc.detectors.service import GuardQuery, GuardService
from extproc.inspection.offloaded import GuardWork
from extproc.inspection.scored import DetectorFindings
from extproc.server.guards.breaker import CircuitBreaker
from extproc.server.guards.failures import OWN, GuardFailedError, GuardFault
from extproc.server.guards.memory import VerdictMemory
from extproc.server.tasks import spawn

Tell = Callable[[str, float], None]
"""Is told how a question ended, in a fixed word, and after how many seconds."""

ANSWERED: Final = "answered"
REMEMBERED: Final = "remembered"
UNSAMPLED: Final = "unsampled"
LATE: Final = "timeout"
LEFT: Final = "withdrawn"
"""Words for how a question may end, besides those of `GuardFault`."""

NEAR: Final = 0.95
"""The share of its timeout after which a question that is cancelled counts as too slow, and not as left alone."""


class ServiceClient(Protocol):
    """The connections to a service. To be used in one loop."""

    async def post(self, query: GuardQuery) -> bytes:
        """Return the body of the response to a question. Raises GuardFailedError; may be cancelled at any time."""

    async def close(self) -> None:
        """Close all connections."""


class GuardedService:
    """A service, the questions that are on their way to it, and what is known of it."""

    def __init__(self, service: GuardService, clock: Callable[[], float]) -> None:
        limits = service.limits
        self.connections = limits.connections
        self._limits = limits
        self._clock = clock
        self._client = _client_of(service)
        self._turns = asyncio.Semaphore(limits.connections)
        self._waiting = 0
        self._memories: dict[GuardDialect, VerdictMemory] = {}
        self._asked = 0
        self._retired = False
        self.breaker = CircuitBreaker(limits.failures, limits.cooldown)

    async def ask(self, work: GuardWork, query: GuardQuery, tell: Tell) -> Sequence[Detection]:
        """Return the findings of a question. Raises GuardFailedError."""
        began = self._clock()
        memory = self._memory(work.detector.dialect)
        key = b"" if memory is None else memory.key(query)
        known = None if memory is None else memory.get(key, began)
        if known is not None:
            tell(REMEMBERED, 0.0)
            return known
        self._asked += 1
        try:
            found = await self._admitted(work, query)
        except GuardFailedError as error:
            tell(error.fault, self._clock() - began)
            raise
        except asyncio.CancelledError:
            late = self._clock() - began >= self._limits.timeout * NEAR
            tell(LATE if late else LEFT, self._clock() - began)
            raise
        finally:
            self._asked -= 1
            self._leave()
        tell(ANSWERED, self._clock() - began)
        if memory is not None:
            memory.put(key, found, self._clock())
        return found

    def retire(self) -> None:
        """Close its connections once nobody waits for an answer."""
        self._retired = True
        self._leave()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    def _leave(self) -> None:
        if self._retired and not self._asked:
            spawn(self._client.close())

    def _memory(self, dialect: GuardDialect) -> VerdictMemory | None:
        cache = self._limits.cache
        if cache is None:
            return None
        if dialect not in self._memories:
            self._memories[dialect] = VerdictMemory(cache.ttl, cache.entries)
        return self._memories[dialect]

    async def _admitted(self, work: GuardWork, query: GuardQuery) -> tuple[Detection, ...]:
        if self._turns.locked():
            if self._waiting >= self._limits.waiting:
                raise GuardFailedError(GuardFault.OVERLOADED)
            self._waiting += 1
            try:
                await self._turns.acquire()
            finally:
                self._waiting -= 1
        else:
            await self._turns.acquire()
        try:
            return await self._judged(work, query)
        finally:
            self._turns.release()

    async def _judged(self, work: GuardWork, query: GuardQuery) -> tuple[Detection, ...]:
        """Ask, and have the breaker know how that ended."""
        began = self._clock()
        if not self.breaker.admits(began):
            raise GuardFailedError(GuardFault.CIRCUIT_OPEN)
        probe = self.breaker.state == "half_open"
        try:
            found = work.read(query, await self._client.post(query))
        except asyncio.CancelledError:
            # Its deadline has passed, or the client has left.
            if self._clock() - began >= self._limits.timeout * NEAR:
                self.breaker.failed(self._clock(), probe=probe)
            else:
                self.breaker.dropped(probe=probe)
            raise
        except DetectorError:
            self.breaker.failed(self._clock(), probe=probe)
            raise GuardFailedError(GuardFault.MALFORMED) from None
        except BaseException:
            self.breaker.failed(self._clock(), probe=probe)
            raise
        self.breaker.succeeded()
        return found

    def __repr__(self) -> str:
        return f"GuardedService({self._client})"


class Guards:
    """All services that a worker asks. Connections are opened when the first question needs them."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._services: dict[GuardService, GuardedService] = {}

    async def ask(self, work: GuardWork, tell: Tell) -> DetectorFindings:
        """Return the findings of a guard in a body. Raises GuardFailedError, or DetectorError if it cannot be asked."""
        detector = work.detector
        if detector.sample < 1 and not work.drawn and self._chance() >= detector.sample:
            tell(UNSAMPLED, 0.0)
            return DetectorFindings([], unsampled=True)
        queries = work.queries()
        service = self._service(detector.service)
        if len(queries) == 1:
            (query,) = queries
            return work.findings([(query, await service.ask(work, query, tell))])
        return work.findings(await self._all(service, work, queries, tell))

    def keep(self, detectors: Iterable[GuardDetector]) -> None:
        """Be ready for the services that the policy in force uses, and close those that it does not.

        One that an exchange under an older policy asks afterwards is opened anew.
        """
        used = {each.service for each in detectors}
        for service in used:
            self._service(service)
        for service in self._services.keys() - used:
            self._services.pop(service).retire()

    async def close(self) -> None:
        """Close all connections."""
        services, self._services = self._services, {}
        for each in services.values():
            await each.close()

    def circuits(self) -> dict[str, float]:
        """1 for the authority of each service that is left alone, 0 for each other."""
        found: dict[str, float] = {}
        for service, guarded in self._services.items():
            name = service.address.authority
            found[name] = max(found.get(name, 0.0), float(guarded.breaker.state != "closed"))
        return found

    def _service(self, service: GuardService) -> GuardedService:
        found = self._services.get(service)
        if found is None:
            found = self._services[service] = GuardedService(service, self._clock)
        return found

    async def _all(
        self, service: GuardedService, work: GuardWork, queries: Sequence[GuardQuery], tell: Tell
    ) -> list[tuple[GuardQuery, Sequence[Detection]]]:
        """Ask several questions side by side, as many as there are connections; the first failure ends all."""
        left = iter(queries)
        heard: list[tuple[GuardQuery, Sequence[Detection]]] = []
        # A service that failed is tried by one question: the others would fail beside it, and withdraw it.
        while service.breaker.state != "closed" and (first := next(left, None)) is not None:
            heard.append((first, await service.ask(work, first, tell)))

        async def one_by_one() -> None:
            for query in left:
                found = await service.ask(work, query, tell)
                heard.append((query, found))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(len(queries), service.connections)):
                    group.create_task(one_by_one())
        except ExceptionGroup as failed:
            raise _first(failed) from None
        return heard

    def __repr__(self) -> str:
        return f"Guards({len(self._services)})"


def _client_of(service: GuardService) -> ServiceClient:
    # Workers whose policy has no such guard need no such client.
    name = "grpc_client" if service.grpc else "client"
    client: ServiceClient = import_module(f"extproc.server.guards.{name}").opened(service)
    return client


def _first(failed: ExceptionGroup[Exception]) -> Exception:
    """Return the failure that stands for several: one of the guard's own, if there is one."""
    every = failed.exceptions
    return next((each for each in every if isinstance(each, GuardFailedError) and each.fault not in OWN), every[0])
