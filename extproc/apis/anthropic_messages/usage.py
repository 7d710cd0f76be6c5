"""Usage as Anthropic's messages report it."""

from collections.abc import Mapping

from extproc.apis.usage import ReportedUsage, inside, reported, tokens

MARKS = (b'"usage"',)
"""Bytes of an event that reports usage."""

SAID = (b"text", b"thinking", b"partial_json")
"""Members in which the model's own text stands."""


def usage(value: Mapping[str, object]) -> ReportedUsage | None:
    """Return the usage in an event or a body.

    `message_start` has it in the message that it starts, `message_delta` beside the delta: sums so far, in which counts
    may be left out; what the former has of output is a token or two, whatever follows. Tokens read from the cache or
    written to it come on top of the others. Thinking is counted as output, and not by itself.
    """
    counts = inside(value, "message", "usage") or inside(value, "usage")
    return reported(
        ReportedUsage(
            tokens(counts, "input_tokens"),
            tokens(counts, "output_tokens"),
            tokens(counts, "cache_read_input_tokens"),
            tokens(counts, "cache_creation_input_tokens"),
            None,
            cached_inside=False,
            begun="message" in value,
        )
    )
