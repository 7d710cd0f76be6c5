"""Calls of tools that have to be calls of the request's tools, with arguments that fit: `use: tool_schema`."""

from collections.abc import Sequence
from typing import Final

from extproc.apis.asked import NOTHING_ASKED, Asked
from extproc.apis.events.event import Scope
from extproc.apis.reply import ReplyPart
from extproc.detectors.replies import Noticed, ReplyFinding, Undecided, Wakes, never
from extproc.detectors.schema.document import BOUNDS, KINDS, DocumentCheck
from extproc.detectors.schema.json_replies import UNKNOWN
from extproc.detectors.schema.library import ANY_JSON, KnownSchema, known
from extproc.detectors.schema.values import JsonFault

CALL_KINDS: Final = ("unknown_tool", "not_called", *KINDS)
"""Kinds of findings: a tool that the request does not have; the tool that had to be called was not; those in the
arguments of a call."""

CALLS_MAX: Final = 512
"""Calls of a reply that are followed at a time."""

_SPACE: Final = " \t\n\r"


class ToolCalls:
    """Follows one reply."""

    __slots__ = ("_calls", "_due", "_forced", "_missing", "_schemas", "_silent")

    def __init__(self, asked: Asked | None) -> None:
        unknown = asked is None or "tools" in asked.cut
        self._due = unknown  # the tools are not known, which is to be said with the first call
        self._silent = unknown or asked is NOTHING_ASKED
        given = NOTHING_ASKED if asked is None else asked
        self._schemas = {each.name: each.parameters for each in given.tools}
        self._missing = given.served
        self._forced = None if self._silent else given.forced
        self._calls: dict[Scope, _FollowedCall] = {}

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """See `Follower.take`."""
        if self._silent:
            due, self._due = self._due and part.kind == "tool", self._due and part.kind != "tool"
            return (UNKNOWN,) if due else ()
        match part.kind:
            case "arguments":
                call = self._calls.get(part.call)
                if call is None or part.whole:
                    call = self._begun(part.call, call)
                return call.take(part)
            case "tool":
                return self._named(part)
            case "end":
                return self._end(part)
        return ()

    def wakes(self, part: ReplyPart) -> Wakes | None:
        """See `PatientFollower.wakes`."""
        if self._silent or part.kind != "arguments":
            return never
        call = self._calls.get(part.call)
        return None if call is None else call.wakes()

    def finish(self) -> Sequence[Noticed]:
        """See `Follower.finish`."""
        return self._closed("other")

    def _named(self, part: ReplyPart) -> Sequence[Noticed]:
        """A call begins; another one that had its place is over."""
        before = self._calls.get(part.call)
        noticed = [] if before is None else [*before.close("tools")]
        if len(self._calls) >= CALLS_MAX and before is None:
            return (*noticed, Undecided("complexity"))
        if part.text == self._forced:
            self._forced = None
        if part.text not in self._schemas:
            self._calls[part.call] = _FollowedCall(None)
            if not self._missing:
                noticed.append(ReplyFinding("unknown_tool", part.path, 0, len(part.text)))
            return noticed
        parameters = self._schemas[part.text]
        schema = ANY_JSON if parameters is None else known(parameters)
        self._calls[part.call] = _FollowedCall(schema)
        return noticed if schema is not None else [*noticed, UNKNOWN]

    def _begun(self, place: Scope, before: "_FollowedCall | None") -> "_FollowedCall":
        """The call at a place whose arguments come without a name before, or come anew."""
        call = _FollowedCall(ANY_JSON if before is None else before.schema)
        if place in self._calls or len(self._calls) < CALLS_MAX:
            self._calls[place] = call
        return call

    def _end(self, part: ReplyPart) -> Sequence[Noticed]:
        noticed = self._closed(part.text)
        forced, self._forced = self._forced, None
        if forced is not None and part.text in {"stop", "tools"}:
            noticed.append(ReplyFinding("not_called"))
        return noticed

    def _closed(self, ending: str) -> list[Noticed]:
        noticed = [each for call in self._calls.values() for each in call.close(ending)]
        self._calls.clear()
        return noticed


class _FollowedCall:
    """One call. `schema`: that of its arguments; None if nobody knows it."""

    __slots__ = ("_at", "_document", "_path", "schema")

    def __init__(self, schema: KnownSchema | None) -> None:
        self.schema = schema
        self._document = None if schema is None else DocumentCheck(schema, 0)
        self._path: Scope = ()
        self._at = 0

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """Take a piece of the arguments."""
        document, piece = self._document, part.text
        if document is None:
            return ()
        self._path = part.path
        begin = self._at
        self._at += len(piece)
        if document.over:
            return self._behind(piece, begin)
        fault = document.feed(piece)
        if fault is not None:
            self._document = None
            return (self._told(fault),)
        end = document.end
        return () if end is None else self._behind(piece[end - begin :], end)

    def wakes(self) -> Wakes | None:
        """See `PatientFollower.wakes`."""
        return never if self._document is None else self._document.wakes()

    def close(self, ending: str) -> Sequence[Noticed]:
        """The call is over. Arguments that are empty are those of a tool that takes none."""
        document, self._document = self._document, None
        if document is None or document.over:
            return ()
        fault = document.feed("{}") if not self._at else document.close()
        if fault is not None and fault.kind == "cut" and ending in {"stop", "tools"}:
            fault = JsonFault("not_json", fault.at)
        return () if fault is None else (self._told(fault),)

    def _behind(self, piece: str, at: int) -> Sequence[Noticed]:
        text = piece.lstrip(_SPACE)
        if not text:
            return ()
        self._document = None
        return (self._told(JsonFault("not_json", at + len(piece) - len(text))),)

    def _told(self, fault: JsonFault) -> Noticed:
        if fault.kind in BOUNDS:
            return Undecided(fault.kind)
        return ReplyFinding(fault.kind, self._path, fault.at, fault.at + 1, why=fault.why[-256:])
