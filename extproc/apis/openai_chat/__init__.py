"""OpenAI's chat completions, and the many servers that speak them."""

from functools import partial
from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.families import openai_asked, openai_chunks, openai_replies, openai_usage
from extproc.apis.families.openai_chunk_writer import Chunks
from extproc.apis.families.openai_stream_options import ask_usage
from extproc.apis.openai_chat import sealed
from extproc.apis.roles import KeyPath, PassageRole, at, in_message
from extproc.payload import sse


def _role_of(keys: KeyPath, value: object) -> PassageRole:
    """Return the role of the text at a place in a body for this API.

    Messages say whose they are. A predicted output is the client's text, but nobody's words: it counts as a file.
    """
    match keys[:2]:
        case ["messages", int(place)]:
            return in_message(at(value, "messages", place), keys[2:])
        case ["tools" | "functions", *_]:
            return "tool_definition"
        case ["prediction", *_]:
            return "file"
        case ["documents", *_]:  # vLLM's, and Cohere's compatible API
            return "file"
    return "other"


CHAT: Final = Api(
    name="openai.chat",
    paths=("/v1/chat/completions",),
    events=ApiEvents(
        openai_chunks.is_chat,
        openai_chunks.read,
        lenient=True,
        named=False,
        by_reason=True,
        over=openai_chunks.is_over,
        alive=sse.ALIVE,
    ),
    scribe=partial(Chunks, empty={"delta": {}}),
    usage=openai_usage.usage,
    usage_marks=openai_usage.MARKS,
    said=openai_usage.SAID,
    ask_usage=ask_usage,
    role_of=_role_of,
    asked=openai_asked.read_asked,
    reply=openai_replies.read_reply,
    sealed=sealed.SEALED,
)
