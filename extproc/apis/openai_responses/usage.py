"""Usage as OpenAI's responses API reports it, and transcriptions do."""

from collections.abc import Mapping

from extproc.apis.usage import ReportedUsage, inside, reported, tokens

MARKS = (b'"usage"',)
"""Bytes of an event that reports usage."""


def usage(value: Mapping[str, object]) -> ReportedUsage | None:
    """Return the usage in an event or a body.

    Of a stream, the last event has it (`response.completed`, `response.incomplete`, `response.failed`), in the response
    that it holds; those before have null there. A transcription counts tokens, or seconds in members not read here.
    """
    counts = inside(value, "response", "usage") or inside(value, "usage")
    return reported(
        ReportedUsage(
            tokens(counts, "input_tokens"),
            tokens(counts, "output_tokens"),
            tokens(counts, "input_tokens_details", "cached_tokens"),
            None,
            tokens(counts, "output_tokens_details", "reasoning_tokens"),
        )
    )
