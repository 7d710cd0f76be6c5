"""The texts of an event that stand in its lines as they are: in data that is not JSON, and in all other lines."""

import re
from collections.abc import Iterable

from extproc.apis.events.event import Channel, Delta, Form, Scope
from extproc.payload.limits import SHORT
from extproc.payload.sse_lines import BOM, Line

MAX_LINES = 100_000
"""Lines of one event: as many as there are strings in a document that is read. Events have up to ten."""

MAX_WORDS = 64
"""Bytes of a name of an event that is taken for a name. The longest of the APIs has 43."""

_WORDS = rb"""(?![^\r\n]{%d})
    [A-Za-z]++(?:(?<=[a-z])[0-9]{1,2}+)?+
    (?:[_./-][A-Za-z]++(?:(?<=[a-z])[0-9]{1,2}+)?+)*+""" % (MAX_WORDS + 1)
_PLAIN = rb"""(?:
      data(?::[^\r\n]*+)?
    | (?:event|id|retry)(?::[ ]?(?:%b|[0-9]{1,%d})?)?
    | :[ ]?(?:%b|OPENROUTER[ ]PROCESSING)?
    )?""" % (_WORDS, SHORT, _WORDS)
_ALL_PLAIN = re.compile(rb"(?:%b(?:\r\n|\n|\r))*+%b" % (_PLAIN, _PLAIN), re.VERBOSE)
_OTHER = re.compile(
    rb"""(?:%b(?:\r\n|\n|\r|\Z))
    |   (?:(?P<comment>:[ ]?)|(?:event|id|retry):[ ]?)?(?P<text>[^\r\n]*+)(?:\r\n|\n|\r|\Z)"""
    % _PLAIN,
    re.VERBOSE,
)
"""A line of data, or one that says nothing (the name of an event, a small number, `: keep-alive`); or any other."""

_FIELDS = re.compile(
    rb"""(?:(?::|(?:data|event|id|retry):)[^\r\n]*+|data|event|id|retry)?+
    (?:(?:\r\n|\n|\r)(?:(?::|(?:data|event|id|retry):)[^\r\n]*+|data|event|id|retry)?+)*+""",
    re.VERBOSE,
)
"""Lines that are fields or comments. A client may strip others to fields, or read them as events."""

_SILENT = re.compile(rb"\[?(?:ping|pong|keep-?alive|heartbeat|done)\]?", re.IGNORECASE)
"""Data that is not JSON, says nothing, and keeps a connection open or ends a stream."""

_FRAGMENT = re.compile(
    r"""\s*+(?:
        \{\s*+(?:["}]|\Z)
    |   \[\s*+(?:["{\[\]]|(?:-?\d++(?:\.\d++)?+(?:[eE][+-]?\d++)?+|true|false|null)\s*+(?:,|\Z|\][\s\]},]*+\Z)|\Z)
    |   "(?:[^"\\]++|\\.)*+"\s*+(?::|,?\s*+\Z)
    |   [}\],]
    )""",
    re.VERBOSE,
)
"""The beginnings of a line of JSON. Hardly any other line begins so."""


def data_texts(lines: Iterable[Line]) -> tuple[Delta, ...]:
    """The texts of lines of data that is not JSON."""
    return tuple(_told(("data", number), line.value, line.raw_at) for number, line in enumerate(lines) if line.value)


def is_silent(data: bytes) -> bool:
    """True for data that says nothing, although it is not JSON."""
    bare = data.strip()
    return not bare or _SILENT.fullmatch(bare) is not None


def strays(raw: bytes, *, bom: bool) -> bool:
    """True if an event has a line that is no field and no comment. `bom`: see `other_texts`."""
    return _FIELDS.fullmatch(raw, len(BOM) if bom and raw.startswith(BOM) else 0) is None


def other_texts(raw: bytes, *, bom: bool) -> tuple[Delta, ...]:
    """The texts of an event's other lines: comments, names and identifiers of events, what no client knows.

    `bom`: a byte order mark may stand before it, as it is the first of a stream. Costs about 0.5 µs where no line says
    anything.
    """
    at = len(BOM) if bom and raw.startswith(BOM) else 0
    if _ALL_PLAIN.fullmatch(raw, at) is not None:
        return ()
    found: list[Delta] = []
    number = 0
    while at < len(raw):
        line = _OTHER.match(raw, at)
        assert line is not None, "it matches any line"
        if line["text"]:
            name = "line" if line["comment"] is None else "comment"
            found.append(_told((name, number), line["text"], line.start("text")))
        at = line.end()
        number += 1
    return tuple(found)


def _told(place: Scope, value: bytes, at: int) -> Delta:
    text = value.decode("utf-8", "replace")
    form: Form = "fragment" if _FRAGMENT.match(text) else "line"
    # Escapes count for a reader of JSON; there are none where nothing is quoted.
    json = form == "fragment" or '"' in text
    return Delta(Channel(place, json=json, whole=True), text, at, at + len(value), form)
