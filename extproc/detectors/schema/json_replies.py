"""Replies that have to be JSON: `use: json_schema`.

A text has one document, with nothing but white space around it. Code fences and prose in front of the document, up to
its first bracket, and behind it are findings of their own: the reply is right without them. A document whose root
may be no object and no array begins with its first character: nothing can stand in front of it.
"""

from collections.abc import Sequence
from typing import Final, Literal

from extproc.apis.asked import Asked
from extproc.apis.events.event import Scope
from extproc.apis.reply import ReplyPart
from extproc.detectors.replies import Noticed, ReplyFinding, Undecided, Wakes, never
from extproc.detectors.schema.document import BOUNDS, KINDS, DocumentCheck
from extproc.detectors.schema.library import ANY_JSON, KnownSchema, known
from extproc.detectors.schema.nodes import ARRAY, OBJECT
from extproc.detectors.schema.values import JsonFault

JSON_KINDS: Final = (*KINDS, "fenced", "prose", "empty")
"""Kinds of findings: those in a document; code fences and other text around it; no text at all."""

UNKNOWN: Final = Undecided("schema")
"""The schema is not known, or cannot be understood."""

MESSAGES_MAX: Final = 256
"""Messages of a reply that are followed at a time; OpenAI gives up to 128."""

_SPACE: Final = " \t\n\r"
_UNTOLD: Final = frozenset({"refusal", "filtered", "tools"})
"""Endings of messages that need have no text."""


class JsonReply:
    """Follows one reply. `own`: the schema of the policy, in the place of the request's."""

    __slots__ = ("_called", "_messages", "_refused", "_said", "_schema", "_tools", "_unknown")

    def __init__(self, asked: Asked | None, own: KnownSchema | None = None) -> None:
        self._schema: KnownSchema | None = own
        self._unknown = False  # nobody knows what is asked for, which is yet to be said
        self._tools = asked is not None and bool(asked.tools or asked.served)
        if own is None:
            self._ask(asked)
        self._messages: dict[int, _Message] = {}
        self._called = self._refused = self._said = False

    def _ask(self, asked: Asked | None) -> None:
        if asked is None or "format" in asked.cut:
            self._unknown = True
        elif asked.output is not None:
            schema = asked.output.schema
            self._schema = ANY_JSON if schema is None else known(schema)
            self._unknown = self._schema is None

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """See `Follower.take`."""
        schema = self._schema
        if schema is None:
            unknown, self._unknown = self._unknown, False
            return (UNKNOWN,) if unknown else ()
        if part.kind == "text":
            message = self._messages.get(part.message)
            if message is not None and message.grows(part):
                return ()
            if message is None or (part.whole and part.path in message.places):
                if len(self._messages) >= MESSAGES_MAX:
                    return (Undecided("complexity"),)
                message = self._messages[part.message] = _Message(schema, defers=self._tools)
            return message.take(part)
        if part.kind == "end":
            return self._end(part)
        if part.kind == "refusal":
            self._refused = True
        else:
            self._called = True
        return ()

    def wakes(self, part: ReplyPart) -> Wakes | None:
        """See `PatientFollower.wakes`."""
        if self._schema is None or part.kind != "text":
            return never
        message = self._messages.get(part.message)
        return None if message is None else message.wakes()

    def finish(self) -> Sequence[Noticed]:
        """See `Follower.finish`."""
        if self._schema is None:
            return ()
        return [each for message in self._messages.values() if message.said for each in message.end("other")]

    def _end(self, part: ReplyPart) -> Sequence[Noticed]:
        """A message ends, or all of them."""
        ending = part.text
        ended = [*self._messages.values()] if part.message < 0 else [self._messages.get(part.message)]
        noticed: list[Noticed] = []
        for message in ended or [None]:
            if message is not None and message.said:
                noticed += message.end(ending)
            elif not (ending in _UNTOLD or self._called or self._refused):
                noticed.append(ReplyFinding("cut" if ending == "length" else "empty"))
        return noticed


Phase = Literal["before", "within", "behind", "over"]


