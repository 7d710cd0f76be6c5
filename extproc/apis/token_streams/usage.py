"""Usage as llama.cpp, Ollama and TGI report it; Anthropic's old completions report none."""

from collections.abc import Mapping

from extproc.apis.usage import Usage, reported, tokens

MARKS = (b'"eval_count"', b'"prompt_eval_count"', b'"tokens_predicted"', b'"tokens_evaluated"', b'"generated_tokens"')
"""Bytes of an event that reports usage."""


def usage(value: Mapping[str, object]) -> Usage | None:
    """Return the usage in an event or a body. TGI counts the prompt in streams alone.

    llama.cpp's `tokens_cached` is all that its cache holds in the end; `cache_n` is what it did not have to read again.
    """
    if "details" in value:
        return reported(Usage(tokens(value, "details", "input_length"), tokens(value, "details", "generated_tokens")))
    if "tokens_evaluated" in value or "tokens_predicted" in value:
        cached = tokens(value, "timings", "cache_n")
        return reported(Usage(tokens(value, "tokens_evaluated"), tokens(value, "tokens_predicted"), cached))
    return reported(Usage(tokens(value, "prompt_eval_count"), tokens(value, "eval_count")))
