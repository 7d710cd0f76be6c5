"""OpenAI's completions, and the many servers that speak them."""

from functools import partial
from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.families import openai_asked, openai_chunks, openai_replies, openai_usage
from extproc.apis.families.openai_chunk_writer import Chunks
from extproc.apis.families.openai_stream_options import ask_usage
from extproc.apis.roles import KeyPath, PassageRole
from extproc.payload import sse


def _role_of(keys: KeyPath, value: object) -> PassageRole:  # noqa: ARG001  the place says it all
    """A prompt is what the user asks, and a suffix belongs to it."""
    return "user" if keys and keys[0] in {"prompt", "suffix"} else "other"


COMPLETIONS: Final = Api(
    name="openai.completions",
    operation="text_completion",
    paths=("/v1/completions",),
    events=ApiEvents(
        openai_chunks.is_completion,
        openai_chunks.read,
        lenient=True,
        named=False,
        by_reason=True,
        over=openai_chunks.is_over,
        alive=sse.ALIVE,
    ),
    scribe=partial(Chunks, empty={"text": ""}),
    usage=openai_usage.usage,
    usage_marks=openai_usage.MARKS,
    said=(b"text",),
    ask_usage=ask_usage,
    role_of=_role_of,
    asked=openai_asked.read_asked,
    reply=openai_replies.read_reply,
)
