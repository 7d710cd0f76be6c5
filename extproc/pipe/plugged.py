"""The stages of plug-ins in one response: what they give is read anew, bounded, and their failures are resolved."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from msgspec import Struct

from extproc.apis.events import StreamEvent, UnreadableStreamError
from extproc.apis.streams import StreamReader
from extproc.inspection.answers.ruling import Stopped
from extproc.inspection.verdict import Blocked, Count, Failure
from extproc.pipe.stage import AnswerFacts, AnswerStage, ReportingStage, unheard
from extproc.protocol.meter import Meter, SpentError

MAX_GIVEN: Final = 4096
"""Events that a stage gives at a time: as many as `MAX_HELD` holds of the usual 250 bytes. A stage that never ends
would otherwise fill the memory."""

MAX_GIVEN_BYTES: Final = 4 * 1024 * 1024
"""Bytes of events that a stage gives at a time, those aside that pass: the most that may wait in inspection, too."""

MAX_HELD: Final = 1024 * 1024
"""Bytes that a stage may keep of one response: a whole text of 4,000 events. They count towards `limits.held_bodies`,
which has room for 256 such stages by default."""

CALL: Final = 10
"""Steps that a call of a stage counts for, so that one which nobody waits for any more comes to an end."""

ERROR: Final = "error"
LIMIT: Final = "limit"
SHAPE: Final = "shape"
"""Reasons of failures: the stage raised an error, or gave no events; it is past a limit; what it gave does not end, or
is not one document."""

Fail: TypeAlias = Callable[[tuple[Failure, ...]], None]
Report: TypeAlias = Callable[[Count], None]


class PlannedStage(Struct, frozen=True):
    """A stage that the policy names. `allows_failure`: if it fails, the response goes on without it."""

    name: str
    open: Callable[[Any, AnswerFacts], AnswerStage]
    options: Any
    allows_failure: bool

    def __repr__(self) -> str:
        return f"PlannedStage({self.name})"


class Staging(Struct, frozen=True):
    """The stages that one response passes, and the facts that they are opened with.

    `every`: a response that they cannot read, because it is neither JSON nor events, passes only if it is empty.
    """

    stages: tuple[PlannedStage, ...]
    facts: AnswerFacts
    every: bool = False

    @property
    def blocked(self) -> Blocked | None:
        """The reason to end the response if it cannot pass the stages; None if all of them allow that."""
        return next((Blocked(each.name, "stage") for each in self.stages if not each.allows_failure), None)

    def failures(self, reason: str) -> tuple[Failure, ...]:
        """Return what the record says of a response that cannot pass the stages."""
        return tuple(Failure(each.name, reason, each.allows_failure) for each in self.stages)


class _FailedError(Exception):
    """A stage has failed for a reason other than an error of its own."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Plugged:
    """All of them, in their order. Methods raise Stopped if one fails that does not allow it."""

    __slots__ = ("_fail", "_guards", "_staging")

    def __init__(
        self, staging: Staging, reader: Callable[[], StreamReader], fail: Fail, report: Report, meter: Meter
    ) -> None:
        self._staging = staging
        self._fail = fail
        self._guards = tuple([_Guard(each, staging.facts, reader(), fail, report, meter) for each in staging.stages])

    @property
    def held(self) -> int:
        """Bytes that they keep."""
        return sum([guard.held for guard in self._guards])

    def event(self, event: StreamEvent) -> Sequence[StreamEvent]:
        """Return what goes on now that `event` has come. If one fails, nothing of the event does."""
        events: Sequence[StreamEvent] = (event,)
        for guard in self._guards:
            events = [given for each in events for given in guard.event(each)]
        return events

    def finish(self) -> Sequence[StreamEvent]:
        """Return what goes on behind the last event."""
        events: list[StreamEvent] = []
        for guard in self._guards:
            events = [given for each in events for given in guard.event(each)]
            events += guard.finish()
        return events

    def document(self, event: StreamEvent) -> StreamEvent:
        """Return what goes on in the place of a response that is one document."""
        for guard in self._guards:
            event = guard.document(event)
        return event

    def unreadable(self, reason: str) -> None:
        """The response can be read no further; what follows passes as it is if all of them allow that."""
        self._fail(self._staging.failures(reason))
        blocked = self._staging.blocked
        if blocked is not None:
            raise Stopped(blocked)


