"""The windows in which a pipeline's detectors judge streamed responses, as the policy sets them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from extproc.detectors.length import PARTS_ASCII
from extproc.inspection.stage import Stage
from extproc.policy import Policy, Unusable, UnusableError
from extproc.policy.step import Step, Windowed

HUNDREDTHS: Final = 100
"""Parts of a token, or of a character, in which what has come is counted."""


class Windows(Struct, frozen=True):
    """The windows of a streamed response: it is judged each time `step` tokens, or characters, have come.

    `holds`: nothing goes on before it is judged. `masks`: what is held may be masked, so that what the next window
    shows again is held, too. `able`: the stand-ins that can judge a window.
    """

    step: int
    tokens: bool
    holds: bool
    masks: bool = False
    able: frozenset[str] = frozenset()

    @property
    def overlap(self) -> int:
        """The most code points that a step has: what a window repeats of the one before, at least."""
        return self.step * HUNDREDTHS // PARTS_ASCII + 1 if self.tokens else self.step


class HasWindows(Protocol):
    """A pipeline, whose streamed responses may be judged in windows."""

    @property
    def windows(self) -> Windows | None:
        """None if they are not."""


def windows_of(index: int, source: Sequence[Step], stage: Stage | None) -> Windows | None:
    """Return the windows of a response's processors; None if they set none. Raises UnusableError."""
    first = next((each for each in source if isinstance(each, Windowed) and each.every is not None), None)
    if first is None or stage is None or not isinstance(first, Windowed):
        return None
    wrong = list(_apart(index, source, stage, first))
    if wrong:
        raise UnusableError(wrong)
    step, tokens = first.window
    windows = Windows(step, tokens, first.release == "judged")
    able = frozenset(_able(stage.reserve, windows.overlap)) if stage.reserve is not None else frozenset()
    every = (*stage.offloaded, *(stage.reserve.processors if stage.reserve is not None else ()))
    masks = windows.holds and any(each.masks for each in every)
    return replace(windows, masks=masks, able=able)


def unable(policy: Policy, pipelines: Iterable["HasWindows"]) -> Iterator[Unusable]:
    """Note each stand-in that cannot judge the windows of a streamed response."""
    for index, (source, pipeline) in enumerate(zip(policy.pipelines, pipelines, strict=True)):
        windows = pipeline.windows
        for place, each in enumerate(source.response if windows is not None else ()):
            other = each.stand_in
            if windows is None or other is None or each.mode == "shadow" or other in windows.able:
                continue
            if isinstance(each, Windowed) and each.every is not None:
                where = ("pipelines", index, "response", place, "on_failure")
                message = f"{other} may need more text than a window has: if {each.name} fails, a stream ends"
                fix = "write a longer `every`, or name a processor that computes scores or asks others"
                yield Unusable(where, message, fix)


def _able(reserve: Stage, overlap: int) -> Iterator[str]:
    """The stand-ins that judge windows as a whole text: each finding of rules, with what decides it, lies in one."""
    wide = reserve.scanner is not None and reserve.scanner.reach > overlap
    for each in reserve.processors:
        if each.detector is not None or (each.number in reserve.scanning and not wide):
            yield each.name


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
    offloaded = {each.name for each in stage.offloaded}
    for place, each in enumerate(source):
        where = ("pipelines", index, "response", place)
        own = each.every if isinstance(each, Windowed) else None
        if each.name not in offloaded:
            if own is not None:
                yield Unusable((*where, "every"), f"{each.name} takes no windows", "delete `every`")
        elif own is None:
            message = f"{each.name} judges a whole response, so that `every` of {first.name} would do nothing"
            mend = f"write every: {first.every} here if it has that field, or delete it there"
            yield Unusable((*where, "use"), message, mend)
        elif isinstance(each, Windowed) and (own, each.release) != (first.every, first.release):
            message = f"processors of a response take the same windows, and {first.name} has others"
            yield Unusable((*where, "every"), message, f"write every: {first.every} and release: {first.release}")
