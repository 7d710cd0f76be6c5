"""The trace that an exchange belongs to: that of the request's `traceparent`, or one of its own.

The header's form is W3C's Trace Context: https://www.w3.org/TR/trace-context/#traceparent-header
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec.structs import replace

from extproc.policy.telemetry import Traces
from extproc.protocol.headers import HeaderMap

if TYPE_CHECKING:
    from extproc.transaction.needs import Needs

TRACEPARENT: Final = "traceparent"

RandomBytes: TypeAlias = Callable[[int], bytes]
"""Returns so many random bytes. The shell has it."""

_FORM: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[ -~]*)?")
_NEVER: Final = b"ff"
_FIRST: Final = b"00"
_SAMPLED: Final = 1
_DRAW: Final = 8
_TRACE_ID: Final = 16


def traced(needs: "Needs", traces: Traces | None) -> "Needs":
    """Return what Envoy has to hand over, with what traces read."""
    if traces is None or TRACEPARENT in needs.fields:
        return needs
    return replace(needs, fields=(*needs.fields, TRACEPARENT))


def trace_of(traces: Traces, fields: HeaderMap, random: RandomBytes | None) -> tuple[str, str] | None:
    """Return the trace id and the parent's span id of an exchange; None if it is not traced.

    A header that says that nothing is recorded is followed; one that is not well-formed, or comes twice, counts as
    none. Without one, an exchange begins a trace, in as many cases as `traces.sample` says; its parent is empty.
    """
    given = fields.getall(TRACEPARENT)
    found = _FORM.fullmatch(given[0]) if len(given) == 1 else None
    if found is not None:
        version, trace, parent, flags, more = found.groups()
        known = version != _NEVER and (version != _FIRST or more is None)
        if known and trace.strip(b"0") and parent.strip(b"0"):
            return (trace.decode(), parent.decode()) if int(flags, 16) & _SAMPLED else None
    if random is None:
        return None
    drawn = random(_DRAW + _TRACE_ID)
    if int.from_bytes(drawn[:_DRAW], "big") >= traces.sample * (1 << 8 * _DRAW):
        return None
    return drawn[_DRAW:].hex(), ""
