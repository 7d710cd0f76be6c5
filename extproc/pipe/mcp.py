"""The stage of responses of MCP servers: it takes out what the client may not call, and compares tools with their pins.

It stands before the stages of plug-ins, and fails closed: what two readers could read in two ways ends the response.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from extproc.apis.events import StreamEvent
from extproc.apis.mcp.listing import Cuts, cuts, without
from extproc.apis.mcp.pins import UnpinnableError, pin
from extproc.inspection.verdict import Action
from extproc.payload.sse_lines import BOM, Line, data_lines, raw_offset
from extproc.pipe.plugged import PlannedStage
from extproc.pipe.stage import AnswerFacts, ReportingStage
from extproc.protocol.messages import Side
from extproc.routing.mcp import McpRules, ServedTools

NAME: Final = "mcp"
"""The name of the stage in the record, and that of the processor of its findings."""

CHANGED: Final = "tool_changed"
UNPINNED: Final = "tool_unpinned"
METHOD: Final = "method_denied"
"""Kinds of findings."""

_CARRIAGE: Final = re.compile(rb"\r(?!\n)")
_DOCUMENT: Final = (b"{", b"[")


class McpFilter(Struct, frozen=True):
    """The subject of reading one response: the rules, and the server that sent it."""

    rules: McpRules
    server: ServedTools

    def __repr__(self) -> str:
        return f"McpFilter({self.server.name})"


def planned_filter(rules: McpRules, server: ServedTools) -> PlannedStage | None:
    """Return the stage of a response; None if nothing is to be looked at."""
    if not rules.restricts and server.pins is None:
        return None
    return PlannedStage(NAME, _opened, McpFilter(rules, server), allows_failure=False)


def _opened(options: McpFilter, facts: AnswerFacts) -> "McpStage":
    return McpStage(options, streams=facts.streams)


class McpStage(ReportingStage):
    """Each event is a message or a batch by itself, so that it keeps nothing."""

    __slots__ = ("_options", "_streams", "_words")

    def __init__(self, options: McpFilter, *, streams: bool) -> None:
        super().__init__()
        self._options = options
        self._streams = streams
        methods = options.rules.methods.restricts
        self._words = (b"tool", *((b"method",) if methods else ()))

    def event(self, event: StreamEvent) -> Sequence[StreamEvent]:
        """Return the event, without what may not go to the client. Raises ClientError, or ValueError."""
        raw = event.raw
        if not self._suspected(raw):
            return (event,)
        lines = data_lines(raw, bom=True)
        if not lines:
            if self._streams and raw.removeprefix(BOM).lstrip()[:1] not in _DOCUMENT:
                return (event,)  # a comment, or a field that no client reads
            return self._document(event)
        if _CARRIAGE.search(raw) is not None:
            raise ValueError("clients differ in where its lines end")
        found = cuts(b"\n".join([line.value for line in lines]), self._keeps, self._passes)
        if found.whole:
            return ()
        if not found.spans:
            return (event,)
        return (StreamEvent(without(raw, tuple(_in_raw(lines, span) for span in found.spans))),)

    def _document(self, event: StreamEvent) -> Sequence[StreamEvent]:
        found: Cuts = cuts(event.raw, self._keeps, self._passes)
        if found.whole:
            return ()
        return (StreamEvent(without(event.raw, found.spans)),) if found.spans else (event,)

    def _suspected(self, raw: bytes) -> bool:
        """True if something in it may have to go: cheap, and never wrong the other way."""
        small = raw.lower()
        # A name can be written with escapes, which begin so; and clients find UTF-16 out by its zeros.
        return any(word in small for word in self._words) or b"\\u" in small or b"\0" in small

    def _keeps(self, name: str, tool: bytes) -> bool:
        if not self._options.rules.tools.allows(name):
            return False
        pins = self._options.server.pins
        if pins is None:
            return True
        expected = pins.tools.get(name)
        if expected is None:
            return self._found(UNPINNED, blocks=pins.unpinned)
        try:
            same = pin(tool) == expected
        except UnpinnableError:
            same = False
        return same or self._found(CHANGED, blocks=pins.changed)

    def _passes(self, method: str) -> bool:
        return self._options.rules.methods.allows(method) or self._found(METHOD, blocks=True)

    def _found(self, kind: str, *, blocks: bool) -> bool:
        """Count a finding; return True if what it is about stays."""
        action: Action = "block" if blocks else "report"
        self.report((NAME, kind, action, Side.RESPONSE, False))
        return not blocks


def _in_raw(lines: list[Line], span: tuple[int, int]) -> tuple[int, int]:
    """Return where a span of an event's data stands in its bytes, with all that lies between its ends.

    Brackets, braces and commas stand at both ends, so that neither lies between two lines.
    """
    return raw_offset(lines, span[0]), raw_offset(lines, span[1])
