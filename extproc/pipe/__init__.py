"""The pipe of a response: its bytes are read as events, which pass stages, and are written again.

Plug-ins import the names that they need for a stage of their own from `extproc.ext`.
"""

from extproc.apis.events import StreamEvent, rewrite
from extproc.apis.events.added import data_of
from extproc.pipe.registry import AnswerStageType, register, registered
from extproc.pipe.stage import AnswerFacts, AnswerStage, made_like
from extproc.policy.stages import StageError, StageOptions

__all__ = [
    "AnswerFacts",
    "AnswerStage",
    "AnswerStageType",
    "StageError",
    "StageOptions",
    "StreamEvent",
    "data_of",
    "made_like",
    "register",
    "registered",
    "rewrite",
]
