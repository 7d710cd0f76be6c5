"""An answer's body while it is read: judged as it comes, or held until all of it is judged.

Either gives what goes on, and the work that is handed out before it: until `judged` is given the result of that,
nothing may be fed to it.
"""

from functools import partial
from typing import Final

from msgspec import Struct

from extproc.inspection.judge import Job
from extproc.inspection.verdict import Blocked
from extproc.payload.encodings import codings as encodings
from extproc.payload.fieldvalue import known as known_charset
from extproc.payload.fieldvalue import parse
from extproc.pipe.whole import streamed
from extproc.protocol.effects import Chunk, HeaderMutation, Phase, Proceed
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Side
from extproc.protocol.work import WorkResult
from extproc.transaction.answers import NOTHING, PASS_RESPONSE_BODY, PASS_RESPONSE_TRAILERS, Effects
from extproc.transaction.findings import Findings
from extproc.transaction.held import Held
from extproc.transaction.memory import ERROR, Memory
from extproc.transaction.requests.admission import DENSE, exceeds
from extproc.transaction.requests.onward import pieces
from extproc.transaction.responses.healing import heals
from extproc.transaction.responses.pending import PendingJudgement
from extproc.transaction.responses.staged_work import StagedWork
from extproc.transaction.responses.staging import refused, unstaged
from extproc.transaction.responses.unfinished import added_to, unfinished_in
from extproc.transaction.responses.work import ResponseWork, Unread, Whole
from extproc.transaction.shared import Shared

_RESPONSE: Final = Side.RESPONSE

UTF8: Final = "utf-8"


class Wanted(Struct, frozen=True):
    """The way in which a response is to be read. `kind`: its content-type; `codings` have to be undone first.

    `unread`: why it may not pass unless it turns out to be empty.
    """

    streams: bool
    kind: str
    codings: tuple[str, ...]
    unread: str = ""
    staged: bool = False
    """True for a response that passes answer stages if there are any: JSON, or events."""


def only_watches(memory: Memory, findings: Findings) -> bool:
    """True if nothing changes, tags or stops the response, and it is no error that may quote a credential."""
    pipeline = findings.pipeline
    refuses = pipeline.enforces_response or pipeline.blocks_unread or pipeline.blocks_oversize
    changes = findings.staging is not None or memory.sealer is not None or findings.vault.restores
    return not (changes or refuses or memory.reads_error)


def only_tagged(memory: Memory, findings: Findings, how: Wanted) -> bool:
    """True if a response that comes without an encoding is read for nothing but tags on its sealed values."""
    reads = findings.reads_answer or findings.staging is not None
    return memory.sealer is not None and not reads and not how.codings


def wanted(memory: Memory, findings: Findings, fields: HeaderMap) -> Wanted | None:
    """Return how the answer with these headers is to be read; None where it is not, and may pass.

    Raises:
        ClientError: it cannot be read, and may not pass unread.
    """
    kind = fields.text("content-type")
    declared = parse(kind)
    value = declared.value
    events = value == "text/event-stream"
    # Detectors of their own judge a text once it is whole, unless they take windows of it. A copy is judged whole.
    pipeline = findings.pipeline
    offloaded = pipeline.response is not None and pipeline.response.offloaded
    streams = events and (not offloaded or (pipeline.windows is not None and not only_watches(memory, findings)))
    staged = events or value == "application/json" or value.endswith("+json")
    every = findings.staging is not None and findings.staging.every
    if not (staged or value in findings.pipeline.content_types):
        if every:
            return Wanted(False, kind, (), "content_type", staged=True)
        if _may_be_empty(fields, findings, value):
            return Wanted(False, kind, (), "content_type")
        unread(memory, findings, "content_type")
        return None
    if not streams and exceeds(fields, findings.pipeline.body_limit):
        oversize(findings)
        if staged:
            unstaged(memory, findings, "size")
        return None
    charset = known_charset(declared.parameters.get("charset", ""))
    if (events and charset is None) or (every and staged and (charset != UTF8 or declared.repeated)):
        # The standards say UTF-8, but some clients decode as they are told.
        unread(memory, findings, "charset")
        unstaged(memory, findings, "charset")
        return None
    given = fields.getall("content-encoding")
    try:
        codings = encodings.codings(b",".join(given).decode("latin-1")) if given else ()
    except encodings.UnknownEncodingError:
        if _may_be_empty(fields, findings, ""):
            return Wanted(False, kind, (), "encoding")
        unread(memory, findings, "encoding")
        if staged:
            unstaged(memory, findings, "encoding")
        return None
    return Wanted(streams, kind, codings, staged=staged)


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


