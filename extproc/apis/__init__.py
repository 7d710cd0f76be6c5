"""API dialects: what a request asks for, edits that leave every other byte alone, errors in the words of each API."""

from extproc.apis.anthropic_messages.dialect import MESSAGES
from extproc.apis.api import Api, Dialect
from extproc.apis.claims import DIALECTS, claim, target_path
from extproc.apis.keys import without_keys
from extproc.apis.model_list import model_card, models_list
from extproc.apis.paths import ROOT, normalise
from extproc.apis.request import Request, rename

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
