"""One event of a streamed response: its bytes, and the places of its texts in them."""

import re
from collections.abc import Container
from typing import Literal, TypeAlias

from msgspec import Struct

from extproc.payload.names import OF_SCHEMAS
from extproc.payload.passage import Reason as Unread

Kind: TypeAlias = Literal["delta", "finish", "usage", "done", "error", "alive", "other"]
"""The effect of an event: brings text, ends a text, counts tokens, ends the stream, reports an error, shows that the
connection is alive; or none of these."""

Scope: TypeAlias = tuple[str | int, ...]
"""A place in the answer, as the same answer has it when it is not streamed: `("choices", 0, "message", "content")`.

Numbers are the indices that the events give (`index`, `output_index`), not places in an event. A beginning of a path is
a part of the answer with all that lies in it; `()` is all of it.
"""

Form: TypeAlias = Literal["string", "name", "number", "line", "fragment", "tokens"]
"""The form of a text in its event: a JSON string; the name of a member; a long number, which another number replaces; a
line that is not JSON; a line that looks like a part of JSON; log probabilities, whose tokens repeat a text and which
are removed if that text changes."""

Reason: TypeAlias = Literal["size", "complexity"]
"""Why an event cannot be read."""

Doubt: TypeAlias = Literal["", "malformed", "stream"]
"""Why an event is uninspected although its strings are read: its data is not JSON as every client reads it; or nothing
says how a client joins its strings with those of other events."""

Shadow: TypeAlias = tuple[int, int, bytes]
"""Bytes from, bytes to (exclusive), and what is written there once the text that they repeat is changed."""

_WORD = re.compile(r"(?=.{0,64}\Z)[A-Za-z_.-]*+(?:[0-9]{1,3}[A-Za-z_.-]*+)?|#\d+")


class Channel(Struct, frozen=True, cache_hash=True, gc=False):
    """One text of an answer.

    `json`: the text is a JSON value that stands in no string of the whole response, such as Anthropic's `input`; or a
    line with JSON in it. `whole`: it comes at once, in this event; otherwise in pieces over any number of events, in
    order. `loose`: no API says that it grows; it may, or come whole, or be the same word in every event. `recurs`: it
    comes whole, and another event may have a text in the same place, which some client joins to it.
    """

    path: Scope
    json: bool = False
    whole: bool = False
    loose: bool = False
    recurs: bool = False

    @classmethod
    def recurring(cls, path: Scope) -> "Channel":
        """A text that comes whole, and perhaps again; see `recurs`."""
        return cls(path, whole=True, recurs=True)

    @property
    def may_end(self) -> bool:
        """True if nobody knows whether more of it comes."""
        return self.loose or self.recurs

    @property
    def where(self) -> str:
        """The path as a JSON pointer (RFC 6901), with `*` for names that are no plain words: these may be text, too."""
        return "".join(f"/{step if isinstance(step, int) or _WORD.fullmatch(step) else '*'}" for step in self.path)

    @property
    def name(self) -> str:
        """The name of the nearest member that tells what the text is; see `Passage.name`."""
        return next((step for step in reversed(self.path) if isinstance(step, str) and step not in OF_SCHEMAS), "")

    def within(self, scope: Scope) -> bool:
        """True if it lies in that part of the answer."""
        return self.path[: len(scope)] == scope

    def __repr__(self) -> str:
        flags = [name for name in ("json", "whole", "loose", "recurs") if getattr(self, name)]
        return f"Channel({', '.join([self.where, *flags])})"


class Delta(Struct, frozen=True, gc=False):
    """Text in an event. `start` and `end` are offsets in the event's bytes, quotes included.

    A lone surrogate in a whole text is U+FFFD; in a piece it stays, as the next piece may begin with its other half.
    `repeats`: it was streamed before, in pieces. `shadows`: log probabilities that spell the same text. `grows`: a
    later event repeats it with more behind it.
    """

    channel: Channel
    text: str
    start: int
    end: int
    form: Form = "string"
    repeats: bool = False
    shadows: tuple[Shadow, ...] = ()
    grows: bool = False

    def __repr__(self) -> str:
        return f"Delta({len(self.text)} characters, {self.start}:{self.end}, {self.form})"


def within(path: Scope, scopes: Container[Scope]) -> bool:
    """True if it lies in one of these parts of the answer."""
    return any(path[:size] in scopes for size in range(len(path) + 1))


class StreamEvent(Struct, frozen=True, gc=False):
    """One event of a stream, or what stands in the place of one (comments, blank lines).

    `ends`: parts of the answer to which nothing more is added. `opens`: parts that the client must see ended. `calls`:
    the tool calls that begin in it, each as its place and a hash of its identifier; one may begin where another was.
    `keeps`: it tells more than its texts, so it leaves even when they become empty. `number`: where its sequence number
    stands, if it has one. `unread`: places that are no text (images, sound, sealed reasoning), with the reason that a
    whole body has for them. `ended`: False for what the stream broke off. `doubt`: the reason why the event is
    uninspected, if it is. `dialect`: the name of the API whose shape the event has; empty if it has none.
    """

    raw: bytes
    kind: Kind = "other"
    deltas: tuple[Delta, ...] = ()
    ends: tuple[Scope, ...] = ()
    opens: tuple[Scope, ...] = ()
    keeps: bool = True
    dialect: str = ""
    number: tuple[int, int] | None = None
    unread: tuple[tuple[Scope, Unread], ...] = ()
    ended: bool = True
    doubt: Doubt = ""
    calls: tuple[tuple[Scope, int], ...] = ()

    def __repr__(self) -> str:
        return f"StreamEvent({len(self.raw)} bytes, {self.kind}, {len(self.deltas)} texts)"


class UnreadableStreamError(Exception):
    """An event is too large, or too complex to be read in bounded time.

    `events` came whole before it, `rest` is everything fed behind them. The reader takes no more.
    """

    def __init__(self, reason: Reason, events: list[StreamEvent], rest: bytes) -> None:
        super().__init__(f"an event of the answer is beyond the limit of its {reason}")
        self.reason = reason
        self.events = events
        self.rest = rest
