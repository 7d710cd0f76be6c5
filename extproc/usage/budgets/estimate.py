"""An estimate of the tokens that a request will take, from the bytes of its body: before anybody could count them."""

import re
from math import ceil
from typing import Final

import msgspec
from msgspec import Raw, Struct

BYTES_PER_TOKEN: Final = 4
"""Bytes of a request's JSON for a token: of English prose about 4.5, of code and the names of members about 3.5. The
end of the exchange corrects what was reserved, so that this needs to be right on average alone."""

MEDIA_TOKENS: Final = 1105
"""Tokens for each picture, recording or file within a body, as routing counts a picture of 1024 x 2048."""

RUN: Final = 2048
"""Bytes without a space or a quote from which on they are taken for a picture's: of a small one in base64."""

UNPAID: Final = frozenset({"anthropic.count_tokens"})
"""APIs whose responses cost nothing and tell no usage."""

LIMIT_MOST: Final = 10_000_000
"""Output tokens that a request can state; what is beyond it stands for this."""

CHOICES_MOST: Final = 128
"""Responses that a request can ask for to a prompt, as OpenAI's API has it."""

PROMPTS_MOST: Final = 2048
"""Prompts of one request for completions, each of which gets responses of its own; as OpenAI's API has it."""

# A quote within a JSON string is written \", so that no text of a user looks like a member here.
_LIMIT: Final = re.compile(
    rb'"max(?:_?[tT]okens|_completion_tokens|_output_tokens|OutputTokens|_tokens_to_sample|_new_tokens)"\s*:\s*'
    rb"([0-9]{1,16})"
)
_CHOICES: Final = re.compile(rb'"(?:n|best_of|candidateCount|candidate_count)"\s*:\s*([0-9]{1,6})')
_MEDIA: Final = re.compile(rb"[A-Za-z0-9+/_=-]*+")
_PROMPT: Final = re.compile(rb'\s*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|\[[^\[\]]*+\])\s*+,?', re.DOTALL)
_DIGITS: Final = re.compile(r"[0-9]{1,16}", re.ASCII)

_LIMITS: Final[dict[str, tuple[str, ...]]] = {
    "openai.chat": ("max_tokens", "max_completion_tokens"),
    "openai.completions": ("max_tokens",),
    "openai.responses": ("max_output_tokens",),
    "anthropic.messages": ("max_tokens",),
    "cohere": ("max_tokens",),
    "gemini": ("maxOutputTokens", "max_output_tokens"),
}
"""The members in which requests of an API state their limit. Others limit nothing there, whatever they look like."""

_ANY_LIMIT: Final = (
    "max_tokens", "max_completion_tokens", "max_output_tokens", "max_tokens_to_sample", "max_new_tokens", "maxTokens",
    "maxOutputTokens",
)  # fmt: skip
_CHOICE_NAMES: Final = ("n", "best_of", "candidateCount", "candidate_count")


_NULL: Final = Raw(b"null")


class _Counts(Struct, gc=False):
    """The counts that a request states, or a configuration in it, whatever their types; names as APIs have them."""

    max_tokens: object = None
    max_completion_tokens: object = None
    max_output_tokens: object = None
    max_tokens_to_sample: object = None
    max_new_tokens: object = None
    maxTokens: object = None  # noqa: N815
    maxOutputTokens: object = None  # noqa: N815
    n: object = None
    best_of: object = None
    candidateCount: object = None  # noqa: N815
    candidate_count: object = None


class _Asking(_Counts, gc=False):
    """The members of a request that say how much it asks for. The others are skipped, so that nothing is made of them.

    Configurations of counts stand in `generationConfig` (Gemini), `inferenceConfig` (Bedrock) and `parameters` (TGI).
    """

    generationConfig: Raw = _NULL  # noqa: N815
    generation_config: Raw = _NULL
    inferenceConfig: Raw = _NULL  # noqa: N815
    parameters: Raw = _NULL
    background: object = None
    prompt: Raw = _NULL


_read: Final = msgspec.json.Decoder(_Asking).decode
_read_counts: Final = msgspec.json.Decoder(_Counts).decode
_NOTHING: Final = _Asking()


