"""The parts of one reply, as followers are given them: read from events or from a body, each once.

What a later event repeats whole of a text that came in pieces is left out; what it has more, or otherwise, is given.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from extproc import apis
from extproc.apis.events import Channel, StreamEvent
from extproc.apis.events.added import data_of
from extproc.apis.events.event import Scope
from extproc.apis.events.leaves import TooComplexError, document
from extproc.apis.reply import ReplyPart

MAX_PLACES: Final = 512
"""Texts of a reply that are remembered: 128 choices with a text, a refusal and two calls each."""

SAID_MAX: Final = 1024 * 1024
"""Code points of all texts of a reply. They are kept to tell what a later event repeats; models write a tenth of it."""

UNKNOWN: Final = "reply"
"""Why a response is uninspected in which no API's reply can be recognised."""

TOO_MANY: Final = "complexity"
TOO_LONG: Final = "size"

_FIRST, _FIRST_LAST = "\ud800", "\udbff"
"""Halves of surrogate pairs: JSON may have them in escapes, and a stream may have the second one in the next piece."""

_PIECES: Final = frozenset({"text", "refusal", "arguments"})


class UnknownReplyError(Exception):
    """A response, or a part of it, cannot be read as a reply. `reason` is what the record says of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the reply cannot be read: {reason}")
        self.reason = reason


class GrowingPart(Struct, frozen=True):
    """A text of a reply whose pieces a channel brings. `said`: those that have come."""

    part: ReplyPart
    said: list[str]

    def piece(self, text: str) -> ReplyPart:
        """Return the part that a further piece is."""
        part = self.part
        return ReplyPart(part.kind, part.message, part.path, text, part.call)


class ReplyReader:
    """Reads the parts of one response. `dialect`: the API that the request was for, or nothing."""

    __slots__ = ("_apis", "_calls", "_dialect", "_said", "growing", "halves", "kept", "most")

    def __init__(self, dialect: str) -> None:
        self._apis = apis.current()
        self._dialect = dialect
        self.growing: dict[Channel, GrowingPart] = {}
        """Texts by the channels of their pieces, so that an event which brings nothing else need not be read again."""
        self._said: dict[Scope, list[str]] = {}  # the pieces of each text so far
        self.kept = 0
        """Code points of them, of which there may be `most`."""
        self.most = SAID_MAX
        self.halves: dict[Scope, str] = {}
        """First halves of surrogate pairs at the ends of texts."""
        self._calls: dict[Scope, tuple[str, str]] = {}  # names and identifiers of calls by their places

    def keep(self, said: list[str], text: str) -> None:
        """Remember a piece of a text. Raises UnknownReplyError."""
        self.kept += len(text)
        if self.kept > self.most:
            raise UnknownReplyError(TOO_LONG)
        said.append(text)

    def paired(self, path: Scope, piece: str) -> str:
        """Return a further piece of a text with whole characters; a first half at its end waits for the second."""
        piece = self.halves.pop(path, "") + piece
        if piece and _FIRST <= piece[-1] <= _FIRST_LAST:
            self.halves[path], piece = piece[-1], piece[:-1]
        return _whole(piece)

    def event(self, event: StreamEvent) -> list[ReplyPart]:
        """Return the new parts in an event. Raises UnknownReplyError."""
        if event.kind == "alive":
            return []
        is_json, value = _decoded(data_of(event.raw))
        if not is_json or not isinstance(value, dict):
            return []
        read = self._read(value, event.dialect or self._dialect)
        if read is None:
            if event.deltas and event.kind != "error" and not event.doubt:
                raise UnknownReplyError(UNKNOWN)
            return []
        found = list(self._new(read))
        self._learn(event, read, found)
        return found

    def body(self, body: bytes) -> list[ReplyPart]:
        """Return the parts of a whole response. Raises UnknownReplyError."""
        is_json, value = _decoded(body)
        if not is_json or not isinstance(value, dict):
            raise UnknownReplyError(UNKNOWN)
        read = self._read(value, self._dialect)
        if read is None:
            if value.get("error") is not None or value.get("type") == "error" or not self._replies:
                return []
            raise UnknownReplyError(UNKNOWN)
        return list(self._new(read))

    @property
    def _replies(self) -> bool:
        """True if the request was for an API whose responses are replies of a model."""
        api = self._apis.named(self._dialect)
        return api is not None and api.events is not None

    def _read(self, value: Mapping[str, Any], dialect: str) -> Sequence[ReplyPart] | None:
        """The parts as the named API has them, or else the first that knows the shape."""
        api = self._apis.named(dialect)
        if api is not None and api.reply is not None and (found := api.reply(value)) is not None:
            return found
        if dialect:
            return None
        replies = (each.reply for each in self._apis.apis if each.reply is not None)
        return next((found for reply in replies if (found := reply(value)) is not None), None)

    def _learn(self, event: StreamEvent, read: Sequence[ReplyPart], found: Sequence[ReplyPart]) -> None:
        """Remember the channel of an event that has one piece of a text and nothing else."""
        if len(event.deltas) != 1 or len(read) != 1 or len(found) != 1 or event.ends or event.kind != "delta":
            return
        delta, part = event.deltas[0], read[0]
        grows = not (part.whole or delta.channel.whole or delta.repeats or delta.grows)
        if grows and part.kind in _PIECES and part.text == delta.text and len(self.growing) < MAX_PLACES:
            self.growing[delta.channel] = GrowingPart(part, self._said[part.path])

    def _new(self, read: Sequence[ReplyPart]) -> Iterator[ReplyPart]:
        for part in read:
            if part.kind == "end":
                yield part
            elif part.kind == "tool":
                if self._calls.get(part.path) != (part.text, part.ident) and not self._repeats(part):
                    self._begin(part)
                    yield part
            elif (new := self._unsaid(part)) is not None:
                yield new

    def _repeats(self, part: ReplyPart) -> bool:
        """True for a name that is said again in the middle of its call, without the identifier of another."""
        known = self._calls.get(part.path)
        return known is not None and known[0] == part.text and not part.ident

    def _begin(self, part: ReplyPart) -> None:
        """A call begins; it may stand in the place of one before it."""
        self._remember(self._calls, part.path)
        self._calls[part.path] = part.text, part.ident
        for path in [path for path in self._said if path[: len(part.path)] == part.path]:
            self._said[path].clear()
            self.halves.pop(path, None)

    def _unsaid(self, part: ReplyPart) -> ReplyPart | None:
        said = self._said.get(part.path)
        if said is None:
            self._remember(self._said, part.path)
            said = self._said[part.path] = []
        if not part.whole:
            piece = self.paired(part.path, part.text)
            if not piece:
                return None
            self.keep(said, piece)
            return part if piece == part.text else replace(part, text=piece)
        self.halves.pop(part.path, None)
        if (text := _whole(part.text)) is not part.text:
            part = replace(part, text=text)
        before = "".join(said)
        if part.text == before and before:
            return None
        said.clear()
        self.keep(said, part.text)
        if before and part.text.startswith(before):
            return replace(part, text=part.text[len(before) :], whole=False)
        return part

    def _remember(self, places: Mapping[Scope, object], path: Scope) -> None:
        if path not in places and len(places) >= MAX_PLACES:
            raise UnknownReplyError(TOO_MANY)


def _whole(text: str) -> str:
    """Return a text in which pairs of surrogates are characters, and single halves U+FFFD."""
    try:
        text.encode()  # faster than any search
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _decoded(data: bytes) -> tuple[bool, object]:
    try:
        return document(data)
    except TooComplexError:
        raise UnknownReplyError(TOO_MANY) from None
