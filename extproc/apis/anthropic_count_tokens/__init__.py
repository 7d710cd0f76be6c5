"""Anthropic's counting of a message's tokens."""

from typing import Final

from extproc.apis.api import Api
from extproc.apis.families import ANTHROPIC, anthropic, anthropic_sealed

COUNT_TOKENS: Final = Api(
    name="anthropic.count_tokens",
    operation="count_tokens",
    family=ANTHROPIC,
    paths=("/v1/messages/count_tokens",),
    role_of=anthropic.role_of,
    sealed=anthropic_sealed.COUNTED,
)
