"""Streamed answers: their texts as channels, and events rewritten byte by byte where a text changes."""

from extproc.apis.events.event import Channel, Delta, Scope, StreamEvent, UnreadableStreamError
from extproc.apis.events.fragment import JsonText
from extproc.apis.events.reader import StreamReader
from extproc.apis.events.rewrite import rewrite
from extproc.apis.events.runs import Entry, Run
from extproc.apis.events.shares import Shares
from extproc.apis.events.waiting import Share, Waiting
from extproc.apis.events.writer import StreamWriter

__all__ = [
    "Channel",
    "Delta",
    "Entry",
    "JsonText",
    "Run",
    "Scope",
    "Share",
    "Shares",
    "StreamEvent",
    "StreamReader",
    "StreamWriter",
    "UnreadableStreamError",
    "Waiting",
    "rewrite",
]
