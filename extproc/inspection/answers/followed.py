"""The followers of a streamed reply: what they notice with each event is counted, blocks the stream, or is repaired."""

from collections.abc import Sequence
from typing import Final

from extproc.apis.asked import Asked
from extproc.apis.events import StreamEvent, rewrite
from extproc.apis.events.event import Channel, Scope
from extproc.apis.reply import ReplyPart
from extproc.apis.streams import StreamReader, StreamWriter
from extproc.detectors.replies import Noticed, ReplyFinding, Undecided
from extproc.inspection.answers.events import Events
from extproc.inspection.answers.growing_reply import FollowerTurn, GrowingReply
from extproc.inspection.answers.ruling import Ruling, Stopped
from extproc.inspection.answers.tally import Tally
from extproc.inspection.failures import settle
from extproc.inspection.following import FollowedReply, told_as, without
from extproc.inspection.replies import TOO_LONG, ReplyReader, UnknownReplyError
from extproc.inspection.stage import Active, CompiledProcessor, Stage
from extproc.inspection.vault import Vault
from extproc.inspection.verdict import ERROR, Blocked
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter, SpentError

GAPS: Final = frozenset({"size", "complexity", "encoding"})
"""Reasons for which the rest of a response is not read."""

REPAIRED_MAX: Final = 64
"""Texts that are repaired in one stream: each of 128 choices hardly ever needs it."""


def following(stage: Stage | None, active: Active | None) -> Sequence[CompiledProcessor]:
    """Return the processors at work that follow replies."""
    if stage is None:
        return ()
    return [each for each in stage.replying if active is None or active.on[each.number]]


