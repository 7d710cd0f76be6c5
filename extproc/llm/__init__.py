"""API dialects: what a request asks for, edits that leave every other byte alone, errors in the words of each API."""

from extproc.llm.anthropic import MESSAGES
from extproc.llm.claims import DIALECTS, claim, target_path
from extproc.llm.dialect import Api, Dialect
from extproc.llm.keys import without_keys
from extproc.llm.models import model_card, models_list
from extproc.llm.paths import ROOT, normalise
from extproc.llm.request import Request, rename

__all__ = [
    "DIALECTS",
    "MESSAGES",
    "ROOT",
    "Api",
    "Dialect",
    "Request",
    "claim",
    "model_card",
    "models_list",
    "normalise",
    "rename",
    "target_path",
    "without_keys",
]
