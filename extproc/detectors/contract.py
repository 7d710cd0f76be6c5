"""The contract of a detector: what it is given, and what it returns.

A detector reads; it never edits, blocks or writes. Four kinds judge texts:

- `RuleDetector`: rules, which run in the scanner that all rules of a side share, in streams as well.
- `ScoredDetector`: a function that computes a number for a text, in a thread of the pool for such detectors.
- `JudgingDetector`: a function that computes numbers for parts of a text, for several kinds, there as well.
- `RemoteDetector`: a coroutine that asks somebody else, awaited in the event loop.

`GuardDetector` is for the guards from elsewhere that the policy knows: it says what is to be asked and what the
response means, and the shell asks. `replies.ReplyDetector` follows the reply of a model as it comes.

The policy decides about the rest: `action`, `mode`, `when`, `timeout` and `on_failure` of the processor that uses the
detector. A detector that raises, takes too long, or returns what this contract does not allow has failed, for that
processor alone; the text of its exception is shown nowhere.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from extproc.apis.asked import NOTHING_ASKED, Asked, AskedPart
from extproc.apis.roles import PassageRole
from extproc.detectors.service import GuardQuery, GuardService
from extproc.matching.rule import Rule
from extproc.protocol.messages import Side

KINDS_MAX: Final = 64
"""Kinds of findings of one detector: each is a label of the metrics. `pii` has a few more."""

DETECTIONS_MAX: Final = 1_000
"""Findings of one detector in one body; more are a failure. Each becomes an edit, and the answer of a remote guard is
somebody else's."""


INSTEAD_MAX: Final = 65_536
"""Code points that a guard may want in the place of one finding: a page of text, not a book."""


class DetectorError(ValueError):
    """Raised where a detector breaks its contract.

    A plug-in raises it while a policy is loaded, with a sentence for the operator; later, the message is shown nowhere.
    """


class Statement(Struct, frozen=True, gc=False):
    """One text of a body, every escape undone, and the role whose words it is (see `apis.roles.PassageRole`).

    `keyword`: a word of the API itself, such as the name of the model or of a role.
    """

    text: str
    role: PassageRole = "other"
    keyword: bool = False

    def __repr__(self) -> str:
        return f"Statement({len(self.text)} code points, {self.role})"


class Conversation(Struct, frozen=True):
    """The texts of one request or of one response, in the order of the body.

    Members of an API that are no prose, such as the name of the model, are among them: what is left out could hold
    anything.

    `asked`: the parts of the request that the detector `asks` for, if this is a response; empty for
    a request that asks no model. None if the request's body could not be read.
    """

    side: Side
    statements: tuple[Statement, ...]
    asked: Asked | None = NOTHING_ASKED

    def __repr__(self) -> str:
        return f"Conversation({self.side.value}, {len(self.statements)} statements)"


class Detection(Struct, frozen=True, gc=False):
    """A finding of a detector.

    `statement` is the number of the text in the conversation; `start` and `end` (exclusive) are code points of that
    text, `end` None for its end. `score` is from 0 to 1. `instead`: what a guard wants in the place of it, if it says
    so; `action: mask` writes that. `rejects`: it cannot be masked, so that `action: mask` blocks. `threshold` and
    `tier` say why it is a finding, if the detector computes scores (see `WindowScore`).
    """

    kind: str
    statement: int
    start: int = 0
    end: int | None = None
    score: float = 1.0
    instead: str | None = None
    rejects: bool = False
    threshold: float | None = None
    tier: str = ""

    def __repr__(self) -> str:
        return f"Detection({self.kind}, {self.statement}, {self.start}:{self.end}, {self.score:g})"


class WindowScore(Struct, frozen=True, gc=False):
    """The score of a part of a text for a kind; from `threshold` on it is a finding.

    `start` and `end`: as in `Detection`. `tier`: which of the detector's ways said so; a word for records. `level`: the
    group of the policy in which the threshold stands, such as `documents`, if the detector has several thresholds.
    """

    kind: str
    score: float
    threshold: float
    start: int = 0
    end: int | None = None
    tier: str = ""
    level: str = ""


class BestScore(Struct, frozen=True, gc=False):
    """The score of a detector at one level, over the texts of a body, that is a finding or comes nearest to one.

    `statement`: the number of the text.
    """

    statement: int
    window: WindowScore


class RuleDetector(Struct, frozen=True):
    """Rules for the shared scanner. Its findings have the rules' kinds."""

    rules: tuple[Rule, ...]


class ScoredDetector(Struct, frozen=True):
    """A number for each text: `score(statement)` is from 0 to 1; from `threshold` on it is a finding of `kind`.

    `score` is called in a thread, from several threads at once, and may take long: it holds up no other detector. The
    same statement has the same score. Between two calls the work is stopped when nobody waits for it any more.
    """

    kind: str
    score: Callable[[Statement], float]
    threshold: float

    def __post_init__(self) -> None:
        """Refuse a threshold that no score could reach, or that every score does."""
        check_kinds((self.kind,))
        if not 0 < self.threshold <= 1:
            raise DetectorError("a threshold is above 0 and at most 1")

    def windows(self, statement: Statement, conversation: Conversation) -> Iterable[WindowScore]:  # noqa: ARG002
        """Return the score of the whole text. Raises DetectorError, and whatever `score` raises."""
        score = self.score(statement)
        # A numpy scalar is a float to its author; a truth value or a text is a mistake.
        if isinstance(score, bool | str | bytes):
            raise DetectorError("a score is a number from 0 to 1")
        return (WindowScore(self.kind, float(score), self.threshold),)


