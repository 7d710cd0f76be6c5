"""The work of one detector that is handed out by itself, for one body."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from extproc.detectors.contract import (
    Conversation,
    Detection,
    DetectorError,
    GuardDetector,
    JudgingDetector,
    RemoteDetector,
    ScoredDetector,
    Statement,
    checked,
)
from extproc.detectors.service import GuardQuery
from extproc.inspection.scored import DetectorFindings, ScoredWork
from extproc.inspection.stage import CompiledProcessor
from extproc.protocol.effects import WorkKind
from extproc.protocol.work import NetworkWork

QUERIES_MAX: Final = 512
"""Questions about one body: a text each of a long conversation. Whoever sends more has the guard's time alone."""


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


class GuardWork(NetworkWork, frozen=True):
    """Has a guard from elsewhere asked about a conversation. The shell sends the queries, and hears the responses.

    `drawn`: the guard is asked about a share of the bodies, and this is one of them.
    """

    detector: GuardDetector
    conversation: Conversation
    drawn: bool = False
    asked: tuple[int, ...] = ()
    """The numbers of the statements that the guard is asked about: no words of the API, and no others' than its."""

    def __post_init__(self) -> None:
        """Find out which statements these are, once."""
        roles = self.detector.roles
        asked = tuple(
            number
            for number, each in enumerate(self.conversation.statements)
            if not each.keyword and (roles is None or each.role in roles)
        )
        force_setattr(self, "asked", asked)

    def queries(self) -> Sequence[GuardQuery]:
        """Return what is asked. Raises DetectorError if that cannot be asked."""
        statements = self.conversation.statements
        asked = [statements[number] for number in self.asked]
        queries = self.detector.dialect.ask(self.conversation.side, asked) if asked else ()
        if len(queries) > QUERIES_MAX:
            raise DetectorError("a body with so many texts is not asked about")
        return queries

    def read(self, query: GuardQuery, body: bytes) -> tuple[Detection, ...]:
        """Return the findings of a response, by the places of what the query is about. Raises DetectorError.

        What no detector may find is no verdict: it counts as a failure of the service, and is not remembered.
        """
        statements, asked = self.conversation.statements, self.asked
        texts = [statements[asked[each.place]].text[each.start : each.end] for each in query.about]
        about = Conversation(self.conversation.side, tuple(map(Statement, texts)))
        return tuple(checked(self.detector, about, self.detector.dialect.read(texts, query, body)))

    def findings(self, heard: Iterable[tuple[GuardQuery, Sequence[Detection]]]) -> DetectorFindings:
        """Return the findings of all responses. Raises DetectorError."""
        asked, placed = self.asked, dict[tuple[int, int, int | None, str], Detection]()
        for query, found in heard:
            for each in found:
                part = query.about[each.statement]
                statement, start = asked[part.place], part.start + each.start
                end = part.end if each.end is None else part.start + each.end
                # Excerpts overlap, so that a finding in both is one.
                moved = replace(each, statement=statement, start=start, end=end)
                placed.setdefault((statement, start, end, each.kind), moved)
        return DetectorFindings(checked(self.detector, self.conversation, placed.values()))

    def __repr__(self) -> str:
        return f"GuardWork({self.detector.service}, {self.conversation})"


OffloadedWork: TypeAlias = ScoredWork | RemoteWork | GuardWork


def offload(processor: CompiledProcessor, conversation: Conversation) -> tuple[WorkKind, OffloadedWork]:
    """Return the work of a processor that has a detector of its own, and who does it."""
    match processor.detector:
        case (ScoredDetector() | JudgingDetector()) as scored:
            return "scored", ScoredWork(scored, conversation)
        case RemoteDetector() as remote:
            return "remote", RemoteWork(remote, conversation)
        case GuardDetector() as guard:
            return "remote", GuardWork(guard, conversation)
    raise AssertionError(f"{processor!r} hands nothing out")
