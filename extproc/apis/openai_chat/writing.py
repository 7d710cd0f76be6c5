"""Chunks added to streams of chat completions and completions."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from extproc.apis.api import Dialect
from extproc.apis.events.added import Added, Cut, inner, members, short, told
from extproc.apis.events.event import StreamEvent

DONE = Added(b"[DONE]")

_SHARED = ("id", "object", "created", "model", "system_fingerprint", "service_tier", "provider")
"""Members that all chunks of a stream have in common."""


class Chunks:
    """Writes chunks with the identifier, time and model of the stream's own."""

    __slots__ = ("_completions", "_dialect", "_shared")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._completions = dialect.name == "openai.completions"
        self._shared: bytes | None = None

    def note(self, event: StreamEvent) -> None:
        """See `Scribe.note`. The first chunk that has a choice says it all; Azure sends one without names before."""
        if self._shared is None and event.opens:
            told = {each.channel.path[:1] for each in event.deltas if each.form == "number"}
            found = {name: value for name, value in members(event.raw).items() if (name,) not in told}
            shared = short({name: value for name, value in found.items() if name in _SHARED})
            if "usage" in found:
                shared["usage"] = Raw(b"null")
            self._shared = msgspec.json.encode(shared)

    def blocked(self, cut: Cut) -> list[Added]:
        """See `Scribe.blocked`.

        The finish reason is the one that OpenAI and Azure give when their own filter cuts an answer. It comes before
        the error, as OpenAI's libraries stop reading there.
        """
        choices = sorted({*cut.begun, *(cut.event.opens if cut.event is not None else ())}, key=str)
        nothing: dict[str, Any] = {"text": ""} if self._completions else {"delta": {}}
        ended = [self._chunk(scope[1], nothing, "content_filter") for scope in choices]
        return [*ended, told(self._dialect, cut.error), DONE]

    def _chunk(self, at: str | int, more: Mapping[str, Any], finish: str | None) -> Added:
        choice = {"index": at, **more, "logprobs": None, "finish_reason": finish}
        shared = inner(Raw(self._shared)) if self._shared else {}
        usage = {"usage": None} if "usage" in shared else {}
        head = {name: value for name, value in shared.items() if name != "usage"}
        return Added(msgspec.json.encode({**head, "choices": [choice], **usage}))
