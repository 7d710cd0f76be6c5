"""A body by its content-type."""

import re

from msgspec.structs import replace

from extproc.payload.base64 import kind_of
from extproc.payload.binary import plain_text
from extproc.payload.document import Document, read_json
from extproc.payload.fieldvalue import FieldValue, known, parse
from extproc.payload.forms import read_form
from extproc.payload.json.wellformed import documents
from extproc.payload.limits import MAX_VALUES
from extproc.payload.media import SEEN
from extproc.payload.multipart import is_text, read_multipart
from extproc.payload.opened import Limit
from extproc.payload.passage import Reason, Uninspected
from extproc.payload.plain import read_plain

_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_USUAL = "application/json"
_JSON = frozenset(("", "application/json", "text/json"))


def declares_json(content_type: str) -> bool:
    """True if a body of that content-type is read as JSON; so is one without a type."""
    return _is_json(parse(content_type).value)


def _is_json(value: str) -> bool:
    return value in _JSON or value.endswith("+json")


def read(body: bytes, content_type: str, limit: Limit = MAX_VALUES) -> Document:
    """Read a body that is no event stream and has no content-encoding left.

    JSON also where no type is given; forms of both kinds; text as it stands. A body of any other type is read if it is
    text in UTF-8, and else named, with the pointer "": `image`, `audio`, `video`, or `content_type`.

    Raises:
        ClientError: 400, for what is said to be JSON and is not.
        TextLimitError: there is more in it than is read.
    """
    if not body:
        return Document(body, (), (), ())  # it hides nothing, whatever it is said to be
    if content_type == _USUAL:
        return read_json(body, limit)
    declared = parse(content_type)
    document = _read(body, declared, limit)
    return _naming(document, "content_type") if declared.is_doubtful else document


def read_malformed(body: bytes, limit: Limit = MAX_VALUES) -> Document:
    """Read what is said to be JSON and is not: named `malformed`, and read as the text that it is."""
    return _naming(read_plain(body, "", limit), "malformed")


def doubted(document: Document) -> Document:
    """The document, named `malformed`: readers differ in what it says."""
    return _naming(document, "malformed")


def _read(body: bytes, declared: FieldValue, limit: Limit) -> Document:
    value = declared.value
    if _is_json(value):
        document = read_json(body, limit)
        unknown = known(declared.parameters.get("charset", "")) is None
        return _naming(document, "charset") if unknown else document
    if value == "application/x-www-form-urlencoded":
        document = _read_form(body, limit)
        unknown = known(declared.parameters.get("charset", "")) != "utf-8"
        return _naming(document, "charset") if unknown else document
    if declared.main == "multipart":
        return read_multipart(body, declared.boundary, limit)
    if is_text(declared):
        document = read_plain(body, declared.parameters.get("charset", ""), limit)
        return doubted(document) if _belies(declared, body) else document
    kind = kind_of(value)
    if plain_text(body) is None:
        return Document(body, (), (Uninspected(None, None, kind if kind in SEEN else "content_type"),), ())
    document = read_plain(body, "", limit)
    return _naming(document, kind) if kind in SEEN else document


def _belies(declared: FieldValue, body: bytes) -> bool:
    """True for a body that is said to be lines of JSON, `application/x-ndjson` and the like, and is not."""
    if declared.main != "application" or not declared.value.endswith(("json", "jsonl")):
        return False
    return bool(body.strip()) and documents(body.decode("utf-8", "replace")) == "none"


def _read_form(body: bytes, limit: Limit) -> Document:
    """Read a form, or JSON that is said to be one, as curl says of all that it sends.

    Escapes of JSON and of forms in one body are one too many: who undoes the one need not undo the other.
    """
    if not body.lstrip().startswith((b"{", b"[")) or documents(body.decode("utf-8", "replace")) == "none":
        return read_form(body, limit)
    encoded = _PERCENT.search(body) is not None
    if encoded and b"\\" in body:
        return _naming(read_plain(body, "", limit), "content_type")
    return read_form(body, limit) if encoded else read_plain(body, "", limit)


def _naming(document: Document, reason: Reason) -> Document:
    return replace(document, uninspected=(Uninspected(None, None, reason), *document.uninspected))
