"""The verdict of inspection on a body: its findings, its failures, and the outcome."""

from typing import Literal, TypeAlias

from msgspec import Struct

from extproc.protocol.messages import Side

Action: TypeAlias = Literal["report", "mask", "block"]

Reason: TypeAlias = Literal["finding", "failure", "uninspected", "oversize"]
"""Why a body is blocked."""


class Finding(Struct, frozen=True, gc=False):
    """A find, as people are told of it.

    `where`: the JSON pointer of its string in the body (see `payload.passage.pointer`), `start` and `end` code points
    in that string; all empty for what a body as a whole is found to be. `shadow`: nothing was done about it.
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

    def __repr__(self) -> str:
        # Not the pointer: names in it may be the client's.
        return f"Finding({self.processor}, {self.kind}, {self.action}, {self.side.value}, {self.start}:{self.end})"


class Failure(Struct, frozen=True, gc=False):
    """A processor that gave no verdict. `reason` is a fixed word; `allowed`: the body goes on all the same."""

    processor: str
    reason: str
    allowed: bool


class Blocked(Struct, frozen=True, gc=False):
    """Why a body goes no further. `by`: a processor's name; the pipeline's, where the body could not be read."""

    by: str
    reason: Reason


Count: TypeAlias = tuple[str, str, Action, Side, bool]
"""Processor, kind, action, side, shadow: what finds are counted by. All are words of the policy."""
