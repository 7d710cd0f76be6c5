"""The lines of the log: one JSON object per event."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from extproc.protocol.record import Scalar

LogValue: TypeAlias = Scalar | Sequence[str] | Mapping[str, Scalar]
"""A value of a line."""


class Lines:
    """Writes the lines of one process. `common`: what each of its lines says after time and event."""

    __slots__ = ("_common", "_encoder")

    def __init__(self, **common: Scalar) -> None:
        self._common = common
        self._encoder = msgspec.json.Encoder()

    def line(self, at: datetime, event: str, details: Mapping[str, LogValue] | msgspec.Struct) -> bytes:
        """Return one line, with the line break at its end."""
        # Two documents made one: copying the details beside the rest would cost more than encoding them.
        head = self._encoder.encode({"time": at, "event": event, **self._common})
        tail = self._encoder.encode(details)
        return head[:-1] + (b"," if len(tail) > 2 else b"") + tail[1:] + b"\n"