def oversize(findings: Findings, *, ratio: int | None = None) -> None:
    """The answer is too large to be read: as `unread`. `ratio`: the one that it exceeds, if it is for that."""
    findings.saw("size")
    if findings.pipeline.blocks_oversize and findings.pipeline.response is not None:
        findings.blocked = Blocked(findings.pipeline.name, "oversize")
        larger = f"is larger than the limit of {findings.pipeline.body_limit} bytes."
        said = larger if ratio is None else DENSE % ratio
        raise ClientError(502, "response_too_large", f"The response {said}")


def spoken(memory: Memory, findings: Findings) -> str:
    """Return the name of the API that the request was for, or nothing."""
    if memory.claimed is not None:
        return memory.claimed.api.name
    if findings.rpc is not None:
        return findings.rpc.name
    return "" if findings.staging is None else findings.staging.facts.api


class Room(Struct, frozen=True):
    """The room for held bodies, the most bytes of all of them, and the most that a compressed one may grow.

    `ends_unfinished`: a stream that ends too soon gets an error event.
    """

    shared: Shared
    limit: int
    ratio: int
    ends_unfinished: bool = False

    def unfinished(self, memory: Memory) -> ClientError | None:
        """Return the error that a stream ends with if it ends too soon; None if nothing is added."""
        return unfinished_in(memory) if self.ends_unfinished else None


def send_whole(
    headers: HeaderMutation | None, body: bytes, changed: bool, codings: tuple[str, ...], duplex: bool, trailers: bool
) -> Effects:
    """Sends on a response that was held: `body`, which is `changed`, or as it came.

    `headers`: what is set on its headers; None if they were answered before.
    """
    if headers is None:
        held = pieces(_RESPONSE, body, end=not trailers)
        return (*held, *PASS_RESPONSE_TRAILERS) if trailers else held
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


def response_work(memory: Memory, findings: Findings, how: Wanted, body: bytes, ratio: int) -> ResponseWork:
    """Return the work of judging the whole body of a response, and of the answer stages on it. `ratio`: see `Room`."""
    kind, codings, staging = how.kind, how.codings, findings.staging if how.staged else None
    pipeline, stage = findings.pipeline, findings.pipeline.response
    values, dialect = memory.signal_values(), spoken(memory, findings)
    usage = None if memory.counting is None else memory.counting.metering(dialect)
    job = Job(
        pipeline.name,
        stage,
        b"" if codings else body,
        kind,
        values,
        findings.vault,
        pipeline.blocks_unread and stage is not None,
        restores=True,
        active=None if stage is None else stage.active(values),
        listed=findings.listed,
        asked=memory.asked,
        dialect=dialect,
        # An object in one line, as nearly every response is, is no stream.
        streamed=None
        if not codings and body.startswith(b"{") and b"\n" not in body
        else partial(
            streamed,
            dialect=dialect,
            stages=() if usage is None else (usage,),
            staging=staging,
            keys=pipeline.keys if memory.quoted else None,
        ),
    )
    if staging is None:
        return ResponseWork(job, body, codings, pipeline.body_limit, ratio, usage)
    return StagedWork(job, body, codings, pipeline.body_limit, ratio, usage, dialect, staging)


