"""The token usage of an exchange, as its provider counted it."""

from extproc.usage.meter import UsageMeter

__all__ = ["UsageMeter"]
