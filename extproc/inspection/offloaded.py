"""The work of one detector that is handed out by itself, for one body."""

from typing import ClassVar

from msgspec import Struct

from extproc.detectors.contract import Conversation, Detection, RemoteDetector, ScoredDetector, Statement, checked
from extproc.inspection.stage import CompiledProcessor
from extproc.protocol.effects import WorkKind
from extproc.protocol.meter import Meter
from extproc.protocol.work import WorkResult


class DetectorFindings(WorkResult, frozen=True):
    """The findings of one detector."""

    found: list[Detection]


class ScoredWork(Struct, frozen=True):
    """Scores each text of a conversation, in a thread of the pool for scored detectors."""

    detector: ScoredDetector
    conversation: Conversation
    large: ClassVar[bool] = False

    def run(self, meter: Meter | None = None) -> DetectorFindings:
        """Return the findings.

        Raises:
            SpentError: nobody waits for them any more.
            Exception: the detector failed; the text of the exception may quote the client.
        """
        meter = meter or Meter()
        known: dict[Statement, Detection | None] = {}
        found: list[Detection] = []
        for number, statement in enumerate(self.conversation.statements):
            meter.spend(1)
            if statement not in known:
                known[statement] = self.detector.detection(number, statement)
            seen = known[statement]
            if seen is not None:
                found.append(Detection(seen.kind, number, score=seen.score))
        return DetectorFindings(checked(self.detector, self.conversation, found))

    def __repr__(self) -> str:
        return f"ScoredWork({self.detector.kind}, {self.conversation})"


class RemoteWork(Struct, frozen=True):
    """Asks a remote detector about a conversation, in the event loop."""

    detector: RemoteDetector
    conversation: Conversation

    async def ask(self) -> DetectorFindings:
        """Return the findings. Raises as `ScoredWork.run`."""
        found = await self.detector.judge(self.conversation)
        return DetectorFindings(checked(self.detector, self.conversation, found))

    def __repr__(self) -> str:
        return f"RemoteWork({self.conversation})"


def offload(processor: CompiledProcessor, conversation: Conversation) -> tuple[WorkKind, ScoredWork | RemoteWork]:
    """Return the work of a processor that has a detector of its own, and who does it."""
    match processor.detector:
        case ScoredDetector() as scored:
            return "scored", ScoredWork(scored, conversation)
        case RemoteDetector() as remote:
            return "remote", RemoteWork(remote, conversation)
    raise AssertionError(f"{processor!r} hands nothing out")
