"""Rulings on the findings in one response: whose each is, whether that processor is at work, what it does."""

from collections.abc import Iterable
from copy import copy

from extproc.inspection.answers.tally import Tally
from extproc.inspection.failures import settle
from extproc.inspection.keys import KIND, is_key
from extproc.inspection.masking import replacement
from extproc.inspection.stage import WHOLE_BODY, Active, CompiledProcessor, Stage
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import ERROR, Blocked
from extproc.matching.scanner import Scanner
from extproc.matching.span import Distinct, Span
from extproc.matching.window import Hit
from extproc.policy.credentials import REDACTED
from extproc.protocol.meter import Meter


class Stopped(Exception):  # noqa: N818  - what happened to the answer
    """The answer must not go on. Holds no text."""

    def __init__(self, blocked: Blocked) -> None:
        super().__init__(f"{blocked.by}: {blocked.reason}")
        self.blocked = blocked


class Ruling:
    """The processors of one stage that are at work for one answer, or nobody where there is no stage.

    `keys`: looks for backends' credentials where no rule of a processor is at work; None where none is to be replaced.

    `active` is None where all of them are. `scanner`: what looks for their finds; None when nobody looks any more.
    `meter` counts the work of the whole stream, and stops it where nobody waits for it any more.
    """

    __slots__ = ("_keys", "_on", "_stage", "_tally", "_vault", "enforces", "meter", "scanner")

    def __init__(
        self,
        stage: Stage | None,
        active: Active | None,
        vault: Vault,
        tally: Tally,
        meter: Meter | None = None,
        keys: Scanner | None = None,
    ) -> None:
        self._vault = vault
        self._tally = tally
        self._stage = stage
        self._on: tuple[bool, ...] = ()
        self.meter = meter or Meter()
        self._keys = self.scanner = keys
        self.enforces = keys is not None
        if stage is not None:
            self._take(stage, active.on if active is not None else (True,) * len(stage.processors))

    def tried(self, meter: Meter) -> "Ruling":
        """Return the same ruling for a trial: nothing is told of what it hears, and what it writes is forgotten."""
        other: Ruling = copy(self)
        other.meter, other._vault, other._tally = meter, Vault(), Tally()
        return other

    def _take(self, stage: Stage, on: tuple[bool, ...]) -> None:
        self._stage, self._on = stage, on
        scanning = self._scanning()
        self.scanner = stage.scanner if scanning else self._keys
        self.enforces = self._keys is not None or any(each.enforces for each in scanning)

    def _scanning(self) -> list[CompiledProcessor]:
        """The processors at work that have rules."""
        stage = self._stage
        return [] if stage is None else [stage.processors[number] for number in stage.scanning if self._on[number]]

    def hear(self, hits: Iterable[Hit], where: str, distinct: Distinct | None) -> None:
        """Counts finds, in their order; `distinct` says which are new in their text, None is for one that was told.

        Raises:
            Stopped: one of them is to be blocked. What comes after it is not heard.
        """
        for hit in hits:
            if is_key(hit.span):
                continue
            each = self._of(hit.span)
            if self._on[each.number]:
                if distinct is not None:
                    self._hear(each, hit.span, where, distinct)
                if each.blocks:
                    raise Stopped(Blocked(each.name, "finding"))

    def _hear(self, each: CompiledProcessor, span: Span, where: str, distinct: Distinct) -> None:
        """Count a find that is new in its text; of one that is not, its kind is told with the find at its place."""
        if distinct.new(each.number, span):
            self.tell(each, span.kind, (where, span.start, span.end), span.score)
        elif self._tally.details is not None and (winner := distinct.outdone(each.number, span)) is not None:
            self._tally.outdone(each.name, where, winner, span)

    def tell(
        self,
        each: CompiledProcessor,
        kind: str,
        place: tuple[str, int, int] = WHOLE_BODY,
        score: float | None = None,
    ) -> None:
        """Count a finding of a processor, and list it for those who ask for each."""
        assert self._stage is not None, "a processor has a stage"
        side = self._stage.side
        self._tally.count(each.count(kind, side))
        if self._tally.details is not None:
            self._tally.tell(each.finding(kind, side, place, score))

    def overhear(self, before: str, text: str) -> str:
        """See `Vault.overhear`."""
        return self._vault.overhear(before, text)

    def masks(self, span: Span) -> bool:
        """True if a find is to be masked."""
        if is_key(span):
            return self._keys is not None
        each = self._of(span)
        return each.masks and self._on[each.number]

    def write(self, span: Span, value: str) -> str:
        """Return what its processor writes in place of a find."""
        if is_key(span):
            return REDACTED
        self._tally.masked = True
        return replacement(self._of(span), self._vault, span.kind, value)

    def give_up(self) -> None:
        """The scanner failed: stand-ins take over, or nobody.

        Raises:
            Stopped: a processor that does not allow it has nobody to stand in for it.
        """
        if self._keys is not None and self.scanner is self._keys:
            raise Stopped(Blocked(KIND, "failure"))
        reserve = self._stage.reserve if self._stage is not None else None
        able = {reserve.processors[number].name for number in reserve.scanning} if reserve is not None else set()
        failures, blocked, called = settle([(each, ERROR) for each in self._scanning()], able)
        self._tally.fail(failures)
        if blocked is not None:
            raise Stopped(blocked)
        self.scanner = self._keys
        if called and reserve is not None:
            self._take(reserve, tuple(each.name in called for each in reserve.processors))

    def _of(self, span: Span) -> CompiledProcessor:
        assert self._stage is not None, "a find has a rule"
        return self._stage.owners[span.rule]