class JudgingDetector(Struct, frozen=True):
    """Numbers for parts of each text: `judge(statement, conversation)` yields them, for a text of that conversation.

    It is called as `ScoredDetector.score` is. Between two scores the work is stopped when nobody waits for it any more,
    so each should take a millisecond at most. `kinds` are all kinds that its scores may have. `asks`: as in
    `RemoteDetector`.
    """

    kinds: tuple[str, ...]
    judge: Callable[[Statement, Conversation], Iterable[WindowScore]]
    asks: frozenset[AskedPart] = frozenset()

    def __post_init__(self) -> None:
        """Refuse kinds that cannot be told of."""
        check_kinds(self.kinds)

    def windows(self, statement: Statement, conversation: Conversation) -> Iterable[WindowScore]:
        """Return the scores of a text. Raises whatever `judge` raises."""
        return self.judge(statement, conversation)


class RemoteDetector(Struct, frozen=True):
    """Somebody else's judgement: `judge(conversation)` is awaited in the event loop, and is cancelled at its deadline.

    It must not block the loop. `kinds` are all kinds that its findings may have. `asks`: the parts of the request that
    it needs to judge a response (see `Conversation.asked`).
    """

    kinds: tuple[str, ...]
    judge: Callable[[Conversation], Awaitable[Iterable[Detection]]]
    asks: frozenset[AskedPart] = frozenset()

    def __post_init__(self) -> None:
        """Refuse kinds that cannot be told of."""
        check_kinds(self.kinds)


class GuardDialect(Protocol):
    """The contract of a service: what it is asked, and what its responses mean. Neither waits for anything."""

    def ask(self, side: Side, statements: Sequence[Statement]) -> Sequence[GuardQuery]:
        """Return the questions about statements, each with the texts that it is about."""

    def read(self, texts: Sequence[str], query: GuardQuery, body: bytes) -> Iterable[Detection]:
        """Return the findings of a response; `statement` is the place among `texts`, which the question is about.

        Raises:
            DetectorError: it is not what the contract allows.
        """


class GuardDetector(Struct, frozen=True):
    """A guard from elsewhere.

    `roles`: whose texts it is asked about, None for all; `sample`: of which share of bodies. `threshold`: the least
    score of a finding, if the policy sets one.
    """

    kinds: tuple[str, ...]
    service: GuardService
    dialect: GuardDialect
    roles: frozenset[PassageRole] | None = None
    sample: float = 1.0
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Refuse kinds that cannot be told of."""
        check_kinds(self.kinds)


ComputingDetector: TypeAlias = ScoredDetector | JudgingDetector
"""The detectors that compute scores, in a thread."""

OffloadedDetector: TypeAlias = ComputingDetector | RemoteDetector | GuardDetector
"""The detectors that are handed out, each by itself."""


def kinds_of(detector: OffloadedDetector) -> tuple[str, ...]:
    """Return the kinds that findings of a detector may have."""
    return (detector.kind,) if isinstance(detector, ScoredDetector) else detector.kinds


def checked(detector: OffloadedDetector, conversation: Conversation, found: Iterable[Detection]) -> list[Detection]:
    """Return the findings of a detector if each is one that its contract allows. Raises DetectorError."""
    kinds = kinds_of(detector)
    kept: list[Detection] = []
    every: Iterable[object] = found  # a plug-in's
    for each in every:
        if not (isinstance(each, Detection) and each.kind in kinds):
            raise DetectorError("a finding is a Detection of a declared kind")
        if not 0 <= each.statement < len(conversation.statements):
            raise DetectorError("a finding is in no statement")
        size = len(conversation.statements[each.statement].text)
        end = size if each.end is None else each.end
        if not 0 <= each.start <= end <= size or not (math.isfinite(each.score) and 0 <= each.score <= 1):
            raise DetectorError("a finding lies outside of its statement, or its score is none")
        if each.instead is not None and (isinstance(detector, ScoredDetector) or len(each.instead) > INSTEAD_MAX):
            raise DetectorError("what is to stand in the place of a finding is too long")
        if len(kept) >= DETECTIONS_MAX:
            raise DetectorError("there are too many findings")
        kept.append(each)
    return kept


def check_kinds(kinds: tuple[str, ...]) -> None:
    """Refuse kinds that are no labels of metrics. Raises DetectorError."""
    if not kinds or len(kinds) > KINDS_MAX:
        raise DetectorError(f"a detector has 1 to {KINDS_MAX} kinds of findings")
    for kind in kinds:
        if not (0 < len(kind) <= 64 and kind.isascii() and kind.replace("_", "").replace("-", "").isalnum()):
            raise DetectorError("a kind is written like jailbreak or card_number")
