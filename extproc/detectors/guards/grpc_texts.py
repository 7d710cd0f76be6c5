"""A guard in any language, by our own contract over gRPC: see `protos/extproc/wire/pb/inspector.proto`.

Here its questions and responses are JSON; the shell sends them as the messages of that file.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from extproc.apis.roles import PassageRole
from extproc.detectors.contract import Detection, Statement
from extproc.detectors.guards.texts import decoded, sendable
from extproc.detectors.service import Excerpt, GuardQuery
from extproc.protocol.messages import Side

METHOD: Final = "/extproc.inspector.v1.Inspector/Inspect"


class InspectorText(Struct, frozen=True):
    """A text that is sent."""

    side: str
    number: int
    role: PassageRole
    text: str

    def __repr__(self) -> str:
        return f"InspectorText({self.number}, {len(self.text)} code points)"


class InspectorFinding(Struct, frozen=True, omit_defaults=True):
    """A finding that was received."""

    kind: str
    number: int
    start: int = 0
    end: int | None = None
    score: float = 1.0
    instead: str | None = None
    rejects: bool = False

    def __repr__(self) -> str:
        return f"InspectorFinding({self.number}, {self.start}:{self.end})"


class InspectorDialect(Struct, frozen=True):
    """One call about all texts of a body."""

    def ask(self, side: Side, statements: Sequence[Statement]) -> Sequence[GuardQuery]:
        """See `GuardDialect.ask`."""
        texts = [
            InspectorText(side.value, number, each.role, sendable(each.text)) for number, each in enumerate(statements)
        ]
        return (GuardQuery(METHOD, msgspec.json.encode(texts), tuple(map(Excerpt, range(len(texts))))),)

    def read(self, texts: Sequence[str], query: GuardQuery, body: bytes) -> Iterator[Detection]:  # noqa: ARG002
        """See `GuardDialect.read`."""
        for each in decoded(body, tuple[InspectorFinding, ...]):
            yield Detection(each.kind, each.number, each.start, each.end, each.score, each.instead, each.rejects)
