"""Usage as Gemini reports it."""

from collections.abc import Mapping

from extproc.apis.usage import ReportedUsage, inside, reported, tokens

MARKS = (b'"usageMetadata"',)
"""Bytes of an event that reports usage."""

SAID = (b"text",)
"""The member in which the model's own text stands."""


def usage(value: Mapping[str, object]) -> ReportedUsage | None:
    """Return the usage in an event or a body, also as Cloud Code wraps it. Each event has the sums so far.

    Cached tokens are among those of the prompt; thoughts come on top of the candidates' tokens. What tools bring into
    the prompt is counted apart, and is input all the same.
    """
    counts = inside(value, "usageMetadata") or inside(value, "response", "usageMetadata")
    prompt, brought = tokens(counts, "promptTokenCount"), tokens(counts, "toolUsePromptTokenCount")
    return reported(
        ReportedUsage(
            prompt if brought is None else (prompt or 0) + brought,
            tokens(counts, "candidatesTokenCount"),
            tokens(counts, "cachedContentTokenCount"),
            None,
            tokens(counts, "thoughtsTokenCount"),
            reasoning_inside=False,
            input_audio_tokens=_audio(counts, "promptTokensDetails"),
            output_audio_tokens=_audio(counts, "candidatesTokensDetails"),
        )
    )


def _audio(counts: Mapping[str, object], name: str) -> int | None:
    """Return the tokens of audio among those that a list has by their modality."""
    details = counts.get(name)
    found = [
        number
        for each in (details if isinstance(details, list) else ())
        if isinstance(each, dict) and each.get("modality") == "AUDIO"
        if (number := tokens(each, "tokenCount")) is not None
    ]
    return sum(found) if found else None
