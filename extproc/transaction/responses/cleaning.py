"""Our credential in an event stream that nobody else changes: taken out, though it comes in parts of a text."""

from typing import Final

from extproc.inspection.verdict import Blocked
from extproc.matching.scanner import Scanner
from extproc.payload.encodings.codings import Decoder, EncodingError
from extproc.payload.fieldvalue import parse
from extproc.pipe.pipe import AnswerPipe
from extproc.protocol.errors import ClientError
from extproc.routing.quoted import Quoted, QuotedInPieces
from extproc.transaction.counting.last_edits import LastEdits, in_turn
from extproc.transaction.findings import Findings
from extproc.transaction.memory import Memory
from extproc.transaction.responses.answer_body import Wanted, spoken

_LOST: Final = ClientError(502, "response_withheld", "The backend's response was withheld by the gateway.")
"""The end of a stream in which the credential cannot be looked for any more, because looking failed."""


WATCHED_RATIO: Final = 32
"""The times that encodings may make such a response as large, beyond the first MiB: a piece of 64 KiB is decoded and
searched between two messages, and 2 MiB take some 10 ms. JSON and events are some ten times as large."""


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


class DecodedResponse:
    """As the others, for a response that comes encoded: it goes on decoded, as it can only be searched so.

    `lost`: what its end is if it cannot be decoded.
    """

    __slots__ = ("_decoder", "_inner", "_lost")

    def __init__(self, inner: LastEdits, decoder: Decoder, lost: ClientError) -> None:
        self._inner = inner
        self._decoder = decoder
        self._lost = lost

    def feed(self, data: bytes) -> bytes:
        """Return what goes on once `data` has come. Raises ClientError."""
        try:
            decoded = self._decoder.feed(data)
        except EncodingError:
            raise self._lost from None
        return self._inner.feed(decoded)

    def finish(self) -> bytes:
        """Return what was still held back."""
        return self._inner.finish()


def cleaning(memory: Memory, findings: Findings, how: Wanted, ratio: int) -> LastEdits | None:
    """Return what takes our credential, and an event that the client did not ask for, out of a response as it passes.

    None if there is nothing to be taken out. An event that is encoded stays, unless it is decoded for the credential.
    """
    quoted, keys = memory.quoted, findings.pipeline.keys
    if quoted is None:
        return None if how.codings else in_turn((), memory.counting)
    cleaned: LastEdits = QuotedInPieces(quoted)
    if keys is not None and parse(how.kind).value == "text/event-stream":
        cleaned = CleanedStream(quoted, keys, spoken(memory, findings))
    inner = in_turn((cleaned,), memory.counting)
    if inner is None or not how.codings:
        return inner
    return DecodedResponse(inner, Decoder(how.codings, None, ratio=min(ratio, WATCHED_RATIO)), memory.withheld())