class _Guard:
    """One of them. It is opened with the first event; if it fails and allows that, events pass from then on."""

    __slots__ = ("_facts", "_fail", "_meter", "_out", "_planned", "_reader", "_report", "_stage", "held")

    def __init__(
        self,
        planned: PlannedStage,
        facts: AnswerFacts,
        reader: StreamReader,
        fail: Fail,
        report: Report,
        meter: Meter,
    ) -> None:
        self._planned = planned
        self._facts = facts
        self._reader = reader
        self._fail = fail
        self._report = report
        self._meter = meter
        self._stage: AnswerStage | None = None
        self._out = False
        self.held = 0

    def event(self, event: StreamEvent) -> Sequence[StreamEvent]:
        if self._out:
            return (event,)
        self._meter.spend(CALL)
        try:
            return self._taken(self._opened().event(event), event)
        except SpentError:
            raise
        except Exception as error:  # noqa: BLE001  - it is a plug-in's, and what it says may quote the response
            self._give_up(error)
            return (event,)

    def finish(self) -> Sequence[StreamEvent]:
        if self._out:
            return ()
        self._meter.spend(CALL)
        try:
            return self._taken(self._opened().finish(), None)
        except SpentError:
            raise
        except Exception as error:  # noqa: BLE001  - see `event`
            self._give_up(error)
            return ()

    def document(self, event: StreamEvent) -> StreamEvent:
        given = (*self.event(event), *self.finish())
        if len(given) == 1:
            return given[0]
        if not self._out:
            self._give_up(_FailedError(SHAPE))
        return event

    def _opened(self) -> AnswerStage:
        if self._stage is None:
            self._stage = self._planned.open(self._planned.options, self._facts)
            if isinstance(self._stage, ReportingStage):
                self._stage.report = self._report
        return self._stage

    def _taken(self, given: Iterable[StreamEvent], event: StreamEvent | None) -> Sequence[StreamEvent]:
        """Return what a stage gave: `event` as it is, and anything else read from its bytes."""
        taken: list[StreamEvent] = []
        size = 0
        for each in given:
            if each is event:
                taken.append(each)
            else:
                raw = each.raw
                size += len(raw)
                if size > MAX_GIVEN_BYTES:
                    raise _FailedError(LIMIT)
                taken += self._reader.feed(raw) if raw else ()
            if len(taken) > MAX_GIVEN:
                raise _FailedError(LIMIT)
        if event is None:
            taken += self._reader.close()
        elif self._reader.pending and event.ended:
            raise _FailedError(SHAPE)
        self._hold()
        return taken

    def _hold(self) -> None:
        held = self._opened().held
        if not 0 <= held <= MAX_HELD:
            raise _FailedError(LIMIT)
        self.held = held

    def _give_up(self, error: Exception) -> None:
        self._out, self._stage, self.held = True, None, 0
        reason = ERROR
        if isinstance(error, _FailedError | UnreadableStreamError):
            reason = error.reason
        self._fail((Failure(self._planned.name, reason, self._planned.allows_failure),))
        if not self._planned.allows_failure:
            raise Stopped(Blocked(self._planned.name, "stage")) from None


def staged(
    body: bytes, dialect: str, staging: Staging, fail: Fail, meter: Meter | None, report: Report = unheard
) -> bytes:
    """Return what the stages make of a response that is one document: the very object if they leave it as it is.

    Raises Stopped if one fails that does not allow it.
    """

    def reader() -> StreamReader:
        return StreamReader(dialect, bare=True, meter=meter)

    plugged = Plugged(staging, reader, fail, report, meter or Meter())
    try:
        (event,) = reader().feed(body)
    except UnreadableStreamError as error:
        plugged.unreadable(error.reason)
        return body
    return plugged.document(event).raw
