"""Events added to streams of an API for which nothing else writes: like those that the stream had."""

from typing import Any

import msgspec

from extproc.llm.openai import CHAT
from extproc.llm.streams.event import Channel, StreamEvent
from extproc.llm.streams.rewrite import rewrite
from extproc.llm.streams.writing.scribe import Added, Cut, Held, data_of, encodable, told

MAX_SAMPLES = 8
"""Channels of which an event is kept to write others like it: a text and the arguments of some calls."""

MAX_SAMPLE = 4096
"""Bytes of such an event. Gemini's have 500 without their text, the last one of llama.cpp 3,000."""


class Likeness:
    """Writes the event again that brought the last piece of a channel, with another text."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: dict[Channel, StreamEvent] = {}

    def note(self, event: StreamEvent) -> None:
        """See `Scribe.note`."""
        for delta in event.deltas:
            if not delta.channel.whole and delta.form == "string" and len(event.raw) <= MAX_SAMPLE:
                if delta.channel not in self._samples and len(self._samples) >= MAX_SAMPLES:
                    del self._samples[next(iter(self._samples))]
                self._samples[delta.channel] = event

    def piece(self, held: Held) -> Added:
        """See `Scribe.piece`. Without an event to go by it has the text at the channel's own path."""
        text = encodable(held.text)
        sample = self._samples.get(held.channel)
        if sample is None:
            return Added(msgspec.json.encode(_nested(held.channel, text)))
        texts = {delta.channel: "" for delta in sample.deltas if delta.form in {"string", "number", "tokens"}}
        raw = rewrite(sample, {**texts, held.channel: text})
        return Added(data_of(raw), _name(raw))

    def blocked(self, cut: Cut) -> list[Added]:
        """See `Scribe.blocked`. These APIs tell of an error in a member of that name."""
        return [Added(told(CHAT, cut.error).data, "error")]


def _nested(channel: Channel, text: str) -> Any:
    value: Any = text
    for step in reversed(channel.path):
        value = [value] if isinstance(step, int) else {step: value}
    return value


def _name(raw: bytes) -> str:
    line = next((each for each in raw.splitlines() if each.startswith(b"event:")), b"")
    return line[len(b"event:") :].strip().decode("utf-8", "replace")
