"""Usage as OpenAI's chat completions, completions, embeddings and assistants report it."""

from collections.abc import Mapping

from extproc.apis.usage import ReportedUsage, inside, reported, tokens

MARKS = (b'"usage"',)
"""Bytes of an event that reports usage."""

SAID = (b"content", b"reasoning_content", b"reasoning", b"arguments", b"refusal")
"""Members of a chat's response in which the model's own text stands."""


def usage(value: Mapping[str, object]) -> ReportedUsage | None:
    """Return the usage in a chunk or a body. Groq has it in a member of its own, too.

    DeepSeek names the cached tokens otherwise; OpenRouter has those that were written to a cache. xAI does not count
    reasoning among the tokens of the completion, and only the total shows that.
    """
    counts = inside(value, "usage") or inside(value, "x_groq", "usage")
    prompt, completion = tokens(counts, "prompt_tokens"), tokens(counts, "completion_tokens")
    cached = tokens(counts, "prompt_tokens_details", "cached_tokens")
    reasoning = tokens(counts, "completion_tokens_details", "reasoning_tokens")
    beside = bool(reasoning) and tokens(counts, "total_tokens") == (prompt or 0) + (completion or 0) + (reasoning or 0)
    return reported(
        ReportedUsage(
            prompt,
            completion,
            tokens(counts, "prompt_cache_hit_tokens") if cached is None else cached,
            tokens(counts, "prompt_tokens_details", "cache_write_tokens"),
            reasoning,
            reasoning_inside=not beside,
            input_audio_tokens=tokens(counts, "prompt_tokens_details", "audio_tokens"),
            output_audio_tokens=tokens(counts, "completion_tokens_details", "audio_tokens"),
        )
    )
