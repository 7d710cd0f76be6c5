"""All the text of a payload: found wherever it stands, and changed without touching another byte."""

from extproc.llm.text.bodies import declares_json, doubted, read, read_malformed
from extproc.llm.text.document import Document, Place, read_json, read_string
from extproc.llm.text.forms import read_form
from extproc.llm.text.multipart import read_multipart
from extproc.llm.text.passage import Edit, Holder, Kind, Passage, TextLimitError, Uninspected
from extproc.llm.text.plain import read_plain

__all__ = [
    "Document",
    "Edit",
    "Holder",
    "Kind",
    "Passage",
    "Place",
    "TextLimitError",
    "Uninspected",
    "declares_json",
    "doubted",
    "read",
    "read_form",
    "read_json",
    "read_malformed",
    "read_multipart",
    "read_plain",
    "read_string",
]
