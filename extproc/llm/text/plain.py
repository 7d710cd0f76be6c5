"""Bodies that are text as they stand."""

from extproc.llm.text.codec import plain
from extproc.llm.text.document import Document
from extproc.llm.text.passage import Passage, Uninspected
from extproc.llm.text.reading import MAX_VALUES, Reading, Source
from extproc.llm.text.walk import walk

_UTF8 = frozenset(("", "utf-8", "utf8", "us-ascii", "ascii", "unicode-1-1-utf-8"))
_LATIN = frozenset(("latin-1", "latin1", "iso-8859-1", "iso8859-1", "iso_8859-1", "l1", "windows-1252", "cp1252"))


def known(charset: str) -> str | None:
    """The name of Python's codec for a charset, if text in it is read here.

    ASCII is read as UTF-8, of which it is a part, and Windows-1252 as Latin-1, from which it differs in quotes and
    dashes only; every byte has a character then, so nothing goes lost in between.
    """
    name = charset.strip().lower()
    if name in _UTF8:
        return "utf-8"
    return "latin-1" if name in _LATIN else None


def read_plain(body: bytes, charset: str = "", limit: int = MAX_VALUES) -> Document:
    """Read a body in `charset` (UTF-8 when empty) as one passage with the pointer "".

    A body that is the JSON text of an object or array is opened, whatever it is said to be. Bytes that are not UTF-8
    are lone surrogates in the text (as `surrogateescape` has them) and go on as they came. In any other charset than
    UTF-8 and Latin-1 the body is not read, and named with the reason `charset`.

    Raises:
        TextLimitError: as `read_json` does, for a body that is JSON.
    """
    codec = known(charset)
    if codec is None:
        return Document(body, (), (Uninspected(None, None, "charset"),), ())
    text = body.decode(codec, "surrogateescape")
    reading = Reading(walk, limit)
    source = reading.add(Source(text, plain(codec)))
    reading.passages.append(Passage(text, "text", None, None, source, 0, len(text)))
    reading.open(carrier=False)
    passages, uninspected = reading.settle()
    return Document(body, passages, uninspected, reading.sources, codec)
