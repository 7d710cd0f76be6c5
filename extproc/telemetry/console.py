"""The lines of the log for people: one line per event, in columns, with colours where a terminal shows them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from extproc.protocol.record import Record, Scalar
from extproc.telemetry.exchanges import error_type
from extproc.telemetry.lines import LogValue

RESET: Final = "\x1b[0m"
DIM: Final = "\x1b[2m"
RED: Final = "\x1b[31m"
GREEN: Final = "\x1b[32m"
YELLOW: Final = "\x1b[33m"
CYAN: Final = "\x1b[36m"

_COLOURS: Final = {
    "allowed": GREEN,
    "passed": GREEN,
    "rerouted": GREEN,
    "masked": CYAN,
    "shadow": CYAN,
    "blocked": YELLOW,
    "rejected": YELLOW,
    "cut": RED,
    "gone": RED,
    "failed": RED,
}
_BAD: Final = ("failed", "problem", "ended", "frozen", "lost", "error", "missteered", "unverified")
"""Parts of the names of events that somebody should look at."""

DECISION_WIDTH: Final = 8
TEXT_MAX: Final = 120
"""Characters of a value: a line is to stay one line of a screen."""


class ConsoleLines:
    """Writes the lines of one process. `common`: what each of its lines says at its end."""

    __slots__ = ("_colours", "_common")

    def __init__(self, *, colours: bool, **common: Scalar) -> None:
        self._colours = colours
        self._common = common

    def line(self, at: datetime, event: str, details: Mapping[str, LogValue] | msgspec.Struct) -> bytes:
        """Return one line, with the line break at its end."""
        time = self._painted(DIM, at.astimezone().strftime("%H:%M:%S.%f")[:-3])
        if isinstance(details, Record):
            said = "  ".join(self._exchange(details))
        else:
            named = msgspec.to_builtins(details)
            shown = self._painted(RED, event) if any(word in event for word in _BAD) else event
            said = " ".join([shown, *(f"{name}={_value(value)}" for name, value in named.items() if _there(value))])
        tail = "".join(f" {name}={value}" for name, value in self._common.items())
        return f"{time}  {said}{self._painted(DIM, tail) if tail else ''}\n".encode()

    def _exchange(self, record: Record) -> Iterator[str]:
        """Yield the columns of an exchange."""
        yield self._painted(_COLOURS.get(record.decision, ""), record.decision.ljust(DECISION_WIDTH))
        yield "  -" if record.status is None else str(record.status)
        yield f"{record.duration_ms or 0:7.0f} ms"
        yield self._route(record)
        if record.input_tokens is not None or record.output_tokens is not None:
            about = "~" if record.usage_source == "estimated" else ""
            yield f"{about}{record.input_tokens or 0}+{record.output_tokens or 0} tokens"
        if record.cost_usd is not None:
            yield f"${record.cost_usd:.6f}".rstrip("0").rstrip(".")
        if record.tenant is not None:
            yield f"tenant={_value(record.tenant)}"
        error = error_type(record)
        if error:
            yield self._painted(YELLOW, error if record.blocked_by is None else f"{error} by {record.blocked_by}")
        found = [f"{each.kind}x{each.count} {'shadow' if each.shadow else each.action}" for each in record.findings]
        if found:
            yield self._painted(CYAN, ", ".join(found))
        for failed in record.failures:
            yield self._painted(RED, f"{failed.processor}: {failed.reason}")

    def _route(self, record: Record) -> str:
        asked = _value(record.model or record.path or "-")
        if record.backend is None:
            return asked
        sent = record.upstream_model
        there = record.backend if sent is None or sent == record.model else f"{record.backend}/{_value(sent)}"
        tried = "".join(f"{name} > " for name in record.tried)
        return f"{asked} -> {tried}{there}"

    def _painted(self, colour: str, text: str) -> str:
        return f"{colour}{text}{RESET}" if self._colours and colour else text


def _there(value: object) -> bool:
    return value is not None and value not in ([], {})


def _value(value: object) -> str:
    """A value on a line of its own: nothing in it may move a terminal's cursor or begin another line."""
    if isinstance(value, list | tuple):
        return ",".join(map(_value, value))
    text = str(value)[:TEXT_MAX]
    return text if text.isprintable() else ascii(text)[1:-1]
