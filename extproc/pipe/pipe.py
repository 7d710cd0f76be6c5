"""The pipe of a response: bytes in, decoded, read as events, through the stages, and written again.

Inspection is the last of the stages. It writes by itself what it lets go, as it knows which bytes a text stands in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from extproc.apis.asked import NOTHING_ASKED, Asked
from extproc.apis.events import StreamEvent, UnreadableStreamError
from extproc.apis.streams import StreamReader, StreamWriter
from extproc.inspection.answers.events import Events
from extproc.inspection.answers.followed import FollowedEvents, FollowedStream, following
from extproc.inspection.answers.plain import Plain
from extproc.inspection.answers.ruling import Ruling, Stopped
from extproc.inspection.answers.tally import Tally
from extproc.inspection.answers.trial import affordable
from extproc.inspection.failures import settle
from extproc.inspection.stage import Active, Stage
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import CONDITION, Blocked, Count, Failure, Finding
from extproc.matching.scanner import Scanner
from extproc.payload.encodings import codings as encodings
from extproc.payload.encodings.codings import MAX_RATIO, DecodedTooLargeError, Decoder, EncodingError
from extproc.pipe.ending import UnfinishedEnd
from extproc.pipe.plugged import Plugged, Staging
from extproc.pipe.sizes import Sizes, ends
from extproc.pipe.stage import EventStage, finished, through
from extproc.pipe.unjudged import Unjudged
from extproc.protocol.errors import ClientError
from extproc.protocol.meter import Chained, Meter

SURE_BYTES = 512
"""Bytes, with those of an event that has not ended, that are judged without a trial. Nearly every event has 250 to 350.
Full of telephone numbers or of numbers like those of cards they take 2 to 4 ms, and then what follows is not tried."""

TRIED_BYTES = 8 * 1024
"""The same for what is tried: some 30 events, which take 0.5 ms. What is larger is not judged between two messages."""

HELD_BYTES = 1024
"""Bytes of texts that may be held back by what is judged so: whatever lets them go may make all of it be looked at."""

FEW = 8
"""Events that may wait and are not counted (see `crowded`)."""

LARGE_BYTES = 16 * 1024
"""Bytes of an event that has not ended which are not."""


class AnswerPipe:
    """One streamed response (server-sent events) on its way to the client. Pure: no clock, no effects.

    Any cuts of the answer's bytes give the same bytes out, put together, and no character that a rule could object
    to is among them. (Of a body with a damaged encoding, as much went out as could be decoded before.)

    `stage`: who judges, None where values are only restored. `active`: who of them is at work, None for all. `vault`:
    the exchange's, None where the request was not masked. `refusal(blocked)` returns the error that ends a blocked
    answer. `name` is the pipeline's. `codings`: the body's, undone here, so that the caller drops `content-encoding`;
    `ratio`: how many times as large as it came it may become by that. `details` collects the finds, where someone wants
    each. `between`: for JSON documents without lines, fed one by one, the separator of those that are added; None for
    events. `stages` are the program's own: they get every event as the provider sent it. `staging`: those of plug-ins,
    which come next; where nobody judges, restores or looks for `keys`, events are written as these leave them.
    `gather`: the program's own, which take events as they are judged. `keys`: the pipeline's, where credentials of
    backends are to be replaced. `asked`: see `Conversation.asked`. `writer`: writes the events; one of its own if None.
    `unfinished`: ends a stream that ends before its API's end; None where it may end so.
    """

    __slots__ = (
        "_blocked",
        "_chain",
        "_decoder",
        "_due",
        "_gather",
        "_name",
        "_passing",
        "_plugged",
        "_reader",
        "_refusal",
        "_sink",
        "_sizes",
        "_stages",
        "_tally",
        "ended",
        "ending",
        "keeps",
        "meter",
        "scores",
    )

    def __init__(
        self,
        stage: Stage | None,
        active: Active | None,
        vault: Vault | None,
        *,
        dialect: str,
        refusal: Callable[[Blocked], ClientError],
        blocks_unread: bool,
        codings: tuple[str, ...] = (),
        ratio: int = MAX_RATIO,
        name: str = "",
        details: list[Finding] | None = None,
        between: bytes | None = None,
        meter: Meter | None = None,
        stages: Sequence[EventStage] = (),
        gather: Sequence[EventStage] = (),
        staging: Staging | None = None,
        keys: Scanner | None = None,
        asked: Asked | None = NOTHING_ASKED,
        writer: StreamWriter | None = None,
        unfinished: ClientError | None = None,
    ) -> None:
        self._stages, self._gather = ((*stages, *gather), ()) if staging is None else (stages, gather)
        self._tally = Tally(details)
        self.scores = self._tally.scores
        self._chain = Chained()
        self.meter = meter or self._chain
        """Counts the steps of work that the stream takes."""
        ruling = Ruling(stage, active, vault if vault is not None else Vault(), self._tally, self.meter, keys)
        unread = Blocked(name, "uninspected") if blocks_unread else None
        bare, plain = between is not None, Plain(ruling, vault)
        writer = writer or StreamWriter(dialect, between)
        self.ending = UnfinishedEnd(writer, None if bare else unfinished)
        self._reader = StreamReader(dialect, bare=bare, plain=plain, meter=self.meter)
        self._plugged: Plugged | None = None
        if staging is not None:
            reader = partial(StreamReader, dialect, bare=bare, plain=plain, meter=self.meter)
            self._plugged = Plugged(staging, reader, self._tally.fail, self._tally.count, self.meter)
        restores = vault is not None and vault.restores
        judges = staging is None or stage is not None or keys is not None or restores
        self._sink = Events(writer, ruling, vault, self._tally, unread) if judges else Unjudged(writer)
        self.keeps = bool(followers := following(stage, active))  # more with every event, whether or not one waits
        if followers:
            followed = FollowedStream(followers, asked, dialect, bare, self._tally, unread, self.meter)
            self._sink = FollowedEvents(followed, writer, ruling, vault, self._tally, unread)
        self._refusal, self._name = refusal, name
        self._sizes = Sizes.of(ruling, stage, active)
        self._passing = False  # whether nothing can be read any more, and what comes goes on as it is
        self._decoder: Decoder | None = None
        self._due: Stopped | None = None  # what keeps the answer from beginning
        self._blocked: Blocked | None = None
        self.ended = False
        """True if the answer was blocked: nothing more may follow what was given out."""
        try:
            self._prepare(active, codings, ratio)
        except Stopped as stopped:
            self._due = stopped

    def _prepare(self, active: Active | None, codings: tuple[str, ...], ratio: int) -> None:
        if active is not None and active.failed:
            # No stand-in can run: it would have to read beside the others.
            failures, blocked, _ = settle((each, CONDITION) for each in active.failed)
            self._tally.fail(failures)
            if blocked is not None:
                raise Stopped(blocked)
        if codings:
            try:
                self._decoder = Decoder(encodings.codings(",".join(codings)), None, self.meter, ratio)
            except EncodingError:
                self._passing = True
                self._uninspected("encoding")

    def block(self, blocked: Blocked) -> None:
        """The response is ended from outside of it, by whoever has its writer."""
        self._blocked, self.ended = blocked, True
        self._sink.drop()

    @property
    def blocked(self) -> Blocked | None:
        """Why it was blocked, if it was."""
        return self._blocked

    @property
    def counts(self) -> Mapping[Count, int]:
        """Finds so far. What repeats a text that was there before is not counted again."""
        return self._tally.counts

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Processors that gave no verdict."""
        return tuple(self._tally.failures)

    @property
    def unread(self) -> Mapping[str, int]:
        """Return what could not be read, by its reason: size, complexity, encoding, binary."""
        return self._tally.unread

    @property
    def masked(self) -> bool:
        """True if a find was replaced."""
        return self._tally.masked

    @property
    def passes(self) -> bool:
        """True once nothing can be read any more, and what comes goes on as it is."""
        return self._passing

    @property
    def documents(self) -> list[bytes]:
        """Documents without lines around them as they were written so far, one for each that was fed and has left."""
        return self._sink.writer.written or []

    def affords(self, data: bytes, steps: int, *, end: bool = False) -> bool:
        """True if judging `data`, and with `end` all that it leaves, takes no more than about so many steps.

        Nothing is changed by asking. False as well where it cannot be told: the body is encoded, or it is too large.
        """
        if self._passing or self._blocked is not None or self._due is not None:
            return True
        if self._decoder is not None:
            return False
        if self._plugged is not None:
            return self._sure(len(data), end=end)
        pending = self._reader.pending
        size = pending + len(data)
        crowded = len(self._sink.entries) > FEW or end
        if size <= SURE_BYTES and not (crowded and self._sink.held > HELD_BYTES):
            return True
        if pending and not end and b"\n" not in data and b"\r" not in data:
            return True  # no event ends in it
        if size > TRIED_BYTES or self._sink.held > HELD_BYTES or not isinstance(self._sink, Events):
            return False
        return affordable(self._reader, self._sink, data, end=end, steps=steps)

    def _sure(self, size: int, *, end: bool) -> bool:
        """`affords` where stages of plug-ins are at work: they cannot be tried, as nobody can copy them."""
        held = self._sink.held + self.kept if end or len(self._sink.entries) > FEW else self.kept
        return self._reader.pending + size <= SURE_BYTES and held <= HELD_BYTES

    def ends(self, data: bytes) -> Iterator[int]:
        """See `sizes.ends`."""
        return ends(data, SURE_BYTES - self._reader.pending, SURE_BYTES, TRIED_BYTES)

    @property
    def crowded(self) -> bool:
        """True if more waits in the stream than nearly always does, so that it is to be counted."""
        kept = self._plugged is not None and self._plugged.held > LARGE_BYTES
        kept = kept or (self.keeps and self._sink.waiting > LARGE_BYTES)
        return len(self._sink.entries) > FEW or self._reader.pending > LARGE_BYTES or kept

    @property
    def waiting(self) -> int:
        """Bytes that came and have not left: of events that wait or that stages hold, and of one that has not ended."""
        return self._sink.waiting + self._reader.pending + self.kept

    @property
    def kept(self) -> int:
        """Bytes that stages of plug-ins say to hold."""
        return 0 if self._plugged is None else self._plugged.held

    def chain(self, meter: Meter | None) -> None:
        """Has `meter` count the work of the piece at hand, too, and end it where it is stopped."""
        self._chain.chain(meter)

    def doubt(self, reason: str) -> None:
        """Some reader reads the response otherwise than it is read here."""
        try:
            self._sink.unreadable(reason)
        except Stopped as stopped:
            self._due = stopped

    def stop(self) -> None:
        """Ends the work of another thread on it, which nobody waits for any more."""
        self.meter.stop()

    @property
    def held(self) -> int:
        """Return what is held back of the texts: characters, or bytes where nothing is decided yet."""
        return self._sink.held

    def feed(self, data: bytes) -> bytes:
        """Return what goes out once `data` has come."""
        if self._blocked is not None:
            return b""
        if self._due is not None:
            return self._stop(self._due.blocked)
        if self._decoder is not None:
            try:
                data = self._decoder.feed(data)
            except EncodingError as error:
                return self._damaged("size" if isinstance(error, DecodedTooLargeError) else "encoding")
        if self._sizes is not None and (over := self._sizes.over(len(data))) is not None:
            return self._read(data[: len(data) - over[0]]) + self._stop(over[1])
        return self._read(data)

    def _read(self, data: bytes) -> bytes:
        if self._passing:
            return data
        try:
            events = self._reader.feed(data)
        except UnreadableStreamError as error:
            passed = self._passed(through(self._stages, error.events))
            return passed + self._unreadable(error.reason, error.rest)
        given: Sequence[StreamEvent] = events
        for stage in self._stages:
            given = stage.event(given[0]) if len(given) == 1 else through((stage,), given)
        if len(given) == 1 and self._plugged is None:
            try:
                return self._sink.passed(given[0])
            except Stopped as stopped:
                return self._stop(stopped.blocked, given[0])
        return self._passed(given)

    def close(self) -> bytes:
        """Return what goes out at the end of the answer. What an encoding gave that ends in the middle was judged."""
        if self._blocked is not None:
            return b""
        if self._due is not None:
            return self._stop(self._due.blocked)
        if self._passing:
            return b""
        try:
            passed = self._passed(through(self._stages, self.ending.left(self._reader.close())))
        except UnreadableStreamError as error:
            passed = self._passed(through(self._stages, error.events))
            return passed + self._unreadable(error.reason, error.rest)
        passed += self._finished() + self._flushed()
        return passed if self.ended else passed + self.ending.close()

    def _passed(self, events: Sequence[StreamEvent]) -> bytes:
        """Return what goes out for events: through the stages of plug-ins, and to inspection."""
        parts: list[bytes] = []
        for event in events:
            if self.ended:
                break
            try:
                given = (event,) if self._plugged is None else self._plugged.event(event)
            except Stopped as stopped:
                parts.append(self._stop(stopped.blocked, event))
            else:
                self._judged(given, parts)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _judged(self, events: Sequence[StreamEvent], parts: list[bytes]) -> None:
        """Add what goes out for events that have passed the stages of plug-ins."""
        for event in through(self._gather, events):
            try:
                parts.append(self._sink.passed(event))
            except Stopped as stopped:
                parts.append(self._stop(stopped.blocked, event))
                break

    def _finished(self) -> bytes:
        """Return what goes out for the events that stages give at the end."""
        if self._blocked is not None:
            return b""
        parts = [self._passed(finished(self._stages))]
        if self._plugged is not None and not self.ended:
            try:
                given = self._plugged.finish()
            except Stopped as stopped:
                parts.append(self._stop(stopped.blocked))
            else:
                self._judged(given, parts)
        return b"".join(parts)

    def _flushed(self) -> bytes:
        if self._blocked is not None:
            return b""
        try:
            return self._sink.flush()
        except Stopped as stopped:
            return self._stop(stopped.blocked)

    def _unreadable(self, reason: str, rest: bytes) -> bytes:
        """Nothing can be read from here on: `rest` and all that follows goes on as it came, or the answer ends."""
        if self.ended:
            return b""
        self._passing, self._decoder = True, None
        try:
            self._uninspected(reason)
        except Stopped as stopped:
            return self._stop(stopped.blocked)
        return self._finished() + self._flushed() + self._as_it_came(rest)

    def _uninspected(self, reason: str) -> None:
        """Raise Stopped if the rest of the response may not pass as it is."""
        if self._plugged is not None:
            self._plugged.unreadable(reason)
        self._sink.unreadable(reason)

    def _damaged(self, reason: str) -> bytes:
        """The encoding cannot be undone any more. Its bytes cannot follow what was decoded, so this is the end."""
        self._tally.saw(reason)
        return self._stop(Blocked(self._name, "uninspected"))

    def _as_it_came(self, rest: bytes) -> bytes:
        return b"" if self.ended else rest

    def _stop(self, blocked: Blocked, event: StreamEvent | None = None) -> bytes:
        if self._blocked is not None:
            return b""
        self._blocked = blocked
        self.ended = True
        self._sink.drop()
        return self._sink.writer.block(self._refusal(blocked), event)
