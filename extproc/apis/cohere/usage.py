"""Usage as Cohere's chat reports it, in both versions of the API."""

from collections.abc import Mapping

from extproc.apis.usage import ReportedUsage, inside, reported, tokens

MARKS = (b'"usage"', b'"meta"')
"""Bytes of an event that reports usage."""

SAID = (b"text", b"thinking", b"tool_plan", b"arguments")
"""Members in which the model's own text stands."""

_PLACES = (("usage",), ("delta", "usage"), ("meta",), ("response", "meta"))
"""Places of the counts: in a body and in the last event of version 2, then the same in version 1."""


def usage(value: Mapping[str, object]) -> ReportedUsage | None:
    """Return the usage in an event or a body: all tokens, or those that are billed where only these are told."""
    for place in _PLACES:
        counts = inside(value, *place)
        for kind in ("tokens", "billed_units"):
            found = reported(
                ReportedUsage(
                    tokens(counts, kind, "input_tokens"),
                    tokens(counts, kind, "output_tokens"),
                    tokens(counts, "cached_tokens"),
                )
            )
            if found is not None:
                return found
    return None
