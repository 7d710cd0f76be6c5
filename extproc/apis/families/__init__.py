"""Families of APIs: what all the APIs of one provider have in common, and ground that several of them share."""

from extproc.apis.families.anthropic import ANTHROPIC
from extproc.apis.families.family import ApiFamily, ErrorEvent
from extproc.apis.families.openai import OPENAI

__all__ = ["ANTHROPIC", "OPENAI", "ApiFamily", "ErrorEvent"]
