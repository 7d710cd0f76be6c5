"""An answer's body while it is read: judged as it comes, or held until all of it is judged.

Either gives what goes on. While its `job` is not None, that work has been handed out, and nothing may be fed to it
until `judged` was told the result.
"""

from functools import partial
from typing import Final, cast

from msgspec import Struct

from extproc.apis.openai_chat.dialect import CHAT
from extproc.inspection.answers import AnswerStream, streamed
from extproc.inspection.judge import Job
from extproc.inspection.verdict import Blocked, Failure
from extproc.payload.charsets import known as known_charset
from extproc.payload.encodings import codings as encodings
from extproc.payload.fieldvalue import parse
from extproc.protocol.effects import Chunk, HeaderMutation, Phase, Proceed
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Side
from extproc.protocol.meter import Meter
from extproc.transaction.admission import exceeds
from extproc.transaction.answers import NOTHING, PASS_RESPONSE_BODY, PASS_RESPONSE_TRAILERS, Effects
from extproc.transaction.findings import FAILED, Findings
from extproc.transaction.held import Held
from extproc.transaction.memory import Memory
from extproc.transaction.pieces import pieces
from extproc.transaction.shared import Shared
from extproc.transaction.work import ResponseWork, Unread, Whole

STREAM_INLINE_BYTES: Final = 8 * 1024
"""Most bytes of a stream that are judged between two messages: some 30 events, or 0.3 ms. Full of telephone numbers
they would take 20 ms, but only once: what follows in that stream is handed out."""

STREAM_INLINE_STEPS: Final = 1000
"""Steps of a meter, about a millisecond, that a piece of a stream may take before the pieces that follow it are handed
out, however small they are."""

CHEAP_PIECES: Final = 16
"""Pieces in a row that have to be cheap before those of a stream that was costly are judged at once again."""

PIECE_TIMEOUT: Final = 5.0
"""Seconds for a piece of a stream that was handed out: Envoy sends 150 KiB at the most, which take 10 ms."""


_RESPONSE: Final = Side.RESPONSE


class Wanted(Struct, frozen=True):
    """How an answer is to be read. `kind`: its content-type; `codings` have to be undone first.

    `unread`: why it may not pass unless it turns out to be empty.
    """

    streams: bool
    kind: str
    codings: tuple[str, ...]
    unread: str = ""


def wanted(memory: Memory, findings: Findings, fields: HeaderMap) -> Wanted | None:
    """How the answer with these headers is to be read; None where it is not, and may pass.

    Raises:
        ClientError: it cannot be read, and may not pass unread.
    """
    kind = fields.text("content-type")
    declared = parse(kind)
    value = declared.value
    streams = value == "text/event-stream"
    known = (
        streams or value == "application/json" or value.endswith("+json") or value in findings.pipeline.content_types
    )
    if not known:
        if _may_be_empty(fields, findings, value):
            return Wanted(False, kind, (), "content_type")
        unread(memory, findings, "content_type")
        return None
    if not streams and exceeds(fields, findings.pipeline.body_limit):
        oversize(findings)
        return None
    if streams and known_charset(declared.parameters.get("charset", "")) is None:
        # The standard says UTF-8, but some clients decode as they are told.
        unread(memory, findings, "charset")
        return None
    given = fields.getall("content-encoding")
    try:
        codings = encodings.codings(b",".join(given).decode("latin-1")) if given else ()
    except encodings.UnknownEncodingError:
        if _may_be_empty(fields, findings, ""):
            return Wanted(False, kind, (), "encoding")
        unread(memory, findings, "encoding")
        return None
    return Wanted(streams, kind, codings)


def _may_be_empty(fields: HeaderMap, findings: Findings, value: str) -> bool:
    """True if a response that would be refused comes in chunks, of which there may be none.

    One that says to be an image or the like is not waited for: Envoy would have to hold it.
    """
    refuses = findings.pipeline.blocks_unread and findings.pipeline.response is not None
    return refuses and "content-length" not in fields and (not value or value.startswith("text/"))


