"""Bodies in parts, as forms with files have them (RFC 2046, RFC 7578)."""

import re
from collections.abc import Iterator

from msgspec import Struct

from extproc.payload import headers
from extproc.payload.base64 import kind_of
from extproc.payload.binary import plain_text
from extproc.payload.codec import FIELDS, PERCENT, octets
from extproc.payload.document import Document
from extproc.payload.fieldvalue import FieldValue, known, parse
from extproc.payload.forms import CHARSET, decoded
from extproc.payload.headers import Fields, fields
from extproc.payload.json.walk import walk
from extproc.payload.limits import MAX_VALUES
from extproc.payload.media import SEEN
from extproc.payload.names import carries, innermost
from extproc.payload.opened import Limit, Reading, TextSource
from extproc.payload.passage import PART, Passage, TextLimitError, Uninspected

_LINE = re.compile(r"(--)?[ \t]*+(?:\r?\n|\Z)")
_PARTS = frozenset(("multipart", "message"))
_FIELDS, _UTF8, _LATIN, _PERCENT = range(4)  # sources: the body, in which the same bytes are written in four ways


class _Part(Struct, frozen=True, gc=False):
    """Offsets of a part: of its header fields, of their end, of its content, and of the end of that.

    `outside`: what stands before the first or after the last part, of which this says where.
    """

    begin: int
    blank: int
    content: int
    end: int
    outside: str = ""


def read_multipart(body: bytes, boundary: str, limit: Limit = MAX_VALUES) -> Document:
    """Read a body whose parts `boundary` (the parameter of its content-type) divides.

    A part has one passage for its header fields, the names of files among them (`part:NAME/headers`), and one for its
    content, `part:NAME`, opened if it is JSON. What is said to be text is read; any other content, if it is text in
    UTF-8, and else is named: `image`, `audio`, `video`, `file`, or `binary` if it is said to be text; or `charset` or
    `encoding` where that is why. What stands before the first and after the last part is read, too (`preamble`,
    `epilogue`), though no one should. Any bytes are read: a body without its boundary is all preamble. Where readers
    differ (fields given twice, parts in parts, what looks like a delimiter), the part is named `content_type`.

    Raises:
        TextLimitError: more than `limit` parts and values in them, or JSON nested too deeply.
    """
    reader = _PartsReader(body.decode("latin-1"), boundary, limit)
    parts = list(_parts(reader.text, boundary))
    for part in parts:
        reader.take(part)
    if len(parts) == 1 and body and boundary:
        # Quotes, brackets or a comma around the boundary: another reader may see parts where we see none.
        reader.named.append(Uninspected(None, None, "content_type"))
    passages, uninspected = reader.reading.settle()
    return Document(body, passages, (*reader.named, *uninspected), reader.reading.sources, "latin-1")


