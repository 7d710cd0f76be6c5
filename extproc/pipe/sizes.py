"""The limits that processors set on the bytes of a stream; where one lies does not depend on how the stream is cut."""

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
