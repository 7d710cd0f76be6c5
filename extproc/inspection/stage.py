"""One side of a pipeline made ready: its processors, and all their rules in one scanner."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from extproc.apis.asked import AskedPart
from extproc.apis.counts import Counts
from extproc.detectors.contract import GuardDetector, JudgingDetector, OffloadedDetector, RemoteDetector, ScoredDetector
from extproc.detectors.replies import ReplyDetector
from extproc.inspection.verdict import NO_EVIDENCE, Action, Count, Evidence, Finding, OtherKind
from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner
from extproc.policy.conditions import Condition, ConditionError
from extproc.protocol.messages import Side

SignalValues = Mapping[str, Any]
"""The signals that conditions read, by name; None for what cannot be determined."""

NUMBER_DIGITS = 3
"""Digits of a processor's number in front of its rules' names; a pipeline has at most 64 processors a side."""

STANDING_IN = 500
"""The offset added to the number of stand-ins there, so that their findings are never taken for those of others."""


WHOLE_BODY: Final = ("", 0, 0)
"""The place of what a body as a whole is found to be."""


class BodyLimits(Struct, frozen=True):
    """The limits that `use: size` sets; None is no limit."""

    bytes: int | None = None
    messages: int | None = None
    images: int | None = None

    def untold(self, sizes: Counts) -> bool:
        """True if a number that is limited cannot be determined."""
        return (self.messages is not None and sizes.messages is None) or (
            self.images is not None and sizes.images is None
        )

    def exceeded(self, size: int, sizes: Counts) -> Sequence[str]:
        """The limits that a body of `size` bytes is over, each by its name."""
        measured = (
            ("bytes", size, self.bytes),
            ("messages", sizes.messages, self.messages),
            ("images", sizes.images, self.images),
        )
        return [kind for kind, number, limit in measured if limit is not None and number is not None and number > limit]


class CompiledProcessor(Struct, frozen=True):
    """One processor of a stage. `number` is its place there.

    `allows_failure`: a body goes on that it could not judge. `stand_in`: the processor that then judges instead.
    `detector`: what it hands out, by itself; None for one whose rules or limits are looked at with those of the others.
    `reply`: what follows the replies of models for it.
    """

    number: int
    name: str
    action: Action
    shadow: bool
    timeout: float
    allows_failure: bool
    stand_in: str | None = None
    when: Condition | None = None
    format: str = "placeholder"
    key: bytes = b""
    restore: bool = False
    limits: BodyLimits | None = None
    detector: OffloadedDetector | None = None
    reply: ReplyDetector | None = None

    @property
    def threshold(self) -> float | None:
        """The least score of its findings, if it hands out something that scores."""
        return self.detector.threshold if isinstance(self.detector, ScoredDetector | GuardDetector) else None

    @property
    def blocks_on_failure(self) -> bool:
        """True if its failure alone blocks a body."""
        return not (self.shadow or self.allows_failure or self.stand_in is not None)

    @property
    def reads_findings(self) -> bool:
        """True if the findings of others decide about it."""
        return self.when is not None and "findings" in self.when.signals

    @property
    def masks(self) -> bool:
        """True if the processor's findings are replaced."""
        return self.action == "mask" and not self.shadow

    @property
    def blocks(self) -> bool:
        """True if the processor's findings block."""
        return self.action == "block" and not self.shadow

    @property
    def repairs(self) -> bool:
        """True if what its findings drop is removed; its other findings block."""
        return self.action == "repair" and not self.shadow

    @property
    def stops(self) -> bool:
        """True if findings block that cannot be repaired."""
        return self.action in {"block", "repair"} and not self.shadow

    @property
    def enforces(self) -> bool:
        """True if the processor masks, blocks or repairs (not `report`, not shadow)."""
        return self.action != "report" and not self.shadow

    def count(self, kind: str, side: Side) -> Count:
        """Return what its findings of a kind are counted by."""
        return (self.name, kind, self.action, side, self.shadow)

    def finding(
        self,
        kind: str,
        side: Side,
        place: tuple[str, int, int] = WHOLE_BODY,
        score: float | None = None,
        also: tuple[OtherKind, ...] = (),
        evidence: Evidence = NO_EVIDENCE,
        why: str = "",
    ) -> Finding:
        """Return one of its findings as people are told of it."""
        threshold = self.threshold if evidence.threshold is None else evidence.threshold
        return Finding(
            self.name, kind, self.action, side, *place, score, self.shadow, also, threshold, evidence.tier, why
        )

    def __repr__(self) -> str:
        return f"CompiledProcessor({self.name}, {self.action})"