class _PartsReader:
    """Reads one part after the other."""

    __slots__ = ("_alike", "named", "reading", "text")

    def __init__(self, text: str, boundary: str, limit: Limit) -> None:
        self.text = text
        self._alike = re.compile(rf"(?:\A|[\r\n])--{re.escape(boundary)}")
        self.reading = Reading(walk, limit)
        self.named: list[Uninspected] = []
        for codec in (FIELDS, octets("utf-8"), octets("latin-1"), PERCENT):
            self.reading.add(TextSource(text, codec))

    def take(self, part: _Part) -> None:
        if next(self.reading.budget, None) is None:
            raise TextLimitError("values")
        if part.outside:
            self._outside(part)
            return
        said = fields(self.text, part.begin, part.blank)
        name = said.disposition.parameters.get("name", "")
        within = PART + name
        if part.begin < part.blank:
            self._headers(part, within, said)
        self._alikes(part.content, part.end, within)
        if part.begin < part.blank == part.end:
            # No blank line: what we take for fields may be content to others.
            self.named.append(Uninspected(within, None, "content_type"))
        is_file = any(name.startswith("filename") for name in said.disposition.parameters)
        if self._content(part, within, said.kind or parse("" if is_file else "text/plain")):
            if name == CHARSET and known(self.reading.passages[-1].text) != "utf-8":
                self.named.append(Uninspected(within, None, "charset"))
            self.reading.open(carrier=carries(innermost(name)))

    def _outside(self, part: _Part) -> None:
        """Add the text before the first part or after the last one: no reader should read it, and each may."""
        if part.begin < part.end:
            self._add(_UTF8, part.outside, None, part.begin, part.end)
            self.reading.distrust(self.reading.passages[-1])
            self.reading.open(carrier=False)
            self._alikes(part.begin, part.end, part.outside)

    def _headers(self, part: _Part, within: str, said: Fields) -> None:
        words = headers.decoded(self.text, part.begin, part.blank)
        if words is None:
            self._add(_FIELDS, within, "headers", part.begin, part.blank)
        else:
            text, codec, odd = words
            source = self.reading.add(TextSource(self.text, codec))
            passage = Passage(text, "text", within, "headers", source, part.begin, part.blank)
            self.reading.passages.append(passage)
            self.named += (Uninspected(within, "headers", reason) for reason in odd)
        for each in said.extended:
            text = decoded(self.text[each.start : each.end])
            self.reading.passages.append(Passage(text, "text", within, each.name, _PERCENT, each.start, each.end))
        self.named += (Uninspected(within, None, reason) for reason in said.odd)

    def _alikes(self, start: int, end: int, within: str) -> None:
        """Name a stretch in which other readers may see a delimiter."""
        # The line end in front of it stands in the part before.
        if self._alike.search(self.text, max(start - 1, 0), end) is not None:
            self.named.append(Uninspected(within, None, "content_type"))

    def _content(self, part: _Part, within: str, declared: FieldValue) -> bool:
        """Add the content if it is text, else name it. Whether it was added."""
        if is_text(declared):
            charset = known(declared.parameters.get("charset", ""))
            if charset is None:
                self.named.append(Uninspected(within, None, "charset"))
                return False
            self._add(_UTF8 if charset == "utf-8" else _LATIN, within, None, part.content, part.end)
            self.reading.distrust(self.reading.passages[-1])
            return True
        if declared.main in _PARTS or declared.value == "application/x-www-form-urlencoded":
            # Parts in parts, and fields in them, are read as they stand: what is encoded in them is not undone.
            self.named.append(Uninspected(within, None, "content_type"))
        text = plain_text(self.text[part.content : part.end].encode("latin-1"))
        kind = kind_of(declared.value)
        if text is None or kind in SEEN:
            self.named.append(Uninspected(within, None, kind))
        if text is None:
            return False
        self._add(_UTF8, within, None, part.content, part.end)
        self.reading.distrust(self.reading.passages[-1])
        return True

    def _add(self, source: int, within: str, key: str | None, start: int, end: int) -> None:
        charset = "latin-1" if source == _LATIN else "utf-8"
        text = self.text[start:end].encode("latin-1").decode(charset, "surrogateescape")
        self.reading.passages.append(Passage(text, "text", within, key, source, start, end))


def is_text(declared: FieldValue) -> bool:
    """True if a content-type is one of texts as they stand."""
    value = declared.value
    return declared.main == "text" or (
        declared.main == "application" and value.endswith(("json", "xml", "yaml", "javascript", "jsonl"))
    )


def _parts(text: str, boundary: str) -> Iterator[_Part]:
    begin, outside = 0, "preamble"
    for at, after, last in _delimiters(text, boundary) if boundary else ():
        yield _part(text, begin, max(begin, _line_end(text, at)), outside)
        begin, outside = after, "epilogue" if last else ""
        if last:
            break
    yield _part(text, begin, len(text), outside)


def _delimiters(text: str, boundary: str) -> Iterator[tuple[int, int, bool]]:
    """Of every line that is a delimiter: where it begins, where the next line does, and whether it is the last one."""
    mark, at = "--" + boundary, 0
    while (at := text.find(mark, at)) >= 0:
        line = _LINE.match(text, at + len(mark))
        if line is not None and text[at - 1 : at] in {"", "\n"}:
            yield at, line.end(), line[1] is not None
        at += len(mark)


def _line_end(text: str, at: int) -> int:
    """Return where the line end before a line begins: it belongs to the delimiter."""
    if text[at - 1 : at] == "\n":
        at -= 2 if text[at - 2 : at - 1] == "\r" else 1
    return at


def _part(text: str, begin: int, end: int, outside: str) -> _Part:
    if outside:
        return _Part(begin, begin, begin, end, outside)
    if (at := begin + text.startswith("\r", begin)) < end and text.startswith("\n", at):
        return _Part(begin, begin, at + 1, end)  # no fields
    found = [(at, size) for blank, size in (("\n\r\n", 3), ("\n\n", 2)) if (at := text.find(blank, begin, end)) >= 0]
    if not found:
        return _Part(begin, end, end, end)
    at, size = min(found)
    return _Part(begin, at - text.startswith("\r", at - 1), at + size, end)
