"""OpenAI's chat completions, and the many servers that speak them."""

from functools import partial
from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.families import openai_chunks, openai_usage
from extproc.apis.families.openai_chunk_writer import Chunks
from extproc.apis.openai_chat import roles

CHAT: Final = Api(
    name="openai.chat",
    paths=("/v1/chat/completions",),
    events=ApiEvents(openai_chunks.is_chat, openai_chunks.read, lenient=True, named=False, by_reason=True),
    scribe=partial(Chunks, empty={"delta": {}}),
    usage=openai_usage.usage,
    usage_marks=openai_usage.MARKS,
    role_of=roles.role_of,
)
