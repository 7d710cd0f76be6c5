"""An answer stage: a notice goes before the text of a chat, and some events do not go on."""

import json
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from extproc.ext import (
    AnswerFacts,
    AnswerStage,
    AnswerStageType,
    StageOptions,
    StreamEvent,
    data_of,
    made_like,
    rewrite,
)


class NoticeOptions(StageOptions):
    """What the operator writes beside `use`."""

    text: Annotated[str, Field(min_length=1, max_length=100)]
    """The notice."""
    drop: str = ""
    """An event of a stream whose text has this word does not go on."""


class Notice(AnswerStage):
    """Makes two events of the first that has text, and drops those that are told."""

    def __init__(self, options: NoticeOptions, facts: AnswerFacts) -> None:
        self._options = options
        self._chat = facts.api == "openai.chat"
        self._streams = facts.streams
        self._said = False

    def event(self, event: StreamEvent) -> Iterator[StreamEvent]:
        """See `AnswerStage.event`."""
        said = "".join(delta.text for delta in event.deltas)
        drop = self._options.drop
        if not self._chat:
            yield event
        elif not self._streams:
            yield StreamEvent(rewrite(event, {each.channel: self._options.text + each.text for each in event.deltas}))
        elif not (drop and drop in said):
            if said and not self._said:
                self._said = True
                yield made_like(event, self._noticed(data_of(event.raw)))
            yield event

    def _noticed(self, data: bytes) -> bytes:
        """The first event again, with the notice in the place of its text."""
        value = json.loads(data)
        value["choices"][0]["delta"] = {"content": self._options.text}
        return json.dumps(value).encode()


NOTICE = AnswerStageType(name="notice", options=NoticeOptions, open=Notice)
