"""Streamed answers: judged, masked and restored on their way to the client."""

from extproc.inspection.answers.events import MAX_OPEN

__all__ = ["MAX_OPEN"]
