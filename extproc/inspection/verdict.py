"""The verdict of inspection on a body: its findings, its failures, and the outcome."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from extproc.matching.span import Span
from extproc.payload.json.members import Splice
from extproc.protocol.messages import Side
from extproc.protocol.record import ProcessorScore

ERROR: Final = "error"
CONDITION: Final = "condition"
TIMEOUT: Final = "timeout"
"""Reasons of failures that mean something here; others are those of the work that was handed out."""

SEALED: Final = frozenset({"encrypted"})
"""Reasons for which content is listed as uninspected and yet never blocks: signatures and reasoning that only the
provider who sealed them can open, and checks when they come back. Every response of a model that thinks has some."""

Action: TypeAlias = Literal["report", "mask", "block", "repair"]

Reason: TypeAlias = Literal["finding", "failure", "uninspected", "oversize", "stage"]
"""Why a body is blocked. `stage`: an answer stage of a plug-in failed, or the body could not pass it."""


class OtherKind(Struct, frozen=True, gc=False):
    """Another kind that fits the value of a finding, and how sure its rule is of that: no more than the finding's."""

    kind: str
    score: float


class Evidence(Struct, frozen=True, gc=False):
    """Why a score is a finding: the threshold that it reached, and which of the detector's ways gave it."""

    threshold: float | None = None
    tier: str = ""


NO_EVIDENCE: Final = Evidence()
"""Of a finding of a rule, whose score is its own."""


class Finding(Struct, frozen=True, gc=False):
    """A find, as people are told of it.

    `where`: the JSON pointer of its string in the body (see `payload.passage.pointer`), `start` and `end` code points
    in that string; all empty for what a body as a whole is found to be. `shadow`: nothing was done about it. `also`:
    the other kinds of the same processor that fit the same characters. `threshold`: the score from which on it is one;
    `tier`: which of the processor's ways gave the score. `why`: the rule behind it, such as the place of a keyword in a
    schema; it may have names that the client chose.
    """

    processor: str
    kind: str
    action: Action
    side: Side
    where: str
    start: int
    end: int
    score: float | None
    shadow: bool
    also: tuple[OtherKind, ...] = ()
    threshold: float | None = None
    tier: str = ""
    why: str = ""

    def __repr__(self) -> str:
        # Not the pointer: names in it may be the client's.
        return f"Finding({self.processor}, {self.kind}, {self.action}, {self.side.value}, {self.start}:{self.end})"


def with_kind(also: tuple[OtherKind, ...], span: Span) -> tuple[OtherKind, ...]:
    """Return other kinds with that of a find among them, each once."""
    if any(each.kind == span.kind for each in also):
        return also
    return (*also, OtherKind(span.kind, span.score))


MAX_FAILURES: Final = 128
"""Failures that are listed for a body, a stream or an exchange: all that a stage of 64 processors and its stand-ins can
have."""


class Failure(Struct, frozen=True, gc=False):
    """A processor that gave no verdict. `reason` is a fixed word; `allowed`: the body goes on all the same."""

    processor: str
    reason: str
    allowed: bool


class Blocked(Struct, frozen=True, gc=False):
    """Why a body goes no further.

    `by`: the name of a processor or a stage; the pipeline's, where the body could not be read.
    """

    by: str
    reason: Reason


Count: TypeAlias = tuple[str, str, Action, Side, bool]
"""Processor, kind, action, side, shadow: what finds are counted by. All are words of the policy."""


Scored: TypeAlias = tuple[float, float | None]
"""The best score of findings that are counted together, and the threshold that they reached, if there is one."""


class Verdict(Struct, frozen=True):
    """The verdict on one body. `body` is what goes on: the very object that was judged, if nothing in it changed.

    `counts`: findings; `scores`: those of scored detectors, remote ones and guards; `unread`: what could not be read,
    by its reason. `findings` are listed only if asked for. `splices`: where `body` differs from the body that was
    judged, in their order; None if names of members may differ. `best`: what each processor that computes scores came
    to, findings or not.
    """

    body: bytes
    blocked: Blocked | None = None
    masked: bool = False
    counts: Mapping[Count, int] = {}
    failures: tuple[Failure, ...] = ()
    unread: Mapping[str, int] = {}
    findings: tuple[Finding, ...] = ()
    splices: Sequence[Splice] | None = None
    scores: Mapping[Count, Scored] = {}
    best: tuple[ProcessorScore, ...] = ()

    def __repr__(self) -> str:
        return f"Verdict({len(self.body)} bytes, blocked={self.blocked}, masked={self.masked})"
