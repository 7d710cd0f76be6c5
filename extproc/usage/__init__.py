"""What an exchange used, as its provider counted it."""

from extproc.usage.meter import UsageMeter

__all__ = ["UsageMeter"]
