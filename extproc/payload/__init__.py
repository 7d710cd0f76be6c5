"""All the text of a payload: found wherever it stands, and changed without touching another byte."""

from extproc.payload.bodies import declares_json, doubted, read, read_malformed
from extproc.payload.document import Document, Place, read_json, read_string
from extproc.payload.forms import read_form
from extproc.payload.glimpse import Glimpsed, glimpse, located
from extproc.payload.multipart import read_multipart
from extproc.payload.passage import Edit, Holder, Kind, Passage, TextLimitError, Uninspected
from extproc.payload.plain import read_plain

__all__ = [
    "Document",
    "Edit",
    "Glimpsed",
    "Holder",
    "Kind",
    "Passage",
    "Place",
    "TextLimitError",
    "Uninspected",
    "declares_json",
    "doubted",
    "glimpse",
    "located",
    "read",
    "read_form",
    "read_json",
    "read_malformed",
    "read_multipart",
    "read_plain",
    "read_string",
]
