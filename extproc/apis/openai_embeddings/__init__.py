"""OpenAI's embeddings, and the many servers that speak them."""

from typing import Final

from extproc.apis.api import Api
from extproc.apis.families import openai_usage

EMBEDDINGS: Final = Api(
    name="openai.embeddings",
    operation="embeddings",
    paths=("/v1/embeddings",),
    usage=openai_usage.usage,
    usage_marks=openai_usage.MARKS,
)
