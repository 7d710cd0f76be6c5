"""Usage as OpenAI's chat completions, completions, embeddings and assistants report it."""

from collections.abc import Mapping

from extproc.apis.usage import ReportedUsage, counts_of, inside, reported

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
    if not counts:
        return None
    get = counts.get
    prompt, completion, total, hit = counts_of(
        get("prompt_tokens"), get("completion_tokens"), get("total_tokens"), get("prompt_cache_hit_tokens")
    )
    cached = written = heard = reasoning = spoken = None
    given = get("prompt_tokens_details")
    if type(given) is dict:
        cached, written, heard = counts_of(
            given.get("cached_tokens"), given.get("cache_write_tokens"), given.get("audio_tokens")
        )
    made = get("completion_tokens_details")
    if type(made) is dict:
        reasoning, spoken = counts_of(made.get("reasoning_tokens"), made.get("audio_tokens"))
    beside = bool(reasoning) and total == (prompt or 0) + (completion or 0) + (reasoning or 0)
    return reported(
        ReportedUsage(
            prompt,
            completion,
            hit if cached is None else cached,
            written,
            reasoning,
            reasoning_inside=not beside,
            input_audio_tokens=heard,
            output_audio_tokens=spoken,
        )
    )
