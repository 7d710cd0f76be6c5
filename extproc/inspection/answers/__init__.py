"""Streamed answers: judged, masked and restored on their way to the client."""

from extproc.inspection.answers.events import MAX_OPEN
from extproc.inspection.answers.stream import SURE_BYTES, AnswerStream
from extproc.inspection.answers.whole import streamed

__all__ = ["MAX_OPEN", "SURE_BYTES", "AnswerStream", "streamed"]