class WholeAnswer:
    """Holds an answer until it is judged; in full duplex with its headers, `headers` being what is set on them.

    `headers` is None if they were answered: of a response in full duplex that nothing refuses, so that it goes on as it
    came where it cannot be held.
    """

    waits = True
    ended = False

    __slots__ = (
        "_duplex",
        "_findings",
        "_headers",
        "_held",
        "_holding",
        "_how",
        "_memory",
        "_most",
        "_passes",
        "_ratio",
        "_size",
        "_trailers",
        "_unfinished",
    )

    def __init__(
        self,
        memory: Memory,
        findings: Findings,
        how: Wanted,
        headers: HeaderMutation | None,
        *,
        duplex: bool,
        room: Room,
    ) -> None:
        self._memory = memory
        self._findings = findings
        self._how = how
        self._headers = headers
        self._duplex = duplex
        self._held: list[bytes] = []
        self._holding = Held(room.shared)
        self._most = room.limit
        self._ratio = room.ratio
        self._unfinished = room.unfinished(memory)
        self._size = 0
        self._passes = False  # it is not read after all
        self._trailers = False

    def piece(self, message: Body, now: float, *, ends: bool) -> Effects:
        """Takes a piece; with `ends` it is the last one, whether or not trailers follow."""
        if self._passes:
            return (Chunk(Side.RESPONSE, message.data, message.end),) if self._duplex else PASS_RESPONSE_BODY
        self._held.append(message.data)
        self._size += len(message.data)
        if self._how.unread and message.data:
            unread(self._memory, self._findings, self._how.unread)
            self._unstaged(self._how.unread)
        if self._size > self._findings.pipeline.body_limit:
            oversize(self._findings)
            self._unstaged("size")
            return self._let_go(message)
        if ends:
            return self._judge(now)
        return NOTHING if self._has_room(len(message.data)) else self._let_go(message)

    def trailers(self, now: float) -> Effects:
        """Trailers have ended the body."""
        if self._passes:
            return PASS_RESPONSE_TRAILERS
        self._trailers = True
        return self._judge(now)

    def judged(self, result: WorkResult, now: float) -> Effects:  # noqa: ARG002  - as a stream
        """Goes on with the verdict."""
        findings = self._findings
        if isinstance(result, Unread):
            if result.reason == "size":
                oversize(findings, ratio=self._ratio if result.dense else None)
            else:
                unread(self._memory, findings, result.reason)
            self._unstaged(result.reason)
            return self._pass_unread()
        assert isinstance(result, Whole), "a whole body is judged, or was not read"
        verdict = result.verdict
        findings.take(verdict)
        if verdict.blocked is not None:
            raise refused(self._memory, findings.refusal(verdict.blocked))
        onward = self._memory.cleaned_whole(verdict.body)
        if added := self._added_to(onward):
            onward += added
        return self._go_on(None if onward is result.plain else onward)

    def queued(self, size: int) -> Effects:  # noqa: ARG002  - trailers at the most
        """Nothing that has to be counted follows the last piece."""
        return NOTHING

    def gone(self) -> None:
        """The exchange is over: nothing is held for it any more, and there is nothing to tell of half an answer."""
        self._holding.clear()

    def _judge(self, now: float) -> Effects:
        body = b"".join(self._held)
        if not body:
            # There is nothing to read, whatever it is said to be.
            return self._go_on(self._added_to(b"") or None)
        if self._heals(body):
            onward = self._memory.cleaned_whole(body)
            return self._go_on(None if onward is body else onward)
        work = response_work(self._memory, self._findings, self._how, body, self._ratio)
        result = work.at_once()
        if result is not None and not isinstance(result, PendingJudgement):
            return self.judged(result, now)
        if not self._has_room(self._size - self._holding.size):
            return self._go_on(None)
        return self._memory.handed.order(_RESPONSE, result or work, now)

    def _heals(self, body: bytes) -> bool:
        """True for an error that goes on as it came, since clients parse it."""
        status, plain = self._memory.status, not self._how.codings and self._findings.staging is None
        return plain and status is not None and status >= ERROR and heals(body, self._how.kind)

    def _added_to(self, body: bytes) -> bytes:
        """Return what ends a stream that its backend ended too soon."""
        if self._unfinished is None:
            return b""
        added = added_to(body, self._how.kind, spoken(self._memory, self._findings), self._unfinished)
        self._memory.unfinished = bool(added)
        return added

    def _has_room(self, size: int) -> bool:
        """Hold more; False if there is no room, and the response goes on. Raises ClientError if it may not."""
        try:
            self._holding.add(size, self._most)
        except ClientError:
            if self._headers is None:
                return False
            raise
        return True

    def _unstaged(self, reason: str) -> None:
        if self._how.staged:
            unstaged(self._memory, self._findings, reason)

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
        first = () if self._headers is None else (Proceed(Side.RESPONSE, Phase.HEADERS, self._headers),)
        return (*first, *pieces(Side.RESPONSE, held, end=message.end))

    def _go_on(self, changed: bytes | None) -> Effects:
        """Sends the answer on: `changed`, or what it was."""
        held, self._held = self._held, []
        self._holding.clear()
        self._passes = True
        body = b"".join(held) if changed is None else changed
        return send_whole(self._headers, body, changed is not None, self._how.codings, self._duplex, self._trailers)
