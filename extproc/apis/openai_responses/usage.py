"""Usage as OpenAI's responses API reports it, and transcriptions do."""

from collections.abc import Mapping

from extproc.apis.usage import ReportedUsage, inside, reported, tokens

MARKS = (b'"usage"',)
"""Bytes of an event that reports usage."""

SAID = (b"delta",)
"""The member of a stream's events in which the model's own text stands; later events repeat it elsewhere."""

SAID_WHOLE = (b"text", b"arguments", b"refusal")
"""The same of a response that is no stream."""


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
            input_audio_tokens=_audio(counts, "input"),
            output_audio_tokens=_audio(counts, "output"),
        )
    )


def _audio(counts: Mapping[str, object], side: str) -> int | None:
    """Return the tokens of audio: transcriptions and realtime responses write the details' name in the singular."""
    found = tokens(counts, f"{side}_tokens_details", "audio_tokens")
    return tokens(counts, f"{side}_token_details", "audio_tokens") if found is None else found
