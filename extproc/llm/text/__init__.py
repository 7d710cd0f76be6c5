"""All the text of a payload: found wherever it stands, and changed without touching another byte."""

from extproc.llm.text.document import Document, Place
from extproc.llm.text.passage import Edit, Kind, Passage, TextLimitError, Uninspected

__all__ = ["Document", "Edit", "Kind", "Passage", "Place", "TextLimitError", "Uninspected"]
