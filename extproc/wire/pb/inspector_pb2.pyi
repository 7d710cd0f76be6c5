from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class InspectText(_message.Message):
    __slots__ = ("side", "number", "role", "text")
    SIDE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    side: str
    number: int
    role: str
    text: str
    def __init__(self, side: _Optional[str] = ..., number: _Optional[int] = ..., role: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class InspectFinding(_message.Message):
    __slots__ = ("kind", "number", "start", "end", "score", "instead", "rejects")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    INSTEAD_FIELD_NUMBER: _ClassVar[int]
    REJECTS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    number: int
    start: int
    end: int
    score: float
    instead: str
    rejects: bool
    def __init__(self, kind: _Optional[str] = ..., number: _Optional[int] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., score: _Optional[float] = ..., instead: _Optional[str] = ..., rejects: _Optional[bool] = ...) -> None: ...
