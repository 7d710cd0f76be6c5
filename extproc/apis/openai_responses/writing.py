"""Events added to streams of OpenAI's responses API."""

from typing import Any

import msgspec
from msgspec import Raw

from extproc.apis.api import Dialect
from extproc.apis.events.added import Added, Cut, inner, members, short, told
from extproc.apis.events.event import StreamEvent


class Responses:
    """Ends a response as the API does."""

    __slots__ = ("_dialect", "_response")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._response: dict[str, Raw] = {}

    def note(self, event: StreamEvent) -> None:
        """See `Scribe.note`."""
        if event.opens and not self._response:
            response = inner(members(event.raw).get("response"))
            told = {each.channel.path for each in event.deltas}
            kept = [name for name in ("id", "created_at", "model") if name in response and (name,) not in told]
            self._response = short({name: response[name] for name in kept})

    def blocked(self, cut: Cut) -> list[Added]:
        """See `Scribe.blocked`.

        As OpenAI ends a stream that fails: the error, then the response in its last state. The reason is the one that
        the API has for its own filter. The output is left out: nobody kept what was streamed.
        """
        failed = told(self._dialect, cut.error, cut.number)
        if ("response",) not in cut.begun:
            return [failed]
        ended = {"type": "response.incomplete", "sequence_number": cut.number + 1, "response": self._incomplete()}
        return [failed, Added(msgspec.json.encode(ended), "response.incomplete")]

    def _incomplete(self) -> dict[str, Any]:
        return {
            "id": self._response.get("id", ""),
            "object": "response",
            "created_at": self._response.get("created_at", 0),
            "status": "incomplete",
            "error": None,
            "incomplete_details": {"reason": "content_filter"},
            "instructions": None,
            "model": self._response.get("model", ""),
            "output": [],
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "temperature": None,
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": None,
            "metadata": {},
        }
