"""Events added to streams of OpenAI's responses API."""

from typing import Any

import msgspec
from msgspec import Raw

from extproc.llm.dialect import Dialect
from extproc.llm.streams.event import Channel, StreamEvent
from extproc.llm.streams.rewrite import rewrite
from extproc.llm.streams.writing.scribe import Added, Cut, Held, encodable, inner, members, short, told

MAX_SAMPLES = 4
"""Channels of which an event is kept to write others like it. An answer has one open at a time."""

MAX_SAMPLE = 512
"""Bytes of such an event; it has 200 without its text."""

_NAMES = {"text": "output_text", "refusal": "refusal", "arguments": "function_call_arguments"}


class Responses:
    """Writes deltas like the last of their channel."""

    __slots__ = ("_dialect", "_response", "_samples")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._response: dict[str, Raw] = {}
        self._samples: dict[Channel, bytes] = {}

    def note(self, event: StreamEvent) -> None:
        """See `Scribe.note`."""
        if event.kind == "delta":
            for delta in event.deltas:
                if not delta.channel.whole and delta.form == "string":
                    self._keep(event, delta.channel)
        elif event.opens and not self._response:
            response = inner(members(event.raw).get("response"))
            told = {each.channel.path for each in event.deltas}
            kept = [name for name in ("id", "created_at", "model") if name in response and (name,) not in told]
            self._response = short({name: response[name] for name in kept})
        elif event.ends and self._samples:
            self._samples = {each: raw for each, raw in self._samples.items() if not event.closes(each)}

    def piece(self, held: Held) -> Added:
        """See `Scribe.piece`."""
        sample = self._samples.get(held.channel)
        found: dict[str, Any] = dict(members(sample)) if sample is not None else _guessed(held.channel)
        found["delta"] = encodable(held.text)
        found.pop("obfuscation", None)
        if "logprobs" in found:
            found["logprobs"] = []
        if "sequence_number" in found:
            found["sequence_number"] = held.number
        return Added(msgspec.json.encode(found), _name(found["type"]))

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

    def _keep(self, event: StreamEvent, channel: Channel) -> None:
        raw = event.raw
        if len(event.deltas) > 1 or len(raw) > MAX_SAMPLE:
            # Other texts may be masked where they stand, but nobody would look at those of an event that is like it.
            raw = rewrite(event, {each.channel: "" for each in event.deltas})
        if len(raw) > MAX_SAMPLE:
            return
        if channel not in self._samples and len(self._samples) >= MAX_SAMPLES:
            del self._samples[next(iter(self._samples))]
        self._samples[channel] = raw


def _guessed(channel: Channel) -> dict[str, Any]:
    """The members of a delta for a channel of which no event was kept; its item has no name then."""
    _, item, *rest = channel.path
    found: dict[str, Any] = {"type": "", "sequence_number": 0, "item_id": "", "output_index": item}
    word = _NAMES.get(str(rest[-1]), str(rest[-1]))
    if rest[0] == "summary":
        word = "reasoning_summary_text"
    if rest[0] in {"content", "summary"} and len(rest) > 1:
        found[f"{rest[0]}_index"] = rest[1]
    found["type"] = f"response.{word}.delta"
    return found


def _name(kind: object) -> str:
    """The name of an event of that type."""
    return msgspec.json.decode(kind, type=str) if isinstance(kind, Raw) else str(kind)
