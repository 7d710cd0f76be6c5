"""Streamed responses: a reader and a writer of whole streams, for whatever APIs are registered."""

from extproc.apis.streams.reader import StreamReader
from extproc.apis.streams.writer import StreamWriter

__all__ = ["StreamReader", "StreamWriter"]