def unread(memory: Memory, findings: Findings, reason: str) -> None:
    """Something of the answer cannot be read: written down, and refused where the policy says so."""
    findings.saw(reason)
    if findings.pipeline.blocks_unread and findings.pipeline.response is not None:
        findings.blocked = Blocked(findings.pipeline.name, "uninspected")
        raise refused(memory, findings.pipeline.unread)


def oversize(findings: Findings) -> None:
    """The answer is too large to be read: as `unread`."""
    findings.saw("size")
    if findings.pipeline.blocks_oversize and findings.pipeline.response is not None:
        findings.blocked = Blocked(findings.pipeline.name, "oversize")
        limit = findings.pipeline.body_limit
        raise ClientError(502, "response_too_large", f"The answer is larger than the limit of {limit} bytes.")


def refused(memory: Memory, error: ClientError) -> ClientError:
    """The refusal of an answer; an error of the backend's stays one, so that clients try again as they should."""
    if memory.status is None or memory.status < 400:
        return error
    return ClientError(memory.status, error.code, error.message)


def spoken(memory: Memory, findings: Findings) -> str:
    """Return the name of the dialect that the request was in, or nothing."""
    if memory.dialect is not None:
        return memory.dialect.name
    return "mcp" if findings.rpc is not None else ""


class Room(Struct, frozen=True):
    """Where bodies are held, and how many bytes of them all at the most."""

    shared: Shared
    limit: int


def send_whole(
    headers: HeaderMutation, body: bytes, changed: bool, codings: tuple[str, ...], duplex: bool, trailers: bool
) -> Effects:
    """Sends on a response that was held: `body`, which is `changed`, or as it came."""
    if changed:
        if codings:
            headers = headers.removing("content-encoding")
        if not trailers:
            headers = HeaderMutation(
                headers.set, headers.remove, (*headers.more, ("content-length", b"%d" % len(body)))
            )
    if not duplex:
        answered = (Proceed(_RESPONSE, Phase.BODY, headers, body),) if changed else PASS_RESPONSE_BODY
        return (*answered, *PASS_RESPONSE_TRAILERS) if trailers else answered
    first = Proceed(_RESPONSE, Phase.HEADERS, headers)
    if trailers:
        return (first, *pieces(_RESPONSE, body, end=False), *PASS_RESPONSE_TRAILERS)
    return (first, *pieces(_RESPONSE, body))


