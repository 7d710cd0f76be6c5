"""APIs: what a request asks for, edits that leave every other byte alone, errors in the words of each API."""

from extproc.apis.api import Api, ApiEvents, ApiRequestPath
from extproc.apis.families import ApiFamily
from extproc.apis.keys import without_keys
from extproc.apis.paths import ROOT, normalise
from extproc.apis.registry import RegistrationError, Registry, current, register, registered
from extproc.apis.request import Request, rename, spliced

__all__ = [
    "ROOT",
    "Api",
    "ApiEvents",
    "ApiFamily",
    "ApiRequestPath",
    "RegistrationError",
    "Registry",
    "Request",
    "current",
    "normalise",
    "register",
    "registered",
    "rename",
    "spliced",
    "without_keys",
]
