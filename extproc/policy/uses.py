"""The words of `use` that plug-ins add, each with the model of its options.

`extproc.detectors.registry` sets them; the built-in words are in `policy.processors`.
"""

from collections.abc import Mapping

from extproc.policy.base import Value

_options: Mapping[str, type[Value]] = {}


def plugged() -> Mapping[str, type[Value]]:
    """The models of the options, by their words."""
    return _options


def plug(options: Mapping[str, type[Value]]) -> None:
    """Replace the words of plug-ins by these."""
    global _options
    _options = dict(options)


def tag(use: str) -> str:
    """The part of a place in pydantic's errors that says which processor is meant."""
    return f"({use})"
