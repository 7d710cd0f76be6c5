from typing import Any

from msgspec import json

from extproc.protocol.record import Record


def logged(record: Record) -> dict[str, Any]:
    """The record as a line of the log has it."""
    told: dict[str, Any] = json.decode(json.encode(record))
    return told
