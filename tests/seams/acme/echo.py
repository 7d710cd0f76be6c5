"""A detector that follows replies: the first line of a system turn may not come back."""

from collections.abc import Sequence
from typing import Final, Literal

from extproc.ext import Asked, DetectorKind, DetectorOptions, Noticed, ReplyDetector, ReplyFinding, ReplyPart


class EchoOptions(DetectorOptions):
    """The fields of `use: echo`: those that all processors have."""

    use: Literal["echo"]


class Echo:
    """Follows one reply, whole or as it comes."""

    def __init__(self, asked: Asked | None) -> None:
        self._lines = [] if asked is None else [each.split("\n")[0] for each in asked.system]
        self._said = ""

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """Return what the next part brings to light."""
        if part.kind != "text":
            return ()
        before, self._said = self._said, self._said + part.text
        ends = [self._said.find(line) + len(line) for line in self._lines if line in self._said and line not in before]
        return [ReplyFinding("echo", part.path, len(before), end) for end in ends]

    def finish(self) -> Sequence[Noticed]:
        """Return what the end of the response brings to light: nothing."""
        return ()


def echo(_: EchoOptions) -> ReplyDetector:
    """Return the detector. `asks` names the parts of the request that a follower is opened with."""
    return ReplyDetector(("echo",), Echo, asks=frozenset({"system"}))


ECHO: Final = DetectorKind("echo", EchoOptions, echo)
