"""Our credential in an event stream that nobody else changes: taken out, though it comes in parts of a text."""

from typing import Final

from extproc.inspection.verdict import Blocked
from extproc.matching.scanner import Scanner
from extproc.payload.fieldvalue import parse
from extproc.pipe.pipe import AnswerPipe
from extproc.protocol.errors import ClientError
from extproc.routing.quoted import Quoted, QuotedInPieces
from extproc.transaction.answer_body import Wanted, spoken
from extproc.transaction.findings import Findings
from extproc.transaction.memory import Memory

_LOST: Final = ClientError(502, "response_withheld", "The backend's response was withheld by the gateway.")
"""The end of a stream in which the credential cannot be looked for any more, because looking failed."""


def _lost(blocked: Blocked) -> ClientError:  # noqa: ARG001  - there is one reason
    return _LOST


class CleanedStream:
    """As `QuotedInPieces`, for events: the texts that they bring are joined as by any other reader of them.

    An event waits while a text in it ends as the credential begins, and no other. `keys`: looks for the credentials of
    all backends.
    """

    __slots__ = ("_pieces", "_pipe")

    def __init__(self, quoted: Quoted, keys: Scanner, dialect: str) -> None:
        self._pieces = QuotedInPieces(quoted)
        self._pipe = AnswerPipe(None, None, None, dialect=dialect, refusal=_lost, blocks_unread=False, keys=keys)

    def feed(self, data: bytes) -> bytes:
        """Return what goes on once `data` has come."""
        return self._pieces.feed(self._pipe.feed(data))

    def finish(self) -> bytes:
        """Return what was still held back."""
        return self._pieces.feed(self._pipe.close()) + self._pieces.finish()


def cleaning(memory: Memory, findings: Findings, how: Wanted) -> CleanedStream | QuotedInPieces | None:
    """Return what takes our credential out of a response that passes as it comes; None if there is none to be found."""
    quoted, keys = memory.quoted, findings.pipeline.keys
    if quoted is None:
        return None
    if keys is None or how.codings or parse(how.kind).value != "text/event-stream":
        return QuotedInPieces(quoted)
    return CleanedStream(quoted, keys, spoken(memory, findings))
