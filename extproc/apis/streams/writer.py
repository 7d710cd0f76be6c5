"""Writes a streamed answer: events as they came or with other texts, and the events that have to be added."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from copy import copy
from types import MappingProxyType

from extproc.apis.events.added import Added, Cut, ErrorAtTheEnd, Scribe, told
from extproc.apis.events.event import Channel, Scope, StreamEvent, within
from extproc.apis.events.rewrite import rewrite
from extproc.apis.registry import current
from extproc.payload.sse_lines import Style
from extproc.protocol.errors import ClientError

MAX_BEGUN = 128
"""Parts of an answer (choices, blocks) that are remembered as begun. OpenAI gives at most 128 choices."""

_NOTHING: Mapping[Channel, str] = MappingProxyType({})

_NONE: AbstractSet[Scope] = frozenset()


class StreamWriter:
    """Follows what the client of one stream has seen.

    `dialect_name`: the name of the API that the path is claimed for, or empty; an event may show another. `between`:
    the separator of documents that have no lines around them; None for events. `written`: such documents as they were
    written, in their order, empty ones among them, so that the caller knows which is which; None for events.
    """

    __slots__ = (
        "_before",
        "_between",
        "_broken",
        "_complete",
        "_dialect",
        "_done",
        "_last",
        "_named",
        "_opens",
        "_over",
        "_registry",
        "_scribe",
        "_seen",
        "_shown",
        "_style",
        "written",
    )

    def __init__(self, dialect_name: str, between: bytes | None = None) -> None:
        self._registry = current()
        self._between = between
        self.written: list[bytes] | None = None if between is None else []
        self._speak(dialect_name)
        self._before: AbstractSet[Scope] = _NONE  # what was begun before that
        self._opens: tuple[Scope, ...] = ()
        self._style: Style | None = None
        self._last = -1  # the sequence number written last
        self._done = False
        self._broken = False
        self._complete = False  # the stream has said that it is over, or that it failed
        self._seen = False
        self._shown = False  # an event had the shape of an API

    @property
    def unfinished(self) -> bool:
        """True if the stream is of an API whose streams say that they are over, and this one has not.

        False for one whose events show no API: nobody knows how it ends. Without any event, the path says which it is.
        """
        return self._over is not None and not (self._complete or self._done) and (self._shown or not self._seen)

    def cut(self, error: ClientError) -> bytes:
        """Return the error event that ends an unfinished stream, behind all that was written."""
        api = self._registry.named(self._dialect)
        assert api is not None, "it is the one that says how streams end"
        self._done = True
        return self._framed([told(api.error_event, error, self._last + 1)])

    @property
    def dialect(self) -> str:
        """The name of the API that the stream is of, as far as is known."""
        return self._dialect

    def write(self, event: StreamEvent, texts: Mapping[Channel, str] = _NOTHING) -> bytes:
        """The event with these texts (see `rewrite`), to be sent now; nothing, when that leaves nothing to tell."""
        # Most events are like the one before: there is nothing to learn from them.
        if (
            event.kind != "delta"
            or event.opens is not self._opens
            or event.dialect is not self._dialect
            or event.ends
            or not (self._style and event.ended)
        ):
            self._follow(event)
        raw = rewrite(event, texts) if texts else event.raw
        if event.number is not None:
            self._last = int(event.raw[event.number[0] : event.number[1]])
        if raw is not event.raw and not event.keeps and _empty(event, texts):
            raw = b""
        if self.written is not None:
            self.written.append(raw)
        return raw

    def copied(self) -> "StreamWriter":
        """Return another that has written the same events, and goes on by itself."""
        other = copy(self)
        other._scribe = copy(self._scribe)  # noqa: SLF001
        other._before = frozenset(self._before)  # noqa: SLF001
        return other

    def block(self, error: ClientError, event: StreamEvent | None = None) -> bytes:
        """Return what ends the stream cleanly, instead of `event` and all that would follow; nothing, if it has ended.

        What was held back is not told any more.
        """
        if self._done:
            return b""
        if event is not None:
            self._learn(event)
        self._done = True
        return self._framed(self._scribe.blocked(Cut(error, self._begun, self._last + 1, event)))

    def _speak(self, dialect_name: str) -> None:
        api = self._registry.named(dialect_name)
        self._dialect = dialect_name
        self._named = api is None or api.events is None or api.events.named
        self._over = None if api is None or api.events is None else api.events.over
        self._scribe: Scribe = (
            ErrorAtTheEnd(self._registry.default.error_event) if api is None else api.scribe(api.error_event)
        )

    def _learn(self, event: StreamEvent) -> None:
        if event.dialect is not self._dialect and event.dialect:
            if event.dialect != self._dialect:
                self._speak(event.dialect)
            self._dialect = event.dialect
        if self._style is None and (event.deltas or event.opens):
            self._style = Style.of(event.raw)
        self._scribe.note(event)

    def _follow(self, event: StreamEvent) -> None:
        self._learn(event)
        if event.opens is not self._opens:
            if self._opens and event.opens != self._opens:
                self._remember(self._opens)
            self._opens = event.opens
        if event.ends:
            ends = frozenset(event.ends)
            self._before = {begun for begun in self._begun if not within(begun, ends)} or _NONE
            self._opens = ()
        if event.kind == "done":
            self._done = True
        if not event.ended:
            self._broken = True
        self._seen = self._seen or event.kind != "alive"
        self._shown = self._shown or bool(event.dialect)
        if event.kind == "error" or self._ends_with(event):
            self._complete = True

    def _ends_with(self, event: StreamEvent) -> bool:
        """True if the stream may end with an event: it says so, and no other choice is still open."""
        return self._over is not None and self._over(event) and (event.kind != "finish" or not self._begun)

    @property
    def _begun(self) -> AbstractSet[Scope]:
        """The parts that the client has seen begin and not end."""
        return {*self._before, *self._opens[: MAX_BEGUN - len(self._before)]}

    def _remember(self, opens: tuple[Scope, ...]) -> None:
        if not isinstance(self._before, set):
            self._before = set()
        self._before.update(opens[: MAX_BEGUN - len(self._before)])

    def _framed(self, added: list[Added]) -> bytes:
        between = self._between
        if between is not None:
            return b"".join([each.data + between for each in added])
        style = self._style or Style(named=self._named)
        # What the stream broke off must not run into an event of ours.
        head = style.end * 2 if self._broken else b""
        return head + b"".join(style.frame(each.data, each.name) for each in added)


def _empty(event: StreamEvent, texts: Mapping[Channel, str]) -> bool:
    """True if nothing is left of the event's texts."""
    return all(not texts.get(delta.channel, delta.text) for delta in event.deltas)
