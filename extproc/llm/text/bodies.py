"""A body by its content-type."""

from extproc.llm.text.carried import kind_of, plain_text
from extproc.llm.text.document import Document, read_json
from extproc.llm.text.fieldvalue import parse
from extproc.llm.text.forms import read_form
from extproc.llm.text.media import SEEN
from extproc.llm.text.multipart import is_text, read_multipart
from extproc.llm.text.passage import Uninspected
from extproc.llm.text.plain import read_plain
from extproc.llm.text.reading import MAX_VALUES

_JSON = frozenset(("", "application/json", "text/json"))


def declares_json(content_type: str) -> bool:
    """True if a body of that content-type is read as JSON; so is one without a type."""
    value = parse(content_type).value
    return value in _JSON or value.endswith("+json")


def read(body: bytes, content_type: str, limit: int = MAX_VALUES) -> Document:
    """Read a body that is no event stream and has no content-encoding left.

    JSON also where no type is given; forms of both kinds; text as it stands. A body of any other type is read if it is
    text in UTF-8, and else named, with the pointer "": `image`, `audio`, `video`, or `content_type`.

    Raises:
        ClientError: 400, for what is said to be JSON and is not.
        TextLimitError: there is more in it than is read.
    """
    declared = parse(content_type)
    value = declared.value
    if declares_json(content_type):
        return read_json(body, limit)
    if value == "application/x-www-form-urlencoded":
        return read_form(body, limit)
    if declared.main == "multipart":
        return read_multipart(body, declared.parameters.get("boundary", ""), limit)
    if is_text(declared):
        return read_plain(body, declared.parameters.get("charset", ""), limit)
    kind = kind_of(value)
    named = (Uninspected(None, None, kind if kind in SEEN else "content_type"),)
    if plain_text(body) is None:
        return Document(body, (), named, ())
    document = read_plain(body, "", limit)
    if kind not in SEEN:
        return document
    return Document(body, document.passages, (*named, *document.uninspected), document.sources)
