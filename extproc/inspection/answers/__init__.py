"""Streamed answers: judged, masked and restored on their way to the client."""

from extproc.inspection.answers.events import MAX_OPEN
from extproc.inspection.answers.stream import AnswerStream

__all__ = ["MAX_OPEN", "AnswerStream"]
