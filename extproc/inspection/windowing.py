"""The windows in which a pipeline's detectors judge streamed responses, as the policy sets them."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from extproc.detectors.contract import JudgingDetector, ScoredDetector
from extproc.detectors.length import PARTS_ASCII
from extproc.inspection.stage import Stage
from extproc.policy import Unusable, UnusableError
from extproc.policy.step import Step, Windowed

HUNDREDTHS: Final = 100
"""Parts of a token, or of a character, in which what has come is counted."""


class Windows(Struct, frozen=True):
    """The windows of a streamed response: it is judged each time `step` tokens, or characters, have come.

    `holds`: nothing goes on before it is judged.
    """

    step: int
    tokens: bool
    holds: bool

    @property
    def overlap(self) -> int:
        """The most code points that a step has: what a window repeats of the one before, at least."""
        return self.step * HUNDREDTHS // PARTS_ASCII + 1 if self.tokens else self.step


def windows_of(index: int, source: Sequence[Step], stage: Stage | None) -> Windows | None:
    """Return the windows of a response's processors; None if they set none. Raises UnusableError."""
    first = next((each for each in source if isinstance(each, Windowed) and each.every is not None), None)
    if first is None or stage is None or not isinstance(first, Windowed):
        return None
    wrong = list(_apart(index, source, stage, first))
    if wrong:
        raise UnusableError(wrong)
    step, tokens = first.window
    return Windows(step, tokens, first.release == "judged")


def unwindowed(index: int, source: Sequence[Step]) -> None:
    """Refuse windows of requests, which come whole. Raises UnusableError."""
    wrong = [
        Unusable(("pipelines", index, "request", place, "every"), "a request is judged whole", "delete `every`")
        for place, each in enumerate(source)
        if isinstance(each, Windowed) and each.every is not None
    ]
    if wrong:
        raise UnusableError(wrong)


def _apart(index: int, source: Sequence[Step], stage: Stage, first: Windowed) -> Iterator[Unusable]:
    """The reasons why the detectors of a response cannot take the same windows."""
    offloaded = {each.name: each.detector for each in stage.offloaded}
    for place, each in enumerate(source):
        where = ("pipelines", index, "response", place)
        own = each.every if isinstance(each, Windowed) else None
        if each.name not in offloaded:
            if own is not None:
                yield Unusable((*where, "every"), f"{each.name} takes no windows", "delete `every`")
        elif not isinstance(offloaded[each.name], ScoredDetector | JudgingDetector) or own is None:
            message = f"{each.name} judges a whole response, so that `every` of {first.name} would do nothing"
            mend = f"write every: {first.every} here if it computes scores, or delete it there"
            yield Unusable((*where, "use"), message, mend)
        elif isinstance(each, Windowed) and (own, each.release) != (first.every, first.release):
            message = f"processors of a response take the same windows, and {first.name} has others"
            yield Unusable((*where, "every"), message, f"write every: {first.every} and release: {first.release}")