class WholeAnswer:
    """Holds an answer until it is judged; in full duplex with its headers, `headers` being what is set on them."""

    __slots__ = (
        "_codings",
        "_duplex",
        "_findings",
        "_headers",
        "_held",
        "_holding",
        "_kind",
        "_memory",
        "_most",
        "_passes",
        "_size",
        "_trailers",
        "_unread",
        "job",
    )

    def __init__(
        self, memory: Memory, findings: Findings, how: Wanted, headers: HeaderMutation, *, duplex: bool, room: Room
    ) -> None:
        self._unread = how.unread
        self._memory = memory
        self._findings = findings
        self._kind = how.kind
        self._codings = how.codings
        self._headers = headers
        self._duplex = duplex
        self._held: list[bytes] = []
        self._holding = Held(room.shared)
        self._most = room.limit
        self._size = 0
        self._passes = False  # it is not read after all
        self._trailers = False
        self.job: ResponseWork | None = None

    def piece(self, message: Body, *, ends: bool) -> Effects:
        """Takes a piece; with `ends` it is the last one, whether or not trailers follow."""
        if self._passes:
            return (Chunk(Side.RESPONSE, message.data, message.end),) if self._duplex else PASS_RESPONSE_BODY
        self._held.append(message.data)
        self._size += len(message.data)
        if self._unread and message.data:
            unread(self._memory, self._findings, self._unread)
        if self._size > self._findings.pipeline.body_limit:
            oversize(self._findings)
            return self._let_go(message)
        if ends:
            return self._judge()
        self._holding.add(len(message.data), self._most)
        return NOTHING

    def trailers(self) -> Effects:
        """Trailers have ended the body."""
        if self._passes:
            return PASS_RESPONSE_TRAILERS
        self._trailers = True
        return self._judge()

    def judged(self, result: object) -> Effects:
        """Goes on with the verdict."""
        self.job = None
        findings = self._findings
        if type(result) is Unread:
            if result.reason == "size":
                oversize(findings)
            else:
                unread(self._memory, findings, result.reason)
            return self._pass_unread()
        whole = cast("Whole", result)
        verdict = whole.verdict
        findings.take(verdict)
        if verdict.blocked is not None:
            raise refused(self._memory, findings.refusal(verdict.blocked))
        onward = self._memory.cleaned(verdict.body)
        return self._go_on(None if onward is whole.plain else onward)

    def gone(self) -> None:
        """The exchange is over: nothing is held for it any more, and there is nothing to tell of half an answer."""
        self._holding.clear()

    def _judge(self) -> Effects:
        findings = self._findings
        pipeline, stage = findings.pipeline, findings.pipeline.response
        body = b"".join(self._held)
        if not body:
            return self._go_on(None)  # there is nothing to read, whatever it is said to be
        job = Job(
            pipeline.name,
            stage,
            b"",
            self._kind,
            self._memory.signal_values(),
            findings.vault,
            pipeline.blocks_unread and stage is not None,
            restores=True,
            active=None if stage is None else stage.active(self._memory.signal_values()),
            detailed=findings.details is not None,
            streamed=partial(streamed, dialect=spoken(self._memory, findings)),
        )
        work = ResponseWork(job, body, self._codings, pipeline.body_limit)
        result = work.at_once()
        if result is not None:
            return self.judged(result)
        self._holding.add(self._size - self._holding.size, self._most)
        self.job = work
        return NOTHING

    def _pass_unread(self) -> Effects:
        self._memory.refuse_unread_error()
        return self._go_on(None)

    def _let_go(self, message: Body) -> Effects:
        """Sends on what was held."""
        self._memory.refuse_unread_error()
        self._passes = True
        held, self._held = b"".join(self._held), []
        self._holding.clear()
        if not self._duplex:
            return PASS_RESPONSE_BODY
        first = Proceed(Side.RESPONSE, Phase.HEADERS, self._headers)
        return (first, *pieces(Side.RESPONSE, held, end=message.end))

    def _go_on(self, changed: bytes | None) -> Effects:
        """Sends the answer on: `changed`, or what it was."""
        held, self._held = self._held, []
        self._holding.clear()
        self._passes = True
        body = b"".join(held) if changed is None else changed
        return send_whole(self._headers, body, changed is not None, self._codings, self._duplex, self._trailers)


class Piece(Struct, frozen=True):
    """What came of a stream in one message, to be judged in any thread; nobody else uses `stream` meanwhile."""

    name: str
    stream: AnswerStream
    data: bytes
    end: bool
    large: bool = True  # it cannot be tried, and begun anew elsewhere
    timeout: float = PIECE_TIMEOUT

    def run(self, meter: Meter | None = None) -> bytes:  # noqa: ARG002  - the stream's own counts; it cannot begin anew
        """What goes on of it."""
        out = self.stream.feed(self.data)
        return out + self.stream.close() if self.end and not self.stream.ended else out

    def given_up(self, reason: str) -> "GivenUp":
        """What becomes of the stream; a thread that is still at work on it stops."""
        self.stream.stop()
        return GivenUp(reason)

    def __repr__(self) -> str:
        return f"Piece({self.name}, {len(self.data)} bytes)"


class GivenUp(Struct, frozen=True):
    """A piece that was not judged in time, or failed."""

    reason: str


