"""The tokens that a response is counted for, as its provider reports them."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

MAX_TOKENS: Final = 2**53
"""A count beyond it is none: JavaScript could not have written it, and no response has a thousandth of it."""


_NO_COUNTS: Final = (None,) * 7


class ReportedUsage(Struct, frozen=True, gc=False):
    """Counts of tokens, each None if the provider did not report it.

    Providers count in two ways. `cached_inside`: the tokens read from a cache are among `input_tokens` (OpenAI,
    Gemini); otherwise those, and the ones written to it, come on top (Anthropic, Bedrock). `reasoning_inside`: the
    tokens of reasoning are among `output_tokens` (OpenAI); otherwise they come on top (Gemini). Tokens of audio are
    among the others in all APIs. `begun`: `output_tokens` is what there was when the response began, and says nothing
    of its end (Anthropic's `message_start`).
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_inside: bool = True
    reasoning_inside: bool = True
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    begun: bool = False

    def updated(self, later: "ReportedUsage") -> "ReportedUsage":
        """Return these counts with those of a later event in their place: streams report sums, not differences."""
        return ReportedUsage(
            _last(self.input_tokens, later.input_tokens),
            _last(self.output_tokens, later.output_tokens),
            _last(self.cached_input_tokens, later.cached_input_tokens),
            _last(self.cache_creation_input_tokens, later.cache_creation_input_tokens),
            _last(self.reasoning_tokens, later.reasoning_tokens),
            later.cached_inside,
            later.reasoning_inside,
            _last(self.input_audio_tokens, later.input_audio_tokens),
            _last(self.output_audio_tokens, later.output_audio_tokens),
            later.begun if later.output_tokens is not None else self.begun,
        )

    def inclusive(self) -> "ReportedUsage":
        """Return the same counts, with all tokens among `input_tokens` and `output_tokens`, so that APIs compare."""
        if self.cached_inside and self.reasoning_inside:
            return self
        counts = self
        if not self.cached_inside and self.input_tokens is not None:
            cached = (self.cached_input_tokens or 0) + (self.cache_creation_input_tokens or 0)
            counts = replace(counts, input_tokens=self.input_tokens + cached)
        if not self.reasoning_inside and self.output_tokens is not None:
            counts = replace(counts, output_tokens=self.output_tokens + (self.reasoning_tokens or 0))
        return replace(counts, cached_inside=True, reasoning_inside=True)


def tokens(value: object, *path: str) -> int | None:
    """Return the count at a path of members of decoded JSON; None if no count stands there."""
    found = value
    for name in path:
        found = found.get(name) if type(found) is dict else None
    return found if type(found) is int and 0 <= found < MAX_TOKENS else None


def counts_of(*values: object) -> list[int | None]:
    """Return these values of decoded JSON, with None in place of each that is no count. One call for many of them."""
    return [found if type(found) is int and 0 <= found < MAX_TOKENS else None for found in values]


def inside(value: object, *path: str) -> Mapping[str, object]:
    """Return the object at a path of members; an empty one if there is none."""
    for name in path:
        value = value.get(name) if type(value) is dict else None
    return value if type(value) is dict else {}


def reported(usage: ReportedUsage) -> ReportedUsage | None:
    """Return the usage, or None if it has no count at all."""
    counts = (
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.cache_creation_input_tokens,
        usage.reasoning_tokens,
        usage.input_audio_tokens,
        usage.output_audio_tokens,
    )
    return None if counts == _NO_COUNTS else usage


def _last(before: int | None, later: int | None) -> int | None:
    return before if later is None else later