class FollowedStream:
    """The followers of one stream. All methods raise `Stopped` where the response must end.

    `unread` is the verdict on what cannot be judged, None where it passes. `bare`: events are documents without lines.
    """

    __slots__ = (
        "_asked", "_at", "_bare", "_dialect", "_due", "_followed", "_meter", "_over", "_reader", "_repairer",
        "_tally", "_unread", "_written", "texts",
    )  # fmt: skip

    def __init__(
        self,
        followers: Sequence[CompiledProcessor],
        asked: Asked | None,
        dialect: str,
        bare: bool,
        tally: Tally,
        unread: Blocked | None,
        meter: Meter,
    ) -> None:
        self._reader = ReplyReader(dialect)
        self.texts: dict[Channel, GrowingReply] = {}
        """The growing texts by the channels of their pieces."""
        self._dialect = dialect
        self._bare = bare
        self._due: Sequence[CompiledProcessor] = followers  # those that are not opened yet
        self._asked = asked
        self._tally = tally
        self._unread = unread
        self._meter = meter
        self._over = False
        self._at: dict[Scope, int] = {}  # code points of each text that have come, where something is repaired
        self._written: dict[Scope, tuple[list[str], list[str]]] = {}  # such texts as they came, and as they went on
        self._repairer = next((each.name for each in followers if each.repairs), "")
        self._followed: list[FollowedReply] = []

    def grow(self, text: GrowingReply, piece: str) -> None:
        """Take an event that brings one more piece of a known text and nothing else, as nearly every event does."""
        reader = self._reader
        if not piece.isascii() or reader.halves:
            try:
                piece.encode()  # faster than any search
                halved = bool(reader.halves)
            except UnicodeEncodeError:
                halved = True
            if halved:
                piece = reader.paired(text.path, piece)
                if not piece:
                    return
        reader.kept += len(piece)
        if reader.kept > reader.most:
            self._lose(TOO_LONG)
            return
        text.said.append(piece)
        for turn in text.turns:
            if (wakes := turn.wakes) is None or wakes(piece) is not None:
                self._give(text, turn)

    def event(self, event: StreamEvent) -> Sequence[StreamEvent]:
        """Return what goes on for an event: it, or another in its place if something of it is repaired."""
        if self._due:
            self._open()
        if not self._followed or self._over:
            return (event,)
        if event.kind == "alive":
            return (event,)
        self._catch_up()
        try:
            parts = self._reader.event(event)
        except UnknownReplyError as error:
            self._lose(error.reason)
            return (event,)
        drops = [each for part in parts for each in self._take(part)]
        if parts:
            self._learn(event)
        if event.kind == "done":
            self.finish()
        return self._rewritten(event, parts, drops) if self._repairer else (event,)

    def finish(self) -> None:
        """The response is over."""
        if self._over:
            return
        if self._due:
            self._open()
        self._catch_up()
        self._over = True
        self.texts.clear()
        for each in list(self._followed):
            try:
                noticed = each.finish()
            except SpentError:
                raise
            except Exception:  # noqa: BLE001  - see `_open`
                self._fail(each.processor)
                continue
            self._hear(each, noticed)

    @property
    def remembered(self) -> int:
        """Code points that are kept of the reply."""
        return self._reader.kept

    def drop(self) -> None:
        """Nothing more of the response can be judged, or need be."""
        self._due = ()
        self._followed.clear()
        self.texts.clear()

    def _open(self) -> None:
        due, self._due = self._due, ()
        for each in due:
            try:
                self._followed.append(FollowedReply(each, self._asked))
            except Exception:  # noqa: BLE001  - whatever it is, `on_failure` says what becomes of the response
                self._fail(each)

    def _give(self, text: GrowingReply, turn: FollowerTurn) -> None:
        """Give a follower all that it was not given yet of a text."""
        followed = turn.followed
        part = text.due(turn)
        try:
            noticed = followed.follower.take(part)
            if noticed:
                noticed = followed.checked(noticed)
            turn.wakes = None if followed.wakes is None else followed.wakes(part)
        except SpentError:
            raise
        except Exception:  # noqa: BLE001  - see `_open`
            self._fail(followed.processor)
            return
        if noticed:
            self._hear(followed, noticed)

    def _catch_up(self) -> None:
        """Give all that waits, before something else comes of the reply."""
        for text in list(self.texts.values()):
            for turn in text.waiting():
                self._give(text, turn)

    def _learn(self, event: StreamEvent) -> None:
        """An event was given that is no further piece of a known text: it may be the first one."""
        for text in self.texts.values():
            text.restart()
        if self._repairer or len(event.deltas) != 1:
            return  # every event may have to be changed
        channel = event.deltas[0].channel
        growing = self._reader.growing.get(channel)
        if growing is not None and channel not in self.texts:
            self.texts[channel] = GrowingReply(growing, self._followed)

    def _take(self, part: ReplyPart) -> list[ReplyFinding]:
        """Give a part to all followers; return what they drop of it."""
        drops: list[ReplyFinding] = []
        self._meter.spend(1)
        for each in self._followed:
            try:
                noticed = each.take(part)
            except SpentError:
                raise
            except Exception:  # noqa: BLE001  - see `_open`
                self._fail(each.processor)
                continue
            if noticed:
                drops += self._hear(each, noticed)
        return drops

    def _hear(self, followed: FollowedReply, noticed: Sequence[Noticed]) -> list[ReplyFinding]:
        """Count what was noticed; return what is dropped."""
        processor, drops, stops = followed.processor, list[ReplyFinding](), False
        for each in noticed:
            if isinstance(each, Undecided):
                self._see(each.reason)
                continue
            if not each.again:
                key = processor.count(each.kind, Side.RESPONSE)
                self._tally.count(key)
                if each.threshold is not None:
                    self._tally.score(key, each.score, each.threshold)
                if self._tally.details is not None:
                    self._tally.tell(told_as(processor, each))
            if each.drops and processor.repairs:
                drops.append(each)
            elif processor.stops:
                stops = True
        if stops:
            raise Stopped(Blocked(processor.name, "finding"))
        return drops

    def _see(self, reason: str) -> None:
        self._tally.saw(reason)
        if self._unread is not None:
            raise Stopped(self._unread)

    def _lose(self, reason: str) -> None:
        self._followed.clear()
        self.texts.clear()
        self._see(reason)

    def _fail(self, processor: CompiledProcessor) -> None:
        """A follower failed. Nobody stands in for it: it would have to read what has left."""
        self._followed = [each for each in self._followed if each.processor is not processor]
        for text in self.texts.values():
            text.leave(processor)
        failures, blocked, _ = settle([(processor, ERROR)])
        self._tally.fail(failures)
        if blocked is not None:
            raise Stopped(blocked)

    def _rewritten(
        self, event: StreamEvent, parts: Sequence[ReplyPart], drops: Sequence[ReplyFinding]
    ) -> Sequence[StreamEvent]:
        """Return the event without what is dropped of its texts, also where it repeats one that was repaired."""
        texts: dict[Channel, str] = {}
        for part in parts:
            if part.kind == "text":
                self._note(part, [each for each in drops if each.path == part.path], event, texts)
        for delta in event.deltas:
            for came, went in self._written.values():
                if delta.channel not in texts and delta.text and delta.text == "".join(came):
                    texts[delta.channel] = "".join(went)
        if not texts:
            return (event,)
        self._tally.masked = True
        reader = StreamReader(event.dialect or self._dialect, bare=self._bare)
        return [*reader.feed(rewrite(event, texts)), *reader.close()]

    def _note(
        self, part: ReplyPart, drops: Sequence[ReplyFinding], event: StreamEvent, texts: dict[Channel, str]
    ) -> None:
        """Put what is left of a piece into `texts`, and remember both."""
        at = 0 if part.whole else self._at.get(part.path, 0)
        self._at[part.path] = at + len(part.text)
        if part.path not in self._written and len(self._written) >= REPAIRED_MAX:
            raise Stopped(Blocked(self._repairer, "finding"))
        came, went = self._written.setdefault(part.path, ([], []))
        new = without(part.text, [_moved(each, at) for each in drops])
        came.append(part.text)
        went.append(new)
        if new == part.text:
            return
        for delta in event.deltas:
            if delta.text == part.text and delta.channel not in texts:
                texts[delta.channel] = new
                return
        raise Stopped(Blocked(self._repairer, "finding"))  # nobody knows where it stands


