"""An estimate of the tokens that a request will take, from the bytes of its body: before anybody could count them."""

import re
from typing import Final

from msgspec import Struct

BYTES_PER_TOKEN: Final = 4
"""Bytes of a request's JSON for a token: of English prose about 4.5, of code and the names of members about 3.5. The
end of the exchange corrects what was reserved, so that this needs to be right on average alone."""

MEDIA_TOKENS: Final = 1105
"""Tokens for each picture, recording or file within a body, as routing counts a picture of 1024 x 2048."""

LIMIT_MOST: Final = 10_000_000
"""Output tokens that a request can state; what is beyond it stands for this."""

CHOICES_MOST: Final = 128
"""Responses that a request can ask for, as OpenAI's API has it."""

# A quote within a JSON string is written \", so that no text of a user looks like a member here.
_LIMIT: Final = re.compile(
    rb'"max(?:_?[tT]okens|_completion_tokens|_output_tokens|OutputTokens|_tokens_to_sample|_new_tokens)"\s*:\s*'
    rb"([0-9]{1,16})"
)
_CHOICES: Final = re.compile(rb'"(?:n|best_of|candidateCount|candidate_count)"\s*:\s*([0-9]{1,6})')
_MEDIA: Final = re.compile(rb"[A-Za-z0-9+/_=-]{2048,}")


class ExpectedTokens(Struct, frozen=True, gc=False):
    """The tokens of a request: its input by an estimate; the limit of output that it states, None if it states none.

    `choices`: how many responses it asks for.
    """

    input: int
    limit: int | None = None
    choices: int = 1

    def output(self, otherwise: int) -> int:
        """Return the output to reserve; `otherwise` for each response if no limit is stated."""
        return (otherwise if self.limit is None else self.limit) * self.choices


def expected(body: bytes) -> ExpectedTokens:
    """Return what a request is expected to take. Of limits that are written several times, the largest counts.

    Costs 1 µs for 1 KiB. A member whose name is written with escapes is not found: its request reserves less than it
    takes, and is charged all of it at its end.
    """
    limits = [min(int(each), LIMIT_MOST) for each in _LIMIT.findall(body)] if b'"max' in body else None
    choices = max([1, *(min(int(each), CHOICES_MOST) for each in _CHOICES.findall(body))])
    size, media = len(body), 0
    if size >= 2048:
        runs = [len(each) for each in _MEDIA.findall(body)]
        size, media = size - sum(runs), len(runs)
    given = -(-size // BYTES_PER_TOKEN) + media * MEDIA_TOKENS
    return ExpectedTokens(given, max(limits) if limits else None, choices)
