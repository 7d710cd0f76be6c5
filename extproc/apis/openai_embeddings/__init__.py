"""OpenAI's embeddings, and the many servers that speak them."""

from typing import Final

from extproc.apis.api import Api
from extproc.apis.families import openai_usage
from extproc.apis.roles import KeyPath, PassageRole


def _role_of(keys: KeyPath, value: object) -> PassageRole:  # noqa: ARG001  the place says it all
    """The input is the user's, as far as anybody can tell."""
    return "user" if keys and keys[0] == "input" else "other"


EMBEDDINGS: Final = Api(
    name="openai.embeddings",
    operation="embeddings",
    paths=("/v1/embeddings",),
    usage=openai_usage.usage,
    usage_marks=openai_usage.MARKS,
    role_of=_role_of,
)