class Active(Struct, frozen=True):
    """Which processors of a stage are at work for one body: their `when` holds, or they have none.

    `on`: by the processor's number. `failed`: conditions that could not be evaluated.
    """

    on: tuple[bool, ...]
    failed: tuple[CompiledProcessor, ...] = ()


class Stage:
    """Immutable, shared by all exchanges and threads.

    `rules` come with the number of their processor. `reserve`: the stage of the stand-ins, which are not among
    `processors`; `standing_in`: this is one. `keys`: rules of no processor (see `keys`). Raises RuleError for rules
    that cannot be used.
    """

    def __init__(
        self,
        side: Side,
        processors: Sequence[CompiledProcessor],
        rules: Sequence[tuple[int, Rule]],
        reserve: "Stage | None" = None,
        *,
        standing_in: bool = False,
        keys: Sequence[Rule] = (),
    ) -> None:
        self.side = side
        self.processors = tuple(processors)
        self.reserve = reserve
        self.stand_ins = frozenset(each.name for each in reserve.processors) if reserve is not None else frozenset()
        """Names of the stand-ins."""
        self.plain = not any(each.when or each.limits or each.detector or each.reply for each in self.processors)
        """True if there is nothing but rules, which always run."""
        self._offset = STANDING_IN * standing_in
        owned = tuple(_owned(place, number + self._offset, rule) for place, (number, rule) in enumerate(rules))
        self.scanner = _scanner((*owned, *keys)) if rules else None
        self.owners = {rule.title: self.processors[number] for rule, (number, _) in zip(owned, rules, strict=True)}
        """The processors by the names of their rules, as spans have them; rules of `keys` have none."""
        self.scanning = tuple(sorted({number for number, _ in rules}))
        """Numbers of the processors that have rules."""
        self.sizing = tuple(each for each in self.processors if each.limits is not None)
        self.replying = tuple(each for each in self.processors if each.reply is not None)
        self.offloaded = tuple(each for each in self.processors if each.detector is not None)
        self.local = tuple(each for each in self.processors if each.detector is None)
        """Processors that share one pass over a body, here or in a thread."""
        own = (each.detector for each in self.processors)
        asks = [each.asks for each in own if isinstance(each, JudgingDetector | RemoteDetector)]
        asks += [each.reply.asks for each in self.replying if each.reply is not None]
        self.asks: frozenset[AskedPart] = frozenset().union(*asks, reserve.asks if reserve is not None else ())
        """The parts of the request by which its processors judge a response."""
        self.timeout = min((each.timeout for each in self.local or self.processors), default=0.0)
        """Seconds after which a piece of a stream is given up: its processors do it in one go."""
        self._always: Active | None = None
        if not any(each.when for each in self.processors):
            self._always = self.active({})

    def title(self, processor: CompiledProcessor, kind: str) -> str:
        """The name of a finding that no rule brings, among those of the rules; see `_owned`."""
        return f"{processor.number + self._offset:0{NUMBER_DIGITS}}:{kind}"

    def active(self, signals: SignalValues) -> Active:
        """Return who is at work, where nothing that is found in this body has a say in it."""
        if self._always is not None:
            return self._always
        on, failed = list[bool](), list[CompiledProcessor]()
        for each in self.processors:
            holds = each.when is None
            if each.when is not None:
                try:
                    holds = each.when.holds(signals)
                except ConditionError:
                    failed.append(each)
            on.append(holds)
        return Active(tuple(on), tuple(failed))


def patience(together: Iterable[CompiledProcessor]) -> float | None:
    """Seconds that work may take which these processors do in one go; None if there are none.

    When the first of them has failed whose failure blocks, nothing that the others find can let the body go on. If no
    failure blocks, the last of them decides: a processor is not given up for the impatience of another.
    """
    every = tuple(together)
    blocking = [each.timeout for each in every if each.blocks_on_failure]
    return min(blocking) if blocking else max((each.timeout for each in every), default=None)


SCANNERS_KEPT = 16
"""Scanners of the last policies that are kept: building one takes up to a second, and sides and reloads share them."""


@lru_cache(SCANNERS_KEPT)
def _scanner(rules: tuple[Rule, ...]) -> Scanner:
    return Scanner.compile(rules)


def _owned(place: int, number: int, rule: Rule) -> Rule:
    """The rule under a name that tells whose it is; of two finds alike, the earlier processor's is heard."""
    return replace(rule, name=f"{number:0{NUMBER_DIGITS}}:{place:04}:{rule.title}")
