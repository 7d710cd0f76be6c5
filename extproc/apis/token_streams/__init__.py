"""Token streams of llama.cpp, Ollama, TGI and Anthropic's old completions."""

from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.token_streams import events, roles, usage

TOKENS: Final = Api(
    name="tokens",
    events=ApiEvents(events.known, events.read),
    usage=usage.usage,
    usage_marks=usage.MARKS,
    role_of=roles.role_of,
)
