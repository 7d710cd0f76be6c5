"""Streamed answers: their texts as channels, and events rewritten byte by byte where a text changes."""

from extproc.llm.streams.event import Channel, Delta, Scope, StreamEvent, UnreadableStreamError
from extproc.llm.streams.json_text import JsonText
from extproc.llm.streams.reader import StreamReader
from extproc.llm.streams.rewrite import rewrite
from extproc.llm.streams.runs import Entry, Run
from extproc.llm.streams.shares import Shares
from extproc.llm.streams.waiting import Share, Waiting
from extproc.llm.streams.writer import StreamWriter

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
