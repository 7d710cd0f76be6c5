"""Bodies of forms in the encoding of URLs: `prompt=Hello%2C+Bob&n=1`."""

import re
from urllib.parse import unquote_to_bytes

from extproc.payload.codec import PERCENT
from extproc.payload.document import Document
from extproc.payload.fieldvalue import known
from extproc.payload.json.walk import walk
from extproc.payload.limits import MAX_VALUES
from extproc.payload.names import KNOWN, carries, innermost
from extproc.payload.opened import Limit, Reading, TextSource
from extproc.payload.passage import PART, Passage, TextLimitError, Uninspected

CHARSET = "_charset_"
"""The field in which a form says in what charset its texts are."""

_WIDE = re.compile(r"%u[0-9a-fA-F]{4}")
"""An escape of JavaScript's old function, which some servers undo and others do not."""

_DISPOSITION = re.compile(rb"content-disposition[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE)
"""The parameter that names the field of a part, in one line or in several."""

_SPELT_OUT = re.compile(rb"\*[ \t]*=|=\?|[\\%]")
"""The ways to write a name in other characters than its own, which some readers undo."""


def read_form(body: bytes, limit: Limit = MAX_VALUES) -> Document:
    """Read application/x-www-form-urlencoded.

    Every value is a passage (`part:NAME`), opened if it is JSON; so is every name that no API gives. What is no UTF-8
    is in the text as `surrogateescape` has it. Any bytes are a form; what is no text in them is named `binary`.

    Raises:
        TextLimitError: more than `limit` fields and values in them, or JSON nested too deeply.
    """
    text = body.decode("latin-1")
    reading = Reading(walk, limit)
    source = reading.add(TextSource(text, PERCENT))
    at = 0
    while at < len(text):
        if next(reading.budget, None) is None:
            raise TextLimitError("values")
        end = text.find("&", at)
        end = len(text) if end < 0 else end
        equals = text.find("=", at, end)
        _field(text, (at, equals if equals >= 0 else end, end), source, reading)
        at = end + 1
    passages, uninspected = reading.settle()
    if "%u" in text and _WIDE.search(text) is not None:
        uninspected = (Uninspected(None, None, "content_type"), *uninspected)
    return Document(body, passages, uninspected, reading.sources, "latin-1")


def may_name(body: bytes, kind: str, field: str) -> bool:
    """True if a body of the content-type `kind` is a form that may have a field of that name, in small ASCII letters.

    It is never wrong the other way, whatever reader the form is for. Costs a search for each part.
    """
    said, name = kind.lower(), field.encode()
    if "urlencoded" in said:
        return name in body.lower() or b"%" in body
    if "multipart/" not in said:
        return False
    return any(name in found[0].lower() or _SPELT_OUT.search(found[0]) for found in _DISPOSITION.finditer(body))


def _field(text: str, span: tuple[int, int, int], source: int, reading: Reading) -> None:
    """One field: where its name begins and ends, and where its value ends."""
    begin, equals, end = span
    name = decoded(text[begin:equals].replace("+", " "))
    within = PART + name
    flag = KNOWN.get(name)
    if flag is None and name:
        reading.passages.append(Passage(name, "name", within, None, source, begin, equals))
        reading.distrust(reading.passages[-1])
    if equals < end:
        value = decoded(text[equals + 1 : end].replace("+", " "))
        reading.passages.append(Passage(value, "text", within, None, source, equals + 1, end))
        reading.distrust(reading.passages[-1])
        reading.open(carrier=carries(innermost(name)))
        if name == CHARSET and known(value) != "utf-8":
            reading.named.append(Uninspected(within, None, "charset"))


def decoded(text: str) -> str:
    """Text in UTF-8 of which some bytes are percent-encoded; `text` has one code point a byte."""
    return unquote_to_bytes(text.encode("latin-1")).decode("utf-8", "surrogateescape")
