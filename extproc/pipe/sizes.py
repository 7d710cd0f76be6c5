"""The limits that processors set on the bytes of a stream; where one lies does not depend on how the stream is cut."""

from collections.abc import Iterator

from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.stage import Active, CompiledProcessor, Stage
from extproc.inspection.verdict import Blocked


class Sizes:
    """Counts the bytes of a stream as they come, decoded, before any stage has changed them."""

    __slots__ = ("_limits", "_ruling", "_size")

    def __init__(self, ruling: Ruling, limits: tuple[CompiledProcessor, ...]) -> None:
        self._ruling = ruling
        self._limits = limits
        self._size = 0

    @classmethod
    def of(cls, ruling: Ruling, stage: Stage | None, active: Active | None) -> "Sizes | None":
        """Return the limits of the processors at work; None if they set none."""
        sizing = () if stage is None else stage.sizing
        limits = tuple(each for each in sizing if active is None or active.on[each.number])
        return cls(ruling, limits) if limits else None

    def over(self, size: int) -> tuple[int, Blocked] | None:
        """Count `size` more bytes. Return how many of them are over a limit that stops there, and why they stop."""
        self._size += size
        for each in self._limits:
            limit = each.limits.bytes if each.limits is not None else None
            if limit is None or self._size <= limit:
                continue
            self._ruling.tell(each, "bytes")
            self._limits = tuple(other for other in self._limits if other is not each)
            if each.blocks:
                return self._size - limit, Blocked(each.name, "finding")
        return None


def ends(data: bytes, room: int, sure: int, tried: int) -> Iterator[int]:
    """Yield the ends of parts of `data` to be judged one after the other: those of events, if there are any.

    A part has `sure` bytes at the most, the first one `room`, or is one event. Past `tried` bytes all is one.
    """
    size = len(data)
    at = 0
    blank = b"\n\n" if b"\n\n" in data else b"\n\r\n"
    while size - at > room and size <= tried:
        to = data.rfind(blank, at, at + max(room, 0))
        to = to if to >= 0 else data.find(blank, at)
        if to < 0:
            break
        at = to + len(blank)
        yield at
        room = sure
    if at < size:
        yield size
