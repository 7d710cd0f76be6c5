"""A remote guard: somebody else's judgement, awaited in the event loop."""

import asyncio
import re
from collections.abc import Iterable
from typing import Final, Literal

from extproc.ext import Conversation, Detection, DetectorKind, DetectorOptions, RemoteDetector


class Guard(DetectorOptions):
    """The fields of `use: toy-guard`, beside those that all processors have."""

    use: Literal["toy-guard"]
    words: tuple[str, ...] = ("jailbreak",)
    """The words that the guard objects to."""


class RemoteGuard:
    """The client of the guard."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(words)

    async def judge(self, conversation: Conversation) -> list[Detection]:
        """Return every place of a word. A real guard sends a request here; at the deadline it is cancelled."""
        await asyncio.sleep(0)
        return [
            Detection("objection", number, match.start(), match.end(), 0.9)
            for number, statement in enumerate(conversation.statements)
            for word in self._words
            for match in re.finditer(re.escape(word), statement.text)
        ]


def guard(options: Guard) -> RemoteDetector:
    """Return the detector, with all kinds that its findings may have."""
    return RemoteDetector(("objection",), RemoteGuard(options.words).judge)


GUARD: Final = DetectorKind("toy-guard", Guard, guard)
