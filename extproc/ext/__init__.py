"""Public contracts for plug-ins: everything that a plug-in imports from this program, and nothing private.

A plug-in is an installed distribution with an entry point of the group `extproc.plugins.v1` for each thing it adds:

- `DetectorKind`: a word of `use` in a pipeline. It makes a `RuleDetector`, a `ScoredDetector`, a
  `JudgingDetector`, a `RemoteDetector` or a `ReplyDetector`.
- `Signal`: a value that conditions and `recorded_signals` can name.
- `Api`: an API whose requests are routed, whose events are read, and whose errors are written.
- `AnswerStageType`: a word of `use` in `answer_stages`. It opens an `AnswerStage` for each response.

`registered` adds them in a test. docs/extend.md shows one of each. No other name of the package is stable: others may
change in any release, those of this module only together with `CONTRACT`.
"""

from extproc.apis import Api, ApiEvents, ApiFamily, ApiRequestPath, Request
from extproc.apis.asked import Asked, AskedPart, AskedTool, OutputFormat
from extproc.apis.events import Channel, StreamEvent, rewrite
from extproc.apis.events.added import Added, Cut, ErrorAtTheEnd, Scribe, data_of
from extproc.apis.events.added import told as error_added
from extproc.apis.events.source import EventReading, EventSource
from extproc.apis.events.source import sort as sort_texts
from extproc.apis.families import OPENAI, ErrorEvent
from extproc.apis.reply import ReplyPart
from extproc.apis.request import read_request
from extproc.apis.roles import PassageRole
from extproc.apis.usage import ReportedUsage
from extproc.detectors import (
    Conversation,
    Detection,
    DetectorError,
    DetectorKind,
    DetectorOptions,
    Follower,
    JudgingDetector,
    MaskableOptions,
    Noticed,
    PatientFollower,
    RemoteDetector,
    ReplyDetector,
    ReplyFinding,
    RuleDetector,
    ScoredDetector,
    Statement,
    Undecided,
    WindowedOptions,
    WindowScore,
)
from extproc.ext.contribution import CONTRACT, GROUP, Contribution, registered
from extproc.ext.trial import ContributionError
from extproc.matching.rule import Rule
from extproc.payload.sse import frame
from extproc.pipe import AnswerFacts, AnswerStage, AnswerStageType, StageError, StageOptions, made_like
from extproc.policy.base import Value, refusal
from extproc.policy.signals import SignalError
from extproc.policy.units import Seconds, Size
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.signals.signal import Signal
from extproc.signals.view import RequestView

__all__ = [
    "CONTRACT",
    "GROUP",
    "OPENAI",
    "Added",
    "AnswerFacts",
    "AnswerStage",
    "AnswerStageType",
    "Api",
    "ApiEvents",
    "ApiFamily",
    "ApiRequestPath",
    "Asked",
    "AskedPart",
    "AskedTool",
    "Channel",
    "ClientError",
    "Contribution",
    "ContributionError",
    "Conversation",
    "Cut",
    "Detection",
    "DetectorError",
    "DetectorKind",
    "DetectorOptions",
    "ErrorAtTheEnd",
    "ErrorEvent",
    "EventReading",
    "EventSource",
    "Follower",
    "HeaderMap",
    "JudgingDetector",
    "MaskableOptions",
    "Noticed",
    "OutputFormat",
    "PassageRole",
    "PatientFollower",
    "RemoteDetector",
    "ReplyDetector",
    "ReplyFinding",
    "ReplyPart",
    "ReportedUsage",
    "Request",
    "RequestView",
    "Rule",
    "RuleDetector",
    "ScoredDetector",
    "Scribe",
    "Seconds",
    "Signal",
    "SignalError",
    "Size",
    "StageError",
    "StageOptions",
    "Statement",
    "StreamEvent",
    "Undecided",
    "Value",
    "WindowScore",
    "WindowedOptions",
    "data_of",
    "error_added",
    "frame",
    "made_like",
    "read_request",
    "refusal",
    "registered",
    "rewrite",
    "sort_texts",
]
