"""Streamed answers: judged, masked and restored on their way to the client."""

from extproc.inspection.answers.events import MAX_OPEN
from extproc.inspection.answers.stream import AnswerStream
from extproc.inspection.answers.whole import streamed

__all__ = ["MAX_OPEN", "AnswerStream", "streamed"]