class _Message:
    """The text of one message."""

    __slots__ = (
        "_around", "_at", "_base", "_defers", "_document", "_due", "_path", "_phase", "_prose", "_roots", "_schema",
        "places", "said",
    )  # fmt: skip

    def __init__(self, schema: KnownSchema, *, defers: bool) -> None:
        self._schema = schema
        self._defers = defers  # prose in front may be the beginning of a message that calls a tool
        self._prose: ReplyFinding | None = None  # what was deferred
        self._roots = schema.root.types
        self._phase: Phase = "before"
        self._document = DocumentCheck(schema, 0)
        self._at = 0  # code points of the text so far
        self._base = 0  # those before the part of it that is at this path
        self._path: Scope = ()
        self._due: tuple[JsonFault | None] | None = None  # the verdict on a piece that was fed
        self._around = ""  # the kind of what stands here around the document, if something does
        self.places: set[Scope] = set()
        self.said = False
        """True once something has come."""

    def wakes(self) -> Wakes | None:
        """See `PatientFollower.wakes`."""
        if self._phase == "within":
            return self._document.wakes()
        return never if self._phase == "over" else None

    def grows(self, part: ReplyPart) -> bool:
        """Take a piece of the document in which nothing is wrong, as nearly all are; True if it is one."""
        if self._phase != "within" or part.path != self._path or part.whole:
            return False
        piece = part.text
        document = self._document
        fault = document.feed(piece)
        if fault is None and not document.over:
            self._at += len(piece)
            return True
        self._due = (fault,)
        return False

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """Take a piece of the text."""
        piece = part.text
        if part.path != self._path:
            self._path, self._base = part.path, self._at
            self.places.add(part.path)
        begin = self._at
        self._at += len(piece)
        if self._phase == "within":
            (fault,) = self._due or (self._document.feed(piece),)
            self._due = None
            if fault is None and not self._document.over:
                return ()
            return self._checked(fault, piece, begin)
        noticed: list[Noticed] = []
        if self._phase == "before":
            start = self._before(piece, begin, noticed)
            if start is not None:
                self._phase = "within"
                self._document = DocumentCheck(self._schema, begin + start)
                fault = self._document.feed(piece[start:])
                if fault is not None or self._document.over:
                    noticed += self._checked(fault, piece, begin)
        elif self._phase == "behind":
            noticed += self._behind(piece, begin)
        return noticed

    def end(self, ending: str) -> Sequence[Noticed]:
        """The message is over."""
        phase, self._phase = self._phase, "over"
        if phase == "before":
            if self._prose is not None and ending == "tools":
                return ()
            return (*((self._prose,) if self._prose is not None else ()), self._finding("not_json", self._at))
        if phase == "within":
            fault = self._document.close()
            if fault is not None and fault.kind == "cut" and ending == "stop":
                fault = JsonFault("not_json", fault.at)
            return () if fault is None else (self._told(fault),)
        return ()

    def _before(self, piece: str, begin: int, noticed: list[Noticed]) -> int | None:
        """Return where the document begins in a piece; note what stands in front of it."""
        text = piece.lstrip(_SPACE)
        if not text and not self._around:
            return None
        self.said = True
        # White space that stands behind a fence or prose belongs to it.
        first = 0 if self._around else len(piece) - len(text)
        if not self._around and self._begins(text[0]):
            return first
        start = min((at for at in (piece.find("{", first), piece.find("[", first)) if at >= 0), default=None)
        if start == first:
            return start
        again = bool(self._around)
        self._around = self._around or ("fenced" if text[0] == "`" else "prose")
        end = len(piece) if start is None else start
        found = self._finding(self._around, begin + first, begin + end, drops=True, again=again)
        if not (self._defers and self._around == "prose"):
            noticed.append(found)
        elif start is not None:
            noticed.append(self._prose or found)
            self._prose = None
        else:
            self._prose = self._prose or self._finding("prose", begin + first, begin + end)
        return start

    def _begins(self, char: str) -> bool:
        """True if a document begins with that character."""
        if char in "{[":
            return True
        return bool(self._roots & ~(OBJECT | ARRAY)) and self._schema.validator is not None

    def _behind(self, piece: str, begin: int) -> Sequence[Noticed]:
        """Note what stands behind the document."""
        text = piece.lstrip(_SPACE)
        if not text and not self._around:
            return ()
        first = 0 if self._around else len(piece) - len(text)
        start = min((at for at in (piece.find("{", first), piece.find("[", first)) if at >= 0), default=len(piece))
        noticed: list[Noticed] = []
        if start > first:
            again = bool(self._around)
            self._around = self._around or ("fenced" if text[0] == "`" else "prose")
            noticed.append(self._finding(self._around, begin + first, begin + start, drops=True, again=again))
        if start < len(piece):
            self._phase = "over"
            noticed.append(self._finding("not_json", begin + start))
        return noticed

    def _checked(self, fault: JsonFault | None, piece: str, begin: int) -> Sequence[Noticed]:
        """The document is over: take its verdict, and what stands behind it."""
        self._around = ""
        if fault is not None:
            self._phase = "over"
            return (self._told(fault),)
        self._phase = "behind"
        end = self._document.end
        assert end is not None, "it is whole"
        return self._behind(piece[end - begin :], end) if end < begin + len(piece) else ()

    def _told(self, fault: JsonFault) -> Noticed:
        if fault.kind in BOUNDS:
            return Undecided(fault.kind)
        return self._finding(fault.kind, fault.at, why=fault.why)

    def _finding(
        self, kind: str, start: int, end: int | None = None, *, why: str = "", drops: bool = False, again: bool = False
    ) -> ReplyFinding:
        place = max(0, start - self._base)
        last = min(start + 1, self._at) if end is None else end
        return ReplyFinding(
            kind, self._path, place, max(place, last - self._base), why=why[-256:], drops=drops, again=again
        )
