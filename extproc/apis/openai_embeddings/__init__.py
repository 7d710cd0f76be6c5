"""OpenAI's embeddings, and the many servers that speak them."""

from typing import Final

from extproc.apis.api import Api

EMBEDDINGS: Final = Api(
    name="openai.embeddings",
    operation="embeddings",
    paths=("/v1/embeddings",),
)
