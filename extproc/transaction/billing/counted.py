"""The tokens that Envoy's own filter counted, as they come with the trailers of a response."""

from typing import Final

from extproc.protocol.messages import Trailers
from extproc.transaction.memory import ERROR, Memory
from extproc.transaction.steering.misconfigured import detail_of

COUNTED: Final = frozenset({"openai.chat", "openai.responses", "anthropic.messages", "gemini"})
"""The APIs whose usage Envoy's filter reads."""


def take(memory: Memory, trailers: Trailers) -> None:
    """Take what Envoy counted, which comes with the trailers of a response."""
    if trailers.usage is not None:
        memory.counted = trailers.usage
    if trailers.model:
        memory.response_model = trailers.model


def check_counted(memory: Memory) -> None:
    """Write down that Envoy counted nothing of a whole response, which reports its tokens; a stream may report none."""
    served = memory.served and memory.status is not None and memory.status < ERROR and memory.misconfigured is None
    if not served or memory.stream is not False or memory.counted is not None or memory.claimed is None:
        return
    if memory.claimed.api.name in COUNTED and not memory.observed:
        memory.misconfigured, memory.detail = "token_usage", detail_of("token_usage")


def settle(memory: Memory) -> None:
    """Have the exchange's usage be what Envoy counted, if it counted."""
    if memory.counted is not None:
        memory.usage = memory.counted