class ExpectedTokens(Struct, frozen=True, gc=False):
    """The tokens of a request: its input by an estimate; the limit of output that it states, None if it states none.

    `choices`: how many responses it asks for. `later`: its response comes in another exchange (`background: true`).
    """

    input: int
    limit: int | None = None
    choices: int = 1
    later: bool = False

    def output(self, otherwise: int) -> int:
        """Return the output to reserve; `otherwise` for each response if no limit is stated."""
        return (otherwise if self.limit is None else self.limit) * self.choices


def expected(body: bytes, api: str = "") -> ExpectedTokens:
    """Return what a request is expected to take. Of limits that are written several times, the largest counts.

    A limit counts only where the requests of the API state it: one in the metadata, or in a member of another API's,
    limits nothing, and would only make the reservation small. Costs 1 µs for 1 KiB.
    """
    asking = _asking(body)
    stating = [asking, *(_counts(each) for each in _configs(asking))]
    limit = _largest(stating, _LIMITS.get(api, _ANY_LIMIT), LIMIT_MOST)
    if limit is not None and b'"max' in body:
        limit = max(limit, *(min(int(each), LIMIT_MOST) for each in _LIMIT.findall(body)), 0)
    choices = max([1, *(min(int(each), CHOICES_MOST) for each in _CHOICES.findall(body))])
    choices = max(choices, _largest(stating, _CHOICE_NAMES, CHOICES_MOST) or 1) * _prompts(asking.prompt)
    size, media = len(body), 0
    if size >= RUN:
        runs = _runs(body)
        size, media = size - sum(runs), len(runs)
    given = -(-size // BYTES_PER_TOKEN) + media * MEDIA_TOKENS
    return ExpectedTokens(given, limit, choices, asking.background is True)


def _runs(body: bytes) -> list[int]:
    """Return the lengths of the runs of `RUN` bytes and more.

    Each covers a multiple of it, so few places are looked at. To look for runs everywhere takes a time that is
    quadratic for those that are a bit too short: 3 s for 1 MiB.
    """
    found, done = list[int](), 0
    for at in range(0, len(body), RUN):
        if at < done:
            continue
        done = end = _ended(body, at)
        if end > at:
            length = end - at + _ended(body[max(0, at - RUN) : at][::-1], 0)
            if length >= RUN:
                found.append(length)
    return found


def _ended(body: bytes, at: int) -> int:
    """Return where the run ends that begins at a place."""
    run = _MEDIA.match(body, at)
    assert run is not None, "it matches no bytes, too"
    return run.end()


def _asking(body: bytes) -> _Asking:
    try:
        return _read(body)
    except (ValueError, RecursionError):  # msgspec's errors are of the former kind
        return _NOTHING


def _configs(asking: _Asking) -> list[Raw]:
    every = (asking.generationConfig, asking.generation_config, asking.inferenceConfig, asking.parameters)
    return [each for each in every if each is not _NULL]


def _counts(config: Raw) -> _Counts:
    try:
        return _read_counts(config)
    except (ValueError, RecursionError):  # it is no object
        return _NOTHING


def _largest(stating: list[_Counts], names: tuple[str, ...], most: int) -> int | None:
    """Return the largest count that stands in such a member; None if none does."""
    found = [_count(getattr(each, name), most) for each in stating for name in names]
    return max((each for each in found if each is not None), default=None)


def _count(value: object, most: int) -> int | None:
    """Return a count as lenient servers read it, from fractions and texts as well; None for one that limits nothing."""
    if isinstance(value, str):
        value = int(value) if _DIGITS.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return most if value >= most else ceil(value)


def _prompts(prompt: Raw) -> int:
    """Return how many prompts a request for completions has: texts, or lists of tokens; a list of tokens is one."""
    if prompt is _NULL or not (raw := bytes(prompt).lstrip()).startswith(b"["):
        return 1
    count, at = 0, 1
    while count < PROMPTS_MOST and (found := _PROMPT.match(raw, at)) is not None:
        count, at = count + 1, found.end()
    return max(1, count)