def _moved(each: ReplyFinding, at: int) -> ReplyFinding:
    return ReplyFinding(each.kind, each.path, max(0, each.start - at), max(0, each.end - at))


class FollowedEvents(Events):
    """Events that followers see before they are judged."""

    __slots__ = ("_followed", "_texts")

    def __init__(
        self,
        followed: FollowedStream,
        writer: StreamWriter,
        ruling: Ruling,
        vault: Vault | None,
        tally: Tally,
        unread: Blocked | None,
    ) -> None:
        super().__init__(writer, ruling, vault, tally, unread)
        self._followed = followed
        self._texts = followed.texts

    def passed(self, event: StreamEvent) -> bytes:
        """See `Events.passed`."""
        deltas = event.deltas
        if len(deltas) == 1 and event.kind == "delta" and not event.ends and not event.calls:
            delta = deltas[0]
            known = self._texts.get(delta.channel)
            if known is not None:
                self._followed.grow(known, delta.text)
                text = self._open.get(delta.channel)
                if text is None or event.unread or event.doubt:
                    return Events.passed(self, event)
                return self._grown(event, text, delta.text)
        given = self._followed.event(event)
        if len(given) == 1:
            return Events.passed(self, given[0])
        return b"".join([Events.passed(self, each) for each in given])

    @property
    def waiting(self) -> int:
        """See `Events.waiting`. What is kept of a reply counts as well."""
        return super().waiting + self._followed.remembered

    def flush(self) -> bytes:
        """See `Events.flush`. Followers may object to the end of a response."""
        self._followed.finish()
        return super().flush()

    def unreadable(self, reason: str) -> None:
        """See `Events.unreadable`. Followers are given no reply that has gaps."""
        super().unreadable(reason)
        if reason in GAPS:
            self._followed.drop()