class StreamedAnswer:
    """Judges an event stream as it comes. It is answered in full duplex alone: only there can it be ended by us."""

    __slots__ = ("_costly", "_cut", "_end", "_findings", "_memory", "_quoted", "_steps", "_stream", "job")

    def __init__(self, memory: Memory, findings: Findings, how: Wanted) -> None:
        stage = findings.pipeline.response
        self._memory = memory
        self._findings = findings
        self._quoted = memory.quoted
        self._cut = False
        self._end = False
        self._costly = 0  # pieces that are handed out yet, because one before them took long
        self._steps = 0  # of the stream, before the piece at hand
        self.job: Piece | None = None
        self._stream: AnswerStream | None = AnswerStream(
            stage,
            None if stage is None else stage.active(memory.signal_values()),
            findings.vault,
            dialect=spoken(memory, findings),
            refusal=findings.refusal,
            blocks_unread=findings.pipeline.blocks_unread and stage is not None,
            codings=how.codings,
            name=findings.pipeline.name,
            details=findings.details,
        )

    def piece(self, message: Body, *, ends: bool) -> Effects:  # noqa: ARG002  - a stream ends with its end mark
        """Takes a piece of the stream."""
        stream = self._stream
        if stream is None:
            return NOTHING
        inline = not self._costly and len(message.data) <= STREAM_INLINE_BYTES
        if inline and not message.end:
            # What nearly every event is.
            out = stream.feed(message.data)
            if stream.steps - self._steps > STREAM_INLINE_STEPS:
                self._costly = CHEAP_PIECES
            self._steps = stream.steps
            if self._quoted is not None and out:
                out = self._quoted.cleaned(out)
            return self._passed(stream, out) if stream.ended else (Chunk(_RESPONSE, out),) if out else NOTHING
        piece = Piece(self._findings.pipeline.name, stream, message.data, message.end)
        self._end = message.end
        if not inline:
            self.job = piece
            return NOTHING
        return self._passed(stream, piece.run())

    def trailers(self) -> Effects:
        """Trailers have ended the stream."""
        stream = self._stream
        if self._cut:
            return NOTHING
        out = b"" if stream is None else self._memory.cleaned(stream.close())
        self.gone()
        return (*((Chunk(Side.RESPONSE, out),) if out else ()), *PASS_RESPONSE_TRAILERS)

    def judged(self, result: object) -> Effects:
        """Goes on with what is left of a piece."""
        self.job = None
        stream = self._stream
        if type(result) is GivenUp or stream is None:
            return self._given_up(cast("GivenUp", result).reason)
        cheap = stream.steps - self._steps <= STREAM_INLINE_STEPS
        self._costly = max(0, self._costly - 1) if cheap else CHEAP_PIECES
        self._steps = stream.steps
        return self._passed(stream, cast("bytes", result))

    def gone(self) -> None:
        """The exchange is over, or the stream; what it came to is told, however it ended."""
        stream, findings = self._stream, self._findings
        if stream is not None and self.job is not None:
            stream.stop()  # a thread is at work on it, for nobody
        if stream is None or self.job is not None:
            return
        self._stream = None
        findings.add(stream.counts, stream.failures, stream.unread, masked=stream.masked)
        findings.blocked = findings.blocked or stream.blocked

    def _passed(self, stream: AnswerStream, out: bytes) -> Effects:
        over = self._end or stream.ended
        self._cut = stream.ended
        out = self._memory.cleaned(out)
        if over:
            self.gone()
        return (Chunk(Side.RESPONSE, out, over),) if out or over else NOTHING

    def _given_up(self, reason: str) -> Effects:
        """Ends the stream: what a thread may still be at work on is not to be touched, nor what it holds back told."""
        findings = self._findings
        self._stream, self._cut = None, True
        name = findings.pipeline.name
        findings.failures.append(Failure(name, reason, allowed=False))
        findings.blocked = findings.blocked or Blocked(name, "failure")
        return (Chunk(Side.RESPONSE, (self._memory.dialect or CHAT).error_event(FAILED), end=True),)
